//! The real servers of a run, each started once for all of its cases.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::kind::TargetKind;
use crate::kafka::Broker;
use crate::object_store::ObjectStore;
use crate::opensearch::OpenSearch;
use crate::postgres::Postgres;

/// More listeners than a run has cases with Kafka for a target.
const LISTENERS: usize = 12;

/// The servers that are asked for and to be had. They end with their value.
pub(in crate::matrix) struct Servers {
    pub(super) postgres: Option<Postgres>,
    pub(super) store: Option<ObjectStore>,
    pub(super) node: Option<OpenSearch>,
    kafka: Option<ProxiedBroker>,
}

/// A broker, and listeners of it that each are reached through a proxy of one case.
struct ProxiedBroker {
    broker: Broker,
    /// Ports of listeners, and where these say that they are.
    free: Mutex<Vec<(u16, u16)>>,
}

impl Servers {
    /// Starts what these kinds of targets need. What is missing says so, or fails where it is required.
    pub(in crate::matrix) fn start(kinds: &BTreeSet<TargetKind>) -> Self {
        let wants = |these: &[TargetKind]| these.iter().any(|kind| kinds.contains(kind));
        let is_wanted = wants(&[TargetKind::Postgres, TargetKind::PostgresUpsert]);
        let postgres = is_wanted.then(Postgres::start).flatten();
        let store = wants(&[TargetKind::S3]).then(ObjectStore::start).flatten();
        let node = wants(&[TargetKind::Opensearch]).then(OpenSearch::start).flatten();
        let is_wanted = wants(&[TargetKind::Kafka, TargetKind::KafkaPlain]);
        let kafka = is_wanted.then(|| Broker::start_behind(LISTENERS)).flatten();
        let kafka = kafka.map(|(broker, free)| ProxiedBroker { broker, free: Mutex::new(free) });
        Self { postgres, store, node, kafka }
    }

    /// Says whether the server of a kind of target runs.
    pub(in crate::matrix) fn have(&self, kind: TargetKind) -> bool {
        match kind {
            TargetKind::Http => true,
            TargetKind::Postgres | TargetKind::PostgresUpsert => self.postgres.is_some(),
            TargetKind::Kafka | TargetKind::KafkaPlain => self.kafka.is_some(),
            TargetKind::S3 => self.store.is_some(),
            TargetKind::Opensearch => self.node.is_some(),
        }
    }

    /// Returns the broker that a target is a topic of.
    pub(in crate::matrix) fn broker(&self, kind: TargetKind) -> Option<&Broker> {
        let is_topic = matches!(kind, TargetKind::Kafka | TargetKind::KafkaPlain);
        self.kafka.as_ref().filter(|_| is_topic).map(|kafka| &kafka.broker)
    }

    /// Returns a listener of that broker for one case.
    pub(super) fn listener(&self) -> Option<(u16, u16)> {
        self.kafka.as_ref()?.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
