//! What was found, as the table of the page.

use std::fmt;

use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::today;

use crate::place::TargetName;
use crate::round::SinkRound;

/// All that was found.
#[derive(Debug)]
pub(crate) struct SinksReport {
    /// What was measured on what.
    stage: String,
    rows: Vec<(TargetName, Vec<SinkRound>)>,
    /// Before and after.
    pub(crate) load: (String, String),
}

impl SinksReport {
    pub(crate) fn new(stage: &BenchmarkStage) -> Self {
        Self { stage: stage.description(), rows: Vec::new(), load: Default::default() }
    }

    pub(crate) fn add(&mut self, target: TargetName, rounds: Vec<SinkRound>) {
        self.rows.push((target, rounds));
    }
}

impl fmt::Display for SinksReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}.\n", today(), self.stage)?;
        writeln!(
            f,
            "| Sink | The bare loop, for each batch | Bare, records/s | Sluice, records/s | Ratio: least, median, most | Goal | CPU ratio |"
        )?;
        writeln!(f, "|---|---|--:|--:|--:|--:|--:|")?;
        for (target, rounds) in &self.rows {
            let rate = |of: fn(&SinkRound) -> f64| median(&sorted(rounds, of));
            let ratios = sorted(rounds, |round| round.sluice.rate / round.bare.rate);
            let (least, most) = (ratios.first().copied(), ratios.last().copied());
            writeln!(
                f,
                "| `{}` | {} | {:.0} | {:.0} | {:.2}, **{:.2}**, {:.2} | {:.1} | {:.2} |",
                target.name(),
                target.bare(),
                rate(|round| round.bare.rate),
                rate(|round| round.sluice.rate),
                least.unwrap_or(f64::NAN),
                median(&ratios),
                most.unwrap_or(f64::NAN),
                target.goal(),
                rate(|round| round.sluice.cpu / round.bare.cpu),
            )?;
        }
        let (before, after) = &self.load;
        let rounds = self.rows.iter().map(|(_, rounds)| rounds.len()).max().unwrap_or_default();
        writeln!(
            f,
            "\nMedians of {rounds} rounds in turn; a ratio is that of one round. Load average of the machine before and after: \
             {before} and {after}."
        )
    }
}

fn sorted(rounds: &[SinkRound], of: impl Fn(&SinkRound) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let half = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(at(half.wrapping_sub(1)), at(half)) } else { at(half) }
}
