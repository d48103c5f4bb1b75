//! What a check says, what a preview shows, and how requests authenticate.

use serde_json::{Value, json};
use sluice_connector_api::{Finding, FindingKind};
use sluice_wire_testing::{HttpReply, HttpServer, reply, status};

use super::{TestCluster, gone, price, sink_at, sink_of};

fn told(findings: &[Finding]) -> Vec<(String, FindingKind)> {
    findings.iter().map(|finding| (finding.subject.clone(), finding.kind)).collect()
}

#[tokio::test]
async fn a_check_names_cluster_index_and_pipeline_and_writes_nothing() {
    let cluster = TestCluster::start().await;
    let sink = sink_of(&cluster, &json!({ "pipeline": "clean" }));
    let findings = sink.check().await;
    let subjects =
        [format!("cluster {}", cluster.server.url), "index prices".to_owned(), "pipeline clean".to_owned()];
    let [about, index, pipeline] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!([about, index, pipeline].map(|finding| finding.subject.clone()), subjects);
    assert_eq!(about.text, "shop is OpenSearch 2.19.1");
    assert_eq!((index.kind, pipeline.kind), (FindingKind::Unseen, FindingKind::Good));
    assert!(index.text.contains("is not there"), "{}", index.text);
    sink.put(&[price(0, "A")]).await.unwrap();
    assert_eq!(sink.check().await[1].kind, FindingKind::Good);
    assert_eq!(cluster.server.lines()[..3], ["GET /", "HEAD /prices", "GET /_ingest/pipeline/clean"]);
    let findings = sink_of(&cluster, &json!({ "pipeline": "gone", "index": "{{ticker}}" })).check().await;
    assert_eq!(told(&findings)[1], ("pipeline gone".to_owned(), FindingKind::Wrong));
    let stream = sink_of(&cluster, &json!({ "index": "stream", "write": "data_stream" })).check().await;
    assert!(
        stream[1].subject == "data stream stream" && stream[1].text.contains("index template"),
        "{stream:?}"
    );
}

#[tokio::test]
async fn a_check_tells_rights_from_outages_and_from_what_is_wrong() {
    for (reply, kind) in [
        (status(401), FindingKind::Wrong),
        (reply(302, "location: /login\r\n", ""), FindingKind::Wrong),
        (status(403), FindingKind::Unseen),
        (status(404), FindingKind::Unseen),
        (reply(200, "", "<html>"), FindingKind::Unseen),
        (status(503), FindingKind::Unreachable),
        (status(429), FindingKind::Unreachable),
        (status(500), FindingKind::Unseen),
        (HttpReply::Close, FindingKind::Unreachable),
    ] {
        let server = HttpServer::start([reply.clone()]).await;
        let findings = sink_at(&server.url, &json!({ "index": "{{ticker}}" })).check().await;
        assert_eq!(findings[0].kind, kind, "{reply:?}: {findings:?}");
    }
    let server = HttpServer::start([status(403), status(403)]).await;
    let findings = sink_at(&server.url, &json!({})).check().await;
    assert!(
        findings[1].kind == FindingKind::Unseen && findings[1].text.contains("indices:admin/get"),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_preview_shows_the_request_and_no_secret() {
    let changes = json!({
        "document_id": "key", "on_null": "delete", "pipeline": "clean",
        "auth": { "basic": { "username": "me", "password": "hunter2" } },
    });
    let sink = sink_at("http://h:9200", &changes);
    let shown = sink.preview(&[price(7, "A"), gone(8, "B")]).unwrap();
    let expected = json!({
        "method": "POST",
        "url": "http://h:9200/prices/_bulk?pipeline=clean",
        "headers": { "authorization": "[redacted]" },
        "body": [
            { "index": { "_id": "A", "version": 7, "version_type": "external" } },
            { "ticker": "A", "price": 7 },
            { "delete": { "_id": "B", "version": 8, "version_type": "external" } },
        ],
    });
    assert_eq!(shown, expected);
    let ignoring = sink_at("http://h:9200", &json!({ "on_null": "ignore" }));
    assert_eq!(ignoring.preview(&[gone(8, "B")]).unwrap(), Value::Null);
}

async fn authorization(auth: Value) -> std::collections::BTreeMap<String, String> {
    let cluster = TestCluster::start().await;
    sink_of(&cluster, &json!({ "auth": auth })).put(&[price(0, "A")]).await.unwrap();
    cluster.server.seen().remove(0).headers
}

#[tokio::test]
async fn each_way_to_authenticate_is_there() {
    let basic = authorization(json!({ "basic": { "username": "me", "password": "hunter2" } })).await;
    assert_eq!(basic["authorization"], "Basic bWU6aHVudGVyMg==");
    let key = authorization(json!({ "header": { "name": "authorization", "value": "ApiKey abc" } })).await;
    assert_eq!(key["authorization"], "ApiKey abc");
    for service in ["es", "aoss"] {
        let signed = authorization(json!({ "sigv4": { "service": service, "region": "eu-west-3" } })).await;
        assert!(
            signed["authorization"].contains(&format!("/eu-west-3/{service}/aws4_request")),
            "{signed:?}"
        );
        assert_eq!(signed["x-amz-content-sha256"].len(), 64);
    }
    assert!(!authorization(json!("none")).await.contains_key("authorization"));
}

#[tokio::test]
async fn no_answer_shows_a_secret() {
    let auth = json!({ "basic": { "username": "me", "password": "hunter2" } });
    let server = HttpServer::start([reply(400, "", "hunter2 bWU6aHVudGVyMg==")]).await;
    let outcome = sink_at(&server.url, &json!({ "auth": auth })).put(&[price(0, "A")]).await;
    let failure = sluice_plugin_testing::batch_failure(outcome);
    let detail = failure.detail().unwrap();
    assert!(!detail.contains("hunter2") && !detail.contains("bWU6"), "{detail}");
}
