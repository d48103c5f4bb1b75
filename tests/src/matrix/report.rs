//! The matrix as a table.

use std::fmt::{self, Write};
use std::time::Duration;

use super::case::Case;
use super::judge::{Evidence, Judgement};
use super::targets::TargetKind;

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
    /// Its target is a real server.
    is_on_server: bool,
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
        let is_on_server = case.target != TargetKind::Http;
        Self { name: case.name, what, records: evidence.sent.len(), judgement, problems, took, is_on_server }
    }

    pub(super) fn broken(case: &Case, problem: String) -> Self {
        Self {
            name: case.name,
            what: case.what.to_owned(),
            records: 0,
            judgement: Judgement::default(),
            problems: vec![problem],
            took: Duration::ZERO,
            is_on_server: case.target != TargetKind::Http,
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

    /// Returns the names of whoever writes a part of the page, each with what it writes; `date` is that of the run. A part of which
    /// the run had no case is left out.
    pub fn parts(&self, date: &str) -> Vec<(&'static str, String)> {
        let mut parts = Vec::new();
        for (is_on_server, writer, flag) in
            [(false, "The fault matrix", ""), (true, "The fault matrix with real servers", " --servers")]
        {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.is_on_server == is_on_server).collect();
            if !rows.is_empty() {
                parts.push((writer, self.part(&rows, flag, date)));
            }
        }
        parts
    }

    fn part(&self, rows: &[&Row], flag: &str, date: &str) -> String {
        let mut part = format!(
            "    cargo run -p sluice-tests --bin fault-matrix -- --long{flag} --seed {seed}

Apache Kafka {broker}, {date}, seed {seed}. {records} records in {cases} cases; {verdict}.

| case | what is done | records | lost | again | out of order | time | verdict |
|---|---|--:|--:|--:|--:|--:|---|
",
            seed = self.seed,
            broker = self.broker,
            records = rows.iter().map(|row| row.records).sum::<usize>(),
            cases = rows.len(),
            verdict = if rows.iter().all(|row| row.holds()) { "all hold" } else { "NOT ALL HOLD" },
        );
        for row in rows {
            part.push_str(&line(row));
        }
        part.trim_end().to_owned()
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
