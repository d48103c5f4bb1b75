//! Who is measured: the real `sluice`, and the sample.

use std::process::{Child, Command};

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_emulator::Call;

use crate::bedrock::LocalKnowledgeBase;
use crate::connector::Folder;
use crate::kafka;
use crate::python::Python;
use crate::sluice::{Running, Sluice};

/// How many documents are sent.
pub const DOCUMENTS: usize = 2000;

const TOPIC: &str = "streamtopic";
/// Sluice's defaults at a speed of 1.
const CEILING: f64 = 5.0;
const RETRY_DELAY_MILLISECONDS: f64 = 300.0;
const LONGEST_RETRY_DELAY_MILLISECONDS: f64 = 60_000.0;
/// No course takes longer than this.
const MOST_SECONDS: u64 = 3600;

/// Who gets the documents there.
#[derive(Clone, Debug)]
pub enum Contender {
    /// The binary, with the connector for stock prices, reading from Kafka.
    Sluice,
    /// The sample's handler, `tests/python/sample_handler.py`.
    Sample(Python),
}

/// A contender that runs.
pub(super) trait RunningContender {
    /// Says whether it has yet to get done, with these calls behind it.
    fn goes_on(&mut self, calls: &[Call]) -> bool;
    /// Returns what it said.
    fn log(&self) -> String;
}

impl Contender {
    pub(super) fn start(&self, knowledge_base: &LocalKnowledgeBase, speed: f64) -> Box<dyn RunningContender> {
        match self {
            Self::Sluice => Box::new(Daemon::start(knowledge_base, speed)),
            Self::Sample(python) => Box::new(Handler::start(python, knowledge_base, speed)),
        }
    }
}

/// Returns the records: no two make the same sentence.
fn records() -> impl Iterator<Item = String> {
    (0..DOCUMENTS)
        .map(|n| format!("{{\"ticker\":\"T{n}\",\"price\":\"${n}.50\",\"timestamp\":1739712345.678}}"))
}

struct Daemon {
    running: Running,
    _kafka: EmbeddedKafka,
    _folder: Folder,
}

impl Daemon {
    fn start(knowledge_base: &LocalKnowledgeBase, speed: f64) -> Self {
        let kafka = EmbeddedKafka::start().expect("a broker");
        kafka.create_topic(TOPIC, 1).expect("a topic");
        let servers = kafka.bootstrap_servers();
        kafka::produce(kafka::client_of(&servers), TOPIC, records().map(kafka::NewRecord::unkeyed));
        let folder = Folder::with("stock-prices.yaml", connector(speed));
        let running = Sluice::new(["run"])
            .arg(folder.path())
            .arg("--listen=none")
            .envs(knowledge_base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", servers)
            .spawn();
        Self { running, _kafka: kafka, _folder: folder }
    }
}

impl RunningContender for Daemon {
    fn goes_on(&mut self, calls: &[Call]) -> bool {
        assert!(self.running.is_alive(), "it ended:\n{}", self.log());
        let taken = calls.iter().filter(|call| call.status == Some(202));
        taken.map(|call| call.document_ids.len()).sum::<usize>() < DOCUMENTS
    }

    fn log(&self) -> String {
        self.running.log()
    }
}

/// The connector for stock prices as it is shipped; at another speed its defaults are put in proportion.
fn connector(speed: f64) -> String {
    let shipped = std::fs::read_to_string(crate::sluice::root().join("connectors.d/stock-prices.yaml"));
    let shipped = shipped.expect("the connector");
    let delay = RETRY_DELAY_MILLISECONDS / speed;
    let longest = LONGEST_RETRY_DELAY_MILLISECONDS / speed;
    let sink = format!("  bedrock_kb:\n    calls_per_second: {}\n", CEILING * speed);
    let errors = format!("errors:\n  retry_delay: {delay:.0}ms\n  retry_delay_max: {longest:.0}ms\n");
    shipped.replace("  bedrock_kb:\n", &sink).replace("errors:\n", &errors)
}

struct Handler {
    child: Child,
    _folder: Folder,
}

impl Handler {
    fn start(python: &Python, knowledge_base: &LocalKnowledgeBase, speed: f64) -> Self {
        let lines: Vec<String> = records().collect();
        let folder = Folder::with("records.jsonl", lines.join("\n"));
        let file = folder.path().join("records.jsonl").display().to_string();
        let (ids, speed) = (["DEMOKB0001", "DEMODS0001"], speed.to_string());
        let arguments = [&knowledge_base.url(), ids[0], ids[1], &speed, &file].map(str::to_owned);
        let mut command: Command = python.command(MOST_SECONDS, "sample_handler.py", arguments);
        Self { child: command.spawn().expect("the sample starts"), _folder: folder }
    }
}

impl RunningContender for Handler {
    fn goes_on(&mut self, _: &[Call]) -> bool {
        let ended = self.child.try_wait().expect("a child's status");
        assert!(ended.is_none_or(|status| status.success()), "the sample ended with {ended:?}");
        ended.is_none()
    }

    fn log(&self) -> String {
        "what the sample says is on standard error".to_owned()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // `timeout` passes it on. It may have ended by itself.
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::TERM));
        self.child.wait().ok();
    }
}
