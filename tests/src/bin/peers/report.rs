//! What was found, as a table.

use std::fmt;
use std::time::Duration;

use sluice_tests::{process, today};

/// What one run of a contender took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerRun {
    /// From the start of the process to the first request.
    pub(crate) to_first: Duration,
    /// Records per second, from the first request to the last.
    pub(crate) rate: f64,
    /// Seconds of processor time per million records, its start included.
    pub(crate) cpu: f64,
    /// The most memory it ever had, in MiB.
    pub(crate) peak: f64,
    /// The sum of the hashes of what it sent.
    pub(crate) sum: u64,
}

/// All runs of all contenders.
pub(crate) struct PeerReport {
    contenders: Vec<(&'static str, Vec<PeerRun>)>,
    stage: String,
}

impl PeerReport {
    pub(crate) fn new(names: impl Iterator<Item = &'static str>, stage: String) -> Self {
        Self { contenders: names.map(|name| (name, Vec::new())).collect(), stage }
    }

    pub(crate) fn add(&mut self, contender: usize, run: PeerRun) {
        if let Some((_, runs)) = self.contenders.get_mut(contender) {
            runs.push(run);
        }
    }

    fn sent_the_same(&self) -> bool {
        let mut sums = self.contenders.iter().flat_map(|(_, runs)| runs).map(|run| run.sum);
        let first = sums.next();
        sums.all(|sum| Some(sum) == first)
    }
}

impl fmt::Display for PeerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}; load {}.\n", today(), self.stage, process::load())?;
        writeln!(f, "| | CPU-s per million | Records per second | Peak RSS, MiB | First record, ms |")?;
        writeln!(f, "|---|--:|--:|--:|--:|")?;
        for (name, runs) in &self.contenders {
            let cells = [
                cell(runs, 2, |run| run.cpu),
                cell(runs, 0, |run| run.rate),
                cell(runs, 0, |run| run.peak),
                cell(runs, 0, |run| run.to_first.as_secs_f64() * 1000.0),
            ];
            writeln!(f, "| {name} | {} |", cells.join(" | "))?;
        }
        let same = if self.sent_the_same() {
            "All sent the same lines."
        } else {
            "THEY DID NOT SEND THE SAME LINES."
        };
        writeln!(f, "\nMedians, with the least and the most. {same}")
    }
}

/// The median, with the least and the most.
fn cell(runs: &[PeerRun], digits: usize, look: impl Fn(&PeerRun) -> f64) -> String {
    let mut values: Vec<f64> = runs.iter().map(look).collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let (least, median, most) = (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)));
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}
