//! What a command is.

use std::path::PathBuf;

use clap::{ArgMatches, Args};
use futures::future::LocalBoxFuture;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::config::worker::WorkerSettings;

/// A command of the command line. Its arguments are its fields, and its documentation is its help: the first
/// paragraph in the list of commands, all of it in its own `--help`.
///
/// ```
/// use clap::Args;
/// use sluice_connector_api::Registry;
/// use sluice_runtime::cli::{Command, Context, Exit, Program, print};
///
/// /// Greets somebody.
/// #[derive(Debug, Args)]
/// struct Greet {
///     /// Whom
///     name: String,
/// }
///
/// impl Command for Greet {
///     const NAME: &'static str = "greet";
///
///     async fn run(self, _: &Context) -> Result<(), Exit> {
///         print(format!("Hello {}", self.name))
///     }
/// }
///
/// let program = Program::new(Registry::new()).command::<Greet>();
/// # assert_eq!(program.run(["sluice", "greet", "Ada"]), std::process::ExitCode::SUCCESS);
/// ```
pub trait Command: Args + 'static {
    /// What it is called by, as in `sluice NAME`.
    const NAME: &'static str;

    /// Whether it runs on one thread, as is best where there is a fraction of a processor. Default no.
    const ONE_THREAD: bool = false;

    /// Whether what it does is told to a collector of OpenTelemetry where one is set. Default no.
    const TELEMETRY: bool = false;

    /// Returns the settings of the process where nothing else is set. Default those of [`WorkerSettings`].
    fn defaults(&self) -> WorkerSettings {
        WorkerSettings::default()
    }

    /// Returns the connector files that are named by its arguments; if there are any, they stand for the setting
    /// `connectors`. Default none.
    fn connectors(&self) -> &[PathBuf] {
        &[]
    }

    /// Does what it is for.
    fn run(self, context: &Context) -> impl Future<Output = Result<(), Exit>>;
}

/// How a command is found, read and started, whatever its type is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) one_thread: bool,
    pub(crate) telemetry: bool,
    /// The crate that it is of.
    pub(crate) crate_name: &'static str,
    augment: fn(clap::Command) -> clap::Command,
    read: fn(&ArgMatches) -> Result<Box<dyn Given>, clap::Error>,
}

impl Entry {
    /// Returns the entry of a command.
    pub(crate) fn of<C: Command>() -> Self {
        Self {
            name: C::NAME,
            one_thread: C::ONE_THREAD,
            telemetry: C::TELEMETRY,
            crate_name: std::any::type_name::<C>().split("::").next().unwrap_or_default(),
            augment: C::augment_args,
            read: |matches| Ok(Box::new(C::from_arg_matches(matches)?)),
        }
    }

    /// Returns what clap has to know of it.
    pub(crate) fn syntax(&self) -> clap::Command {
        (self.augment)(clap::Command::new(self.name))
    }

    /// Reads the arguments that were given.
    pub(crate) fn read(&self, matches: &ArgMatches) -> Result<Box<dyn Given>, clap::Error> {
        (self.read)(matches)
    }
}

/// A command with the arguments that were given.
pub(crate) trait Given {
    /// See [`Command::defaults`].
    fn defaults(&self) -> WorkerSettings;

    /// See [`Command::connectors`].
    fn connectors(&self) -> &[PathBuf];

    /// See [`Command::run`].
    fn run(self: Box<Self>, context: &Context) -> LocalBoxFuture<'_, Result<(), Exit>>;
}

impl<C: Command> Given for C {
    fn defaults(&self) -> WorkerSettings {
        Command::defaults(self)
    }

    fn connectors(&self) -> &[PathBuf] {
        Command::connectors(self)
    }

    fn run(self: Box<Self>, context: &Context) -> LocalBoxFuture<'_, Result<(), Exit>> {
        Box::pin(Command::run(*self, context))
    }
}
