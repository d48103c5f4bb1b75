//! Measures Sluice beside its peers: each reads the same topic, makes a sentence of each price, and sends 500 per request to a
//! counting server.
//!
//! ```sh
//! cargo run --release -p sluice-tests --bin peers
//! ```
//!
//! They are processes of their own and take turns; Sluice runs twice per round, so that the difference between the two tells
//! what the machine does by itself. `tests/peers` has the other contenders, and says what they are and what is unfair.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark fails by panicking and shows what it found"
)]

mod contender;
mod door;
mod report;

use clap::Parser;
use sluice_tests::benchmark::{BenchmarkStage, TopicOptions};

use self::contender::Peer;
use self::door::CountingDoor;
use self::report::{PeerReport, PeerRun};

/// Measures Sluice beside its peers.
#[derive(Debug, Parser)]
struct PeerOptions {
    #[command(flatten)]
    topic: TopicOptions,
    /// How often each is measured, after one round that does not count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

fn main() {
    let options = PeerOptions::parse();
    let Some(stage) = BenchmarkStage::set_up(&options.topic) else { return };
    let door = CountingDoor::open();
    let contenders = Peer::all();
    let mut report = PeerReport::new(contenders.iter().map(Peer::name), stage.description());
    for round in 0..=options.rounds {
        for turn in 0..contenders.len() {
            // Another goes first each time, so that none always finds the warmer machine.
            let index = (turn + round) % contenders.len();
            let Some(contender) = contenders.get(index) else { continue };
            let run = contender.measure(&stage, &door);
            let PeerRun { rate, cpu, .. } = run;
            eprintln!("round {round}: {}: {rate:.0}/s, {cpu:.2} CPU-s per million", contender.name());
            if round > 0 {
                report.add(index, run);
            }
        }
    }
    print!("{report}");
}
