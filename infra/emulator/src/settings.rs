//! How an emulator is set up.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::error::ServiceError;
use crate::{DataSource, KnowledgeBaseResource, RateLimits};

/// The settings of an emulator. [`Default`] is what most tests want.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to listen on. Default: a free port (0) of 127.0.0.1.
    pub listen: SocketAddr,
    /// The knowledge bases with their data sources. Default: `DEMOKB0001` (`demo-knowledge-base`), with `DEMODS0001`
    /// (`demo-data-source`) of type CUSTOM.
    pub knowledge_bases: Vec<KnowledgeBaseResource>,
    /// How long an accepted document takes to become INDEXED, and a deleted one to be gone.
    /// Default: 200 ms. AWS takes seconds to minutes.
    pub indexing_delay: Duration,
    /// How many documents one ingest request may carry. Default: 10, as the service model says;
    /// the user guide and the quota table say 25 for the API.
    pub max_documents_per_ingest: usize,
    /// The most that a page of a list holds, whatever is asked for. Default: 1000, as the service model says. The
    /// service may return fewer than asked for, and so does this with a small number.
    pub largest_page: usize,
    /// The access key id that requests must be signed with. Default: `None`, any will do.
    pub expected_access_key_id: Option<String>,
    /// What the account may use, to begin with. Default: no limits.
    pub limits: RateLimits,
}

impl Default for Settings {
    fn default() -> Self {
        let data_source = DataSource::new("DEMODS0001", "demo-data-source");
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            knowledge_bases: vec![
                KnowledgeBaseResource::new("DEMOKB0001", "demo-knowledge-base").with(data_source),
            ],
            indexing_delay: Duration::from_millis(200),
            max_documents_per_ingest: 10,
            largest_page: 1000,
            expected_access_key_id: None,
            limits: RateLimits::default(),
        }
    }
}

impl Settings {
    /// Checks what would make every request fail.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut ids = HashSet::new();
        for knowledge_base in &self.knowledge_bases {
            knowledge_base.check()?;
            let below = knowledge_base.data_sources.iter().map(|data_source| &data_source.id);
            if let Some(id) = below.chain([&knowledge_base.id]).find(|id| !ids.insert(*id)) {
                return Err(format!("the id {id:?} is given twice"));
            }
        }
        self.limits.check()
    }

    /// Finds a knowledge base by its id, or by its ARN, which ends in a slash and the id.
    pub(crate) fn knowledge_base(&self, id: &str) -> Result<&KnowledgeBaseResource, ServiceError> {
        let last = id.rsplit('/').next();
        let found = self.knowledge_bases.iter().find(|knowledge_base| Some(&*knowledge_base.id) == last);
        found.ok_or_else(|| ServiceError::not_found("Knowledge base", id))
    }
}
