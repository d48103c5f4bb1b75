//! The signals that end a process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::exit::Exit;

/// The signals that end a process: SIGINT and SIGTERM.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes them over: from now on they no longer end the process.
    pub fn listen() -> Result<Self, Exit> {
        let listen = |kind| {
            signal(kind).map_err(|error| Exit::Environment(format!("cannot listen for signals: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next one and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
