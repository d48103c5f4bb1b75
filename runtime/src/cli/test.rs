//! `sluice test`: the tests of connectors, without a broker and a target.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use sluice_connector_api::Registry;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print, verdict};
use crate::config::interpolate::Follow;
use crate::config::problem::Problem;
use crate::connector::files::holds_tests;
use crate::connector::load::Connector;
use crate::offline::suite::{self, CaseOutcome, Difference, Suite, TestCase};

/// Runs the tests of connectors: records in, and the records and requests that are expected of them.
///
/// The tests of `NAME.yaml` stand beside it in `NAME.test.yaml`. They run as `sluice preview` does, without a broker and a
/// target. References are not followed: a default is taken, and what has none stays as it is written, so that a test ends
/// alike on every machine. Exits with code 1 if a test fails.
///
/// An example: `sluice test connectors.d/examples/webhook.yaml`
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Connectors, files with tests, and directories with such
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write what was found into the tests that fail, as what is expected from now on
    #[arg(long)]
    update: bool,
    /// How the outcome is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How many tests there were, and how they ended.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    tests: usize,
    failed: usize,
}

impl Command for TestArgs {
    const NAME: &'static str = "test";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let suites = read_all(&self.paths)?;
        let mut count = Count::default();
        let mut printed = Ok(());
        for suite in &suites {
            let tested = self.test(suite, context.registry(), &mut count).await;
            match tested {
                Ok(()) => {}
                Err(Exit::Unread) => printed = Err(Exit::Unread),
                Err(other) => return Err(other),
            }
        }
        let Count { tests, failed } = count;
        let outcome = match failed {
            0 => Ok(()),
            _ => Err(Exit::Running(format!("{failed} of {tests} tests failed"))),
        };
        verdict(printed, outcome)
    }
}

impl TestArgs {
    async fn test(&self, suite: &Suite, registry: &Registry, count: &mut Count) -> Result<(), Exit> {
        let connector = Connector::load(&suite.connector, registry, Follow::Nothing).await?;
        let mut changes = Vec::new();
        let mut lines = Vec::new();
        let mut failed = 0;
        for case in &suite.cases {
            let outcome = suite::run(&connector, case).await;
            let outcome = outcome.map_err(|error| {
                vec![Problem::at(&suite.file, case.place.begin, format!("{}: {error}", case.name))]
            })?;
            let differences = differences(case, &outcome);
            if differences.is_empty() {
                lines.extend(self.passed(suite, case));
                continue;
            }
            if self.update {
                changes.push((case.place, outcome.to_expectation(&case.expect)));
            } else {
                failed += 1;
            }
            lines.extend(self.failed(suite, case, &differences));
        }
        count.tests += suite.cases.len();
        count.failed += failed;
        if !changes.is_empty() {
            update(&suite.file, changes)?;
        }
        if self.output == Output::Text {
            lines.push(summary(suite, failed, self.update));
        }
        lines.iter().try_for_each(print)
    }

    fn passed(&self, suite: &Suite, case: &TestCase) -> Option<String> {
        match self.output {
            Output::Text => None,
            Output::Json => Some(as_json(suite, case, &[])),
        }
    }

    fn failed(&self, suite: &Suite, case: &TestCase, differences: &[Difference]) -> Vec<String> {
        match self.output {
            Output::Text => as_text(suite, case, differences, self.update),
            Output::Json => vec![as_json(suite, case, differences)],
        }
    }
}

/// A test that expects nothing has yet to be written.
fn differences(case: &TestCase, outcome: &CaseOutcome) -> Vec<Difference> {
    let expect = &case.expect;
    if expect.records.is_none() && expect.requests.is_none() && expect.rejected.is_empty() {
        let found = Some(json!({ "records": outcome.records, "requests": outcome.requests }));
        return vec![Difference { path: "expect".to_owned(), expected: None, found }];
    }
    outcome.differences(expect)
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<Suite>, Exit> {
    let (mut suites, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match find(path) {
            Err(problem) => problems.push(problem),
            Ok(files) => {
                for file in files {
                    match Suite::read(&file) {
                        Ok(suite) => suites.push(suite),
                        Err(more) => problems.extend(more),
                    }
                }
            }
        }
    }
    if problems.is_empty() { Ok(suites) } else { Err(problems.into()) }
}

/// Finds the files of tests that a path stands for.
fn find(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    if path.is_dir() {
        let cannot = |error: std::io::Error| Problem::of_file(path, format!("cannot read it: {error}"));
        let entries = std::fs::read_dir(path).map_err(cannot)?;
        let mut files: Vec<_> =
            entries.flatten().map(|entry| entry.path()).filter(|path| holds_tests(path)).collect();
        files.sort();
        if files.is_empty() {
            return Err(Problem::of_file(
                path,
                "no tests here; those of `NAME.yaml` are in `NAME.test.yaml`",
            ));
        }
        return Ok(files);
    }
    if holds_tests(path) {
        return Ok(vec![path.to_owned()]);
    }
    if !path.is_file() {
        return Err(Problem::of_file(path, "there is no such file"));
    }
    let tests = Suite::of_connector(path);
    if !tests.is_file() {
        let text = format!("has no tests; write them into {}", tests.display());
        return Err(Problem::of_file(path, text));
    }
    Ok(vec![tests])
}

fn update(file: &Path, changes: Vec<(suite::CasePlace, Value)>) -> Result<(), Exit> {
    let cannot =
        |error: std::io::Error| Exit::Environment(format!("cannot update {}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(cannot)?;
    let text = suite::updated(&text, changes);
    let text = text.map_err(|error| Exit::Running(format!("{}: {error}", file.display())))?;
    std::fs::write(file, text).map_err(cannot)
}

fn summary(suite: &Suite, failed: usize, updates: bool) -> String {
    let (file, tests) = (suite.file.display(), suite.cases.len());
    match failed {
        0 if updates => format!("{file}: up to date, {tests} test(s)"),
        0 => format!("{file}: {tests} test(s) passed"),
        _ => format!("{file}: {failed} of {tests} test(s) failed"),
    }
}

fn as_text(suite: &Suite, case: &TestCase, differences: &[Difference], updated: bool) -> Vec<String> {
    let mark = if updated { "updated" } else { "✗" };
    let mut lines = vec![format!("{mark} {}:{}: {}", suite.file.display(), case.place.begin.line, case.name)];
    for Difference { path, expected, found } in differences {
        let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        lines.push(format!("    {path}"));
        lines.push(format!("      expected {}", shown(expected)));
        lines.push(format!("      found    {}", shown(found)));
    }
    lines
}

fn as_json(suite: &Suite, case: &TestCase, differences: &[Difference]) -> String {
    let difference = |Difference { path, expected, found }: &Difference| json!({ "path": path, "expected": expected, "found": found });
    let shown: Vec<_> = differences.iter().map(difference).collect();
    json!({
        "file": suite.file.display().to_string(), "line": case.place.begin.line, "test": case.name,
        "passed": differences.is_empty(), "differences": shown,
    })
    .to_string()
}
