//! The sink `opensearch` against a real OpenSearch, and the whole against that and a real Kafka.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::doc_markdown,
    reason = "a test fails by panicking, and OpenSearch is a name"
)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, FindingKind, PutError, Record, Registry, Sink};
use sluice_plugin_testing::{SinkContract, batch_failure, record, record_failures};
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::opensearch::OpenSearch;
use sluice_tests::sluice::{Running, Sluice};

fn sink(node: &OpenSearch, changes: &Value) -> Box<dyn Sink> {
    let mut settings = json!({ "urls": [node.url()], "index": "prices", "document_id": "key" });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    sluice_sinks::register(Registry::new()).sink("opensearch").unwrap().build(settings).unwrap()
}

fn price(offset: i64, ticker: &str) -> Record {
    let value = json!({ "ticker": ticker, "price": offset });
    record(offset).key(ticker).value(value).timestamp(1_739_712_345_678 + offset).build()
}

fn gone(offset: i64, ticker: &str) -> Record {
    record(offset).key(ticker).build()
}

#[track_caller]
fn only_failure(outcome: Result<(), PutError>) -> (FailureKind, String) {
    let mut failures = record_failures(outcome);
    assert_eq!(failures.len(), 1, "{failures:?}");
    let (_, kind, reason) = failures.remove(0);
    (kind, reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cluster_keeps_the_newest_whatever_is_put_again_or_late() {
    let Some(mut node) = OpenSearch::start() else { return };
    let keyed = sink(&node, &json!({ "on_null": "delete", "compression": "gzip" }));
    keyed.put(&[price(7, "A"), price(8, "B"), price(9, "ż/\"n\"")]).await.unwrap();
    keyed.put(&[price(10, "A"), gone(11, "B")]).await.unwrap();
    let version = || node.call("GET", "/prices/_doc/A", None)["_seq_no"].clone();
    let before = version();
    for late in [price(7, "A"), price(10, "A"), price(8, "B"), gone(11, "B"), gone(9, "A"), gone(12, "never")]
    {
        keyed.put(&[late]).await.unwrap();
    }
    assert_eq!(version(), before, "what is put again is no write");
    assert_eq!(node.document("prices", "A").unwrap()["price"], 10);
    assert_eq!((node.document("prices", "B"), node.count("prices")), (None, 2));

    let contract = sink(&node, &json!({ "index": "contract" }));
    SinkContract::new(&*contract).records(|offset| price(offset, &format!("T{offset}"))).holds().await;

    // Down, and up again with what it had.
    node.stop();
    let failure = batch_failure(keyed.put(&[price(13, "A")]).await);
    assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
    assert_eq!(keyed.check().await.last().unwrap().kind, FindingKind::Unreachable);
    node.launch();
    keyed.put(&[price(13, "A")]).await.unwrap();
    assert_eq!(node.document("prices", "A").unwrap()["price"], 13);
    let findings = keyed.check().await;
    assert!(findings.iter().all(|finding| finding.kind == FindingKind::Good), "{findings:?}");
    assert_eq!(findings.last().unwrap().subject, "right to write prices");
    assert!(findings[0].text.contains("OpenSearch 2."), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cluster_says_what_is_wrong_with_a_record_and_what_with_the_set_up() {
    let Some(node) = OpenSearch::start() else { return };
    let mapping = json!({ "mappings": { "dynamic": "strict", "properties": {
        "ticker": { "type": "keyword" }, "price": { "type": "float" },
    } } });
    node.call("PUT", "/prices", Some(&mapping));
    let keyed = sink(&node, &json!({ "on_null": "delete" }));
    let bad = record(2).key("B").value(json!({ "ticker": "B", "price": "card 41114111" })).build();
    let unknown = record(3).key("C").value(json!({ "other": 1 })).build();
    let failures = record_failures(keyed.put(&[price(1, "A"), bad, unknown, price(4, "D")]).await);
    let told: Vec<_> = failures.iter().map(|(index, kind, _)| (*index, *kind)).collect();
    assert_eq!(told, [(1, FailureKind::Rejected), (2, FailureKind::Rejected)], "{failures:?}");
    assert!(failures.iter().all(|(_, _, reason)| !reason.contains("41114111")), "{failures:?}");
    assert_eq!(node.count("prices"), 2);
    keyed.put(&[price(5, &"x".repeat(600))]).await.unwrap();

    node.call("PUT", "/prices/_settings", Some(&json!({ "index.blocks.write": true })));
    let blocked = only_failure(keyed.put(&[price(6, "A")]).await);
    assert_eq!(blocked.0, FailureKind::Retriable, "{blocked:?}");
    node.call("PUT", "/prices/_settings", Some(&json!({ "index.blocks.write": false })));
    node.call("POST", "/prices/_close", None);
    let closed = only_failure(keyed.put(&[price(6, "A")]).await);
    assert!(closed.0 == FailureKind::Fatal && closed.1.contains("open it"), "{closed:?}");

    let no_index = json!({ "persistent": { "action.auto_create_index": "false" } });
    node.call("PUT", "/_cluster/settings", Some(&no_index));
    let missing = only_failure(sink(&node, &json!({ "index": "missing" })).put(&[price(1, "A")]).await);
    assert!(missing.0 == FailureKind::Fatal && missing.1.contains("create it"), "{missing:?}");
    let by_data =
        only_failure(sink(&node, &json!({ "index": "missing-{{ticker}}" })).put(&[price(1, "A")]).await);
    assert_eq!(by_data.0, FailureKind::Rejected, "{by_data:?}");
    let looked = sink(&node, &json!({ "index": "missing", "pipeline": "gone" })).check().await;
    assert_eq!((looked[1].kind, looked[2].kind), (FindingKind::Unseen, FindingKind::Wrong), "{looked:?}");

    node.call("PUT", "/open", None);
    let pipeline = only_failure(
        sink(&node, &json!({ "index": "open", "pipeline": "gone" })).put(&[price(1, "A")]).await,
    );
    assert!(pipeline.0 == FailureKind::Fatal && pipeline.1.contains("`pipeline`"), "{pipeline:?}");
    for name in ["one", "two"] {
        node.call("PUT", &format!("/{name}"), Some(&json!({ "aliases": { "both": {} } })));
    }
    let alias = only_failure(sink(&node, &json!({ "index": "both" })).put(&[price(1, "A")]).await);
    assert!(alias.0 == FailureKind::Fatal && alias.1.contains("is_write_index"), "{alias:?}");
    let script = |source: &str| json!({ "index": "open", "write": { "script": { "source": source, "upsert": true } } });
    let wrong = only_failure(sink(&node, &script("this is none")).put(&[price(1, "A")]).await);
    assert!(wrong.0 == FailureKind::Fatal && wrong.1.contains("script"), "{wrong:?}");
    let failing = only_failure(
        sink(&node, &script("ctx._source.a = params.record.value.none.at")).put(&[price(1, "A")]).await,
    );
    assert_eq!(failing.0, FailureKind::Rejected, "{failing:?}");
    // As at midnight, where the day is in the name of the index: no record is at fault for it.
    let full =
        json!({ "persistent": { "action.auto_create_index": "true", "cluster.max_shards_per_node": 1 } });
    node.call("PUT", "/_cluster/settings", Some(&full));
    for index in ["of-today", "of-{{ticker}}"] {
        let full = only_failure(sink(&node, &json!({ "index": index })).put(&[price(1, "a")]).await);
        assert!(full.0 == FailureKind::Fatal && full.1.contains("cluster.max_shards_per_node"), "{full:?}");
    }
    let elsewhere = json!({ "urls": [format!("{}/not/here", node.url())] });
    assert_eq!(batch_failure(sink(&node, &elsewhere).put(&[price(1, "A")]).await).kind(), FailureKind::Fatal);
}

/// What was done to an index, what is said of that, and how it is mended: requests of method, path and body.
type Change =
    (Vec<(&'static str, &'static str, Value)>, &'static str, Vec<(&'static str, &'static str, Value)>);

fn changes_of_an_index() -> Vec<Change> {
    let anew = || vec![("DELETE", "/prices", Value::Null), ("PUT", "/prices", Value::Null)];
    let with = |properties: Value| {
        let mapping = json!({ "mappings": { "dynamic": "strict", "properties": properties } });
        vec![("DELETE", "/prices", Value::Null), ("PUT", "/prices", mapping)]
    };
    let block = |name: &str, on: Value| {
        vec![("PUT", "/prices/_settings", json!({ format!("index.blocks.{name}"): on }))]
    };
    let alias = |index: &'static str| ("PUT", index, json!({ "aliases": { "prices": {} } }));
    let of_stream = json!({ "index_patterns": ["prices"], "data_stream": {}, "priority": 500 });
    let default =
        |pipeline: &str| vec![("PUT", "/prices/_settings", json!({ "index.default_pipeline": pipeline }))];
    vec![
        (vec![("DELETE", "/prices", Value::Null)], "create it", vec![("PUT", "/prices", Value::Null)]),
        (
            vec![("POST", "/prices/_close", Value::Null)],
            "open it",
            vec![("POST", "/prices/_open", Value::Null)],
        ),
        (block("write", true.into()), "is blocked", block("write", false.into())),
        (
            block("read_only_allow_delete", true.into()),
            "is blocked",
            block("read_only_allow_delete", Value::Null),
        ),
        (with(json!({ "ticker": { "type": "keyword" } })), "strict_dynamic_mapping_exception", anew()),
        (
            with(json!({ "ticker": { "type": "date" }, "price": { "type": "float" } })),
            "mapper_parsing_exception",
            anew(),
        ),
        (
            vec![("DELETE", "/prices", Value::Null), alias("/one"), alias("/two")],
            "is_write_index",
            vec![
                ("DELETE", "/one", Value::Null),
                ("DELETE", "/two", Value::Null),
                ("PUT", "/prices", Value::Null),
            ],
        ),
        (
            vec![
                ("DELETE", "/prices", Value::Null),
                ("PUT", "/_index_template/stream", of_stream),
                ("PUT", "/_data_stream/prices", Value::Null),
            ],
            "set `write: data_stream`",
            vec![
                ("DELETE", "/_data_stream/prices", Value::Null),
                ("DELETE", "/_index_template/stream", Value::Null),
                ("PUT", "/prices", Value::Null),
            ],
        ),
        (default("gone"), "pipeline", default("_none")),
    ]
}

/// Whatever is done to an index under a sink that runs: it says what is wrong, and goes on with the next put once that is mended.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_an_index_is_told_and_mending_it_is_enough() {
    let Some(node) = OpenSearch::start() else { return };
    let none_by_itself = json!({ "persistent": { "action.auto_create_index": "false" } });
    node.call("PUT", "/_cluster/settings", Some(&none_by_itself));
    node.call("PUT", "/prices", None);
    let keyed = sink(&node, &json!({}));
    let run = |requests: &[(&str, &str, Value)]| {
        for (method, path, body) in requests {
            node.call(method, path, Some(body).filter(|body| !body.is_null()));
        }
    };
    let mut offset = 0;
    for (done, said, mended) in changes_of_an_index() {
        let mut put = async || {
            offset += 1;
            keyed.put(&[price(offset, "A")]).await
        };
        put().await.unwrap();
        run(&done);
        for _ in 0..2 {
            let (_, reason) = only_failure(put().await);
            assert!(reason.contains(said), "{done:?}: {reason}");
        }
        run(&mended);
        put().await.unwrap_or_else(|error| panic!("{mended:?}: {error:?}"));
    }
    assert_eq!(node.document("prices", "A").unwrap()["price"], offset);
}

/// The cluster closes the connection while the request is still on its way, after it has said why.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_for_the_cluster_is_rejected_and_narrowed_down() {
    let Some(node) = OpenSearch::start() else { return };
    let large = sink(&node, &json!({ "max_request_size": "100MiB" }));
    let wide = |offset: i64, mebibytes: usize| {
        let text = "x".repeat(mebibytes << 20);
        record(offset).key(format!("k{offset}").as_str()).value(json!({ "text": text })).build()
    };
    for _ in 0..3 {
        let failure = batch_failure(large.put(&[wide(1, 5), wide(2, 5), wide(3, 5), wide(4, 5)]).await);
        assert_eq!(failure.kind(), FailureKind::Rejected, "{failure}");
        assert!(
            failure.to_string().contains("413") && failure.to_string().contains("max_request_size"),
            "{failure}"
        );
    }
    let alone = batch_failure(large.put(&[wide(1, 20)]).await);
    assert_eq!(alone.kind(), FailureKind::Rejected, "{alone}");
    large.put(&[wide(2, 5)]).await.unwrap();
    assert_eq!(node.count("prices"), 1);
}

/// What a look asks for is refused for another reason than a right, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_real_cluster_says_whether_it_may_write_and_changes_nothing() {
    let Some(node) = OpenSearch::start() else { return };
    let right = async |changes: Value| sink(&node, &changes).check().await.pop().unwrap();
    assert_eq!(right(json!({})).await.kind, FindingKind::Unseen, "the index is not there");
    assert_eq!(node.count_or_none("prices"), None, "and is not made");
    sink(&node, &json!({})).put(&[price(1, "A")]).await.unwrap();
    let stats = || {
        node.call("POST", "/prices/_refresh", None);
        let stats = node.call("GET", "/prices/_stats/indexing,docs", None)["_all"]["primaries"].clone();
        let mapping = node.call("GET", "/prices/_mapping", None);
        let sequence = node.call("GET", "/prices/_doc/A", None)["_seq_no"].clone();
        (
            stats["docs"].clone(),
            stats["indexing"]["index_total"].clone(),
            stats["indexing"]["delete_total"].clone(),
            mapping,
            sequence,
        )
    };
    let before = stats();
    for changes in [
        json!({}),
        json!({ "on_null": "delete" }),
        json!({ "write": "upsert", "on_null": "delete" }),
        json!({ "write": "create" }),
        json!({ "document_id": "generated", "version": "none" }),
    ] {
        let found = right(changes.clone()).await;
        assert_eq!(found.kind, FindingKind::Good, "{changes}: {found:?}");
    }
    assert_eq!(stats(), before);
    // As the security plugin refuses: before anybody looks at the document.
    for (index, changes, kind) in [
        ("forbidden", json!({}), FindingKind::Wrong),
        ("forbidden", json!({ "write": "update" }), FindingKind::Wrong),
        ("undeletable", json!({}), FindingKind::Good),
        ("undeletable", json!({ "on_null": "delete" }), FindingKind::Wrong),
    ] {
        if node.count_or_none(index).is_none() {
            node.call("PUT", &format!("/{index}"), None);
        }
        let mut changes = changes;
        changes["index"] = index.into();
        let found = right(changes.clone()).await;
        assert_eq!(found.kind, kind, "{changes}: {found:?}");
        assert!(kind == FindingKind::Good || found.text.contains("indices:data/write/"), "{found:?}");
        assert_eq!(node.count(index), 0);
    }
    let put = sink(&node, &json!({ "index": "forbidden" })).put(&[price(1, "A")]).await;
    let (kind, said) = only_failure(put);
    assert!(kind == FailureKind::Fatal && said.contains("right to write"), "{said}");
    node.call("PUT", "/prices/_settings", Some(&json!({ "index.blocks.write": true })));
    let blocked = right(json!({})).await;
    assert!(blocked.kind == FindingKind::Unseen && blocked.text.contains("blocked"), "{blocked:?}");
    let template = json!({ "index_patterns": ["logs*"], "data_stream": {} });
    node.call("PUT", "/_index_template/logs", Some(&template));
    node.call("PUT", "/_data_stream/logs", None);
    let stream = right(json!({ "index": "logs", "write": "data_stream", "document_id": "origin" })).await;
    assert_eq!(stream.kind, FindingKind::Unseen, "{stream:?}");
    let wrong = right(json!({ "index": "logs" })).await;
    assert!(wrong.kind == FindingKind::Wrong && wrong.text.contains("write: data_stream"), "{wrong:?}");
    assert_eq!(node.count("logs"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cluster_takes_every_way_to_write() {
    let Some(node) = OpenSearch::start() else { return };
    let upsert = sink(&node, &json!({ "write": "upsert" }));
    upsert.put(&[price(1, "A")]).await.unwrap();
    upsert.put(&[record(2).key("A").value(json!({ "name": "x" })).build()]).await.unwrap();
    assert_eq!(node.document("prices", "A").unwrap(), json!({ "ticker": "A", "price": 1, "name": "x" }));
    let update = sink(&node, &json!({ "write": "update" }));
    assert_eq!(only_failure(update.put(&[price(3, "B")]).await).0, FailureKind::Rejected);
    let create = sink(&node, &json!({ "write": "create" }));
    create.put(&[price(4, "A"), price(5, "B")]).await.unwrap();
    assert_eq!((node.document("prices", "A").unwrap()["price"].clone(), node.count("prices")), (json!(1), 2));

    let source = "if (ctx._source.last == null || params.record.offset > ctx._source.last) {\
                  ctx._source.last = params.record.offset; \
                  ctx._source.sum = (ctx._source.sum == null ? 0 : ctx._source.sum) + params.record.value.price * params.by }";
    let script = json!({ "index": "sums", "write": { "script": { "source": source, "params": { "by": 2 }, "upsert": true } } });
    let sums = sink(&node, &script);
    sums.put(&[price(1, "A"), price(2, "A"), price(3, "A")]).await.unwrap();
    sums.put(&[price(2, "A"), price(3, "A")]).await.unwrap();
    assert_eq!(node.document("sums", "A").unwrap(), json!({ "last": 3, "sum": 12 }));

    let template = json!({ "index_patterns": ["logs*"], "data_stream": {} });
    node.call("PUT", "/_index_template/logs", Some(&template));
    let stream = json!({ "index": "logs", "document_id": "origin", "write": "data_stream" });
    let logs = sink(&node, &stream);
    logs.put(&[price(1, "A"), price(2, "A")]).await.unwrap();
    logs.put(&[price(2, "A")]).await.unwrap();
    assert_eq!(node.count("logs"), 2);
    assert_eq!(logs.check().await[1].kind, FindingKind::Good);
    let wrong =
        only_failure(sink(&node, &json!({ "index": "logs", "version": "none" })).put(&[price(3, "A")]).await);
    assert!(wrong.0 == FailureKind::Fatal && wrong.1.contains("`write: data_stream`"), "{wrong:?}");

    let by_date = json!({ "index": "daily", "index_date": "%Y.%m.%d", "routing": "{{ticker}}", "document_id": "generated" });
    sink(&node, &by_date).put(&[price(1, "A"), price(1, "A")]).await.unwrap();
    assert_eq!(node.count("daily-2025.02.16"), 2);
    let unversioned = sink(&node, &json!({ "index": "times", "version": "timestamp", "on_null": "delete" }));
    unversioned.put(&[price(9, "A")]).await.unwrap();
    unversioned.put(&[price(3, "A")]).await.unwrap();
    assert_eq!(node.document("times", "A").unwrap()["price"], 9);
}

/// What a topic comes to: the last value of each key.
fn expected(records: &[(String, Option<u64>)]) -> BTreeMap<String, u64> {
    let mut newest = BTreeMap::new();
    for (key, value) in records {
        match value {
            Some(n) => newest.insert(key.clone(), *n),
            None => newest.remove(key),
        };
    }
    newest
}

/// A record in forty is a tombstone, and each key comes ten times.
fn changes(count: u64) -> Vec<(String, Option<u64>)> {
    let keys = count / 10;
    let change = |n: u64| (format!("k{}", n * 7 % keys), (n % 40 != 39).then_some(n));
    (0..count).map(change).collect()
}

#[test]
fn a_topic_comes_to_its_newest_documents_whatever_is_killed_and_restarted() {
    let Some(mut node) = OpenSearch::start() else { return };
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("documents");
    broker.create_topic(&topic, 3);
    let connector = ConnectorText::new(&topic)
        .key("string")
        .transforms("  - drop_headers: { headers: [none] }\n")
        .sink(format!(
            "  opensearch:\n    urls: [\"{}\"]\n    index: prices\n    document_id: key\n    on_null: delete\n",
            node.url()
        ))
        .max_records(200);
    let folder = Folder::with("documents.yaml", connector.text());
    let run = || -> Running {
        let run: [&std::ffi::OsStr; 2] = ["run".as_ref(), folder.path().as_ref()];
        Sluice::new(run).env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers()).spawn()
    };
    let all = changes(20_000);
    let record = |(key, value): &(String, Option<u64>)| match value {
        Some(n) => NewRecord::new(key.clone(), format!("{{\"n\":{n}}}")),
        None => NewRecord::tombstone(key.clone()),
    };
    let mut daemon = run();
    for (round, part) in all.chunks(5000).enumerate() {
        broker.produce(&topic, part.iter().map(record));
        match round {
            0 | 2 => {
                daemon.wait_while_running("some documents", || {
                    node.count_or_none("prices").is_some_and(|count| count > 50)
                });
                daemon.kill();
                daemon = run();
            }
            _ => {
                node.stop();
                node.launch();
            }
        }
    }
    let ends = broker.end_offsets(&topic);
    daemon.wait_while_running("every offset", || {
        let committed = broker.committed(&topic, &topic);
        committed.iter().zip(&ends).all(|(committed, end)| *committed == Some(*end))
    });
    assert_eq!(daemon.terminate().code, Some(0));
    let newest = expected(&all);
    assert_eq!(node.count("prices"), newest.len() as u64);
    for (key, n) in newest {
        assert_eq!(node.document("prices", &key), Some(json!({ "n": n })), "{key}");
    }
}
