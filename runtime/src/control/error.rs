//! The answers that are none: a status, and a body that says why, as Kafka Connect writes it.

use axum::Json;
use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What is said of a path at which there is nothing.
pub(super) const NOT_FOUND: &str = "HTTP 404 Not Found";

/// The longest such text, in bytes.
const MAX_TEXT: usize = 4096;

/// Why a request was not done.
#[derive(Clone, Debug)]
pub(super) struct RestError {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

/// What a request comes to.
pub(super) type RestResult<T> = Result<T, RestError>;

impl RestError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

/// Has what axum refuses by itself, such as a body that is too long, answered as all else.
pub(super) async fn in_our_form(answer: Response) -> Response {
    let status = answer.status();
    let is_text = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_text || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let text = to_bytes(answer.into_body(), MAX_TEXT).await.unwrap_or_default();
    RestError::new(status, String::from_utf8_lossy(&text)).into_response()
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let body = json!({ "error_code": self.status.as_u16(), "message": self.message });
        (self.status, Json(body)).into_response()
    }
}
