//! The bare loop: librdkafka's consumer, whose records nobody looks at.

use std::io::stdin;
use std::time::Instant;

use clap::ValueEnum;
use sluice_tests::bare_loop::{BareProcess, read_past, say, subscribed};
use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::kafka;
use sluice_tests::process::{cpu_seconds, peak_memory};

use crate::run::Run;

/// How librdkafka is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ConsumerTuning {
    /// As it comes: a consumer whose queue is full stands still for a second at a time.
    Defaults,
    /// Without that, as Sluice sets it.
    Tuned,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Bare {
    #[arg(value_enum)]
    settings: ConsumerTuning,
    bootstrap_servers: String,
    topic: String,
    group: String,
    records: usize,
}

impl Bare {
    /// Reads all records, says on standard output when the first and the last came, and waits for the end of its
    /// input, so that the caller can look at the process.
    pub(crate) fn run(&self) {
        let mut client = kafka::client_of(&self.bootstrap_servers);
        client.set("enable.auto.commit", "false");
        if self.settings == ConsumerTuning::Tuned {
            client.set("fetch.queue.backoff.ms", "5");
        }
        let consumer = subscribed(client, &self.group, &self.topic);
        read_past(&consumer, &self.topic, 1);
        say("first");
        read_past(&consumer, &self.topic, self.records - 1);
        say("last");
        stdin().read_line(&mut String::new()).expect("an input");
    }
}

/// Runs the loop in a process of its own.
pub(crate) fn measure(stage: &BenchmarkStage, settings: ConsumerTuning) -> Run {
    let settings = settings.to_possible_value().expect("a name");
    let (group, records) = (kafka::unique("bare"), stage.records().to_string());
    let arguments =
        ["bare", settings.get_name(), &stage.bootstrap_servers(), stage.topic(), &group, &records];
    let start = Instant::now();
    let mut child = BareProcess::start(&arguments);
    let mut wait_for = |word| child.wait_for(word).duration_since(start);
    let (first, last) = (wait_for("first"), wait_for("last"));
    let run = Run {
        to_first: first,
        rate: 1e6 * stage.millions() / last.saturating_sub(first).as_secs_f64(),
        cpu: cpu_seconds(child.id()) / stage.millions(),
        peak: peak_memory(child.id()),
    };
    child.end();
    run
}
