//! `sluice check`: what is wrong with connector files.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::interpolate::Follow;
use crate::config::problem::{Position, Problem};
use crate::connector::files;
use crate::connector::load::Connector;
use crate::guard;
use crate::kafka::probe::probe;
use crate::shown::on_one_line;
use clap::Args;
use serde_json::json;
use sluice_connector_api::{Finding, FindingKind, HumanDuration};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print, verdict};
use crate::cli::parse::duration;

/// Checks connector files without running them.
///
/// Reports every problem of every file at once as `file:line:column: what is wrong`, and exits with code 2 if there
/// is one. What works, but hardly as it is meant, is a warning and no problem. Nothing is opened or reached, unless `--connect` asks for it: then the brokers, the topics and the sink
/// are looked at without writing: ✓ stands before what is as it should be, ? before what could not be looked at, as for want
/// of a right that no put needs, and ✗ before what cannot be reached or used, which exits with code 3.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Files and directories with connectors [default: connectors.d]
    #[arg(value_name = "PATH")]
    connectors: Vec<PathBuf>,
    /// Look at the brokers, topics and sinks, too
    #[arg(long)]
    connect: bool,
    /// How long to wait for each of them
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    timeout: HumanDuration,
    /// How findings are printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Command for CheckArgs {
    const NAME: &'static str = "check";

    fn connectors(&self) -> &[PathBuf] {
        &self.connectors
    }

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let connectors = check_files(context, self.connect, self.output).await?;
        if !self.connect {
            return Ok(());
        }
        let (mut bad, mut printed) = (0, Ok(()));
        for connector in &connectors {
            for finding in look(connector, self.timeout.get()).await {
                bad += usize::from(finding.as_result().is_err());
                printed = printed.and_then(|()| print(found(connector, &finding, self.output)));
            }
        }
        verdict(printed, if bad > 0 { Err(Exit::Unreachable) } else { Ok(()) })
    }
}

/// Checks each file on its own, so that the good ones are seen to be good.
async fn check_files(context: &Context, connect: bool, output: Output) -> Result<Vec<Connector>, Exit> {
    let follow = if connect { Follow::Every } else { Follow::Local };
    let (files, problems) = files::find(&context.settings().connectors);
    let (mut connectors, mut bad) = (Vec::new(), !problems.is_empty());
    let mut lines: Vec<_> = problems.iter().map(|problem| problem_line(problem, output)).collect();
    for file in files {
        match Connector::load(&file, context.registry(), follow).await {
            Ok(connector) => {
                lines.extend(connector.warnings.iter().map(|warning| warning_line(warning, output)));
                lines.push(good_line(&connector, output));
                connectors.push(connector);
            }
            Err(problems) => {
                bad = true;
                lines.extend(problems.iter().map(|problem| problem_line(problem, output)));
            }
        }
    }
    let printed = lines.iter().try_for_each(print);
    verdict(printed, if bad { Err(Exit::BadFiles) } else { Ok(()) })?;
    Ok(connectors)
}

fn good_line(connector: &Connector, output: Output) -> String {
    let (file, guarantee) = (&connector.file, connector.guarantee());
    match output {
        Output::Text => format!("{}: ok ({guarantee})", file.display()),
        Output::Json => json!({ "file": file, "ok": true, "guarantee": guarantee }).to_string(),
    }
}

fn warning_line(warning: &Problem, output: Output) -> String {
    let Problem { file, position, text } = warning;
    match output {
        Output::Text => Problem { text: format!("warning: {text}"), ..warning.clone() }.to_string(),
        Output::Json => {
            let (line, column) = position.map(|Position { line, column }| (line, column)).unzip();
            json!({ "file": file, "ok": true, "line": line, "column": column, "warning": text }).to_string()
        }
    }
}

fn problem_line(problem: &Problem, output: Output) -> String {
    match output {
        Output::Text => problem.to_string(),
        Output::Json => problem.to_json().to_string(),
    }
}

async fn look(connector: &Connector, timeout: Duration) -> Vec<Finding> {
    let mut findings = probe(&connector.name, &connector.source.kafka, timeout).await;
    let subject = format!("sink {}", connector.sink_name);
    match tokio::time::timeout(timeout, guard::wait_for(connector.sink.check())).await {
        Ok(Ok(more)) if more.is_empty() => findings.push(Finding::good(subject, "has nothing to reach")),
        Ok(Ok(more)) => findings.extend(more),
        Ok(Err(panicked)) => findings.push(Finding::unseen(subject, format!("the look {panicked}"))),
        Err(_) => findings.push(Finding::unreachable(subject, format!("did not answer within {timeout:?}"))),
    }
    if let Some(queue) = &connector.dead_letters {
        match tokio::time::timeout(timeout, guard::wait_for(queue.check())).await {
            Ok(Ok(more)) => findings.extend(more),
            Ok(Err(panicked)) => {
                findings.push(Finding::unseen("dead letter queue", format!("the look {panicked}")));
            }
            Err(_) => {
                findings.push(Finding::unreachable(
                    "dead letter queue",
                    format!("did not answer within {timeout:?}"),
                ));
            }
        }
    }
    findings
}

fn found(connector: &Connector, finding: &Finding, output: Output) -> String {
    let (name, subject) = (&connector.name, &finding.subject);
    let (mark, outcome) = match finding.kind {
        FindingKind::Good => ("✓", "good"),
        FindingKind::Unseen => ("?", "unseen"),
        FindingKind::Unreachable => ("✗", "unreachable"),
        FindingKind::Wrong => ("✗", "wrong"),
    };
    let (ok, text) = (finding.as_result().is_ok(), connector.blanks.apply(&finding.text));
    match output {
        Output::Text => format!("{mark} {name}: {}: {}", on_one_line(subject), on_one_line(&text)),
        Output::Json => {
            let line = json!({
                "connector": &**name, "ok": ok, "outcome": outcome, "subject": subject, "found": text,
            });
            line.to_string()
        }
    }
}
