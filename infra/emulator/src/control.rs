//! The control endpoint: what [`crate::Emulator`] offers to Rust, for everybody else. No signature is asked for.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::state::Shared;
use crate::{Call, DocumentContent, Operation, RateLimits, Rule, StoredDocument, answer, fault};

/// The most times that one request may script a fault.
const MAX_TIMES: usize = 100_000;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_emulator/calls", get(calls))
        .route("/_emulator/documents", get(documents))
        .route("/_emulator/faults", get(faults).post(script).delete(forget_faults))
        .route("/_emulator/limits", get(limits).put(set_limits))
        .route("/_emulator/rules", get(rules).put(set_rules))
        .route("/_emulator/clear", post(clear))
}

async fn calls(State(shared): State<Arc<Shared>>) -> Response {
    let calls: Vec<Value> = shared.state().calls.iter().map(Call::to_json).collect();
    answer::json(200, &json!({ "calls": calls }))
}

async fn documents(State(shared): State<Arc<Shared>>) -> Response {
    let documents = shared.state().documents(shared.now());
    let documents: Vec<Value> = documents.iter().map(document).collect();
    answer::json(200, &json!({ "documents": documents }))
}

fn document(document: &StoredDocument) -> Value {
    let content = match &document.content {
        DocumentContent::Text => json!("text"),
        DocumentContent::Bytes { mime_type, data } => json!({ "mime_type": mime_type, "bytes": data.len() }),
        DocumentContent::S3Location { uri } => json!({ "uri": uri }),
    };
    json!({
        "knowledge_base_id": document.knowledge_base_id,
        "data_source_id": document.data_source_id,
        "id": document.id,
        "text": document.text,
        "content": content,
        "attributes": document.attributes,
        "status": document.status.as_str(),
        "status_reason": document.status_reason,
        "updated_at": document.updated_at.to_string(),
    })
}

async fn faults(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.state();
    let by_operation = state.faults.iter().filter(|(_, faults)| !faults.is_empty());
    let faults: Map<String, Value> =
        by_operation.map(|(operation, faults)| (operation.name().to_owned(), json!(faults))).collect();
    answer::json(200, &Value::Object(faults))
}

/// What is asked for with `POST /_emulator/faults`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    operation: Operation,
    #[serde(default = "once")]
    times: usize,
    fault: Value,
}

fn once() -> usize {
    1
}

async fn script(State(shared): State<Arc<Shared>>, body: String) -> Response {
    let read = serde_json::from_str(&body)
        .and_then(|Script { operation, times, fault }| Ok((operation, times, fault::read(fault)?)));
    match read {
        Ok((operation, times, fault)) => {
            let mut state = shared.state();
            (0..times.min(MAX_TIMES)).for_each(|_| state.script(operation, fault.clone()));
            done()
        }
        Err(error) => refused(&error.to_string()),
    }
}

async fn forget_faults(State(shared): State<Arc<Shared>>) -> Response {
    shared.state().faults.clear();
    done()
}

async fn limits(State(shared): State<Arc<Shared>>) -> Response {
    answer::json(200, &json!(shared.state().quotas.limits()))
}

async fn set_limits(State(shared): State<Arc<Shared>>, body: String) -> Response {
    match RateLimits::parse(&body) {
        Ok(limits) => {
            shared.state().quotas.set(limits, tokio::time::Instant::now());
            done()
        }
        Err(problem) => refused(&problem),
    }
}

async fn rules(State(shared): State<Arc<Shared>>) -> Response {
    answer::json(200, &json!(shared.state().rules))
}

async fn set_rules(State(shared): State<Arc<Shared>>, body: String) -> Response {
    match serde_json::from_str::<Vec<Rule>>(&body) {
        Ok(rules) => {
            shared.state().rules = rules;
            done()
        }
        Err(error) => refused(&error.to_string()),
    }
}

async fn clear(State(shared): State<Arc<Shared>>) -> Response {
    shared.state().clear();
    done()
}

fn done() -> Response {
    answer::raw(204, "text/plain", String::new())
}

fn refused(problem: &str) -> Response {
    answer::raw(400, "text/plain", format!("{problem}\n"))
}
