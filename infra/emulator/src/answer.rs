//! Answers as HTTP responses.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use crate::Operation;
use crate::error::ServiceError;

/// Answers as the service does.
pub(crate) fn of(operation: Operation, result: Result<Value, ServiceError>) -> Response {
    match result {
        Ok(body) => json(operation.success(), &body),
        Err(error) => refusal(&error.told_by(operation)),
    }
}

/// Answers with the right status and half of the body.
pub(crate) fn garbled(operation: Operation, result: Result<Value, ServiceError>) -> Response {
    match result {
        Ok(body) => {
            let body = body.to_string();
            let half = body.chars().take(body.chars().count() / 2).collect();
            raw(operation.success(), "application/json", half)
        }
        Err(_) => of(operation, result),
    }
}

pub(crate) fn refusal(error: &ServiceError) -> Response {
    let mut response = json(error.status, &error.body());
    set(&mut response, "x-amzn-errortype", &error.code);
    response
}

pub(crate) fn with_retry_after(mut response: Response, retry_after: Option<Duration>) -> Response {
    if let Some(wait) = retry_after {
        let milliseconds = wait.as_millis();
        let seconds = milliseconds.div_ceil(1000);
        set(&mut response, "x-amz-retry-after", &milliseconds.to_string());
        set(&mut response, "retry-after", &seconds.to_string());
    }
    response
}

pub(crate) fn json(status: u16, body: &Value) -> Response {
    raw(status, "application/json", body.to_string())
}

pub(crate) fn raw(status: u16, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    // A scripted status may be anything.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Returns the code of the error that a response says.
pub(crate) fn code(response: &Response) -> Option<String> {
    Some(response.headers().get("x-amzn-errortype")?.to_str().ok()?.to_owned())
}

/// A scripted code that is no header value is left out.
fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, value);
    }
}
