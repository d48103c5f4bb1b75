//! What documents become of records.

use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, Json, Order, Payload};
use sluice_plugin_testing::{batch_failure, record, record_failures};

use super::{TestCluster, gone, lines, price, sink_at, sink_of};

#[tokio::test]
async fn a_batch_is_one_request_whose_lines_name_document_and_version() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "document_id": "key", "on_null": "delete" }));
    sink.put(&[price(7, "OOOO"), gone(8, "ZVZZT"), price(9, "A\"\n/ż")]).await.unwrap();
    let seen = &cluster.server.seen()[0];
    assert_eq!(seen.line(), "POST /prices/_bulk");
    let expected = [
        json!({ "index": { "_id": "OOOO", "version": 7, "version_type": "external" } }),
        json!({ "ticker": "OOOO", "price": 7 }),
        json!({ "delete": { "_id": "ZVZZT", "version": 8, "version_type": "external" } }),
        json!({ "index": { "_id": "A\"\n/ż", "version": 9, "version_type": "external" } }),
        json!({ "ticker": "A\"\n/ż", "price": 9 }),
    ];
    assert_eq!(lines(seen.text()), expected);
    assert!(seen.text().ends_with('\n'));
}

#[tokio::test]
async fn a_document_goes_out_as_it_came() {
    let cluster = TestCluster::start().await;
    let fields = r#""price":44.50,"n":123456789012345678901234567890,"s":"\u00e4\/""#;
    let value = Payload::Json(Json::parse(format!("  {{ {fields} }}\n").into()).unwrap());
    let document = format!("{{{fields}}}");
    sink_of(&cluster, &json!({})).put(&[record(0).value(value).build()]).await.unwrap();
    assert_eq!(cluster.server.seen()[0].text().lines().nth(1), Some(document.as_str()));
}

#[tokio::test]
async fn what_is_put_again_or_late_changes_nothing() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "document_id": "key", "on_null": "delete" }));
    sink.put(&[price(7, "A"), price(8, "B")]).await.unwrap();
    sink.put(&[price(9, "A"), gone(10, "B")]).await.unwrap();
    let after = cluster.documents("prices");
    assert_eq!(after, [("A".to_owned(), json!({ "ticker": "A", "price": 9 }))].into());
    for late in [price(7, "A"), price(8, "B"), price(9, "A"), gone(10, "B"), gone(3, "A")] {
        sink.put(&[late]).await.unwrap();
        assert_eq!(cluster.documents("prices"), after);
    }
    assert_eq!((cluster.version("prices", "A"), cluster.version("prices", "B")), (9, 10));
}

#[tokio::test]
async fn a_tombstone_is_rejected_ignored_or_deletes_as_it_is_told() {
    let cluster = TestCluster::start().await;
    let put = |on_null: &'static str| {
        let sink = sink_of(&cluster, &json!({ "document_id": "key", "on_null": on_null }));
        async move { sink.put(&[gone(9, "A")]).await }
    };
    sink_of(&cluster, &json!({ "document_id": "key" })).put(&[price(7, "A")]).await.unwrap();
    let failures = record_failures(put("reject").await);
    assert_eq!((failures[0].0, failures[0].1), (0, FailureKind::Rejected));
    assert!(failures[0].2.contains("`on_null`"), "{failures:?}");
    let before = cluster.server.seen().len();
    put("ignore").await.unwrap();
    assert_eq!(cluster.server.seen().len(), before, "nothing is sent");
    assert_eq!(cluster.documents("prices").len(), 1);
    put("delete").await.unwrap();
    put("delete").await.unwrap();
    assert!(cluster.documents("prices").is_empty());
}

#[tokio::test]
async fn a_record_that_does_not_fit_is_named_and_its_neighbours_are_stored() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "document_id": "key" }));
    let bad = record(2).key("C").value(json!({ "price": "card 41114111" })).build();
    let no_object = record(3).key("D").value(json!([1])).build();
    let text = record(4).key("E").value("text").build();
    let no_key = record(5).value(json!({})).build();
    let outcome = sink.put(&[price(0, "A"), bad, no_object, text, no_key, price(6, "F")]).await;
    let mut failures = record_failures(outcome);
    failures.sort_by_key(|(index, ..)| *index);
    let kinds: Vec<_> = failures.iter().map(|(index, kind, _)| (*index, *kind)).collect();
    assert_eq!(kinds, [1, 2, 3, 4].map(|index| (index, FailureKind::Rejected)));
    assert!(
        failures[0].2.contains("400 mapper_parsing_exception") && !failures[0].2.contains("41114111"),
        "{failures:?}"
    );
    assert!(failures[1].2.contains("no object") && failures[2].2.contains("source.value"), "{failures:?}");
    assert_eq!(cluster.documents("prices").keys().collect::<Vec<_>>(), ["A", "F"]);
}

#[tokio::test]
async fn indexes_by_data_are_named_in_each_action() {
    let cluster = TestCluster::start().await;
    let changes = json!({ "index": "{{ticker}}-{{@record.topic}}", "routing": "{{@record.partition}}" });
    sink_of(&cluster, &changes).put(&[price(1, "A"), price(2, "B")]).await.unwrap();
    let seen = &cluster.server.seen()[0];
    assert_eq!(seen.line(), "POST /_bulk");
    let head = json!({ "index": { "_index": "b-prices", "_id": "prices-0-2", "routing": "0" } });
    assert_eq!(lines(seen.text())[2], head);
    let by_date = json!({ "index": "logs", "index_date": "%Y.%m.%d" });
    sink_of(&cluster, &by_date).put(&[price(1, "A")]).await.unwrap();
    assert_eq!(cluster.documents("logs-2025.02.16").len(), 1);
}

#[tokio::test]
async fn offsets_of_two_topics_in_one_index_are_not_compared() {
    let elsewhere = record(0).at("orders", 0).key("A").value(json!({})).build();
    for (changes, stops) in [
        (json!({ "document_id": "key" }), true),
        (json!({ "document_id": "key", "version": "timestamp" }), false),
        (json!({ "document_id": "key", "version": "none" }), false),
        (json!({ "document_id": "key", "index": "{{@record.topic}}" }), false),
        (
            json!({ "document_id": { "template": "{{@record.topic}}/{{@record.key}}" }, "version": "offset" }),
            false,
        ),
        (json!({}), false),
    ] {
        let cluster = TestCluster::start().await;
        let sink = sink_of(&cluster, &changes);
        sink.put(&[price(7, "A")]).await.unwrap();
        let mut other = elsewhere.clone();
        other.timestamp = price(0, "A").timestamp;
        let outcome = sink.put(&[other]).await;
        if stops {
            let failures = record_failures(outcome);
            assert_eq!(failures[0].1, FailureKind::Fatal, "{failures:?}");
            assert!(failures[0].2.contains("`version: timestamp`"), "{failures:?}");
        } else {
            outcome.unwrap_or_else(|error| panic!("{changes}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_missing_index_stops_the_connector_unless_the_record_names_it() {
    let cluster = TestCluster::start().await;
    let kind = |index: &'static str| {
        let sink = sink_of(&cluster, &json!({ "index": index }));
        async move { record_failures(sink.put(&[price(0, "A")]).await).remove(0) }
    };
    let (_, kind_of_fixed, reason) = kind("missing").await;
    assert_eq!(kind_of_fixed, FailureKind::Fatal);
    assert!(reason.contains("404 index_not_found_exception") && reason.contains("create it"), "{reason}");
    assert_eq!(kind("missing-{{@record.topic}}").await.1, FailureKind::Fatal);
    assert_eq!(kind("missing-{{ticker}}").await.1, FailureKind::Rejected);
    assert_eq!(kind("p/{{ticker}}").await.1, FailureKind::Rejected);
    assert_eq!(kind("p/{{@record.topic}}").await.1, FailureKind::Fatal);
}

#[tokio::test]
async fn a_record_is_measured_as_it_is_sent() {
    for changes in [
        json!({ "document_id": "key", "on_null": "delete" }),
        json!({ "document_id": "key", "index": "p-{{price}}", "routing": "{{ticker}}" }),
        json!({ "document_id": "key", "write": "upsert" }),
        json!({ "document_id": "key", "write": "update" }),
        json!({ "document_id": "key", "write": { "script": { "source": "x", "params": { "by": 1 } } } }),
        json!({ "index": "stream", "write": "data_stream" }),
    ] {
        let cluster = TestCluster::start().await;
        let sink = sink_of(&cluster, &changes);
        let batch = [price(7, "A\"\n"), price(1000, "ż")];
        sink.put(&batch).await.ok();
        let sent = cluster.server.seen().last().unwrap().body.len();
        let measured: usize = batch.iter().map(|record| sink.size_of(record)).sum();
        // A document that is created is called so, by a letter more than one that is indexed.
        assert!((sent..=sent + 2).contains(&measured), "{changes}: {measured} for {sent}");
    }
    let sink = sink_at("http://h", &json!({ "max_request_size": "1KiB" }));
    assert_eq!(sink.limits().max_record_bytes, 1024);
}

#[tokio::test]
async fn documents_of_one_name_are_kept_in_order_and_no_others() {
    let cluster = TestCluster::start().await;
    let id = |changes: Value, record| sink_of(&cluster, &changes).id(&record);
    assert_eq!(id(json!({ "document_id": "key" }), price(1, "A")).unwrap(), "A");
    assert_eq!(id(json!({ "document_id": "generated" }), price(1, "A")), None);
    assert_eq!(id(json!({ "document_id": "key", "on_null": "ignore" }), gone(1, "A")), None);
    assert!(id(json!({ "document_id": "key", "on_null": "delete" }), gone(1, "A")).is_some());
    let by_index = json!({ "document_id": "key", "index": "{{ticker}}", "routing": "{{price}}" });
    let [one, other] = [price(1, "A"), price(2, "A")].map(|record| id(by_index.clone(), record).unwrap());
    assert_ne!(one, other, "another routing is another document");
    for (write, newest_wins) in [("index", true), ("upsert", false), ("create", false)] {
        let limits = sink_of(&cluster, &json!({ "document_id": "key", "write": write })).limits();
        assert_eq!(limits.order, Order::Id { newest_wins }, "{write}");
    }
}

#[tokio::test]
async fn the_last_part_of_a_record_stays() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "document_id": "key" }));
    for part in 0..3 {
        let record = record(7).key("A").value(json!({ "part": part })).part(part).build();
        sink.put(&[record]).await.unwrap();
    }
    assert_eq!(cluster.documents("prices")["A"], json!({ "part": 2 }));
}

#[tokio::test]
async fn the_wrong_name_of_every_record_is_told_for_the_batch() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "pipeline": "gone" }));
    let failures = record_failures(sink.put(&[price(0, "A"), price(1, "B")]).await);
    assert_eq!(failures.len(), 2);
    assert!(
        failures.iter().all(|(_, kind, reason)| *kind == FailureKind::Fatal && reason.contains("`pipeline`")),
        "{failures:?}"
    );
    let wrong_place =
        sink_of(&cluster, &json!({ "urls": [format!("{}/elsewhere/at/all", cluster.server.url)] }));
    let failure = batch_failure(wrong_place.put(&[price(0, "A")]).await);
    assert_eq!(failure.kind(), FailureKind::Fatal);
    assert!(failure.to_string().contains("`urls`"), "{failure}");
}
