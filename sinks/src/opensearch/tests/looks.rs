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
    let [about, index, pipeline, right] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!([about, index, pipeline].map(|finding| finding.subject.clone()), subjects);
    assert_eq!(about.text, "shop is OpenSearch 2.19.1");
    assert_eq!((index.kind, pipeline.kind), (FindingKind::Unseen, FindingKind::Good));
    assert!(index.text.contains("is not there"), "{}", index.text);
    assert_eq!((&*right.subject, right.kind), ("right to write prices", FindingKind::Unseen), "{right:?}");
    sink.put(&[price(0, "A")]).await.unwrap();
    let (before, findings) = (cluster.documents("prices"), sink.check().await);
    assert_eq!((findings[1].kind, findings[3].kind), (FindingKind::Good, FindingKind::Good), "{findings:?}");
    assert_eq!(cluster.documents("prices"), before, "a look writes nothing");
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

/// What a cluster of this version says of itself.
fn about(version: &Value) -> HttpReply {
    reply(200, "", &json!({ "cluster_name": "shop", "version": version }).to_string())
}

/// Looks at a cluster of this version that answers so: for the index, and then for rights.
async fn right(version: Value, answers: &[HttpReply], changes: &Value) -> (Finding, Vec<String>) {
    let server = HttpServer::start([&[about(&version)], answers].concat()).await;
    let finding = sink_at(&server.url, changes).check().await.pop().unwrap();
    (finding, server.lines().split_off(1))
}

fn item(action: &str, status: u16, kind: &str, reason: &str) -> Value {
    json!({ action: { "_index": "prices", "status": status, "error": { "type": kind, "reason": reason } } })
}

fn bulk(items: &[Value]) -> HttpReply {
    reply(200, "", &json!({ "took": 1, "errors": true, "items": items }).to_string())
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_by_an_action_that_can_store_nothing() {
    let old = || json!({ "number": "2.19.1", "distribution": "opensearch" });
    let conflict =
        |action: &str| item(action, 409, "version_conflict_engine_exception", "required seqNo [1]");
    let refused = "no permissions for [indices:data/write/bulk[s]] and User [name=sluice]";
    let in_stream = "only write ops with an op_type of create are allowed in data streams";
    for (answer, kind, said) in [
        (bulk(&[conflict("index")]), FindingKind::Good, "given"),
        (
            bulk(&[item("index", 403, "security_exception", refused)]),
            FindingKind::Wrong,
            "indices:data/write/bulk",
        ),
        (status(403), FindingKind::Wrong, "403"),
        (
            bulk(&[item("index", 403, "cluster_block_exception", "index [prices] blocked")]),
            FindingKind::Unseen,
            "blocked",
        ),
        (
            bulk(&[item("index", 400, "illegal_argument_exception", in_stream)]),
            FindingKind::Wrong,
            "data_stream",
        ),
        (bulk(&[json!({ "index": { "status": 201 } })]), FindingKind::Unseen, "first put"),
        (status(400), FindingKind::Unseen, "first put"),
        (reply(200, "", "<html>"), FindingKind::Unseen, "first put"),
        (HttpReply::Close, FindingKind::Unreachable, ""),
    ] {
        let (finding, asked) = right(old(), &[status(200), answer.clone()], &json!({})).await;
        assert_eq!(finding.kind, kind, "{answer:?}: {finding:?}");
        assert!(finding.text.contains(said), "{finding:?}");
        assert_eq!(asked[1], "POST /prices/_bulk?pipeline=_none");
    }
    // Deleting takes a right of its own.
    let deletes = json!({ "document_id": "key", "on_null": "delete" });
    let answer = bulk(&[conflict("index"), item("delete", 403, "security_exception", "no permissions")]);
    assert_eq!(right(old(), &[status(200), answer], &deletes).await.0.kind, FindingKind::Wrong);
    let updates = json!({ "document_id": "key", "write": "upsert" });
    let answer =
        bulk(&[item("update", 404, "document_missing_exception", "[sluice-check]: document missing")]);
    assert_eq!(right(old(), &[status(200), answer], &updates).await.0.kind, FindingKind::Good);
    // Nothing can be tried that would not be stored, and nothing is.
    for (changes, is_there) in [(json!({}), status(404)), (json!({ "write": "data_stream" }), status(200))] {
        let (finding, asked) = right(old(), &[is_there], &changes).await;
        assert_eq!((finding.kind, asked.len()), (FindingKind::Unseen, 1), "{finding:?}");
    }
    let (finding, asked) = right(old(), &[], &json!({ "index": "{{ticker}}" })).await;
    assert!(
        finding.kind == FindingKind::Unseen && finding.text.contains("records name the index"),
        "{finding:?}"
    );
    assert_eq!(asked.len(), 0);
}

#[tokio::test]
async fn elasticsearch_is_asked_for_the_rights_of_its_user() {
    let elastic = || json!({ "number": "8.15.0" });
    let has = |rights: Value| {
        reply(
            200,
            "",
            &json!({ "username": "sluice", "has_all_requested": false, "index": { "prices": rights } })
                .to_string(),
        )
    };
    let deletes = json!({ "document_id": "key", "on_null": "delete" });
    for (is_there, rights, changes, kind, said) in [
        (200, json!({ "index": true }), json!({}), FindingKind::Good, "given"),
        (200, json!({ "index": false }), json!({}), FindingKind::Wrong, "is missing: index"),
        (
            200,
            json!({ "index": true, "delete": false }),
            deletes.clone(),
            FindingKind::Wrong,
            "is missing: delete",
        ),
        (200, json!({ "create_doc": false }), json!({ "write": "create" }), FindingKind::Wrong, "create_doc"),
        (
            404,
            json!({ "index": true, "create_index": false, "auto_configure": true }),
            json!({}),
            FindingKind::Good,
            "given",
        ),
        (
            404,
            json!({ "index": true, "create_index": false, "auto_configure": false }),
            json!({}),
            FindingKind::Wrong,
            "create_index",
        ),
    ] {
        let (finding, asked) = right(elastic(), &[status(is_there), has(rights)], &changes).await;
        assert_eq!(finding.kind, kind, "{finding:?}");
        assert!(finding.text.contains(said), "{finding:?}");
        assert_eq!(asked[1], "POST /_security/user/_has_privileges");
    }
}

#[tokio::test]
async fn elasticsearch_that_does_not_tell_rights_is_sent_an_action() {
    let elastic = || json!({ "number": "8.15.0" });
    // Where nobody answers that, an action is tried.
    let conflict = bulk(&[item("index", 409, "version_conflict_engine_exception", "")]);
    let (finding, asked) = right(elastic(), &[status(200), status(400), conflict], &json!({})).await;
    assert_eq!((finding.kind, asked.len()), (FindingKind::Good, 3), "{asked:?}");
    // Which takes another right than to create.
    let (finding, asked) = right(elastic(), &[status(200), status(400)], &json!({ "write": "create" })).await;
    assert_eq!((finding.kind, asked.len()), (FindingKind::Unseen, 2), "{asked:?}");
}

#[tokio::test]
async fn opensearch_that_tells_rights_is_asked_for_them() {
    let deletes = json!({ "document_id": "key", "on_null": "delete" });
    let new = || json!({ "number": "3.2.0", "distribution": "opensearch" });
    let allowed = |missing: &[&str]| {
        reply(
            200,
            "",
            &json!({ "accessAllowed": missing.is_empty(), "missingPrivileges": missing }).to_string(),
        )
    };
    let (finding, asked) = right(new(), &[status(404), allowed(&[]), allowed(&[])], &json!({})).await;
    assert_eq!(finding.kind, FindingKind::Good, "{finding:?}");
    let expected = [
        "POST /_bulk?perform_permission_check=true",
        "POST /prices/_doc/sluice-check?perform_permission_check=true",
    ];
    assert_eq!(asked[1..], expected);
    let answers = [
        status(404),
        allowed(&[]),
        allowed(&["indices:data/write/index"]),
        allowed(&["indices:data/write/delete"]),
    ];
    let (finding, _) = right(new(), &answers, &deletes).await;
    assert_eq!(finding.kind, FindingKind::Wrong, "{finding:?}");
    assert!(finding.text.contains("indices:data/write/delete, indices:data/write/index"), "{finding:?}");
    // Without the security plugin it is a parameter that nobody knows.
    let (finding, asked) = right(new(), &[status(404), status(400)], &json!({})).await;
    assert_eq!((finding.kind, asked.len()), (FindingKind::Unseen, 2), "{asked:?}");
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
