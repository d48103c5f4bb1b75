//! What each request is served from.

use std::sync::Arc;

use sluice_connector_api::Registry;
use tokio::sync::OnceCell;

use crate::config::yaml::Node;
use crate::connector::load::Connector;
use crate::control::error::{RestError, RestResult};
use crate::control::file_writes::FileWrites;
use crate::control::shapes::WorkerIdentity;
use crate::observe::history::History;
use crate::worker::{ConnectorStatus, Control};

/// The worker, and what it says of itself.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) control: Control,
    pub(super) registry: Arc<Registry>,
    pub(super) identity: WorkerIdentity,
    /// What writes connector files, where requests may.
    pub(super) writes: Option<FileWrites>,
    /// How connectors fared in the last hour.
    pub(super) history: History,
    /// When the API was first served, in milliseconds since 1970.
    pub(super) started: u64,
    /// The id of the cluster, once its brokers have said it.
    pub(super) cluster: Arc<OnceCell<String>>,
}

impl Served {
    /// Returns what a connector is up to, for whoever asks for that.
    pub(super) fn status(&self, name: &str) -> RestResult<ConnectorStatus> {
        let missing = |_| RestError::not_found(format!("No status found for connector {name}"));
        self.control.status(name).map_err(missing)
    }

    /// Returns the file of a connector as it stands, before its references are resolved, if it can be read.
    pub(super) async fn before(&self, name: &str) -> Option<Node> {
        let file = self.control.connector(name).ok()?.file;
        let text = tokio::fs::read_to_string(file).await.ok()?;
        Node::parse(&text).ok()
    }

    /// Returns a connector with what it is up to.
    pub(super) fn connector(&self, name: &str) -> RestResult<(Connector, ConnectorStatus)> {
        let missing = |_| self.absent(name, format!("Connector {name} not found"));
        let connector = self.control.connector(name).map_err(missing)?;
        let status = self.control.status(name).map_err(missing)?;
        Ok((connector, status))
    }

    /// Says why a connector cannot be asked for something: it is not there (`missing`), or there is a file that was never valid.
    pub(super) fn absent(&self, name: &str, missing: String) -> RestError {
        match self.control.status(name) {
            Ok(status) if !status.config_errors.is_empty() => RestError::bad_request(format!(
                "connector {name} does not run, since no version of its file was valid: {}",
                status.config_errors.join("\n")
            )),
            _ => RestError::not_found(missing),
        }
    }
}
