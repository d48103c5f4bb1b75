//! One exchange as it travels: the request goes out, at most so many bytes of the answer are read.

use reqwest::{RequestBuilder, Response};
use sluice_connector_api::{Blanks, Failure, Trouble};

use crate::answer::{self, HttpAnswer};
use crate::text::causes;

/// Bytes of an answer that are read where only its start is shown: 64 KiB; a longer one costs its connection.
pub const START_BYTES: usize = 64 * 1024;

/// Bytes of an answer that is needed whole: 16 MiB.
pub const WHOLE_BYTES: usize = 16 * 1024 * 1024;

/// Sends a request and reads the answer, no more than so many bytes of it.
pub(crate) async fn exchange(
    subject: &str,
    request: RequestBuilder,
    most_bytes: usize,
    secrets: Blanks,
) -> Result<HttpAnswer, Failure> {
    let mut response = request.send().await.map_err(|error| lost(subject, error))?;
    let (status, wait) = (response.status().as_u16(), answer::wait(response.headers()));
    let headers = std::mem::take(response.headers_mut());
    let (body, is_whole) = body(&mut response, most_bytes).await;
    Ok(HttpAnswer { status, headers, wait, body, is_whole, secrets })
}

/// Reads so many bytes of a body at most, and says whether that is all of it.
///
/// A body that breaks off is no failure: what the status says holds, whatever becomes of the words.
async fn body(response: &mut Response, most_bytes: usize) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Ok(chunk) = response.chunk().await {
        let Some(chunk) = chunk else { return (body, true) };
        let room = most_bytes - body.len();
        if chunk.len() > room {
            body.extend_from_slice(chunk.get(..room).unwrap_or_default());
            break;
        }
        body.extend_from_slice(&chunk);
    }
    (body, false)
}

/// Says why there is no answer. Nothing is known to be stored then.
fn lost(subject: &str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_builder() {
        return Failure::fatal(format!("{subject} cannot be built: {}", causes(&error)));
    }
    if error.is_timeout() {
        let limit = if error.is_connect() { "connect_timeout" } else { "request_timeout" };
        let reason = format!("{subject} had no answer within `{limit}`");
        return Failure::retriable(reason).because(Trouble::TimedOut);
    }
    let why = causes(&error);
    let way_out = if why.contains("UnknownIssuer") {
        "; if the target has an authority of its own, set `tls.ca_file`"
    } else {
        ""
    };
    Failure::retriable(format!("{subject} did not get through: {why}{way_out}")).because(Trouble::Unreachable)
}
