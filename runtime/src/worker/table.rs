//! The connectors of a worker: what should run is compared with what runs, and just what differs is changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::connector::load::Connector;
use crate::pace::pacer::Pacers;
use crate::worker::running::{ClosingConnector, RunningConnector};
use crate::worker::status::TaskStatus;

/// What `Control::apply` did, by the names of connectors, each list in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Had not been running.
    pub started: Vec<Arc<str>>,
    /// Had another definition; the successor starts when its predecessor has delivered, committed and left.
    pub replaced: Vec<Arc<str>>,
    /// Are wanted no more.
    pub stopped: Vec<Arc<str>>,
    /// Run on, untouched.
    pub unchanged: Vec<Arc<str>>,
}

/// The connectors of a worker by name.
#[derive(Debug)]
pub(super) struct Table {
    rows: Mutex<Rows>,
    pacers: Pacers,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) running: BTreeMap<Arc<str>, RunningConnector>,
    /// Connectors that were removed or replaced, the oldest first.
    closing: Vec<ClosingConnector>,
}

impl Table {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { rows: Mutex::default(), pacers: Pacers::default(), stop }
    }

    pub(super) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes these the connectors that run.
    pub(super) fn apply(&self, connectors: Vec<Connector>) -> Applied {
        let (mut rows, mut applied) = (self.rows(), Applied::default());
        if self.stop.is_cancelled() {
            return applied;
        }
        rows.closing.retain(|closing| !closing.has_ended());
        let wanted: BTreeMap<_, _> =
            connectors.into_iter().map(|connector| (Arc::clone(&connector.name), connector)).collect();
        let unwanted: Vec<_> =
            rows.running.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in unwanted {
            rows.close(&name);
            tracing::info!(connector = &*name, "connector removed: it delivers what is in flight and ends");
            applied.stopped.push(name);
        }
        for (name, connector) in wanted {
            let before = rows.running.get(&name).map(|running| &running.connector);
            if before.is_some_and(|before| before.definition == connector.definition) {
                applied.unchanged.push(name);
                continue;
            }
            let replaces = before.is_some();
            rows.forget_changed_pace(&connector, &self.pacers);
            rows.close(&name);
            rows.start(connector, &self.pacers, &self.stop);
            if replaces {
                tracing::info!(connector = &*name, "connector changed: it ends and starts anew");
                applied.replaced.push(name);
            } else {
                applied.started.push(name);
            }
        }
        applied
    }
}

impl Rows {
    fn close(&mut self, name: &str) {
        if let Some(running) = self.running.remove(name) {
            self.closing.push(running.close());
        }
    }

    fn start(&mut self, connector: Connector, pacers: &Pacers, stop: &CancellationToken) {
        let earlier: Vec<_> = self.closing.iter().filter(|closing| closing.name == connector.name).collect();
        let running = RunningConnector::start(connector, &earlier, pacers, stop);
        self.running.insert(Arc::clone(&running.connector.name), running);
    }

    /// A successor with another pace begins at that, unless others draw on the same budget.
    fn forget_changed_pace(&self, successor: &Connector, pacers: &Pacers) {
        let pace_of = |connector: &Connector| connector.sink.limits().pace;
        let Some(before) = self.running.get(&successor.name) else { return };
        let Some(pace) = pace_of(&before.connector) else { return };
        let others = self.running.values().filter(|other| other.connector.name != successor.name);
        let mut scopes = others.filter_map(|other| pace_of(&other.connector)).map(|pace| pace.scope);
        if pace_of(successor).as_ref() != Some(&pace) && !scopes.any(|scope| scope == pace.scope) {
            pacers.forget(&pace.scope);
        }
    }

    /// Returns the ends of all tasks there are, those of connectors that close included.
    pub(super) fn statuses(&self) -> Vec<watch::Receiver<TaskStatus>> {
        let running = self.running.values().flat_map(RunningConnector::statuses);
        running.chain(self.closing.iter().flat_map(ClosingConnector::statuses)).collect()
    }
}
