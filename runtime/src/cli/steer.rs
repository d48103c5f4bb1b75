//! `sluice connectors`, `status`, `pause`, `resume`, `stop` and `restart`: the connectors of a running worker.

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, pretty, print};
use crate::cli::remote::{Remote, path_of};

/// Lists the connectors of a running worker, with their states.
#[derive(Debug, Args)]
pub(crate) struct ConnectorsArgs {
    #[command(flatten)]
    remote: Remote,
    /// How connectors are printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Shows what a connector of a running worker is up to, task by task.
///
/// Ends with code 1 where the connector or one of its tasks has failed.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The connector
    name: String,
    #[command(flatten)]
    remote: Remote,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Has a connector of a running worker read nothing more; it keeps its partitions.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The connector
    name: String,
    #[command(flatten)]
    remote: Remote,
    /// How the answer is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Has a connector of a running worker go on after a pause or a stop.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The connector
    name: String,
    #[command(flatten)]
    remote: Remote,
    /// How the answer is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Ends the tasks of a connector of a running worker, until it is resumed: its offsets can be moved then.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The connector
    name: String,
    #[command(flatten)]
    remote: Remote,
    /// How the answer is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Ends the tasks of a connector of a running worker, and starts them again.
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// The connector
    name: String,
    /// Only those that have failed
    #[arg(long)]
    only_failed: bool,
    #[command(flatten)]
    remote: Remote,
    /// How the answer is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Command for ConnectorsArgs {
    const NAME: &'static str = "connectors";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let answer = self.remote.ask(context, Method::GET, "/connectors?expand=status").await?;
        let all = answer.body.as_object().into_iter().flatten();
        for (name, parts) in all {
            let status = part(parts, "status");
            match self.output {
                Output::Text => print(format!("{name}  {}", summary(status)))?,
                Output::Json => print(status.to_string())?,
            }
        }
        Ok(())
    }
}

impl Command for StatusArgs {
    const NAME: &'static str = "status";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let answer = self.remote.ask(context, Method::GET, &path_of(&self.name, "/status")).await?;
        let status = answer.body;
        match self.output {
            Output::Json => print(pretty(&status))?,
            Output::Text => {
                print(format!("{}  {}", self.name, summary(&status)))?;
                let tasks = part(&status, "tasks").as_array().into_iter().flatten();
                let lines = tasks.map(|task| {
                    format!("  task {}  {}{}", part(task, "id"), text(part(task, "state")), trace(task))
                });
                lines.into_iter().try_for_each(print)?;
            }
        }
        let failed = |of: &Value| part(of, "state") == "FAILED";
        let tasks = part(&status, "tasks").as_array().into_iter().flatten();
        if failed(part(&status, "connector")) || tasks.into_iter().any(failed) {
            return Err(Exit::Running(format!("connector {} has failed", self.name)));
        }
        Ok(())
    }
}

impl Command for PauseArgs {
    const NAME: &'static str = "pause";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        change(&self.remote, context, (&self.name, "pause"), self.output).await
    }
}

impl Command for ResumeArgs {
    const NAME: &'static str = "resume";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        change(&self.remote, context, (&self.name, "resume"), self.output).await
    }
}

impl Command for StopArgs {
    const NAME: &'static str = "stop";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        change(&self.remote, context, (&self.name, "stop"), self.output).await
    }
}

impl Command for RestartArgs {
    const NAME: &'static str = "restart";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let below = format!("/restart?includeTasks=true&onlyFailed={}", self.only_failed);
        let answer = self.remote.ask(context, Method::POST, &path_of(&self.name, &below)).await?;
        match self.output {
            Output::Text => print(format!("{}: restart asked for", self.name)),
            Output::Json => print(pretty(&answer.body)),
        }
    }
}

/// Asks for another state, and says how long that counts.
async fn change(
    remote: &Remote,
    context: &Context,
    (name, change): (&str, &str),
    output: Output,
) -> Result<(), Exit> {
    let answer = remote.ask(context, Method::PUT, &path_of(name, &format!("/{change}"))).await?;
    let kept = answer.kept.as_deref();
    match output {
        Output::Json => print(json!({ "name": name, "asked": change, "kept": kept }).to_string()),
        Output::Text => {
            let kept = match kept {
                Some("state-directory") => "until its file asks for another state",
                _ => "as long as the process lasts, which has no state directory",
            };
            print(format!("{name}: {change} asked for; it counts {kept}"))
        }
    }
}

fn summary(status: &Value) -> String {
    let connector = part(status, "connector");
    let tasks = part(status, "tasks").as_array().map_or(0, Vec::len);
    format!("{}  {tasks} task(s){}", text(part(connector, "state")), trace(connector))
}

/// Several reasons stand behind each other: a line is a connector or a task.
fn trace(of: &Value) -> String {
    part(of, "trace").as_str().map(|trace| format!("  {}", trace.replace('\n', "; "))).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns a field of an answer; null where it has none.
fn part<'a>(of: &'a Value, name: &str) -> &'a Value {
    of.get(name).unwrap_or(&Value::Null)
}
