//! Answers that last: streams of server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use futures::StreamExt;
use serde_json::Value;

use crate::control::error::{RestError, RestResult};
use crate::observe::lasting::Lasting;
use crate::shown::on_lines;

/// How often something is sent at least, so that the end of the other side is noticed.
pub(super) const ALIVE: Duration = Duration::from_secs(5);

/// What says that the stream is alive: a comment.
pub(super) fn alive() -> Bytes {
    Bytes::from_static(b": alive\n\n")
}

/// Writes an event. JSON in one piece has no line breaks.
pub(super) fn event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {}\n\n", on_lines(&data.to_string())).into()
}

/// Answers with a stream of events. Only so many may last at a time.
pub(super) fn respond(
    lasting: Option<Extension<Lasting>>,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> RestResult<Response> {
    let place = lasting.and_then(|Extension(lasting)| lasting.begin());
    let place = place.ok_or_else(|| {
        let text = "too many streams are open at this worker: close one of them and ask again";
        RestError::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    let events = events.map(move |event| {
        let _held = &place;
        Ok::<_, Infallible>(event)
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}
