//! The connectors of a worker: what should run is compared with what runs, and just what differs is changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::settings::TargetState;
use crate::connector::load::Connector;
use crate::pace::pacer::Pacers;
use crate::worker::kept_states::{Kept, KeptStates};
use crate::worker::running::{ClosingConnector, RunningConnector, SharedByConnectors};
use crate::worker::status::{ConnectorStatus, TaskStatus};

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
    shared: SharedByConnectors,
    stop: CancellationToken,
}

#[derive(Debug)]
pub(super) struct Rows {
    pub(super) running: BTreeMap<Arc<str>, RunningConnector>,
    /// What is wrong with files as they are now, by the name of the connector.
    pub(super) config_errors: BTreeMap<String, Vec<String>>,
    states: KeptStates,
    /// Connectors that were removed or replaced, the oldest first.
    closing: Vec<ClosingConnector>,
}

impl Table {
    pub(super) fn new(states: KeptStates, shared: SharedByConnectors, stop: CancellationToken) -> Self {
        let rows =
            Rows { running: BTreeMap::new(), config_errors: BTreeMap::new(), states, closing: Vec::new() };
        Self { rows: Mutex::new(rows), shared, stop }
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
            rows.states.forget(&name);
            tracing::info!(connector = &*name, "connector removed: it delivers what is in flight and ends");
            applied.stopped.push(name);
        }
        for (name, connector) in wanted {
            let before = rows.running.get(&name).map(|running| &running.connector);
            if before.is_some_and(|before| before.definition == connector.definition) {
                rows.follow_state(&name, connector.state);
                applied.unchanged.push(name);
                continue;
            }
            let replaces = before.is_some();
            rows.forget_changed_pace(&connector, &self.shared.pacers);
            rows.close(&name);
            rows.start(connector, &self.shared, &self.stop);
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

    fn start(&mut self, connector: Connector, shared: &SharedByConnectors, stop: &CancellationToken) {
        let target = self.states.target(&connector.name, connector.state);
        let earlier: Vec<_> = self.closing.iter().filter(|closing| closing.name == connector.name).collect();
        let running = RunningConnector::start(connector, target, &earlier, shared, stop);
        self.running.insert(Arc::clone(&running.connector.name), running);
    }

    /// Makes a connector what its file says since it was changed: that is a later word than an operator's.
    fn follow_state(&mut self, name: &str, state: TargetState) {
        let Some(running) = self.running.get_mut(name) else { return };
        if running.connector.state != state {
            running.connector.state = state;
            running.desire(|desired| desired.target = state);
            self.states.forget(name);
            tracing::info!(connector = name, ?state, "the connector's file asks for another state");
        }
    }

    /// Makes a connector what an operator wants it to be, until its file says something else. Returns nothing where none
    /// has this name.
    pub(super) fn ask_for(&mut self, name: &str, state: TargetState) -> Option<Kept> {
        let running = self.running.get(name)?;
        running.desire(|desired| desired.target = state);
        Some(self.states.keep(name, state, running.connector.state))
    }

    /// Notes what a connector is to be once it is there, if its file says nothing of it.
    pub(super) fn ask_for_before_start(&mut self, name: &str, state: TargetState) -> Kept {
        self.states.keep(name, state, TargetState::default())
    }

    pub(super) fn forget_before_start(&mut self, name: &str) {
        self.states.forget(name);
    }

    /// Returns what each connector is up to, by name, those included of whose file no version could be read.
    pub(super) fn statuses_of_connectors(&self) -> Vec<ConnectorStatus> {
        let errors_of = |name: &str| self.config_errors.get(name).cloned().unwrap_or_default();
        let running = self.running.values().map(|running| {
            let status = running.status();
            ConnectorStatus { config_errors: errors_of(&status.name), ..status }
        });
        let broken = self.config_errors.iter().filter(|(name, _)| !self.running.contains_key(name.as_str()));
        let broken = broken.map(|(name, errors)| ConnectorStatus::without_version(name, errors));
        let mut all: Vec<_> = running.chain(broken).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
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
