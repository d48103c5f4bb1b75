//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use sluice_connector_api::HumanDuration;
use sluice_runtime::config::worker::{LogFormat, WorkerSettings};

use crate::exit::Exit;

/// Moves records out of Kafka into other systems: one binary, one YAML file a connector.
#[derive(Debug, Parser)]
#[command(
    name = "sluice",
    version,
    max_term_width = 110,
    after_help = "\
Begin with `sluice demo`: an embedded broker, a local knowledge base and a connector, end to end.

Exit codes: 0 ok, 1 failed while running, 2 bad configuration, 3 environment (cannot reach, no rights)."
)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Check(crate::check::CheckArgs),
    Lambda(crate::lambda::LambdaArgs),
    Preview(crate::preview::PreviewArgs),
    Demo(crate::demo::DemoArgs),
    Produce(crate::produce::ProduceArgs),
    Query(crate::query::QueryArgs),
    Kb(crate::kb::KbArgs),
    Topics(crate::topics::TopicsArgs),
    Offsets(crate::offsets::OffsetsArgs),
    Dlq(crate::dlq::DlqArgs),
    Plugins(crate::plugins::PluginsArgs),
    Schema(crate::schema::SchemaArgs),
}

impl Command {
    /// The connector files named on the command line.
    fn connectors(&self) -> &[PathBuf] {
        match self {
            Self::Run(args) => &args.connectors,
            Self::Check(args) => &args.connectors,
            Self::Lambda(args) => args.connectors(),
            _ => &[],
        }
    }

    /// The settings where nothing else is set.
    fn defaults(&self) -> WorkerSettings {
        let defaults = WorkerSettings::default();
        match self {
            Self::Lambda(_) => WorkerSettings { log_format: LogFormat::Json, ..defaults },
            _ => defaults,
        }
    }
}

/// Runs connectors side by side until it is told to stop.
///
/// Every connector in the files and directories is checked first; one bad file stops the start (exit code 2). A
/// connector that fails later is restarted with growing waits, and does not disturb the others.
///
/// SIGTERM or SIGINT (Ctrl-C) stops: what is in flight ends, offsets are committed, the group is left. That takes
/// no longer than `--shutdown-timeout`. A second signal leaves at once; what was in flight is then read again at
/// the next start.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Files and directories with connectors [default: connectors.d]
    #[arg(value_name = "PATH")]
    pub(crate) connectors: Vec<PathBuf>,
    /// Stop when standard input ends: a process that is killed takes along what it started
    #[arg(long, hide = true)]
    pub(crate) stop_with_input: bool,
}

/// Settings of the process, for every command. Each can also be set in `sluice.yaml` or as `SLUICE_<NAME>` in the
/// environment; the flag wins.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// File with process settings [default: sluice.yaml, if it is there]
    #[arg(
        long,
        global = true,
        env = "SLUICE_CONFIG",
        value_name = "FILE",
        help_heading = "Process settings"
    )]
    config: Option<PathBuf>,
    /// How log lines look on standard error: text or json [default: text]
    #[arg(long, global = true, value_name = "FORMAT", value_parser = log_format, help_heading = "Process settings")]
    log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, trace, or by module as in info,rdkafka=debug [default: info]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Process settings")]
    log_level: Option<String>,
    /// Where metrics, health and status are served, such as 0.0.0.0:8083, or none [default: 127.0.0.1:8083]
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Process settings")]
    listen: Option<String>,
    /// How long a stop may take, such as 25s [default: 25s]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, help_heading = "Process settings")]
    shutdown_timeout: Option<HumanDuration>,
}

impl Global {
    /// Reads the settings: defaults < file < environment < flags.
    pub(crate) fn settings(&self, command: &Command) -> Result<WorkerSettings, Exit> {
        #[derive(Serialize)]
        struct Flags<'a> {
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            connectors: &'a [PathBuf],
            #[serde(skip_serializing_if = "Option::is_none")]
            log_format: Option<LogFormat>,
            #[serde(skip_serializing_if = "Option::is_none")]
            log_level: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            listen: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            shutdown_timeout: Option<HumanDuration>,
        }
        let Self { config, log_format, log_level, listen, shutdown_timeout } = self;
        let flags = Flags {
            connectors: command.connectors(),
            log_format: *log_format,
            log_level: log_level.as_deref(),
            listen: listen.as_deref(),
            shutdown_timeout: *shutdown_timeout,
        };
        Ok(WorkerSettings::load(&command.defaults(), config.as_deref(), flags)?)
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    read(text).map_err(|_| "is neither text nor json".to_owned())
}

pub(crate) fn duration(text: &str) -> Result<HumanDuration, String> {
    read(text).map_err(|error| error.to_string())
}

/// Reads what a connector file would read.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(text.into())
}
