//! The matrix as a table.

use std::fmt::{self, Write};
use std::time::Duration;

use super::case::Case;
use super::judge::{Evidence, Judgement};

/// What came of one case.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case's name.
    pub name: &'static str,
    what: String,
    records: usize,
    judgement: Judgement,
    /// What else went wrong.
    problems: Vec<String>,
    took: Duration,
}

/// All rows, and how to get them again.
#[derive(Clone, Debug)]
pub struct MatrixReport {
    /// In the order of the table of cases.
    pub rows: Vec<Row>,
    /// Whether it was the long form.
    pub long: bool,
    /// What all luck followed from.
    pub seed: u64,
    /// The version of Apache Kafka.
    pub broker: String,
}

impl Row {
    pub(super) fn of(
        case: &Case,
        rounds: usize,
        evidence: &Evidence,
        problems: Vec<String>,
        took: Duration,
    ) -> Self {
        let times = if rounds > 1 { format!(", {rounds} times") } else { String::new() };
        let what = format!("{}{times}", case.what);
        let judgement = evidence.judge();
        Self { name: case.name, what, records: evidence.sent.len(), judgement, problems, took }
    }

    pub(super) fn broken(case: &Case, problem: String) -> Self {
        Self {
            name: case.name,
            what: case.what.to_owned(),
            records: 0,
            judgement: Judgement::default(),
            problems: vec![problem],
            took: Duration::ZERO,
        }
    }

    /// Says whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.complaints().is_empty()
    }

    /// Says what is wrong, one thing a line.
    pub fn complaints(&self) -> Vec<String> {
        let Judgement { lost, unexplained, out_of_order, .. } = &self.judgement;
        let named = |what: &'static str, things: &[String]| {
            let shown: Vec<_> = things.iter().take(5).map(|thing| format!("{what}: {thing}")).collect();
            shown
        };
        let mut all = self.problems.clone();
        all.extend(named("lost", lost));
        all.extend(named("delivered again without a reason", unexplained));
        all.extend(named("out of order", out_of_order));
        all
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, records, judgement, took, .. } = self;
        let verdict = if self.holds() { "holds" } else { "BROKEN" };
        write!(
            f,
            "{verdict:<7} {name:<17} {records:>6} records, {} lost, {} again, {} out of order, {:.1} s",
            judgement.lost.len(),
            judgement.duplicates,
            judgement.out_of_order.len(),
            took.as_secs_f64()
        )?;
        self.complaints().iter().try_for_each(|complaint| write!(f, "\n        {complaint}"))
    }
}

impl MatrixReport {
    /// Says whether every row holds.
    pub fn holds(&self) -> bool {
        self.rows.iter().all(Row::holds)
    }

    /// Writes the page of the long form; `date` is that of the run.
    pub fn page(&self, date: &str) -> String {
        let mut page = format!(
            "\
# Reliability

The fault matrix: in each case records with keys flow from a real Apache Kafka broker through `sluice run` into an
HTTP target that writes down what arrives, while something evil is done. Ground truth is what arrived there and in the
dead letter queue, not what Sluice says of itself. A case holds when

- **nothing is lost**: every record arrived, or, if it is poisoned, lies in the dead letter queue; and at every crash
  nothing was committed that had not arrived;
- **order holds** for the records of a key: their first arrivals are in the order written, and so are their last ones,
  so that a delivery that is repeated never leaves an older value behind a newer one;
- **nothing is delivered again without a reason**: for each record, the matrix counts the crashes that caught it
  delivered and not committed, and the puts that stored it and did not say so. It may come again so often, and no
  oftener. A stop or a rebalance hands a partition over at its oldest record that is not done: only what was delivered
  ahead of that one, for another key, may come again. An outage is no reason.

What is gone is told: where a topic was made again, or records were removed before they were read, all that is there
arrives, and each partition has one line with the position that was lost, where reading went on, and why. What arrived of
a new topic before it was noticed comes again, in order.

This page is written by the run itself:

    cargo run -p sluice-tests --bin fault-matrix -- --long --seed {seed}

Apache Kafka {broker}, {date}, seed {seed}. {records} records in {cases} cases; {verdict}. The short form of all cases
runs with `cargo test`.

| case | what is done | records | lost | again | out of order | time | verdict |
|---|---|--:|--:|--:|--:|--:|---|
",
            seed = self.seed,
            broker = self.broker,
            records = self.rows.iter().map(|row| row.records).sum::<usize>(),
            cases = self.rows.len(),
            verdict = if self.holds() { "all hold" } else { "NOT ALL HOLD" },
        );
        self.rows.iter().for_each(|row| page.push_str(&line(row)));
        page
    }
}

fn line(row: &Row) -> String {
    let Row { name, what, records, judgement, took, .. } = row;
    let verdict = if row.holds() { "holds".to_owned() } else { row.complaints().join("; ") };
    let mut line = format!("| `{name}` | {what} | {records} | {} ", judgement.lost.len());
    writeln!(
        line,
        "| {} | {} | {:.0} s | {verdict} |",
        judgement.duplicates,
        judgement.out_of_order.len(),
        took.as_secs_f64()
    )
    .expect("a string takes it");
    line
}
