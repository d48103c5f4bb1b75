//! How fast documents get into a knowledge base whose limit nobody tells: the real `sluice`, and beside it what the
//! sample that it replaces does. Each has an endpoint of its own with the same limits.

mod contenders;
mod course;
mod report;

use std::thread::{self, ScopedJoinHandle};

pub use contenders::{Contender, DOCUMENTS};
pub use course::{Course, CoursePhase, Measured};
pub use report::{Comparison, report};

/// How many documents go into a call.
const PER_CALL: usize = 10;

/// Returns the courses that everything is measured on: limits that stay, that fall, and that fall and rise tenfold.
pub fn plans() -> Vec<Course> {
    let calls = DOCUMENTS / PER_CALL;
    let steady = |limit| Course { phases: vec![CoursePhase { calls_per_second: limit, calls }] };
    let changing = |phases: &[(f64, usize)]| Course {
        phases: phases
            .iter()
            .map(|&(calls_per_second, calls)| CoursePhase { calls_per_second, calls })
            .collect(),
    };
    vec![
        steady(0.5),
        steady(1.0),
        steady(5.0),
        changing(&[(5.0, 60), (1.0, 70), (0.5, 70)]),
        changing(&[(5.0, 60), (0.5, 40), (1.0, 40), (5.0, 60)]),
    ]
}

/// Measures Sluice and the sample on all plans at once. With a `speed` of 10 all limits are ten times higher and all
/// waits ten times shorter.
pub fn compare(plans: &[Course], speed: f64, sample: &Contender) -> Vec<Comparison> {
    thread::scope(|scope| {
        let measure = |contender, plan| scope.spawn(move || course::measure(contender, plan, speed));
        let both = |plan| (plan, measure(&Contender::Sluice, plan), measure(sample, plan));
        let running: Vec<_> = plans.iter().map(both).collect();
        let done = |measuring: ScopedJoinHandle<'_, Measured>| measuring.join().expect("a measurement");
        running
            .into_iter()
            .map(|(plan, sluice, sample)| Comparison {
                plan: plan.clone(),
                sluice: done(sluice),
                sample: done(sample),
            })
            .collect()
    })
}
