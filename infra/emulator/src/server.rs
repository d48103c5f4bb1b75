//! HTTP: one request in, one answer out, in the order of checks AWS has.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::connection::{Cut, CuttableListener};
use crate::emulator::Shared;
use crate::error::ServiceError;
use crate::fault::DocumentFault;
use crate::json::with;
use crate::operation::{Target, route};
use crate::request::{self, Request};
use crate::store::{Detail, Page};
use crate::{Call, Fault, Operation, StoredDocument, retrieve, signature};

/// How much of a body is read to refuse it with an answer; beyond, the connection is closed.
const READ_LIMIT: usize = 64 * 1024 * 1024;

/// Answers requests until the emulator is stopped.
pub(crate) async fn serve(listener: CuttableListener, shared: Arc<Shared>) {
    let router = Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&shared))
        .into_make_service_with_connect_info::<Cut>();
    let served =
        axum::serve(listener, router).with_graceful_shutdown(async move { shared.stopped().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "the emulator ended");
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Cut>,
    http: HttpRequest,
) -> Response {
    // In a task of its own: what has arrived is carried out, even if the client no longer waits.
    let task = tokio::spawn(async move { exchange(&shared, http).await });
    let Ok(Some(response)) = task.await else {
        connection.cut();
        return Response::default();
    };
    response
}

/// Returns the answer to a request. `None`: the connection is to be cut instead.
async fn exchange(shared: &Shared, http: HttpRequest) -> Option<Response> {
    let (head, body) = http.into_parts();
    let Some(target) = route(head.method.as_str(), head.uri.path()) else {
        return Some(refusal(&ServiceError::unknown_operation()));
    };
    // Fails when the client goes away half-way: then no request has arrived.
    let bytes = to_bytes(body, READ_LIMIT).await.ok()?;
    let body = request::read(&bytes);
    let call = Call::arrived(target.operation, body.as_ref().ok());
    let (call, fault) = shared.arrived(call);
    let perform = |faults: &[DocumentFault]| {
        let result = perform(shared, &target, &head.headers, body, faults);
        reply(target.operation, result)
    };
    let response = meet(fault, shared, perform).await?;
    shared.answered(call, response.status().as_u16());
    Some(response)
}

/// Lets a fault strike. `None`: the connection is to be cut.
async fn meet(
    fault: Option<Fault>,
    shared: &Shared,
    perform: impl FnOnce(&[DocumentFault]) -> Response,
) -> Option<Response> {
    match fault {
        None => Some(perform(&[])),
        Some(Fault::Error { status, code, message, retry_after }) => {
            let refused = refusal(&ServiceError::new(status, &code, message));
            Some(with_retry_after(refused, retry_after))
        }
        Some(Fault::Raw { status, body }) => Some(response(status, "text/html", body)),
        Some(Fault::DropBeforeApplying) => None,
        Some(Fault::DropAfterApplying) => {
            perform(&[]);
            None
        }
        Some(Fault::Delay(delay)) => {
            wait(shared, delay).await;
            Some(perform(&[]))
        }
        Some(Fault::Documents(faults)) => Some(perform(&faults)),
    }
}

async fn wait(shared: &Shared, delay: Duration) {
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = shared.stopped() => {}
    }
}

fn perform(
    shared: &Shared,
    target: &Target,
    headers: &HeaderMap,
    body: Result<Value, ServiceError>,
    faults: &[DocumentFault],
) -> Result<Value, ServiceError> {
    let settings = &shared.settings;
    signature::check(headers, settings.expected_access_key_id.as_deref())?;
    let request = request::parse(target, &body?, settings.max_documents_per_ingest)?;
    check_resources(shared, target)?;
    apply(shared, request, faults)
}

fn check_resources(shared: &Shared, target: &Target) -> Result<(), ServiceError> {
    let settings = &shared.settings;
    // An ARN ends in a slash and the id.
    let knowledge_base = target.knowledge_base.rsplit('/').next();
    if knowledge_base != Some(&settings.knowledge_base.id) {
        let id = &target.knowledge_base;
        return Err(ServiceError::not_found("Knowledge base", id));
    }
    match &target.data_source {
        Some(id) if *id != settings.data_source.id => Err(ServiceError::not_found("Data source", id)),
        _ => Ok(()),
    }
}

fn apply(shared: &Shared, request: Request, faults: &[DocumentFault]) -> Result<Value, ServiceError> {
    let now = shared.now();
    let store = &mut shared.state().store;
    match request {
        Request::Ingest { client_token, documents } => {
            let details = store.ingest(now, client_token, documents, faults);
            Ok(details_json(shared, &details))
        }
        Request::Delete { client_token, ids } => {
            let details = store.delete(now, client_token, ids, faults);
            Ok(details_json(shared, &details))
        }
        Request::Get { ids } => Ok(details_json(shared, &store.get(now, ids))),
        Request::List { max_results, next_token } => {
            page_json(shared, store.list(now, max_results, next_token.as_deref()))
        }
        Request::Retrieve { query, number_of_results } => {
            Ok(results_json(shared, store.retrieve(now, &query, number_of_results)))
        }
    }
}

fn results_json(shared: &Shared, found: Vec<(StoredDocument, f32)>) -> Value {
    let data_source = &shared.settings.data_source.id;
    let results: Vec<Value> =
        found.into_iter().map(|(document, score)| retrieve::result(document, score, data_source)).collect();
    json!({ "retrievalResults": results })
}

fn page_json(shared: &Shared, page: Option<Page>) -> Result<Value, ServiceError> {
    let page = page.ok_or_else(|| ServiceError::validation("The nextToken is invalid."))?;
    let body = details_json(shared, &page.details);
    Ok(with(body, "nextToken", page.next_token))
}

fn details_json(shared: &Shared, details: &[Detail]) -> Value {
    let details = details.iter().map(|detail| detail_json(shared, detail));
    json!({ "documentDetails": details.collect::<Vec<_>>() })
}

fn detail_json(shared: &Shared, detail: &Detail) -> Value {
    let json = json!({
        "knowledgeBaseId": shared.settings.knowledge_base.id,
        "dataSourceId": shared.settings.data_source.id,
        "status": detail.status.as_str(),
        "identifier": { "dataSourceType": "CUSTOM", "custom": { "id": detail.id } },
        // Milliseconds: the SDKs parse any precision, people do not.
        "updatedAt": detail.updated_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
    });
    with(json, "statusReason", detail.reason.as_deref())
}

fn reply(operation: Operation, result: Result<Value, ServiceError>) -> Response {
    match result {
        Ok(body) => json_response(operation.success(), &body),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &ServiceError) -> Response {
    let mut response = json_response(error.status, &error.body());
    set(&mut response, "x-amzn-errortype", &error.code);
    response
}

fn with_retry_after(mut response: Response, retry_after: Option<Duration>) -> Response {
    if let Some(wait) = retry_after {
        let milliseconds = wait.as_millis();
        let seconds = milliseconds.div_ceil(1000);
        set(&mut response, "x-amz-retry-after", &milliseconds.to_string());
        set(&mut response, "retry-after", &seconds.to_string());
    }
    response
}

fn json_response(status: u16, body: &Value) -> Response {
    response(status, "application/json", body.to_string())
}

fn response(status: u16, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    // A scripted status may be anything.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A scripted code that is no header value is left out.
fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, value);
    }
}
