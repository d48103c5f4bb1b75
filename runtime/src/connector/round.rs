//! Lets a sink know what its connector reads, so that one that writes there as well is refused: it would go round for ever.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use sluice_connector_api::{Sink, SourceTopics};

use crate::connector::parts::Parts;
use crate::kafka::cluster::cluster_id;
use crate::kafka::patterns::TopicEntry;
use crate::kafka::{Access, KafkaSettings};

/// The topics of a source.
struct ReadTopics {
    access: Access,
    bootstrap_servers: String,
    entries: Vec<TopicEntry>,
}

#[async_trait]
impl SourceTopics for ReadTopics {
    fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    fn names(&self) -> Vec<String> {
        let named = self.entries.iter().filter(|entry| !entry.is_pattern());
        named.map(|entry| entry.text().to_owned()).collect()
    }

    fn reads(&self, topic: &str) -> bool {
        self.entries.iter().any(|entry| entry.means(topic))
    }

    async fn cluster_id(&self) -> Option<String> {
        cluster_id(&self.access).await
    }
}

impl Parts<'_> {
    /// Lets the sink whose settings are at a path know what is read.
    pub(super) fn meet_source(&mut self, value: &Value, path: &str, sink: &dyn Sink) {
        let kafka = value.pointer("/source/kafka").map(KafkaSettings::deserialize).and_then(Result::ok);
        let Some(kafka) = kafka.filter(|_| !self.has_problem_in("source")) else { return };
        let read = ReadTopics {
            access: kafka.access(),
            entries: TopicEntry::from_texts(&kafka.topics),
            bootstrap_servers: kafka.bootstrap_servers,
        };
        if let Err(error) = sink.meets(Arc::new(read)) {
            let refused = self.refused(path, &error);
            self.problems.push(refused);
        }
    }
}
