//! Measures the whole path (Kafka, JSON, `template`, a sink that stores nothing) beside bare loops of librdkafka over
//! the same topic, and prints what it found; with `--page` it writes that into a page, too.
//!
//! ```sh
//! cargo run --release -p sluice-tests --bin benchmark
//! ```
//!
//! They are processes of their own at a real Apache Kafka broker and take turns, so that whatever else the machine does
//! falls on all; of the rounds the median counts.
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
mod report;
mod run;
mod subject;
mod watcher;

use std::path::PathBuf;

use clap::Parser;
use sluice_tests::benchmark::{BenchmarkStage, TopicOptions};
use sluice_tests::{process, report_page};

use self::bare::ConsumerTuning;
use self::report::{BenchmarkReport, Round};
use self::subject::PageState;

/// Measures Sluice beside bare consumers.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    topic: TopicOptions,
    /// How often each is measured.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds for which an idle daemon is watched.
    #[arg(long, default_value_t = 30)]
    idle: u64,
    /// Measures Sluice a second time in each round, with somebody who looks at the page of its connector.
    #[arg(long)]
    with_page: bool,
    /// The page of the documentation whose table is written anew.
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
    let Some(stage) = BenchmarkStage::set_up(&options.topic) else { return };
    let load_before = process::load();
    let rounds: Vec<Round> = (1..=options.rounds).map(|number| round(&stage, number, options)).collect();
    eprintln!("idle for {} s", options.idle);
    let report = BenchmarkReport {
        rounds,
        idle: idle::measure(&stage, options.idle),
        load: (load_before, process::load()),
        stage: stage.description(),
    };
    print!("{report}");
    if let Some(page) = &options.page {
        report_page::write(page, "The benchmark", &report.to_string());
    }
}

/// All in turn; which goes first changes, so that none always finds the warmer machine.
fn round(stage: &BenchmarkStage, number: usize, options: &Options) -> Round {
    let is_even = number.is_multiple_of(2);
    let first = is_even.then(|| subject::measure(stage, PageState::Closed));
    let watched =
        |is_now: bool| (options.with_page && is_now).then(|| subject::measure(stage, PageState::Open));
    let before = watched(!is_even);
    let bare = bare::measure(stage, ConsumerTuning::Defaults);
    let tuned = bare::measure(stage, ConsumerTuning::Tuned);
    let sluice = first.unwrap_or_else(|| subject::measure(stage, PageState::Closed));
    let round = Round { bare, tuned, sluice, watched: before.or_else(|| watched(is_even)) };
    let [bare, tuned, sluice] = [round.bare, round.tuned, round.sluice].map(|run| run.rate);
    let of = options.rounds;
    eprintln!("round {number} of {of}: bare {bare:.0}/s, tuned {tuned:.0}/s, Sluice {sluice:.0}/s");
    if let Some(watched) = round.watched {
        eprintln!("  with a page open {:.0}/s", watched.rate);
    }
    round
}
