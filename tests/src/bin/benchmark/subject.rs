//! The daemon, as it is run by everybody.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::connector::Folder;
use sluice_tests::process::{cpu_seconds, peak_memory};
use sluice_tests::sluice::{Running, Sluice};
use sluice_tests::{kafka, listener};

use crate::run::Run;
use crate::watcher::Watcher;

/// How often it is asked for its first record.
const SOON: Duration = Duration::from_millis(2);
/// How often it is asked afterwards: seldom enough to cost nothing.
const LATER: Duration = Duration::from_millis(20);
/// How long one run may take.
const HUNG: Duration = Duration::from_mins(5);

/// The name of the connector.
const CONNECTOR: &str = "benchmark";

/// Whether somebody looks at the page of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageState {
    /// Nobody does.
    Closed,
    /// Somebody does, at that of the connector.
    Open,
}

/// A daemon with the one connector, and the address of its status.
pub(crate) struct Daemon {
    pub(crate) running: Running,
    address: String,
    start: Instant,
    _folder: Folder,
}

impl Daemon {
    /// Starts it as a member of a group.
    pub(crate) fn start(stage: &BenchmarkStage, group: &str) -> Self {
        let folder = Folder::with(&format!("{CONNECTOR}.yaml"), stage.connector(group));
        let command = Sluice::new(["run".as_ref(), folder.path()]).arg("--listen=127.0.0.1:0");
        let start = Instant::now();
        let mut running = command.spawn();
        let address = listener::address(&mut running);
        Self { running, address, start, _folder: folder }
    }

    /// Asks how many records it has delivered.
    fn delivered(&self) -> u64 {
        let body = listener::get(&self.address, "/status").body;
        let status: Value = serde_json::from_str(&body).expect("JSON");
        let delivered = status.pointer("/0/records/delivered").and_then(Value::as_u64);
        delivered.unwrap_or_else(|| panic!("no count in {body}"))
    }

    /// Waits until it has delivered more than so many records. Returns how many, and the time since its start.
    fn wait_for_more_than(&self, records: u64, look: Duration) -> (u64, Duration) {
        loop {
            let delivered = self.delivered();
            let since = self.start.elapsed();
            if delivered > records {
                return (delivered, since);
            }
            assert!(since < HUNG, "{delivered} records after {HUNG:?}; its log:\n{}", self.running.log());
            sleep(look);
        }
    }
}

/// Runs it over the topic, with a group of its own, and perhaps with somebody who looks at its page all the time.
pub(crate) fn measure(stage: &BenchmarkStage, page: PageState) -> Run {
    let daemon = Daemon::start(stage, &kafka::unique("sluice"));
    let watcher = (page == PageState::Open).then(|| Watcher::open(&daemon.address, CONNECTOR));
    let (early, first) = daemon.wait_for_more_than(0, SOON);
    let (all, last) = daemon.wait_for_more_than(stage.records() - 1, LATER);
    let id = daemon.running.id();
    let run = Run {
        to_first: first,
        // What came before the first look took its time before it.
        rate: f64::from(u32::try_from(all - early).expect("a count"))
            / last.saturating_sub(first).as_secs_f64(),
        cpu: cpu_seconds(id) / stage.millions(),
        peak: peak_memory(id),
    };
    if let Some(watcher) = watcher {
        watcher.close();
    }
    daemon.running.terminate().expect_code(0);
    run
}
