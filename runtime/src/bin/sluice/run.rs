use std::net::SocketAddr;
use std::path::Path;

use sluice_runtime::config::interpolate::ProcessEnv;
use sluice_runtime::config::problem::Problem;
use sluice_runtime::config::worker::WorkerSettings;
use sluice_runtime::connector::files;
use sluice_runtime::observe::server::Listener;
use sluice_runtime::worker::{Ended, Worker};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

pub(crate) async fn run(settings: &WorkerSettings, stop_with_input: bool) -> Result<(), Exit> {
    let connectors = files::load(&settings.connectors, &crate::registry(), &ProcessEnv)?;
    let stop = CancellationToken::new();
    let mut signals = Signals::listen()?;
    tracing::info!(connectors = connectors.len(), version = env!("CARGO_PKG_VERSION"), "sluice runs");
    // Before a connector reads a record: a bad address must not cost one.
    let listener = listen(settings).await?;
    let mut worker = Worker::start(connectors, stop.clone());
    if let Some(listener) = listener {
        tokio::spawn(listener.serve(worker.control(), stop.clone()));
    }
    #[cfg(target_os = "linux")]
    tokio::spawn(crate::code_pages::give_back_after_start());
    let ended = worker.ended(settings.shutdown_timeout.get());
    tokio::pin!(ended);
    tokio::select! {
        _ = &mut ended => return Err(Exit::Running("every connector has ended".to_owned())),
        name = signals.next() => tracing::info!("{name}: stopping; once more to leave at once"),
        () = input_ended(), if stop_with_input => tracing::info!("standard input has ended: stopping"),
    }
    stop.cancel();
    tokio::select! {
        ended = &mut ended => report(&ended),
        name = signals.next() => Err(Exit::Running(format!("{name} again: left at once; what was in flight will be read again"))),
    }
}

/// Waits until whoever holds the other end of standard input lets go of it, as the end of a process does.
async fn input_ended() {
    // One that cannot be read has ended too.
    let _unreadable = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await.is_err();
}

/// Binds the address of metrics, health and status. A default address that is taken is no reason not to run; one
/// that was asked for is.
async fn listen(settings: &WorkerSettings) -> Result<Option<Listener>, Exit> {
    if settings.listen == "none" {
        return Ok(None);
    }
    let address: SocketAddr = settings.listen.parse().map_err(|_| {
        let text =
            format!("`listen`: `{}` is no address; write it like 127.0.0.1:8083, or none", settings.listen);
        Exit::Configuration(vec![Problem::of_file(Path::new("settings"), text)])
    })?;
    match Listener::bind(address).await {
        Ok(listener) => {
            tracing::info!(
                "serving /metrics, /healthz, /readyz and /status on http://{}",
                listener.address().unwrap_or(address)
            );
            Ok(Some(listener))
        }
        Err(error) if settings.listen == WorkerSettings::default().listen => {
            tracing::warn!(
                "metrics, health and status are not served: cannot listen on {address}: {error}; set `listen`"
            );
            Ok(None)
        }
        Err(error) => Err(Exit::Environment(format!("cannot listen on {address}: {error}"))),
    }
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

/// The signals that end a process.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, Exit> {
        let listen = |kind| {
            signal(kind).map_err(|error| Exit::Environment(format!("cannot listen for signals: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one and names it.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
