//! A cluster in memory, as strict as a real one about the form of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sluice_wire_testing::{HttpReply, HttpServer, SeenRequest, reply};

/// A document and its version.
#[derive(Clone, Debug, PartialEq)]
struct Stored {
    version: i64,
    document: Value,
}

/// Documents by index and id; a deleted one has its version and no document.
type Documents = BTreeMap<(String, String), Stored>;

/// A cluster that listens on loopback. Indexes whose names begin with `missing` are not made, those that begin with
/// `stream` are data streams, and the field `price` is a number.
pub(super) struct TestCluster {
    pub(super) server: HttpServer,
    documents: Arc<Mutex<Documents>>,
}

impl TestCluster {
    pub(super) async fn start() -> Self {
        let documents: Arc<Mutex<Documents>> = Arc::default();
        let shared = Arc::clone(&documents);
        let server = HttpServer::start_answering(move |seen| answer(seen, &mut shared.lock().unwrap())).await;
        Self { server, documents }
    }

    /// The documents of an index by their ids.
    pub(super) fn documents(&self, index: &str) -> BTreeMap<String, Value> {
        let documents = self.documents.lock().unwrap();
        let of_index =
            documents.iter().filter(|((name, _), stored)| name == index && !stored.document.is_null());
        of_index.map(|((_, id), stored)| (id.clone(), stored.document.clone())).collect()
    }

    /// The version of a document.
    pub(super) fn version(&self, index: &str, id: &str) -> i64 {
        self.documents.lock().unwrap()[&(index.to_owned(), id.to_owned())].version
    }
}

fn answer(seen: &SeenRequest, documents: &mut Documents) -> HttpReply {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (seen.method.as_str(), &*parts) {
        ("GET", []) => {
            let about = json!({ "name": "n", "cluster_name": "shop", "version": { "number": "2.19.1", "distribution": "opensearch" } });
            reply(200, "", &about.to_string())
        }
        ("HEAD", [index]) => {
            let is_there = documents.keys().any(|(name, _)| name == index);
            reply(if is_there { 200 } else { 404 }, "", "")
        }
        ("GET", ["_data_stream", _]) => reply(404, "", "{}"),
        ("GET", ["_ingest", "pipeline", name]) => reply(if *name == "gone" { 404 } else { 200 }, "", "{}"),
        ("POST", ["_bulk"]) => bulk(seen, None, query, documents),
        ("POST", [index, "_bulk"]) => bulk(seen, Some(index), query, documents),
        _ => refusal(405, "illegal_argument_exception", "incorrect HTTP method"),
    }
}

fn refusal(status: u16, kind: &str, reason: &str) -> HttpReply {
    let body = json!({ "error": { "type": kind, "reason": reason }, "status": status });
    reply(status, "", &body.to_string())
}

/// An item that failed: status, type and reason.
type Fault = (u16, &'static str, String);

fn bulk(seen: &SeenRequest, index: Option<&str>, query: &str, documents: &mut Documents) -> HttpReply {
    if seen.headers.get("content-type").map(String::as_str) != Some("application/x-ndjson") {
        return refusal(406, "media_type_header_exception", "Content-Type header is not supported");
    }
    let text = text_of(seen);
    if !text.ends_with('\n') {
        return refusal(
            400,
            "illegal_argument_exception",
            "The bulk request must be terminated by a newline [\\n]",
        );
    }
    let mut lines = text.lines();
    let mut items = Vec::new();
    while let Some(line) = lines.next() {
        let action: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let (name, meta) = action.as_object().unwrap().iter().next().unwrap();
        if let Some(problem) = malformed(name, meta) {
            return refusal(400, "action_request_validation_exception", problem);
        }
        let document = (name != "delete").then(|| lines.next().expect("a document behind its action"));
        let document: Option<Value> = document.map(|line| serde_json::from_str(line).unwrap());
        let index = meta["_index"].as_str().or(index).expect("an index").to_owned();
        let done = act(name, &index, meta, document, query, documents);
        let item = match done {
            Ok(status) => json!({ "_index": index, "_id": meta["_id"], "status": status }),
            Err((status, kind, reason)) => {
                json!({ "_index": index, "_id": meta["_id"], "status": status, "error": { "type": kind, "reason": reason } })
            }
        };
        items.push(json!({ name: item }));
    }
    let errors = items.iter().any(|item| item.to_string().contains("\"error\""));
    reply(200, "", &json!({ "took": 1, "errors": errors, "items": items }).to_string())
}

fn text_of(seen: &SeenRequest) -> String {
    if seen.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut text = String::new();
        GzDecoder::new(&seen.body[..]).read_to_string(&mut text).unwrap();
        return text;
    }
    seen.text().to_owned()
}

/// What makes the cluster refuse the whole request.
fn malformed(name: &str, meta: &Value) -> Option<&'static str> {
    let known = BTreeSet::from([
        "_index",
        "_id",
        "routing",
        "version",
        "version_type",
        "if_seq_no",
        "if_primary_term",
    ]);
    if meta.as_object().unwrap().keys().any(|key| !known.contains(key.as_str())) {
        return Some("Action/metadata line [1] contains an unknown parameter");
    }
    if meta["_id"].as_str().is_some_and(|id| id.len() > 512) {
        return Some("id is too long, must be no longer than 512 bytes");
    }
    if meta.get("if_seq_no").is_some() && name == "create" {
        return Some("create operations do not support compare and set");
    }
    if meta.get("version").is_some() && !matches!(name, "index" | "delete") {
        return Some("create operations only support internal versioning");
    }
    (meta["_id"].is_null() && matches!(name, "update" | "delete")).then_some("id is missing")
}

fn act(
    name: &str,
    index: &str,
    meta: &Value,
    document: Option<Value>,
    query: &str,
    documents: &mut Documents,
) -> Result<u16, Fault> {
    if index.starts_with("missing") {
        return Err((404, "index_not_found_exception", format!("no such index [{index}]")));
    }
    if query == "pipeline=gone" {
        return Err((400, "illegal_argument_exception", "pipeline with id [gone] does not exist".to_owned()));
    }
    let made = documents.len().to_string();
    let id = meta["_id"].as_str().unwrap_or(&made).to_owned();
    let place = (index.to_owned(), id);
    let before = documents.get(&place).cloned();
    let is_there = before.as_ref().is_some_and(|stored| !stored.document.is_null());
    if index.starts_with("stream") {
        check_stream(name, document.as_ref())?;
    }
    if meta.get("if_seq_no").is_some() && name != "update" {
        return Err(conflict());
    }
    let document = match (name, document) {
        ("create", _) if is_there => return Err(conflict()),
        ("update", Some(change)) => updated(before.as_ref(), &change)?,
        ("delete", _) => Value::Null,
        (_, document) => document.unwrap(),
    };
    if document.get("price").is_some_and(|price| !price.is_number()) {
        let reason = format!(
            "failed to parse field [price] of type [float]. Preview of field's value: '{}'",
            document["price"]
        );
        return Err((400, "mapper_parsing_exception", reason));
    }
    let version = version(meta, before.as_ref())?;
    documents.insert(place, Stored { version, document });
    Ok(if name == "delete" && !is_there { 404 } else { 200 })
}

fn conflict() -> Fault {
    (409, "version_conflict_engine_exception", "version conflict".to_owned())
}

fn check_stream(name: &str, document: Option<&Value>) -> Result<(), Fault> {
    if name != "create" {
        let reason = "only write ops with an op_type of create are allowed in data streams";
        return Err((400, "illegal_argument_exception", reason.to_owned()));
    }
    if document.is_none_or(|document| document["@timestamp"].is_null()) {
        return Err((
            400,
            "mapper_parsing_exception",
            "data stream timestamp field [@timestamp] is missing".to_owned(),
        ));
    }
    Ok(())
}

fn version(meta: &Value, before: Option<&Stored>) -> Result<i64, Fault> {
    let newest = before.map_or(-1, |stored| stored.version);
    let Some(asked) = meta["version"].as_i64() else { return Ok(newest + 1) };
    let is_newer = match meta["version_type"].as_str() {
        Some("external") => asked > newest,
        Some("external_gte") => asked >= newest,
        other => panic!("{other:?} is no type of versions"),
    };
    if is_newer { Ok(asked) } else { Err(conflict()) }
}

/// Applies an update: a part of a document, or a script that counts.
fn updated(before: Option<&Stored>, change: &Value) -> Result<Value, Fault> {
    let before = before.map(|stored| stored.document.clone()).filter(|document| !document.is_null());
    if change.get("script").is_some() {
        let script = &change["script"];
        assert!(script["source"].is_string() && script["params"]["record"]["offset"].is_i64(), "{script}");
        let missing = before.is_none() && change["scripted_upsert"] != true;
        if missing {
            return Err((404, "document_missing_exception", "document missing".to_owned()));
        }
        let count = before.map_or(0, |document| document["count"].as_i64().unwrap());
        return Ok(json!({ "count": count + script["params"]["by"].as_i64().unwrap() }));
    }
    let Some(mut document) = before.or_else(|| (change["doc_as_upsert"] == true).then(|| json!({}))) else {
        return Err((404, "document_missing_exception", "document missing".to_owned()));
    };
    for (name, value) in change["doc"].as_object().unwrap() {
        document[name] = value.clone();
    }
    Ok(document)
}
