//! A hidden limit of the knowledge base is found, used and kept to by the real binary.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and reports")]

use sluice_tests::pacing::{Comparison, Contender, Course, DOCUMENTS, compare, plans, report};
use sluice_tests::python::Python;
use sluice_tests::sluice::root;
use sluice_tests::today;

/// Ten times as fast as in real time, unless `SLUICE_PACING` says otherwise.
const SPEED: f64 = 10.0;

fn asked_for() -> Option<f64> {
    std::env::var("SLUICE_PACING").ok().map(|speed| speed.parse().unwrap())
}

/// Writes the page where it was asked for, and shows it in any case.
fn tell(comparisons: &[Comparison], speed: f64) {
    let page = report(comparisons, speed, &today());
    println!("{page}");
    if asked_for().is_some() {
        std::fs::write(root().join("docs/pacing.md"), page).unwrap();
    }
}

/// Says whether the machine kept the time, and if not, that no share is asserted. The sample's fixed pause is the clock:
/// it makes a call in 2.1 s, of which 5 ms do not scale, where the limit of the first plan is a call in 2 s.
fn kept_time(comparisons: &[Comparison], speed: f64) -> bool {
    let expected = 2.0 / (2.1 + 0.005 * speed);
    let kept = comparisons.iter().take(1).all(|comparison| comparison.sample.used > 0.98 * expected);
    if !kept {
        println!(
            "The machine was busy with other things: what was lost of the limits is not held against Sluice."
        );
    }
    kept
}

/// The least share to be used of the limits, and the most calls that may be throttled once they are learned.
///
/// In real time they are what is asked of the product. What the programs take of their own is not scaled, so a scaled
/// run cannot hold them; it shows when something breaks. Whether a rise comes just before a try or just after one is luck
/// then, too.
fn bounds(plan: &Course, speed: f64) -> (f64, f64) {
    if speed > 1.0 { (0.8 * plan.least(), 0.1) } else { (0.9 * plan.most(), 0.05) }
}

#[test]
fn two_thousand_documents_arrive_as_fast_as_a_hidden_limit_allows() {
    let speed = asked_for().unwrap_or(SPEED);
    let Some(python) = Python::with_packages() else { return };
    let comparisons = compare(&plans(), speed, &Contender::Sample(python));
    tell(&comparisons, speed);
    let kept_time = kept_time(&comparisons, speed);
    for Comparison { plan, sluice, sample } in &comparisons {
        assert_eq!((sluice.arrived, sluice.duplicates), (DOCUMENTS, 0), "{plan:?}");
        let (least_used, most_throttled) = bounds(plan, speed);
        if kept_time {
            assert!(sluice.used >= least_used, "{plan:?}: {sluice:?}");
            assert!(sluice.throttled_later < most_throttled, "{plan:?}: {sluice:?}");
            // Never slower, but for the learning where the sample's pause happens to be the best one.
            assert!(sluice.seconds < sample.seconds * 1.1, "{plan:?}: {sluice:?} {sample:?}");
        }
    }
}
