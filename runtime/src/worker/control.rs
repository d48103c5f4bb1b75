//! How the rest of the process sees and steers the connectors: what a control surface sits on.

use std::sync::Arc;

use crate::connector::load::Connector;
use crate::engine::Counters;
use crate::worker::desired::{DesiredState, TargetState};
use crate::worker::running::RunningConnector;
use crate::worker::status::ConnectorStatus;
use crate::worker::table::{Applied, Table};

/// Sees and steers the connectors of a worker, from anywhere in the process. Clones steer the same ones.
#[derive(Clone, Debug)]
pub struct Control(Arc<Table>);

/// No connector has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no connector is named `{0}`")]
pub struct UnknownConnector(pub String);

impl Control {
    pub(super) fn new(table: Arc<Table>) -> Self {
        Self(table)
    }

    /// Makes these the connectors that run, and returns at once. One that is not among them delivers what it has in
    /// flight, commits and leaves; one that is new starts; one whose [definition] differs is replaced, and its successor
    /// joins when it has left. What was paused or stopped stays so. All others run on, untouched. Of several with one
    /// name the last counts. Does nothing once the worker stops.
    ///
    /// Must be called within the async runtime.
    ///
    /// [definition]: crate::connector::definition::Definition
    pub fn apply(&self, connectors: Vec<Connector>) -> Applied {
        self.0.apply(connectors)
    }

    /// Returns what each connector is up to, by name.
    pub fn statuses(&self) -> Vec<ConnectorStatus> {
        self.0.rows().running.values().map(RunningConnector::status).collect()
    }

    /// Returns what a connector is up to.
    pub fn status(&self, name: &str) -> Result<ConnectorStatus, UnknownConnector> {
        self.with(name, RunningConnector::status)
    }

    /// Stops reading; what was read is still delivered, and the partitions stay ours.
    pub fn pause(&self, name: &str) -> Result<(), UnknownConnector> {
        self.desire(name, |desired| desired.target = TargetState::Paused)
    }

    /// Goes on after a pause or a stop.
    pub fn resume(&self, name: &str) -> Result<(), UnknownConnector> {
        self.desire(name, |desired| desired.target = TargetState::Running)
    }

    /// Ends the connector's tasks and gives its partitions back, until it is resumed.
    pub fn stop(&self, name: &str) -> Result<(), UnknownConnector> {
        self.desire(name, |desired| desired.target = TargetState::Stopped)
    }

    /// Ends the connector's tasks and starts them again; one that waits after a failure does not wait longer.
    pub fn restart(&self, name: &str) -> Result<(), UnknownConnector> {
        self.desire(name, |desired| desired.restarts += 1)
    }

    /// Returns what each connector is up to, with the counters of its tasks.
    pub(crate) fn seen(&self) -> Vec<(ConnectorStatus, Vec<Arc<Counters>>)> {
        self.0.rows().running.values().map(|running| (running.status(), running.counters())).collect()
    }

    fn desire(&self, name: &str, change: impl FnOnce(&mut DesiredState)) -> Result<(), UnknownConnector> {
        self.with(name, |running| running.desire(change))
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&RunningConnector) -> T) -> Result<T, UnknownConnector> {
        self.0.rows().running.get(name).map(act).ok_or_else(|| UnknownConnector(name.to_owned()))
    }
}
