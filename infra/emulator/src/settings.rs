//! How an emulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::model;

/// The settings of an emulator. [`Default`] is what most tests want.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to listen on. Default: a free port (0) of 127.0.0.1.
    pub listen: SocketAddr,
    /// The one knowledge base there is. Default: `DEMOKB0001`.
    pub knowledge_base: Resource,
    /// The one data source of that knowledge base, of type CUSTOM. Default: `DEMODS0001`.
    pub data_source: Resource,
    /// How long an accepted document takes to become INDEXED, and a deleted one to be gone.
    /// Default: 200 ms. AWS takes seconds to minutes.
    pub indexing_delay: Duration,
    /// How many documents one ingest request may carry. Default: 10, as the service model says;
    /// the user guide and the quota table say 25 for the API.
    pub max_documents_per_ingest: usize,
    /// The access key id that requests must be signed with. Default: `None`, any will do.
    pub expected_access_key_id: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            knowledge_base: Resource::new("DEMOKB0001", "demo knowledge base"),
            data_source: Resource::new("DEMODS0001", "demo data source"),
            indexing_delay: Duration::from_millis(200),
            max_documents_per_ingest: 10,
            expected_access_key_id: None,
        }
    }
}

impl Settings {
    /// Checks what would make every request fail.
    pub(crate) fn check(&self) -> Result<(), String> {
        for resource in [&self.knowledge_base, &self.data_source] {
            if !model::ID_PATTERN.holds(&resource.id) {
                let id = &resource.id;
                return Err(format!("the id {id:?} must be 10 letters and digits"));
            }
        }
        Ok(())
    }
}

/// A knowledge base or a data source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its id: 10 letters and digits (`^[0-9a-zA-Z]{10}$`, botocore 1.44.5).
    pub id: String,
    /// Its name, for people; no operation emulated here answers with it.
    pub name: String,
}

impl Resource {
    /// Makes a resource. [`crate::Emulator::start`] checks the id.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into() }
    }
}
