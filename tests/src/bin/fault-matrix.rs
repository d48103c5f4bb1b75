//! Runs the fault matrix (`sluice_tests::matrix`) by hand.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its caller")]
#![allow(clippy::expect_used, reason = "a test tool fails by panicking")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sluice_tests::matrix::{self, MatrixOptions};
use sluice_tests::sluice::root;
use sluice_tests::{report_page, today};

/// Lets records flow from a real Apache Kafka broker through Sluice into a target that counts them, while something
/// evil is done, and judges what arrived.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run the long form, and write its part of docs/reliability.md unless cases were chosen.
    #[arg(long)]
    long: bool,
    /// Leave docs/reliability.md as it is.
    #[arg(long)]
    no_page: bool,
    /// Repeat the luck of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    /// Run so many cases side by side.
    #[arg(long, default_value_t = 6)]
    parallel: usize,
    /// Run the cases of real servers alone: PostgreSQL and Kafka, with `SLUICE_REQUIRE_S3=1` and
    /// `SLUICE_REQUIRE_OPENSEARCH=1` the others, too.
    #[arg(long)]
    servers: bool,
    /// The program to try, such as a release build. Default: it is built as this one was.
    #[arg(long)]
    sluice: Option<PathBuf>,
    /// The cases to run. Default: all.
    case: Vec<String>,
}

fn main() -> ExitCode {
    let Arguments { long, no_page, seed, parallel, servers, sluice: program, case: only } =
        Arguments::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let plan = MatrixOptions { long, seed, only, parallel, servers, program };
    if let [unknown, ..] = plan.unknown()[..] {
        eprintln!("no case is named `{unknown}`");
        return ExitCode::from(2);
    }
    println!("seed {}", plan.seed);
    let Some(report) = matrix::run(&plan, |row| println!("{row}")) else { return ExitCode::from(3) };
    if long && !no_page && plan.only.is_empty() {
        let page = root().join("docs/reliability.md");
        report.parts(&today()).iter().for_each(|(writer, part)| report_page::write(&page, writer, part));
    }
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
