//! What was found, as a table.

use std::fmt;
use std::time::Duration;

use crate::run::PeerRun;

/// Records in fewer than these tell nothing of a JVM, whose start and compiler weigh.
const FAIR_TO_A_JVM: u64 = 10_000_000;

/// All runs of one contender.
#[derive(Debug)]
pub(crate) struct PeerRow {
    pub(crate) label: String,
    pub(crate) has_jvm: bool,
    pub(crate) runs: Vec<PeerRun>,
    /// Why it takes no part: it cannot be had, or it cannot do this.
    pub(crate) absence: Option<String>,
    /// Why it did not run to its end, or what else it did than the others.
    pub(crate) failure: Option<String>,
}

impl PeerRow {
    /// The label without emphasis.
    fn plain_label(&self) -> String {
        self.label.replace("**", "")
    }
}

/// All runs of all contenders of one kind.
#[derive(Debug)]
pub(crate) struct PeerReport {
    /// What was measured on what.
    pub(crate) stage: String,
    pub(crate) records: u64,
    pub(crate) rows: Vec<PeerRow>,
    /// Whether it was seen that all made the same of the records.
    pub(crate) is_compared: bool,
    /// Load of the machine before and after.
    pub(crate) load: (String, String),
}

/// What is looked at in a run: its name, where it is, and its digits behind the point.
type Measure = (&'static str, fn(&PeerRun) -> f64, usize);

const MEASURES: [Measure; 5] = [
    ("CPU-s per million", |run| run.cpu, 2),
    ("Records per second", |run| run.rate, 0),
    ("Wall, s", |run| run.wall.as_secs_f64(), 1),
    ("Peak RSS, MiB", |run| run.peak, 0),
    ("First record, ms", |run| millis(run.to_first), 0),
];

impl PeerReport {
    /// Whether all that took part ran to their end.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.failure.is_none())
    }
}

impl fmt::Display for PeerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}.\n", self.stage)?;
        write!(f, "| |")?;
        MEASURES.iter().try_for_each(|(name, ..)| write!(f, " {name} |"))?;
        writeln!(f, "\n|---|{}", "--:|".repeat(MEASURES.len()))?;
        for row in self.rows.iter().filter(|row| !row.runs.is_empty()) {
            write!(f, "| {} |", row.label)?;
            for (_, look, digits) in MEASURES {
                write!(f, " {} |", cell(row.runs.iter().map(look).collect(), digits))?;
            }
            writeln!(f)?;
        }
        let rounds = self.rows.iter().map(|row| row.runs.len()).max().unwrap_or(0);
        let (before, after) = &self.load;
        writeln!(
            f,
            "\nMedians of {rounds} rounds in turn, with the least and the most; load of the machine before and after: {before} and {after}."
        )?;
        if self.is_compared && self.is_whole() {
            writeln!(f, "All made the same lines of all records.")?;
        }
        for row in &self.rows {
            if let Some(absence) = &row.absence {
                writeln!(f, "**{} is not in the table:** {absence}.", row.plain_label())?;
            } else if let Some(failure) = &row.failure {
                writeln!(f, "**{} did not run to its end:** {failure}.", row.plain_label())?;
            } else if row.runs.len() < rounds {
                writeln!(f, "{} ran {} time(s) only, since it takes long.", row.label, row.runs.len())?;
            }
        }
        if self.records < FAIR_TO_A_JVM && self.rows.iter().any(|row| row.has_jvm && !row.runs.is_empty()) {
            writeln!(
                f,
                "Of so few records most of what a JVM takes is its start and its compiler: draw no ratio from that row."
            )?;
        }
        Ok(())
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The median, with the least and the most where there are several; a dash where nothing could be measured.
pub(crate) fn cell(mut values: Vec<f64>, digits: usize) -> String {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    if values.is_empty() {
        return "-".to_owned();
    }
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let (least, most) = (at(0), at(values.len() - 1));
    let median = f64::midpoint(at((values.len() - 1) / 2), at(values.len() / 2));
    if values.len() < 2 {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_median_with_the_least_and_the_most() {
        assert_eq!(cell(vec![3.0, 1.0, 2.0], 1), "2.0 (1.0 to 3.0)");
        assert_eq!(cell(vec![4.0, 1.0], 1), "2.5 (1.0 to 4.0)");
        assert_eq!(cell(vec![3.0], 0), "3");
        assert_eq!(cell(vec![f64::NAN, f64::INFINITY], 0), "-");
    }

    fn report(failure: Option<&str>, records: u64) -> String {
        let run = PeerRun {
            to_first: Duration::from_millis(7),
            wall: Duration::from_secs(2),
            rate: 500.0,
            cpu: 1.5,
            peak: 9.0,
        };
        let failure = failure.map(str::to_owned);
        let row =
            PeerRow { label: "A worker".into(), has_jvm: true, runs: vec![run], absence: None, failure };
        let load = ("0.1".into(), "0.2".into());
        PeerReport { stage: "few records".into(), records, rows: vec![row], is_compared: true, load }
            .to_string()
    }

    #[test]
    fn a_report_says_who_failed_and_does_not_say_then_that_all_did_the_same() {
        let whole = report(None, 1000);
        assert!(whole.contains("| A worker | 1.50 | 500 | 2.0 | 9 | 7 |"), "{whole}");
        assert!(whole.contains("All made the same lines"), "{whole}");
        let failed = report(Some("it stood still"), 1000);
        assert!(failed.contains("it stood still") && !failed.contains("All made the same lines"), "{failed}");
    }

    #[test]
    fn no_ratio_to_a_jvm_is_drawn_from_few_records() {
        assert!(report(None, 9_999_999).contains("draw no ratio"));
        assert!(!report(None, 10_000_000).contains("draw no ratio"));
    }
}
