//! The connector of a function.

use std::path::Path;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_connector_api::{Failure, Provider, ProviderSettings, SettingsError};
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::lambda;

use crate::plug_ins::registry;

/// An environment without a variable.
#[derive(Deserialize, JsonSchema)]
struct NothingIsSet {}

#[async_trait]
impl Provider for NothingIsSet {
    async fn value(&self, _name: &str) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}

impl ProviderSettings for NothingIsSet {
    const NAME: &'static str = "env";

    fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
        Ok(Box::new(self))
    }
}

/// Returns what is wrong with a connector, the sink of which is good.
async fn problems(text: &str) -> Vec<String> {
    let text = format!("{text}sink: {{ nowhere: {{}} }}\n");
    let registry = registry().with_provider::<NothingIsSet>();
    let loaded = lambda::load(Path::new("prices.yaml"), &text, &registry, Follow::Every).await;
    loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_kafka_section_may_be_absent_or_refer_to_what_is_not_set() {
    let set = "source:\n  kafka: { bootstrap_servers: \"${env:BROKERS}\", topics: [t] }\n  value: string\n";
    for text in ["", "source: {}\n", "source: { value: json }\n", set] {
        assert_eq!(problems(text).await, Vec::<String>::new(), "{text}");
    }
}

#[tokio::test]
async fn a_dead_letter_topic_needs_its_brokers() {
    let queue = "errors: { tolerance: all, dead_letter_queue: { topic: dlq } }\n";
    assert!(problems(&format!("source: {{}}\n{queue}")).await.join("\n").contains("kafka"));
    let set = "source:\n  kafka: { bootstrap_servers: \"${env:BROKERS}\", topics: [t] }\n";
    assert!(problems(&format!("{set}{queue}")).await.join("\n").contains("BROKERS"));
}

#[tokio::test]
async fn what_else_is_wrong_is_still_reported_at_its_place() {
    assert_eq!(problems("source: { valeu: json }\n").await.len(), 1);
    assert!(problems("source: []\n").await.iter().any(|problem| problem.starts_with("prices.yaml:1:9")));
}
