//! A hidden limit of the knowledge base is found, used and kept to by the real binary.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and reports")]

use std::process::Command;

use sluice_tests::pacing::{Comparison, Contender, DOCUMENTS, compare, plans, report};
use sluice_tests::python::Python;
use sluice_tests::sluice::root;

/// Ten times as fast as in real time, unless `SLUICE_PACING` says otherwise.
const SPEED: f64 = 10.0;

fn asked_for() -> Option<f64> {
    std::env::var("SLUICE_PACING").ok().map(|speed| speed.parse().unwrap())
}

fn today() -> String {
    let date = Command::new("date").arg("+%Y-%m-%d").output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// Writes the page where it was asked for, and shows it in any case.
fn tell(comparisons: &[Comparison], speed: f64) {
    let page = report(comparisons, speed, &today());
    println!("{page}");
    if asked_for().is_some() {
        std::fs::write(root().join("docs/pacing.md"), page).unwrap();
    }
}

/// Says whether the machine kept the time: the sample's fixed pause is a clock. It is 2.1 s a call, where the limit of the
/// first plan is a call in 2 s; where it took much longer, the machine was busy with other things.
fn kept_time(comparisons: &[Comparison]) -> bool {
    comparisons.first().is_some_and(|comparison| comparison.sample.used > 0.92)
}

#[test]
fn two_thousand_documents_arrive_as_fast_as_a_hidden_limit_allows() {
    let speed = asked_for().unwrap_or(SPEED);
    let Some(python) = Python::with_aws_sdk() else { return };
    let comparisons = compare(&plans(), speed, &Contender::Sample(python));
    tell(&comparisons, speed);
    let kept_time = kept_time(&comparisons);
    for Comparison { plan, sluice, sample } in &comparisons {
        assert_eq!((sluice.arrived, sluice.duplicates), (DOCUMENTS, 0), "{plan:?}");
        assert!(!kept_time || sluice.throttled_later < 0.05, "{plan:?}: {sluice:?}");
        // It is never slower, but for what it takes to learn where the sample's pause happens to be the best one.
        assert!(sluice.seconds < sample.seconds * 1.1, "{plan:?}: {sluice:?} {sample:?}");
        let steady = plan.phases.len() == 1;
        assert!(!steady || !kept_time || sluice.used >= 0.9, "{plan:?}: {sluice:?}");
    }
}
