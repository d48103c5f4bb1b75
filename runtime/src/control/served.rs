//! What each request is served from.

use std::sync::Arc;

use sluice_connector_api::Registry;
use tokio::sync::OnceCell;

use crate::connector::load::Connector;
use crate::control::error::{RestError, RestResult};
use crate::worker::{ConnectorStatus, Control};

/// The worker, and what it says of itself.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) control: Control,
    pub(super) registry: Arc<Registry>,
    pub(super) version: String,
    pub(super) worker_id: String,
    /// The id of the cluster, once its brokers have said it.
    pub(super) cluster: Arc<OnceCell<String>>,
}

impl Served {
    /// Returns what a connector is up to, for whoever asks for that.
    pub(super) fn status(&self, name: &str) -> RestResult<ConnectorStatus> {
        let missing = |_| RestError::not_found(format!("No status found for connector {name}"));
        self.control.status(name).map_err(missing)
    }

    /// Returns a connector with what it is up to.
    pub(super) fn connector(&self, name: &str) -> RestResult<(Connector, ConnectorStatus)> {
        let missing = |_| RestError::not_found(format!("Connector {name} not found"));
        let connector = self.control.connector(name).map_err(missing)?;
        let status = self.control.status(name).map_err(missing)?;
        Ok((connector, status))
    }
}
