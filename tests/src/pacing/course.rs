//! One contender on one course of limits, and what the emulator saw of it.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use sluice_emulator::{Call, RateLimits, Settings};

use super::contenders::Contender;
use crate::bedrock::LocalKnowledgeBase;

/// How long a call takes that is not throttled.
const LATENCY: Duration = Duration::from_millis(100);
/// The calls to be taken for each throttled one where just under 5 % may be throttled.
const CALLS_A_TRY: f64 = 20.0;
/// The calls from one try of Sluice to the next, of which the last is the try.
const CALLS_OF_SLUICE_A_TRY: f64 = 26.0;
/// How often the course is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A course of limits.
#[derive(Clone, Debug)]
pub struct Course {
    /// Its phases; the last one goes on to the end.
    pub phases: Vec<CoursePhase>,
}

/// A limit, until so many calls were taken under it.
#[derive(Clone, Copy, Debug)]
pub struct CoursePhase {
    /// The calls per second that are taken, at a speed of 1.
    pub calls_per_second: f64,
    /// How many calls the phase takes.
    pub calls: usize,
}

impl Course {
    /// Returns what the whole course takes at least, at a speed of 1.
    fn seconds(&self) -> f64 {
        self.phases.iter().map(|phase| count(phase.calls) / phase.calls_per_second).sum()
    }

    /// Returns how much of the limits can be used, on average: a rise is found by no other means than a try, which is a
    /// throttled call where there was none. With a try in 20 calls it comes 10 calls too late, and what the limit
    /// allows in the time of these is lost.
    pub fn most(&self) -> f64 {
        self.used_with_rises_late_by(CALLS_A_TRY / 2.0)
    }

    /// Returns how much of the limits Sluice is sure to use once they are learned: each rise may come just after a try.
    pub fn least(&self) -> f64 {
        self.used_with_rises_late_by(CALLS_OF_SLUICE_A_TRY)
    }

    fn used_with_rises_late_by(&self, late: f64) -> f64 {
        let calls: f64 = self.phases.iter().map(|phase| count(phase.calls)).sum();
        let rises = self.phases.windows(2).map(|pair| pair[1].calls_per_second / pair[0].calls_per_second);
        let lost: f64 = rises.map(|rise| (rise - 1.0).max(0.0) * late).sum();
        calls / (calls + lost)
    }
}

impl CoursePhase {
    /// Returns how many calls may come at once: those of a second, and one at least.
    fn burst(self) -> f64 {
        self.calls_per_second.max(1.0)
    }
}

/// What became of a contender.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// How many of the documents arrived.
    pub arrived: usize,
    /// How many documents there are beside them.
    pub duplicates: usize,
    /// All calls.
    pub calls: usize,
    /// The calls that were throttled, as a share of all.
    pub throttled: f64,
    /// The same, of the calls after the first half of each phase: once the rate is learned.
    pub throttled_later: f64,
    /// The calls that were taken, as a share of what the limits allowed from the first to the last of them.
    pub used: f64,
    /// The time from the first call to the last one taken, at a speed of 1.
    pub seconds: f64,
}

/// Runs a contender over a course.
pub(super) fn measure(contender: &Contender, plan: &Course, speed: f64) -> Measured {
    let knowledge_base = LocalKnowledgeBase::start_with(Settings {
        indexing_delay: Duration::ZERO,
        limits: limits(plan.phases[0], speed),
        ..Settings::default()
    });
    let mut run = contender.start(&knowledge_base, speed);
    let deadline = Instant::now() + Duration::from_secs_f64((plan.seconds() * 20.0 / speed).max(90.0));
    let starts = follow(&knowledge_base, plan, speed, |calls| {
        assert!(Instant::now() < deadline, "{contender:?} is not done with {plan:?}\n{}", run.log());
        run.goes_on(calls)
    });
    sum_up(&knowledge_base, plan, speed, &starts)
}

fn limits(phase: CoursePhase, speed: f64) -> RateLimits {
    let mut limits = RateLimits::writes(phase.calls_per_second * speed);
    for rate in &mut limits.rates {
        rate.burst = phase.burst();
    }
    RateLimits { latency: LATENCY.div_f64(speed), ..limits }
}

fn is_taken(call: &Call) -> bool {
    call.status == Some(202)
}

/// Changes the limits as planned; returns how many calls there were before each phase.
fn follow(
    knowledge_base: &LocalKnowledgeBase,
    plan: &Course,
    speed: f64,
    mut goes_on: impl FnMut(&[Call]) -> bool,
) -> Vec<usize> {
    let mut starts = vec![0];
    loop {
        let (phase, calls) = (starts.len() - 1, knowledge_base.ingests());
        if !goes_on(&calls) {
            return starts;
        }
        let taken = calls[starts[phase]..].iter().filter(|call| is_taken(call)).count();
        if let Some(next) = plan.phases.get(phase + 1)
            && taken >= plan.phases[phase].calls
        {
            knowledge_base.set_limits(limits(*next, speed)).expect("limits that make sense");
            starts.push(calls.len());
        }
        thread::sleep(LOOK);
    }
}

fn sum_up(knowledge_base: &LocalKnowledgeBase, plan: &Course, speed: f64, starts: &[usize]) -> Measured {
    let calls = knowledge_base.ingests();
    let last = calls.iter().rposition(is_taken).expect("a call that was taken");
    let seconds = |from: usize, to: usize| calls[to].at.duration_since(calls[from].at).as_secs_f64();
    // The bucket is full at first.
    let (mut allowed, mut later) = (plan.phases[0].burst(), Vec::new());
    for (index, (phase, &start)) in plan.phases.iter().zip(starts).enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(last).min(last);
        allowed += seconds(start.min(last), end) * phase.calls_per_second * speed;
        let half = calls[start..=end].iter().filter(|call| is_taken(call)).count() / 2;
        let mut taken = 0;
        later.extend(calls[start..=end].iter().filter(|call| {
            taken += usize::from(is_taken(call));
            taken > half
        }));
    }
    let documents = knowledge_base.texts();
    let arrived = documents.iter().collect::<HashSet<_>>().len();
    Measured {
        arrived,
        duplicates: documents.len() - arrived,
        calls: calls.len(),
        throttled: throttled(calls.iter()),
        throttled_later: throttled(later.into_iter()),
        used: count(calls.iter().filter(|call| is_taken(call)).count()) / allowed,
        seconds: seconds(0, last) * speed,
    }
}

fn throttled<'a>(calls: impl ExactSizeIterator<Item = &'a Call>) -> f64 {
    let all = count(calls.len().max(1));
    count(calls.filter(|call| call.status == Some(429)).count()) / all
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("no such number of calls"))
}
