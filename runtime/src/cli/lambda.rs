//! `sluice lambda`: the host inside AWS Lambda.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::interpolate::Follow;
use crate::config::problem::Problem;
use crate::config::text_file::{TextFile, read_text};
use crate::config::worker::{BatchResponse, LogFormat, WorkerSettings};
use crate::connector::files;
use crate::connector::load::Connector;
use crate::lambda::{self, Answer, Host, HostSettings, KafkaEvent};
use clap::{Args, ValueEnum};
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{Client, build_request};
use serde_json::json;
use sluice_connector_api::{HumanDuration, Registry};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::invocation::{Invocations, invoke as invoke_here};
use crate::cli::output::Output;
use crate::cli::parse::duration;

/// Where the service is that hands out invocations.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// What the client of that service needs to know.
const FUNCTION: [&str; 3] =
    ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];
/// A connector's text, for a function without a file.
const CONNECTOR_TEXT: &str = "SLUICE_CONNECTOR";

/// How long the start may wait for the target: AWS Lambda gives it 10 s in all.
const LOOK: Duration = Duration::from_secs(3);

/// Runs one connector as an AWS Lambda function behind an event source mapping for Kafka.
///
/// The connector is the one in the file or directory that is named, else the text in `SLUICE_CONNECTOR`, else the one in
/// `connectors.d` beside the binary. Its `source.kafka` is not used: the event source mapping reads the topic. Logs are
/// JSON, and each invocation writes a line of metrics for CloudWatch to standard output.
///
/// With `--event FILE` it runs here instead, on the event in the file: for a look at a connector before it is deployed.
///
/// This is also what the binary does without a command inside AWS Lambda, so that it can be the `bootstrap` of a function
/// as it is. See docs/lambda.md.
#[derive(Debug, Args)]
pub(crate) struct LambdaArgs {
    /// File or directory with the one connector
    #[arg(value_name = "PATH")]
    connector: Option<PathBuf>,
    /// How to say which records are not done [default: whole]
    #[arg(long, value_enum)]
    batch_response: Option<Response>,
    /// How long before the deadline of an invocation nothing new begins [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    deadline_margin: Option<HumanDuration>,
    /// Invoke the function here, with the event in this file, or `-` for standard input; show what it answers and what
    /// its sink gets
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Invoke it so many times, one after the other
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "event", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Let the sink and the dead letter queue store what they get; without this nothing is stored
    #[arg(long, requires = "event")]
    deliver: bool,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text, requires = "event")]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Response {
    /// Any record that is not done fails the invocation
    Whole,
    /// The answer lists the records that are not done; only for a mapping with `ReportBatchItemFailures`
    Partial,
}

impl LambdaArgs {
    fn host_settings(&self, settings: &WorkerSettings) -> HostSettings {
        let batch_response = match self.batch_response {
            Some(Response::Whole) => BatchResponse::Whole,
            Some(Response::Partial) => BatchResponse::Partial,
            None => settings.batch_response,
        };
        let deadline_margin = self.deadline_margin.unwrap_or(settings.deadline_margin).get();
        HostSettings { batch_response, deadline_margin }
    }
}

/// Returns the arguments of the process. The `bootstrap` of a function is started without any.
pub(crate) fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.len() < 2 && std::env::var_os(RUNTIME_API).is_some() {
        arguments.push("lambda".into());
    }
    arguments
}

impl Command for LambdaArgs {
    const NAME: &'static str = "lambda";

    // A function has a fraction of a processor, and starts while somebody waits.
    const ONE_THREAD: bool = true;

    fn defaults(&self) -> WorkerSettings {
        if self.event.is_some() {
            return WorkerSettings::default();
        }
        WorkerSettings { log_format: LogFormat::Json, ..WorkerSettings::default() }
    }

    fn connectors(&self) -> &[PathBuf] {
        self.connector.as_slice()
    }

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let settings = context.settings();
        if let Some(event) = &self.event {
            let follow = if self.deliver { Follow::Every } else { Follow::Present };
            let connector = connector(settings, context.registry(), follow).await?;
            let how = Invocations { times: self.repeat, deliver: self.deliver, output: self.output };
            return invoke_here(connector, event, self.host_settings(settings), how).await;
        }
        must_be_a_function()?;
        let connector = match connector(settings, context.registry(), Follow::Every).await {
            Ok(connector) => connector,
            Err(problems) => {
                report(&problems).await?;
                return Err(Exit::Configuration(problems));
            }
        };
        for warning in &connector.warnings {
            tracing::warn!(connector = &*connector.name, "{warning}");
        }
        tracing::info!(
            connector = &*connector.name,
            sink = connector.sink_name,
            version = context.version(),
            "sluice runs as a function; `source.kafka` is not used, the event source mapping reads the topic"
        );
        let file = connector.file.clone();
        let host = Host::new(connector, self.host_settings(settings));
        if let Err(wrong) = host.look(LOOK).await {
            let problems = vec![Problem::of_file(&file, wrong.to_string())];
            report(&problems).await?;
            return Err(Exit::Configuration(problems));
        }
        serve(&host).await
    }
}

fn must_be_a_function() -> Result<(), Exit> {
    if let Some(missing) = [RUNTIME_API].iter().chain(&FUNCTION).find(|name| std::env::var_os(name).is_none())
    {
        let text =
            format!("this is not an AWS Lambda function: {missing} is not set; use `sluice run` elsewhere");
        return Err(Exit::Environment(text));
    }
    Ok(())
}

async fn serve(host: &Host) -> Result<(), Exit> {
    let service = service_fn(|event: LambdaEvent<KafkaEvent>| invoke(host, event));
    let runtime = Runtime::new(service).layer(TracingLayer::new());
    runtime.run().await.map_err(|error| Exit::Running(format!("the Lambda runtime API has gone: {error}")))
}

async fn invoke(host: &Host, event: LambdaEvent<KafkaEvent>) -> Result<Answer, Failure> {
    let LambdaEvent { payload, context } = event;
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    host.invoke(payload, &context.request_id, deadline, write).await.map_err(Failure)
}

/// Writes a line of metrics. Where nobody takes it, the records are delivered all the same.
fn write(line: &str) {
    let _unseen = writeln!(std::io::stdout().lock(), "{line}").is_err();
}

/// A failed invocation, as the runtime reports it. It logs the `Debug` form.
#[derive(Debug)]
struct Failure(lambda::NotDone);

impl From<Failure> for Diagnostic {
    fn from(Failure(not_done): Failure) -> Self {
        Self { error_type: not_done.kind().to_owned(), error_message: not_done.to_string() }
    }
}

/// Finds and builds the one connector.
async fn connector(
    settings: &WorkerSettings,
    registry: &Registry,
    follow: Follow,
) -> Result<Connector, Vec<Problem>> {
    let by_default = settings.connectors == WorkerSettings::default().connectors;
    let (file, text) = match std::env::var(CONNECTOR_TEXT) {
        Ok(text) if by_default => (named_by_function(), text),
        _ if by_default => read(&[beside_the_binary()])?,
        _ => read(&settings.connectors)?,
    };
    lambda::load(&file, &text, registry, follow).await
}

/// A connector without a file is called as the function is.
fn named_by_function() -> PathBuf {
    let name = FUNCTION.first().and_then(std::env::var_os).unwrap_or_default();
    PathBuf::from(name).with_extension("yaml")
}

fn beside_the_binary() -> PathBuf {
    let binary = std::env::current_exe().unwrap_or_default();
    binary.parent().unwrap_or(Path::new("")).join("connectors.d")
}

fn read(paths: &[PathBuf]) -> Result<(PathBuf, String), Vec<Problem>> {
    let (files, problems) = files::find(paths);
    let file = match &files[..] {
        [file] if problems.is_empty() => file.clone(),
        [_, second, ..] if problems.is_empty() => {
            let text = format!(
                "a function runs one connector, and there are {}; name one in SLUICE_CONNECTORS",
                files.len()
            );
            return Err(vec![Problem::of_file(second, text)]);
        }
        _ => return Err(problems),
    };
    match read_text(&file, TextFile::Connector) {
        Ok(text) => Ok((file, text)),
        Err(problem) => Err(vec![problem]),
    }
}

/// Tells the service what is wrong, in the words of `sluice check`.
async fn report(problems: &[Problem]) -> Result<(), Exit> {
    const KIND: &str = "Sluice.BadConfiguration";
    let said = |error: String| Exit::Running(format!("the Lambda runtime API takes no init error: {error}"));
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let body = json!({ "errorType": KIND, "errorMessage": lines.join("\n"), "stackTrace": [] });
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", KIND)
        .body(Body::from(body.to_string()))
        .map_err(|error| said(error.to_string()))?;
    let client = Client::builder().build().map_err(|error| said(error.to_string()))?;
    client.call(request).await.map(|_| ()).map_err(|error| said(error.to_string()))
}
