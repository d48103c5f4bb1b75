//! A program: its plug-ins, its commands, and the way from its arguments to an exit code.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches};
use sluice_connector_api::Registry;
use tokio::runtime::Builder;

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
use crate::cli::output::Output;
use crate::cli::plugins::PluginsArgs;
use crate::cli::preview::PreviewArgs;
use crate::cli::produce::ProduceArgs;
use crate::cli::run::RunArgs;
use crate::cli::schema::SchemaArgs;
use crate::cli::signals;
use crate::cli::steer::{ConnectorsArgs, PauseArgs, RestartArgs, ResumeArgs, StatusArgs, StopArgs};
use crate::cli::syntax::Syntax;
use crate::cli::tap::TapArgs;
use crate::cli::test::TestArgs;
use crate::cli::top::TopArgs;
use crate::cli::topics::TopicsArgs;
use crate::config::problem::Problem;
use crate::config::worker::WorkerSettings;
use crate::observe::otlp::{OtlpSettings, Telemetry};

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
    filter: Option<&'static str>,
    syntax: Syntax,
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
        let syntax = Syntax { version: env!("CARGO_PKG_VERSION"), hint: None, commands, bin_name: None };
        Self { registry, filter: None, syntax }
    }

    /// Adds a command; one of the same name is replaced.
    #[must_use]
    pub fn command<C: Command>(mut self) -> Self {
        self.syntax.commands.retain(|entry| entry.name != C::NAME);
        self.syntax.commands.push(Entry::of::<C>());
        self
    }

    /// Sets what `--version` says, such as `env!("CARGO_PKG_VERSION")`. Default the version of Sluice.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.syntax.version = version;
        self
    }

    /// Sets a sentence that stands below the list of commands: what to begin with. Default none.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.syntax.hint = Some(hint);
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
    pub fn run(mut self, arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
        let mut syntax = self.syntax.command();
        let matches = syntax.try_get_matches_from_mut(arguments);
        let as_json = matches.as_ref().is_ok_and(asks_for_json);
        let read = matches.and_then(|matches| self.read(&matches));
        self.syntax.bin_name = syntax.get_bin_name().map(str::to_owned);
        drop(syntax);
        let (global, entry, given) = match read {
            Ok(read) => read,
            Err(error) => return misread(&error),
        };
        match self.start(&global, entry, given) {
            Ok(()) => ExitCode::SUCCESS,
            Err(exit) => exit.report(as_json),
        }
    }

    fn read(&self, matches: &ArgMatches) -> Result<(Global, Entry, Box<dyn Given>), clap::Error> {
        let global = Global::from_arg_matches(matches)?;
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (name, arguments) = matches.subcommand().ok_or_else(missing)?;
        let entry = self.syntax.commands.iter().find(|entry| entry.name == name).ok_or_else(missing)?;
        Ok((global, *entry, entry.read(arguments)?))
    }

    fn start(self, global: &Global, entry: Entry, given: Box<dyn Given>) -> Result<(), Exit> {
        let settings = global.settings(&given.defaults(), given.connectors())?;
        // A function is frozen between invocations, with the lines that are not written yet.
        let mut crates = self.registry.crate_names();
        crates.extend(self.syntax.commands.iter().map(|entry| entry.crate_name));
        let (telemetry, warnings) = if entry.telemetry { telemetry(&settings)? } else { (None, Vec::new()) };
        let log_layer = telemetry.as_ref().and_then(Telemetry::log_layer);
        let logging = Logging::start(&settings, entry.one_thread, &crates, log_layer);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let mut builder = if entry.one_thread { Builder::new_current_thread() } else { many_threads() };
        let runtime = builder
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .build()
            .map_err(|error| Exit::Environment(format!("cannot start the async runtime: {error}")))?;
        let (version, syntax) = (self.syntax.version, self.syntax);
        let context = Context::new(self.registry, settings, version, Box::new(move || syntax.command()))
            .with_filter(self.filter)
            .with_telemetry(telemetry);
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

/// Says whether the command that is asked for prints JSON.
fn asks_for_json(matches: &ArgMatches) -> bool {
    let mut at = matches;
    while let Some((_, below)) = at.subcommand() {
        at = below;
    }
    at.try_get_one::<Output>("output").is_ok_and(|output| output == Some(&Output::Json))
}

/// A core is left to the clients' own threads, which read, and to the kernel. With as many threads as cores records go from one
/// core to the other and back: by a third more of CPU on two cores, and fewer records per second. Slow transforms have threads
/// of their own. `TOKIO_WORKER_THREADS` in the environment says another number.
fn many_threads() -> Builder {
    let mut builder = Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        let cores = available_parallelism().map_or(1, usize::from);
        builder.worker_threads(cores.saturating_sub(1).max(1));
    }
    builder
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
