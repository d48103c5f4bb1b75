//! Measures Sluice beside its peers: each reads the same topic, makes a sentence of each record, and sends 500 per request to a
//! counting server, which also sees that all sent the same lines.
//!
//! ```sh
//! cargo run --release -p sluice-tests --bin peers -- all --page docs/performance.md
//! ```
//!
//! They are processes of their own and take turns; Sluice runs twice per round, so that the difference between the two tells
//! what the machine does by itself. `tests/peers` has the other contenders, and says what they are and what is unfair.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark fails by panicking and shows what it found"
)]

mod bare;
mod clock;
mod compare;
mod contender;
mod door;
mod job;
mod latency;
mod line;
mod options;
mod process;
mod report;
mod run;
mod shape;
mod stage;
mod suite;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use self::compare::Rounds;
use self::contender::Contenders;
use self::options::{CommonOptions, KindOptions, LatencyOptions, PeerOptions, PeerTask};
use self::suite::{PeerSuite, write_page};

fn main() -> ExitCode {
    let PeerOptions { kind, common, task } = PeerOptions::parse();
    let is_whole = match &task {
        None => throughput(&kind.shortened(), &common),
        Some(PeerTask::Latency(options)) => latency(options, &common),
        Some(PeerTask::All(options)) => PeerSuite::run(options, &common),
        Some(PeerTask::Prepare) => prepare(&common),
        Some(PeerTask::BareRead(bare)) => bare.run(),
        Some(PeerTask::BarePost(bare)) => bare.run(),
    };
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn throughput(kind: &KindOptions, common: &CommonOptions) -> bool {
    let contenders = Contenders::of(&common.contenders, kind.sink, kind.short, common.sluice.as_deref());
    let rounds = Rounds { count: kind.rounds, at_least: Duration::ZERO, has_warm_up: kind.rounds > 1 };
    let Some(report) = compare::compare(kind, &contenders, rounds) else { return !common.strict };
    print!("{report}");
    write_page(common.page.as_deref(), &format!("{}: {report}", sluice_tests::today()));
    is_good(report.is_whole(), &contenders, common)
}

fn latency(options: &LatencyOptions, common: &CommonOptions) -> bool {
    let named = |usual: &[&'static str]| {
        let is_asked =
            |id: &&str| common.contenders.is_empty() || common.contenders.iter().any(|asked| asked == id);
        let asked: Vec<&str> = usual.iter().copied().filter(is_asked).collect();
        Contenders::named(&asked, common.sluice.as_deref())
    };
    let (fixed, parts) = (named(&latency::AT_A_RATE), named(&latency::AT_PARTS));
    let Some(report) = latency::measure(options, &fixed, &parts) else { return !common.strict };
    print!("{report}");
    write_page(common.page.as_deref(), &format!("{}: {report}", sluice_tests::today()));
    is_good(report.is_whole(), &fixed, common)
}

fn prepare(common: &CommonOptions) -> bool {
    let contenders = Contenders::named(&Contenders::all(), common.sluice.as_deref());
    for contender in &contenders.ready {
        println!("{}: {}", contender.id(), contender.label());
    }
    contenders.missing.is_empty()
}

/// Those that cannot be had count as a failure only if that is asked for.
fn is_good(is_whole: bool, contenders: &Contenders, common: &CommonOptions) -> bool {
    is_whole && (contenders.missing.is_empty() || !common.strict)
}
