//! A connector that would read what it writes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, Sink, SourceTopics};
use sluice_plugin_testing::{record, record_failures};

use crate::built::built;

/// Reads the topics `orders` and `customers`, and whatever begins with `log-`.
struct Shop(&'static str);

#[async_trait]
impl SourceTopics for Shop {
    fn bootstrap_servers(&self) -> &str {
        self.0
    }

    fn names(&self) -> Vec<String> {
        vec!["orders".to_owned(), "customers".to_owned()]
    }

    fn reads(&self, topic: &str) -> bool {
        self.names().iter().any(|name| name == topic) || topic.starts_with("log-")
    }

    async fn cluster_id(&self) -> Option<String> {
        None
    }
}

fn writing(topic: &str) -> Box<dyn Sink> {
    let settings = json!({
        "bootstrap_servers": "a:9092", "topic": topic, "properties": { "message.timeout.ms": "100" },
    });
    built("kafka", settings)
}

#[test]
fn a_topic_that_is_read_is_refused_where_it_can_be_told() {
    for (topic, refused) in [
        ("orders", true),
        ("log-all", true),
        ("{{@record.topic}}", true),
        ("copy", false),
        ("m.{{@record.topic}}", false),
        ("{{region}}", false),
    ] {
        let met = writing(topic).meets(Arc::new(Shop("a:9092,b:9092")));
        assert_eq!(met.is_err(), refused, "{topic}");
        if let Err(error) = met {
            assert!(error.path() == "topic" && error.to_string().contains("round for ever"), "{error}");
        }
        assert!(
            writing(topic).meets(Arc::new(Shop("other:9092"))).is_ok(),
            "other brokers have topics of their own"
        );
    }
}

#[tokio::test]
async fn a_record_that_would_go_round_stops_the_connector_before_it_is_written() {
    let put = |topic: &'static str, value: Value, target: Option<&'static str>| async move {
        let sink = writing(topic);
        sink.meets(Arc::new(Shop("a"))).unwrap();
        let made = record(0).at("orders", 0).value(value);
        let made = match target {
            Some(target) => made.target_topic(target),
            None => made,
        };
        record_failures(sink.put(&[made.build()]).await).remove(0)
    };
    for (topic, value, target) in [
        ("{{to}}", json!({ "to": "customers" }), None),
        ("log-{{to}}", json!({ "to": "x" }), None),
        ("m{{@record.topic}}", json!({}), Some("x")),
    ] {
        let (_, kind, reason) = put(topic, value.clone(), target).await;
        let goes_round = kind == FailureKind::Fatal && reason.contains("round for ever");
        assert_eq!(goes_round, topic != "m{{@record.topic}}", "{topic} {value}: {reason}");
    }
    let routed = put("{{@record.topic}}x", json!({}), Some("log-"));
    let (_, kind, reason) = routed.await;
    assert!(kind == FailureKind::Fatal && reason.contains("log-x is read"), "{reason}");
}
