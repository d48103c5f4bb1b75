//! A program: its plug-ins, its commands, and the way from its arguments to an exit code.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches};
use sluice_connector_api::Registry;

use crate::cli::check::CheckArgs;
use crate::cli::command::{Command, Entry, Given};
use crate::cli::completions::CompletionsArgs;
use crate::cli::context::Context;
use crate::cli::dlq::DlqArgs;
use crate::cli::exit::Exit;
use crate::cli::global::Global;
use crate::cli::health::HealthArgs;
use crate::cli::lambda::{LambdaArgs, arguments};
use crate::cli::logging::Logging;
use crate::cli::man::ManArgs;
use crate::cli::new::NewArgs;
use crate::cli::offsets::OffsetsArgs;
use crate::cli::plugins::PluginsArgs;
use crate::cli::preview::PreviewArgs;
use crate::cli::produce::ProduceArgs;
use crate::cli::run::RunArgs;
use crate::cli::schema::SchemaArgs;
use crate::cli::signals;
use crate::cli::steer::{ConnectorsArgs, PauseArgs, RestartArgs, ResumeArgs, StatusArgs, StopArgs};
use crate::cli::tap::TapArgs;
use crate::cli::test::TestArgs;
use crate::cli::top::TopArgs;
use crate::cli::topics::TopicsArgs;
use crate::config::problem::Problem;
use crate::config::worker::WorkerSettings;
use crate::observe::otlp::{OtlpSettings, Telemetry};

const EXIT_CODES: &str =
    "Exit codes: 0 ok, 1 failed while running, 2 bad configuration, 3 environment (cannot reach, no rights).";
/// How long a write that is blocked may keep the process.
const LEAVE: Duration = Duration::from_millis(100);
/// A busy thread looks for what the network has after so many turns of tasks. A turn of the chain is 32 records, which take
/// some ten microseconds, or hundreds where transforms are slow; by Tokio's own 61 an answer to a put would wait milliseconds.
const EVENT_INTERVAL: u32 = 8;

/// Runs the whole command line with these plug-ins; short for `Program::new(registry).main()`.
pub fn main(registry: Registry) -> ExitCode {
    Program::new(registry).main()
}

/// A program with every command of Sluice's, and with those that are added to it.
#[derive(Debug)]
pub struct Program {
    registry: Registry,
    version: &'static str,
    hint: Option<&'static str>,
    filter: Option<&'static str>,
    commands: Vec<Entry>,
}

impl Program {
    /// Makes a program with these plug-ins.
    pub fn new(registry: Registry) -> Self {
        let commands = vec![
            Entry::of::<RunArgs>(),
            Entry::of::<CheckArgs>(),
            Entry::of::<ConnectorsArgs>(),
            Entry::of::<StatusArgs>(),
            Entry::of::<PauseArgs>(),
            Entry::of::<ResumeArgs>(),
            Entry::of::<StopArgs>(),
            Entry::of::<RestartArgs>(),
            Entry::of::<TapArgs>(),
            Entry::of::<TopArgs>(),
            Entry::of::<LambdaArgs>(),
            Entry::of::<PreviewArgs>(),
            Entry::of::<TestArgs>(),
            Entry::of::<NewArgs>(),
            Entry::of::<ProduceArgs>(),
            Entry::of::<TopicsArgs>(),
            Entry::of::<OffsetsArgs>(),
            Entry::of::<DlqArgs>(),
            Entry::of::<PluginsArgs>(),
            Entry::of::<SchemaArgs>(),
            Entry::of::<CompletionsArgs>(),
            Entry::of::<ManArgs>(),
            Entry::of::<HealthArgs>(),
        ];
        Self { registry, version: env!("CARGO_PKG_VERSION"), hint: None, filter: None, commands }
    }

    /// Adds a command; one of the same name is replaced.
    #[must_use]
    pub fn command<C: Command>(mut self) -> Self {
        self.commands.retain(|entry| entry.name != C::NAME);
        self.commands.push(Entry::of::<C>());
        self
    }

    /// Sets what `--version` says, such as `env!("CARGO_PKG_VERSION")`. Default the version of Sluice.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Sets a sentence that stands below the list of commands: what to begin with. Default none.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Names the predicate that `tap --filter` takes a `program` for, one of the registry's. Default none: `tap` has no filter then.
    #[must_use]
    pub fn filter(mut self, predicate: &'static str) -> Self {
        self.filter = Some(predicate);
        self
    }

    /// Runs the command that the arguments of the process name. Inside AWS Lambda that is `lambda` where there are
    /// none.
    pub fn main(self) -> ExitCode {
        self.run(arguments())
    }

    /// Runs the command that these arguments name; the first one is the name of the program.
    pub fn run(self, arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
        let mut syntax = self.syntax();
        let read = syntax.try_get_matches_from_mut(arguments).and_then(|matches| self.read(&matches));
        let (global, entry, given) = match read {
            Ok(read) => read,
            Err(error) => return misread(&error),
        };
        match self.start(syntax, &global, entry, given) {
            Ok(()) => ExitCode::SUCCESS,
            Err(exit) => exit.report(),
        }
    }

    fn syntax(&self) -> clap::Command {
        let below = match self.hint {
            Some(hint) => format!("{hint}\n\n{EXIT_CODES}"),
            None => EXIT_CODES.to_owned(),
        };
        let command = clap::Command::new("sluice")
            .about("Moves records out of Kafka into other systems: one binary, one YAML file per connector")
            .version(self.version)
            .max_term_width(110)
            .after_help(below)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(self.commands.iter().map(Entry::syntax));
        Global::augment_args(command)
    }

    fn read(&self, matches: &ArgMatches) -> Result<(Global, Entry, Box<dyn Given>), clap::Error> {
        let global = Global::from_arg_matches(matches)?;
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (name, arguments) = matches.subcommand().ok_or_else(missing)?;
        let entry = self.commands.iter().find(|entry| entry.name == name).ok_or_else(missing)?;
        Ok((global, *entry, entry.read(arguments)?))
    }

    fn start(
        self,
        syntax: clap::Command,
        global: &Global,
        entry: Entry,
        given: Box<dyn Given>,
    ) -> Result<(), Exit> {
        let settings = global.settings(&given.defaults(), given.connectors())?;
        // A function is frozen between invocations, with the lines that are not written yet.
        let mut crates = self.registry.crate_names();
        crates.extend(self.commands.iter().map(|entry| entry.crate_name));
        let (telemetry, warnings) = if entry.telemetry { telemetry(&settings)? } else { (None, Vec::new()) };
        let log_layer = telemetry.as_ref().and_then(Telemetry::log_layer);
        let logging = Logging::start(&settings, entry.one_thread, &crates, log_layer);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let mut builder = if entry.one_thread {
            tokio::runtime::Builder::new_current_thread()
        } else {
            tokio::runtime::Builder::new_multi_thread()
        };
        let runtime = builder
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .build()
            .map_err(|error| Exit::Environment(format!("cannot start the async runtime: {error}")))?;
        let context =
            Context::new(self.registry, settings, syntax).with_filter(self.filter).with_telemetry(telemetry);
        let result = runtime.block_on(async {
            signals::ignore_harmless();
            given.run(&context).await
        });
        runtime.shutdown_timeout(LEAVE);
        if let Some(telemetry) = context.into_telemetry() {
            telemetry.end();
        }
        logging.end();
        result
    }
}

/// Starts to tell a collector what happens, where the settings or the environment name one.
///
/// What is wrong with variables of the environment, which may be meant for other programs, comes back to be said.
fn telemetry(settings: &WorkerSettings) -> Result<(Option<Telemetry>, Vec<String>), Exit> {
    let wrong = |text: String| Exit::Configuration(vec![Problem::of_file(Path::new("settings"), text)]);
    let variable = |name: &str| std::env::var(name).ok();
    let settings = OtlpSettings::new(settings.otlp_endpoint.as_deref(), variable).map_err(wrong)?;
    let warnings = settings.warnings.clone();
    Ok((Telemetry::start(settings).map_err(wrong)?, warnings))
}

/// Says what is wrong with the arguments, or shows the help that they ask for.
fn misread(error: &clap::Error) -> ExitCode {
    // There is nowhere left to report to.
    let _unseen = error.print().is_err();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
