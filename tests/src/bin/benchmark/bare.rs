//! The bare loop: librdkafka's consumer, whose records nobody looks at.

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rdkafka::consumer::{BaseConsumer, Consumer};
use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::kafka;
use sluice_tests::process::{cpu_seconds, peak_memory};

use crate::run::Run;

/// How long nothing may come.
const HUNG: Duration = Duration::from_mins(1);
/// The longest sleep in a poll.
const SOON: Duration = Duration::from_millis(100);

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
        client.set("group.id", &self.group).set("auto.offset.reset", "earliest");
        if self.settings == ConsumerTuning::Tuned {
            client.set("fetch.queue.backoff.ms", "5");
        }
        let consumer: BaseConsumer = client.set("enable.auto.commit", "false").create().expect("a consumer");
        consumer.subscribe(&[&self.topic]).expect("a subscription");
        self.read(&consumer, 1);
        say("first");
        self.read(&consumer, self.records - 1);
        say("last");
        stdin().read_line(&mut String::new()).expect("an input");
    }

    fn read(&self, consumer: &BaseConsumer, records: usize) {
        let mut came = 0;
        let mut last = Instant::now();
        while came < records {
            // A rebalance ends a poll without a record.
            let Some(record) = consumer.poll(SOON) else {
                assert!(last.elapsed() < HUNG, "nothing behind record {came}");
                continue;
            };
            record.unwrap_or_else(|error| panic!("cannot read topic {}: {error}", self.topic));
            came += 1;
            // The clock is not asked for every record.
            if came % 1000 == 0 {
                last = Instant::now();
            }
        }
    }
}

fn say(word: &str) {
    writeln!(stdout(), "{word}").expect("somebody listens");
}

/// Runs the loop in a process of its own.
pub(crate) fn measure(stage: &BenchmarkStage, settings: ConsumerTuning) -> Run {
    let settings = settings.to_possible_value().expect("a name");
    let (group, records) = (kafka::unique("bare"), stage.records().to_string());
    let arguments =
        ["bare", settings.get_name(), &stage.bootstrap_servers(), stage.topic(), &group, &records];
    let start = Instant::now();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut wait_for = |word| {
        assert_eq!(said.next().and_then(Result::ok).as_deref(), Some(word), "the bare loop failed");
        start.elapsed()
    };
    let (first, last) = (wait_for("first"), wait_for("last"));
    let run = Run {
        to_first: first,
        rate: 1e6 * stage.millions() / last.saturating_sub(first).as_secs_f64(),
        cpu: cpu_seconds(child.id()) / stage.millions(),
        peak: peak_memory(child.id()),
    };
    end(child);
    run
}

/// Closes its input, which ends it.
fn end(mut child: Child) {
    drop(child.stdin.take());
    child.wait().expect("its end");
}
