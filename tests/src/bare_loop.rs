//! The bare loops that the benchmarks compare with: how they read, and how they are watched as processes of their own.

use std::io::{BufRead, BufReader, Lines, Write, stdout};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

/// How long nothing may come.
pub const HUNG: Duration = Duration::from_mins(1);
/// The longest sleep in a poll.
pub const SOON: Duration = Duration::from_millis(100);

/// Joins a group of its own, and reads a topic from its beginning.
pub fn subscribed(mut client: ClientConfig, group: &str, topic: &str) -> BaseConsumer {
    client.set("group.id", group).set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = client.create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("a subscription");
    consumer
}

/// Reads so many records of a topic, and looks at none.
pub fn read_past(consumer: &BaseConsumer, topic: &str, records: usize) {
    let mut came = 0;
    let mut last = Instant::now();
    while came < records {
        // A rebalance ends a poll without a record.
        let Some(record) = consumer.poll(SOON) else {
            assert!(last.elapsed() < HUNG, "nothing behind record {came}");
            continue;
        };
        record.unwrap_or_else(|error| panic!("cannot read topic {topic}: {error}"));
        came += 1;
        // The clock is not asked for every record.
        if came % 1000 == 0 {
            last = Instant::now();
        }
    }
}

/// Says a word to whoever watches the loop.
pub fn say(word: &str) {
    writeln!(stdout(), "{word}").expect("somebody listens");
}

/// A bare loop of this program, in a process of its own.
#[derive(Debug)]
pub struct BareProcess {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl BareProcess {
    /// Runs this program with these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, said }
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a word of it. Returns when it came.
    pub fn wait_for(&mut self, word: &str) -> Instant {
        let said = self.said.next().and_then(Result::ok);
        assert_eq!(said.as_deref(), Some(word), "the bare loop failed");
        Instant::now()
    }

    /// Closes its input, which ends it.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("its end");
    }
}
