//! The sink against a cluster in memory, and against answers that it is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod answers;
mod documents;
mod looks;
mod server;
mod settings;
mod writes;

use serde_json::{Value, json};
use sluice_connector_api::{Record, Sink};
use sluice_plugin_testing::{SinkContract, record};

use self::server::TestCluster;
use crate::built::built;

/// Builds a sink into the index `prices`, or what the changes say.
fn sink_at(url: &str, changes: &Value) -> Box<dyn Sink> {
    let mut settings = json!({ "urls": [url], "index": "prices" });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    built("opensearch", settings)
}

fn sink_of(cluster: &TestCluster, changes: &Value) -> Box<dyn Sink> {
    sink_at(&cluster.server.url, changes)
}

/// A record whose key is its ticker.
fn price(offset: i64, ticker: &str) -> Record {
    record(offset)
        .key(ticker)
        .value(json!({ "ticker": ticker, "price": offset }))
        .timestamp(1_739_712_345_678)
        .build()
}

fn gone(offset: i64, ticker: &str) -> Record {
    record(offset).key(ticker).build()
}

/// The lines of a request's body.
fn lines(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn keeps_the_contract() {
    for changes in [
        json!({}),
        json!({ "index": "{{@record.topic}}", "document_id": "key", "compression": "gzip" }),
        json!({ "index": "logs", "index_date": "%Y", "document_id": { "template": "{{ticker}}" }, "routing": "{{price}}" }),
        json!({ "write": "upsert", "document_id": "key" }),
        json!({ "write": "create" }),
        json!({ "write": "data_stream", "index": "stream" }),
        json!({ "document_id": "generated" }),
        json!({ "document_id": "key", "write": { "script": { "source": "x", "params": { "by": 1 }, "upsert": true } } }),
    ] {
        let cluster = TestCluster::start().await;
        let sink = sink_of(&cluster, &changes);
        let make = |offset: i64| price(offset, &format!("T{offset}"));
        SinkContract::new(&*sink).records(make).holds().await;
    }
}
