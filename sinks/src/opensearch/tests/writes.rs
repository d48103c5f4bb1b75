//! The other ways to write: create, data streams, updates and scripts.

use serde_json::json;
use sluice_connector_api::FailureKind;
use sluice_plugin_testing::{record, record_failures};

use super::{TestCluster, gone, lines, price, sink_of};

#[tokio::test]
async fn a_document_that_is_there_stays_where_it_is_to_be_created() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "document_id": "key", "write": "create" }));
    sink.put(&[price(1, "A")]).await.unwrap();
    sink.put(&[price(2, "A"), price(3, "B")]).await.unwrap();
    let documents = cluster.documents("prices");
    assert_eq!((documents["A"]["price"].clone(), documents["B"]["price"].clone()), (json!(1), json!(3)));
}

#[tokio::test]
async fn a_data_stream_takes_documents_with_a_time() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "index": "stream-a", "write": "data_stream" }));
    sink.put(&[price(1, "A")]).await.unwrap();
    sink.put(&[price(1, "A")]).await.unwrap();
    let documents = cluster.documents("stream-a");
    assert_eq!(documents["prices-0-1"]["@timestamp"], "2025-02-16T13:25:45.678Z");
    assert_eq!(documents.len(), 1);
    let failures = record_failures(sink.put(&[record(2).value(json!({})).build()]).await);
    assert_eq!(failures[0].1, FailureKind::Rejected);
    let failures =
        record_failures(sink_of(&cluster, &json!({ "index": "stream-a" })).put(&[price(3, "A")]).await);
    assert_eq!(failures[0].1, FailureKind::Fatal, "{failures:?}");
    assert!(failures[0].2.contains("`write: data_stream`"), "{failures:?}");
}

#[tokio::test]
async fn an_update_changes_the_fields_that_a_record_has() {
    let cluster = TestCluster::start().await;
    let update = sink_of(&cluster, &json!({ "document_id": "key", "write": "update", "on_null": "delete" }));
    let change = record(3).key("A").value(json!({ "name": "x" })).build();
    let failures = record_failures(update.put(std::slice::from_ref(&change)).await);
    assert_eq!(failures[0].1, FailureKind::Rejected);
    assert!(failures[0].2.contains("`write: upsert`"), "{failures:?}");
    let upsert = sink_of(&cluster, &json!({ "document_id": "key", "write": "upsert" }));
    upsert.put(&[price(1, "A")]).await.unwrap();
    update.put(&[change]).await.unwrap();
    assert_eq!(cluster.documents("prices")["A"], json!({ "ticker": "A", "price": 1, "name": "x" }));
    update.put(&[gone(4, "A")]).await.unwrap();
    assert!(cluster.documents("prices").is_empty());
}

#[tokio::test]
async fn a_script_gets_the_record_and_its_parameters() {
    let cluster = TestCluster::start().await;
    let script = |upsert: bool| {
        json!({ "document_id": "key", "write": { "script": {
            "source": "ctx._source.count += params.by", "params": { "by": 2, "a\"b": [1.50] }, "upsert": upsert,
        } } })
    };
    let failures = record_failures(sink_of(&cluster, &script(false)).put(&[price(1, "A")]).await);
    assert_eq!(failures[0].1, FailureKind::Rejected);
    let sink = sink_of(&cluster, &script(true));
    sink.put(&[price(1, "A"), price(2, "A")]).await.unwrap();
    assert_eq!(cluster.documents("prices")["A"], json!({ "count": 4 }));
    let body = &lines(cluster.server.seen().last().unwrap().text())[3];
    assert_eq!(body["script"]["lang"], "painless");
    assert_eq!(body["script"]["params"]["a\"b"], json!([1.50]));
    let record = &body["script"]["params"]["record"];
    assert_eq!(
        (record["offset"].clone(), record["key"].clone(), record["value"]["price"].clone()),
        (json!(2), json!("A"), json!(2))
    );
    let stored = json!({ "document_id": "key", "write": { "script": { "id": "count" } } });
    let shown = sink_of(&cluster, &stored).preview(&[price(1, "A")]).unwrap();
    assert_eq!(shown["body"][1]["script"]["id"], "count");
    assert!(shown["body"][1].get("upsert").is_none());
}
