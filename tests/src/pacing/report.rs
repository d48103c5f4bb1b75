//! The page that tells what was measured.

use std::fmt::Write;

use super::contenders::DOCUMENTS;
use super::course::{Course, Measured};

/// Both on one plan.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The course of limits.
    pub plan: Course,
    /// What Sluice made of it.
    pub sluice: Measured,
    /// What the sample made of it.
    pub sample: Measured,
}

/// Writes `docs/pacing.md` for what was measured at this speed on this day.
pub fn report(comparisons: &[Comparison], speed: f64, day: &str) -> String {
    let clock = if speed > 1.0 {
        format!(
            "All times are scaled by {speed}: limits are {speed} times higher, and all waits of both as many times\n\
             shorter. What the programs take of their own is not scaled, which is to the disadvantage of both."
        )
    } else {
        "All times are real: nothing is scaled.".to_owned()
    };
    let rows: String = comparisons.iter().map(rows).collect();
    format!(
        "\
# Pacing: how much of a hidden limit is used

{DOCUMENTS} documents go into a knowledge base that takes so many calls per second and does not say so: the emulator with
a token bucket that holds the calls of one second, and one at least; 10 documents per call, 100 ms a call. Sluice is the
real binary with the shipped connector for stock prices, reading from Kafka; it knows only that 5 calls per second are
never exceeded. The sample is the handler of the published sample that Sluice replaces: a fixed pause of 2.0 s after each
call, up to 5 tries with a doubling wait, random ids. Each has an endpoint of its own with the same limits, in the same
run.

Measured on {day}. {clock}

| calls per second | who | arrived | duplicates | calls | throttled | throttled later | of the limit used | can be used | time |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|
{rows}
*Throttled later* are the calls after the first half of those taken under each limit: once the rate is learned. *Of the
limit used* counts from the first call to the last one taken, learning included: what was taken, of what the limits
allowed in that time.

Where the limit changes it falls and rises without notice, after so many calls taken as the row says. A fall is
found within a few calls. A rise has to be tried for, and each try costs a throttled call where nothing has
changed. So who may have 5 % of the calls throttled can try once in 20 calls, finds a rise 10 calls too late on
average, and cannot use what the new limit allows in the time of these: *can be used* is what is left. Sluice tries once
in 25 calls, which is 4 %.

The sample never goes faster than a call in 2.1 s: its share of the lowest limit also tells whether the machine kept the
time, which is 95 % on one that has nothing else to do.

`SLUICE_PACING=10 cargo test -p sluice-tests --test pacing` measures again and writes this page, ten times as fast as
real time; `SLUICE_PACING=1` in real time, which takes ten minutes. How it is done: [decision 5](decisions/0005-learned-pace.md).
"
    )
}

fn rows(comparison: &Comparison) -> String {
    let mut limits = String::new();
    let steady = comparison.plan.phases.len() == 1;
    for phase in &comparison.plan.phases {
        let calls = if steady { String::new() } else { format!(" ({} calls)", phase.calls) };
        let then = if limits.is_empty() { "" } else { ", then " };
        write!(limits, "{then}{}{calls}", phase.calls_per_second).expect("a string takes it");
    }
    let Comparison { plan, sluice, sample } = comparison;
    let row = |who, measured| row(&limits, who, measured, plan.most());
    format!("{}{}", row("**Sluice**", sluice), row("sample", sample))
}

fn row(limits: &str, who: &str, measured: &Measured, most: f64) -> String {
    let Measured { arrived, duplicates, calls, .. } = measured;
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    format!(
        "| {limits} | {who} | {arrived} | {duplicates} | {calls} | {} | {} | {} | {} | {:.0} s |\n",
        percent(measured.throttled),
        percent(measured.throttled_later),
        percent(measured.used),
        percent(most),
        measured.seconds,
    )
}
