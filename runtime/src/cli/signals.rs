//! The signals that end a process, and those that must not.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli::exit::Exit;

/// `timeout` and a terminal send to a process and to its group, so that one signal may come twice. So soon after the first
/// it is the same one.
const SAME: Duration = Duration::from_millis(500);
/// SIGXFSZ: a file may not grow any more. Its number is the same on every system that Sluice runs on.
const FILE_TOO_LARGE: SignalKind = SignalKind::from_raw(25);

/// The signals that end a process: SIGINT, SIGTERM, and SIGQUIT, which some images send in place of that.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    hangup: Signal,
    last: Option<(&'static str, Instant)>,
    reload: Option<mpsc::Sender<()>>,
}

impl Signals {
    /// Takes them over: from now on they no longer end the process. Nor does SIGHUP, which is what the end of a terminal
    /// sends.
    pub fn listen() -> Result<Self, Exit> {
        let listen = |kind| {
            signal(kind).map_err(|error| Exit::Environment(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            quit: listen(SignalKind::quit())?,
            hangup: listen(SignalKind::hangup())?,
            last: None,
            reload: None,
        })
    }

    /// Has a SIGHUP sent on, to whoever reads files again.
    #[must_use]
    pub(crate) fn reloading(mut self, reload: mpsc::Sender<()>) -> Self {
        self.reload = Some(reload);
        self
    }

    /// Waits for the next one and names it. One that comes twice in half a second counts once. SIGHUP is logged, and
    /// sent on or ignored.
    pub async fn next(&mut self) -> &'static str {
        loop {
            let name = tokio::select! {
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.quit.recv() => "SIGQUIT",
                _ = self.hangup.recv() => {
                    self.hung_up();
                    continue;
                }
            };
            let now = Instant::now();
            let last = self.last.replace((name, now));
            if last.is_none_or(|(before, at)| before != name || now.duration_since(at) > SAME) {
                return name;
            }
            self.last = last;
        }
    }

    fn hung_up(&self) {
        if let Some(reload) = &self.reload {
            tracing::info!("SIGHUP: looking at the connector files");
            // Where one is waiting already it will see this change, too.
            let _waiting = reload.try_send(()).is_err();
        } else {
            tracing::info!("SIGHUP: ignored; restart the process to read its files again");
        }
    }
}

/// Lets a file that may not grow any more be an error of the write, as a full disk is, and not the end of the process; nor do
/// SIGUSR1 and SIGUSR2 end it, by which tools tell others to open their logs again. A reader that has gone is an error already:
/// Rust ignores SIGPIPE. Must be called within the async runtime.
pub(crate) fn ignore_harmless() {
    for harmless in [FILE_TOO_LARGE, SignalKind::user_defined1(), SignalKind::user_defined2()] {
        if let Err(error) = signal(harmless) {
            tracing::debug!("{harmless:?} cannot be ignored: {error}");
        }
    }
}
