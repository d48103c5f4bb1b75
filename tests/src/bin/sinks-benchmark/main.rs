//! Measures the sinks `postgres`, `kafka`, `opensearch` and `s3` beside the plainest loops that do the same with the clients
//! of these servers, and prints what it found; with `--page` it writes that into a page, too.
//!
//! ```sh
//! SLUICE_REQUIRE_S3=1 SLUICE_REQUIRE_OPENSEARCH=1 cargo run --release -p sluice-tests --bin sinks-benchmark
//! ```
//!
//! Both read the same topic of a real Apache Kafka, as processes of their own that take turns, so that whatever else the machine
//! does falls on both; the ratio of each round counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark fails by panicking and shows what it found"
)]

mod bare;
mod consumer;
mod place;
mod rate;
mod report;
mod round;
mod subject;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use sluice_tests::benchmark::{BenchmarkStage, TopicOptions};
use sluice_tests::{process, report_page};

use self::bare::BareLoop;
use self::place::{TargetName, TargetPlaces};
use self::report::SinksReport;

/// Measures sinks beside bare loops.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    topic: TopicOptions,
    /// How often each is measured.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The page whose table is written anew.
    #[arg(long)]
    page: Option<PathBuf>,
    /// The program to measure. Default: it is built as this one was.
    #[arg(long)]
    sluice: Option<PathBuf>,
    /// The targets. Default: all whose server is to be had.
    #[arg(long = "target", value_enum)]
    targets: Vec<TargetName>,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Debug, clap::Subcommand)]
enum Role {
    /// A bare loop: what this program runs of itself to compare with.
    #[command(hide = true)]
    Bare(BareLoop),
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
    let all = TargetName::value_variants();
    let wanted = if options.targets.is_empty() { all } else { &options.targets };
    let before = process::load();
    let mut report = SinksReport::new(&stage);
    for target in wanted {
        let Some(places) = TargetPlaces::of(*target, &stage) else { continue };
        let rounds = (1..=options.rounds).map(|number| {
            let round = round::play(&stage, &places, number, options.sluice.as_deref());
            eprintln!("{} {number} of {}: {round}", target.name(), options.rounds);
            round
        });
        report.add(*target, rounds.collect());
    }
    report.load = (before, process::load());
    print!("{report}");
    if let Some(page) = &options.page {
        report_page::write(page, "The benchmark of sinks", report.to_string().trim_end());
    }
}
