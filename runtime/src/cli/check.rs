//! `sluice check`: what is wrong with connector files.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::interpolate::ProcessEnv;
use crate::connector::files;
use crate::connector::load::Connector;
use crate::kafka::probe;
use clap::Args;
use sluice_connector_api::{Finding, HumanDuration};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::print;
use crate::cli::parse::duration;

/// Checks connector files without running them.
///
/// Reports every problem of every file at once as `file:line:column: what is wrong`, and exits with code 2 if there
/// is one. Nothing is opened or reached, unless `--connect` asks for it: then the brokers, the topics and the sink
/// are looked at without writing, and what cannot be reached or may not be used exits with code 3.
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
}

impl Command for CheckArgs {
    const NAME: &'static str = "check";

    fn connectors(&self) -> &[PathBuf] {
        &self.connectors
    }

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let connectors = check_files(context)?;
        if !self.connect {
            return Ok(());
        }
        let mut bad = 0;
        for connector in &connectors {
            for finding in look(connector, self.timeout.get()).await {
                bad += usize::from(finding.outcome.is_err());
                print(line(connector, &finding))?;
            }
        }
        if bad > 0 { Err(Exit::Unreachable) } else { Ok(()) }
    }
}

/// Checks each file on its own, so that the good ones are seen to be good.
fn check_files(context: &Context) -> Result<Vec<Connector>, Exit> {
    let (files, problems) = files::find(&context.settings().connectors);
    let (mut connectors, mut bad) = (Vec::new(), !problems.is_empty());
    problems.iter().try_for_each(|problem| print(problem.to_string()))?;
    for file in files {
        match Connector::load(&file, context.registry(), &ProcessEnv) {
            Ok(connector) => {
                print(format!("{}: ok", file.display()))?;
                connectors.push(connector);
            }
            Err(problems) => {
                bad = true;
                problems.iter().try_for_each(|problem| print(problem.to_string()))?;
            }
        }
    }
    if bad { Err(Exit::BadFiles) } else { Ok(connectors) }
}

async fn look(connector: &Connector, timeout: Duration) -> Vec<Finding> {
    let mut findings = probe(&connector.name, &connector.source.kafka, timeout).await;
    let subject = format!("sink {}", connector.sink_name);
    match tokio::time::timeout(timeout, connector.sink.check()).await {
        Ok(more) if more.is_empty() => findings.push(Finding::good(subject, "has nothing to reach")),
        Ok(more) => findings.extend(more),
        Err(_) => findings.push(Finding::bad(subject, format!("did not answer within {timeout:?}"))),
    }
    if let Some(queue) = &connector.dead_letters {
        match tokio::time::timeout(timeout, queue.check()).await {
            Ok(more) => findings.extend(more),
            Err(_) => {
                findings
                    .push(Finding::bad("dead letter queue", format!("did not answer within {timeout:?}")));
            }
        }
    }
    findings
}

fn line(connector: &Connector, finding: &Finding) -> String {
    let (mark, text) = match &finding.outcome {
        Ok(seen) => ("✓", seen),
        Err(wrong) => ("✗", wrong),
    };
    format!("{mark} {}: {}: {text}", connector.name, finding.subject)
}
