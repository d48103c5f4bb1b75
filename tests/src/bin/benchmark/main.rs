//! Measures the whole path (Kafka, JSON, `timestamp`, `template`, a sink that stores nothing) beside a bare loop of
//! librdkafka over the same topic, and writes what it found into docs/performance.md.
//!
//! ```sh
//! cargo run --release -p sluice-tests --bin benchmark
//! ```
//!
//! Both are processes of their own at a real Apache Kafka broker and take turns, so that whatever else the machine does
//! falls on both; of the rounds the median counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark fails by panicking and shows what it found"
)]

mod bare;
mod idle;
mod page;
mod process;
mod report;
mod stage;
mod subject;

use std::path::PathBuf;

use clap::Parser;

use self::report::{Report, Round};
use self::stage::Stage;

/// Measures Sluice beside a bare consumer.
#[derive(Debug, Parser)]
struct Options {
    /// Records in the topic.
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 4)]
    partitions: i32,
    /// How often both are measured.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds for which an idle daemon is watched.
    #[arg(long, default_value_t = 30)]
    idle: u64,
    /// Takes the broker inside the process, which needs no Java. It holds 5 MiB a partition.
    #[arg(long)]
    embedded: bool,
    /// The page whose table is written anew.
    #[arg(long)]
    page: Option<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, clap::Subcommand)]
enum Role {
    /// The bare loop: what this program runs of itself to compare with.
    #[command(hide = true)]
    Bare(bare::Bare),
}

fn main() {
    let options = Options::parse();
    match &options.role {
        Some(Role::Bare(bare)) => bare.run(),
        None => measure(&options),
    }
}

fn measure(options: &Options) {
    let Some(stage) = Stage::set_up(options) else { return };
    let load_before = process::load();
    let rounds: Vec<Round> =
        (1..=options.rounds).map(|number| round(&stage, number, options.rounds)).collect();
    eprintln!("idle for {} s", options.idle);
    let report = Report {
        rounds,
        idle: idle::measure(&stage, options.idle),
        load: (load_before, process::load()),
        stage: stage.description(),
    };
    print!("{report}");
    if let Some(page) = &options.page {
        page::write(page, &report.to_string());
    }
}

/// Both in turn; which goes first changes, so that neither always finds the warmer machine.
fn round(stage: &Stage, number: usize, of: usize) -> Round {
    let round = if number.is_multiple_of(2) {
        let sluice = subject::measure(stage);
        Round { bare: bare::measure(stage), sluice }
    } else {
        Round { bare: bare::measure(stage), sluice: subject::measure(stage) }
    };
    eprintln!(
        "round {number} of {of}: bare {:.0}/s, Sluice {:.0}/s, ratio {:.2}",
        round.bare.rate,
        round.sluice.rate,
        round.ratio()
    );
    round
}
