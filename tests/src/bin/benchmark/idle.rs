//! A daemon with nothing to do.

use std::thread::sleep;
use std::time::Duration;

use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::kafka;
use sluice_tests::process::{cpu_seconds, resident_memory};

use crate::subject::Daemon;

/// How long it takes to be at rest after its start.
const SETTLE: Duration = Duration::from_secs(3);

/// What it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    /// Of one core, in percent.
    pub(crate) cpu: f64,
    /// In MiB.
    pub(crate) memory: f64,
    /// For how long it was watched.
    pub(crate) seconds: u64,
}

/// Watches a daemon whose topic has nothing new.
pub(crate) fn measure(stage: &BenchmarkStage, seconds: u64) -> Idle {
    let group = kafka::unique("idle");
    stage.skip_all(&group);
    let daemon = Daemon::start(stage, &group);
    sleep(SETTLE);
    let id = daemon.running.id();
    let before = cpu_seconds(id);
    sleep(Duration::from_secs(seconds));
    let used = cpu_seconds(id) - before;
    let cpu = 100.0 * used / Duration::from_secs(seconds).as_secs_f64();
    let idle = Idle { cpu, memory: resident_memory(id), seconds };
    daemon.running.terminate().expect_code(0);
    idle
}
