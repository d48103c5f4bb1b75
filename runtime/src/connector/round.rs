//! Lets a sink know what its connector reads, so that one that writes there as well is refused: it would go round for ever.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use sluice_connector_api::{Sink, SourceTopics};

use crate::connector::parts::Parts;
use crate::kafka::KafkaSettings;
use crate::kafka::patterns::TopicEntry;

/// The topics of a source.
struct ReadTopics {
    bootstrap_servers: String,
    entries: Vec<TopicEntry>,
}

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
}

impl Parts<'_> {
    /// Lets the sink whose settings are at a path know what is read.
    pub(super) fn meet_source(&mut self, value: &Value, path: &str, sink: &dyn Sink) {
        let kafka = value.pointer("/source/kafka").map(KafkaSettings::deserialize).and_then(Result::ok);
        let Some(kafka) = kafka.filter(|_| !self.has_problem_in("source")) else { return };
        let read = ReadTopics {
            entries: TopicEntry::from_texts(&kafka.topics),
            bootstrap_servers: kafka.bootstrap_servers,
        };
        if let Err(error) = sink.meets(Arc::new(read)) {
            let refused = self.refused(path, &error);
            self.problems.push(refused);
        }
    }
}
