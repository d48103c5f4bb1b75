//! How the rest of the process sees and steers the connectors: what a control surface sits on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::settings::TargetState;
use crate::connector::load::Connector;
use crate::engine::Counters;
use crate::worker::desired::DesiredState;
use crate::worker::kept_states::Kept;
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

    /// Says what is wrong with connector files as they are now, by the name of the connector: what was said before is
    /// forgotten. It shows in the statuses and changes nothing of what runs.
    pub fn report_config_errors(&self, errors: BTreeMap<String, Vec<String>>) {
        self.0.rows().config_errors = errors;
    }

    /// Returns what each connector is up to, by name, those included of whose file no version could be read.
    pub fn statuses(&self) -> Vec<ConnectorStatus> {
        self.0.rows().statuses_of_connectors()
    }

    /// Returns what a connector is up to.
    pub fn status(&self, name: &str) -> Result<ConnectorStatus, UnknownConnector> {
        let found = self.statuses().into_iter().find(|status| status.name == name);
        found.ok_or_else(|| UnknownConnector(name.to_owned()))
    }

    /// Stops reading; what was read is still delivered, and the partitions stay ours.
    pub fn pause(&self, name: &str) -> Result<Kept, UnknownConnector> {
        self.ask_for(name, TargetState::Paused)
    }

    /// Goes on after a pause or a stop.
    pub fn resume(&self, name: &str) -> Result<Kept, UnknownConnector> {
        self.ask_for(name, TargetState::Running)
    }

    /// Ends the connector's tasks and gives its partitions back, until it is resumed.
    pub fn stop(&self, name: &str) -> Result<Kept, UnknownConnector> {
        self.ask_for(name, TargetState::Stopped)
    }

    /// Says what a connector is meant to be that is about to be made, where its file says nothing of it.
    pub(crate) fn ask_for_before_start(&self, name: &str, state: TargetState) -> Kept {
        self.0.rows().ask_for_before_start(name, state)
    }

    /// Takes back what [`Control::ask_for_before_start`] said: the connector is not made.
    pub(crate) fn forget_before_start(&self, name: &str) {
        self.0.rows().forget_before_start(name);
    }

    /// Ends the connector's tasks and starts them again; one that waits after a failure does not wait longer.
    pub fn restart(&self, name: &str) -> Result<(), UnknownConnector> {
        self.desire(name, |desired| desired.restarts.iter_mut().for_each(|restarts| *restarts += 1))
    }

    /// Returns what each connector is up to, with the counters of its tasks.
    pub(crate) fn seen(&self) -> Vec<(ConnectorStatus, Vec<Arc<Counters>>)> {
        let rows = self.0.rows();
        let counters_of = |name: &str| rows.running.get(name).map(RunningConnector::counters);
        let statuses = rows.statuses_of_connectors().into_iter();
        let with_counters = |status: ConnectorStatus| {
            let counters = counters_of(&status.name).unwrap_or_default();
            (status, counters)
        };
        statuses.map(with_counters).collect()
    }

    /// Returns a connector as it runs.
    pub(crate) fn connector(&self, name: &str) -> Result<Connector, UnknownConnector> {
        self.with(name, |running| running.connector.clone())
    }

    /// Ends one task of a connector and starts it again. Says whether it has such a task.
    pub(crate) fn restart_task(&self, name: &str, task: usize) -> Result<bool, UnknownConnector> {
        self.with(name, |running| running.restart_task(task))
    }

    fn ask_for(&self, name: &str, state: TargetState) -> Result<Kept, UnknownConnector> {
        self.0.rows().ask_for(name, state).ok_or_else(|| UnknownConnector(name.to_owned()))
    }

    fn desire(&self, name: &str, change: impl FnOnce(&mut DesiredState)) -> Result<(), UnknownConnector> {
        self.with(name, |running| running.desire(change))
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&RunningConnector) -> T) -> Result<T, UnknownConnector> {
        self.0.rows().running.get(name).map(act).ok_or_else(|| UnknownConnector(name.to_owned()))
    }
}
