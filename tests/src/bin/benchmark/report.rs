//! What was found, as the table of the page.

use std::fmt;

use sluice_tests::today;

use crate::idle::Idle;
use crate::run::Run;

/// All consumers, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// The bare loop with librdkafka as it comes.
    pub(crate) bare: Run,
    /// The bare loop with librdkafka as Sluice sets it.
    pub(crate) tuned: Run,
    pub(crate) sluice: Run,
    /// Sluice with a page open, where that was asked for.
    pub(crate) watched: Option<Run>,
}

/// All that was found.
#[derive(Debug)]
pub(crate) struct BenchmarkReport {
    pub(crate) rounds: Vec<Round>,
    pub(crate) idle: Idle,
    /// Before and after.
    pub(crate) load: (String, String),
    /// What was measured on what.
    pub(crate) stage: String,
}

/// What is looked at in a run: its name, where it is, and its digits behind the point.
type Measure = (&'static str, fn(&Run) -> f64, usize);

const MEASURES: [Measure; 4] = [
    ("Records a second", |run| run.rate, 0),
    ("CPU-seconds per million records", |run| run.cpu, 2),
    ("Peak RSS, MiB", |run| run.peak, 0),
    ("Process start to first record, ms", |run| run.to_first.as_secs_f64() * 1000.0, 0),
];

impl BenchmarkReport {
    fn row(&self, f: &mut fmt::Formatter<'_>, (name, look, digits): Measure) -> fmt::Result {
        let sorted = |of: &dyn Fn(&Round) -> f64| {
            let mut values: Vec<f64> = self.rounds.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        write!(f, "| {name} |")?;
        for of in [|round: &Round| round.bare, |round: &Round| round.tuned, |round: &Round| round.sluice] {
            write!(f, " {:.digits$} |", median(&sorted(&|round| look(&of(round)))))?;
        }
        for beside in [|round: &Round| round.bare, |round: &Round| round.tuned] {
            let ratios = sorted(&|round| look(&round.sluice) / look(&beside(round)));
            let at = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
            let (least, most) = (at(ratios.first()), at(ratios.last()));
            write!(f, " {:.2} ({least:.2} to {most:.2}) |", median(&ratios))?;
        }
        writeln!(f)
    }
}

impl BenchmarkReport {
    /// Says what a page that is open changes, measure by measure; nothing where that was not asked for.
    fn with_page(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<(Run, Run)> =
            self.rounds.iter().filter_map(|round| Some((round.watched?, round.sluice))).collect();
        if pairs.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nWith somebody who looks at the page of the connector, beside nobody:\n")?;
        writeln!(f, "| | Page open | Closed | Ratio |")?;
        writeln!(f, "|---|--:|--:|--:|")?;
        for (name, look, digits) in MEASURES {
            let sorted = |of: &dyn Fn(&(Run, Run)) -> f64| {
                let mut values: Vec<f64> = pairs.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values
            };
            let open = median(&sorted(&|(open, _)| look(open)));
            let closed = median(&sorted(&|(_, closed)| look(closed)));
            let ratios = sorted(&|(open, closed)| look(open) / look(closed));
            let at = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
            let (least, most) = (at(ratios.first()), at(ratios.last()));
            let ratio = median(&ratios);
            writeln!(
                f,
                "| {name} | {open:.digits$} | {closed:.digits$} | {ratio:.2} ({least:.2} to {most:.2}) |"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for BenchmarkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = &self.load;
        writeln!(f, "{}: {}.\n", today(), self.stage)?;
        writeln!(
            f,
            "| | Bare loop | Bare loop, tuned | Sluice | Ratio to the first | Ratio to the tuned one |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|")?;
        MEASURES.into_iter().try_for_each(|measure| self.row(f, measure))?;
        self.with_page(f)?;
        let Idle { cpu, memory, seconds } = self.idle;
        writeln!(f, "\nIdle for {seconds} s: {cpu:.2} % of one core, {memory:.1} MiB RSS.")?;
        writeln!(
            f,
            "\nMedians of {} rounds in turn; a ratio is the median of the rounds' ratios, with the least and the most. \
             Load average of the machine before and after: {before} and {after}.",
            self.rounds.len()
        )
    }
}

fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(at(half.wrapping_sub(1)), at(half)) } else { at(half) }
}
