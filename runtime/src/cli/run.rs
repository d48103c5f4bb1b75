//! `sluice run`: the daemon.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::problem::Problem;
use crate::config::worker::WorkerSettings;
use crate::connector::writable_files::WritableFiles;
use crate::control::FileWrites;
use crate::observe::history::History;
use crate::observe::otlp::Telemetry;
use crate::source::budget::ProcessBudget;
use crate::worker::{Ended, FollowedFiles, KeptStates, Looks, SharedByConnectors, Worker};
use clap::Args;
use sluice_connector_api::{ByteSize, HumanDuration, Registry};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::listening::{listen, paths};
use crate::cli::signals::Signals;

/// How often secret stores may be asked: each question is paid for.
const SHORTEST_REFRESH: Duration = Duration::from_mins(1);

/// How long a start takes at most, with a broker that is there.
const STARTED: Duration = Duration::from_secs(2);

/// How long something is kept that nobody asks for, and that can be made anew.
const UNUSED: Duration = Duration::from_mins(1);

/// Runs connectors side by side until it is told to stop.
///
/// Every connector in the files and directories is checked first. A file that is not valid is left out and said in
/// the log, in /status and in metrics; where none is valid, or with `--strict` where one is not, nothing starts (exit
/// code 2). A connector that fails later is restarted with growing waits, and does not disturb the others.
///
/// The files are followed: one that is added, changed or removed starts, replaces or stops that one connector, within
/// seconds. One with a mistake leaves what runs as it is. A file that a reference names, as in `${file:/run/secret}`,
/// counts as part of it.
///
/// SIGTERM or SIGINT (Ctrl-C) stops: what is in flight ends, offsets are committed, the group is left. That takes
/// no longer than `--shutdown-timeout`. A second signal, later than half a second after the first, leaves at once; what
/// was in flight is then read again at the next start. SIGHUP has what has changed loaded at once.
///
/// Logging never holds the records up: lines that nobody takes are dropped and counted.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Files and directories with connectors [default: connectors.d]
    #[arg(value_name = "PATH")]
    connectors: Vec<PathBuf>,
    /// Stop when standard input ends: a process that is killed takes along what it started
    #[arg(long, hide = true)]
    stop_with_input: bool,
}

impl Command for RunArgs {
    const NAME: &'static str = "run";
    const TELEMETRY: bool = true;

    fn connectors(&self) -> &[PathBuf] {
        &self.connectors
    }

    async fn run(self, context: &Context) -> Result<(), Exit> {
        run(context, self.stop_with_input).await
    }
}

async fn run(context: &Context, stop_with_input: bool) -> Result<(), Exit> {
    let settings = context.settings();
    if settings.rest_writes && !settings.follow {
        let text = "`rest_writes`: files that requests write are seen only where files are followed; take out `follow: false`";
        return Err(Exit::Configuration(vec![Problem::of_file(Path::new("settings"), text)]));
    }
    let refresh = refresh(settings)?;
    let files = FollowedFiles::load(settings.connectors.clone(), context.registry().clone()).await;
    let mut files = files.refreshing(refresh);
    let connectors = files.connectors();
    let waits_for_requests = settings.rest_writes && files.is_empty();
    let is_wrong = connectors.is_empty() || (settings.strict && !files.problems().is_empty());
    if waits_for_requests {
        files.wait_for_files();
    } else if is_wrong {
        return Err(Exit::Configuration(files.problems()));
    }
    let stop = CancellationToken::new();
    let (reload, reloads) = mpsc::channel(1);
    let (news, written) = mpsc::channel(1);
    let mut signals = Signals::listen()?;
    if settings.follow {
        signals = signals.reloading(reload);
    }
    tracing::info!(connectors = connectors.len(), version = context.version(), "sluice runs");
    // Before a connector reads a record: a bad address must not cost one.
    let listener = listen(settings).await?;
    // The records that come now have the memory, and not what read the files.
    #[cfg(target_os = "linux")]
    crate::cli::code_pages::give_back();
    let mut worker = Worker::start_with(connectors, kept_states(settings)?, shared(context), stop.clone());
    if let Some(telemetry) = context.telemetry() {
        telemetry.report();
        telemetry.send_metrics(worker.control());
    }
    if settings.follow {
        let looks = Looks::new(reloads, written);
        tokio::spawn(files.follow(worker.control(), looks, stop.clone()));
    } else {
        files.report(&worker.control());
    }
    let history = History::default();
    tokio::spawn(history.clone().follow(worker.control(), stop.clone()));
    if let Some(listener) = listener {
        let writable = WritableFiles::new(settings.connectors.clone());
        let writes = FileWrites::new(writable, news, context.version());
        let router = paths(context, &listener, worker.control(), (writes, history.clone()));
        tokio::spawn(listener.serve(router, stop.clone()));
    }
    let ended = worker.ended(settings.shutdown_timeout.get());
    tokio::pin!(ended);
    tokio::select! {
        name = signals.next() => tracing::info!("{name}: stopping; once more to leave at once"),
        () = input_ended(), if stop_with_input => tracing::info!("standard input has ended: stopping"),
        never = give_back(context.registry()) => match never {},
    }
    stop.cancel();
    tokio::select! {
        ended = &mut ended => report(&ended),
        name = signals.next() => Err(Exit::Running(format!("{name} again: left at once; what was in flight will be read again"))),
    }
}

/// Gives back what only the start needed, once that is over, and from then on what nobody asked for of late: the schema of
/// connector files and what checks them are 5 MB.
async fn give_back(registry: &Registry) -> Infallible {
    tokio::time::sleep(STARTED).await;
    registry.forget_unused(Duration::ZERO);
    #[cfg(target_os = "linux")]
    crate::cli::code_pages::give_back();
    loop {
        tokio::time::sleep(UNUSED).await;
        registry.forget_unused(UNUSED);
    }
}

/// Returns what the connectors share.
fn shared(context: &Context) -> SharedByConnectors {
    let memory = ProcessBudget::new(context.settings().buffer_memory.map(ByteSize::bytes));
    let shared = SharedByConnectors::default().with_memory(memory);
    match context.telemetry().and_then(Telemetry::tracer) {
        Some(tracer) => shared.with_tracer(tracer),
        None => shared,
    }
}

/// Returns how often secret stores are asked again, if they are.
fn refresh(settings: &WorkerSettings) -> Result<Option<Duration>, Exit> {
    match settings.refresh.map(HumanDuration::get) {
        Some(refresh) if refresh < SHORTEST_REFRESH => {
            let text = format!("`refresh`: {refresh:?} is too often; no shorter than {SHORTEST_REFRESH:?}");
            Err(Exit::Configuration(vec![Problem::of_file(Path::new("settings"), text)]))
        }
        refresh => Ok(refresh),
    }
}

fn kept_states(settings: &WorkerSettings) -> Result<KeptStates, Exit> {
    let Some(directory) = &settings.state_dir else { return Ok(KeptStates::default()) };
    KeptStates::open(directory).map_err(|error| {
        Exit::Environment(format!("cannot keep states in `{}` (`state_dir`): {error}", directory.display()))
    })
}

/// Waits until whoever holds the other end of standard input lets go of it, as the end of a process does.
async fn input_ended() {
    // One that cannot be read has ended too.
    let _unreadable = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await.is_err();
}

fn report(ended: &Ended) -> Result<(), Exit> {
    match ended.late {
        0 => {
            tracing::info!("stopped");
            Ok(())
        }
        late => Err(Exit::Running(format!(
            "{late} connector(s) did not end within the shutdown timeout; what was in flight will be read again"
        ))),
    }
}
