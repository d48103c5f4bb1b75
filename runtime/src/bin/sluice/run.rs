use sluice_runtime::config::files;
use sluice_runtime::config::interpolate::ProcessEnv;
use sluice_runtime::config::worker::WorkerSettings;
use sluice_runtime::worker;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

pub(crate) async fn run(settings: &WorkerSettings) -> Result<(), Exit> {
    let connectors = files::load(&settings.connectors, &crate::registry(), &ProcessEnv)?;
    let stop = CancellationToken::new();
    let mut signals = Signals::listen()?;
    tracing::info!(connectors = connectors.len(), version = env!("CARGO_PKG_VERSION"), "sluice runs");
    let worker = worker::run(connectors, stop.clone(), settings.shutdown_timeout.get());
    tokio::pin!(worker);
    tokio::select! {
        _ = &mut worker => return Err(Exit::Running("every connector has ended".to_owned())),
        name = signals.next() => tracing::info!("{name}: stopping; once more to leave at once"),
    }
    stop.cancel();
    tokio::select! {
        ended = &mut worker => report(&ended),
        name = signals.next() => Err(Exit::Running(format!("{name} again: left at once; what was in flight will be read again"))),
    }
}

fn report(ended: &worker::Ended) -> Result<(), Exit> {
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
