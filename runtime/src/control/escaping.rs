//! Answers whose texts somebody else wrote, such as a target's words in a trace: JSON that a terminal shows as it is.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::control::error::RestError;
use crate::shown::on_lines;

/// Escapes in JSON what a terminal would act upon, and the JSON writer leaves as it is: it means the same thereafter.
pub(super) async fn escaped(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes().starts_with(b"application/json"));
    if kind != Some(true) {
        return Response::from_parts(parts, body);
    }
    // An answer is made in memory, so that it has a bound already.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return RestError::failed("the answer could not be written").into_response();
    };
    let text = String::from_utf8_lossy(&bytes);
    let shown = on_lines(&text).into_owned();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(shown))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use axum::Json;
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn what_a_terminal_acts_upon_is_escaped_and_means_the_same() {
        let said = json!({ "trace": "a\u{1b}[31m\u{9b}2J\u{7f}\u{202e}\u{2028}é\n", "b\u{2066}": 1.50 });
        let answer = escaped(Json(said.clone()).into_response()).await;
        let text =
            String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
        assert!(text.chars().all(|char| char == 'é' || (' '..='~').contains(&char)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), said);
    }

    #[tokio::test]
    async fn what_is_no_json_is_left_as_it_is() {
        let answer = escaped("a\u{9b}".into_response()).await;
        assert_eq!(to_bytes(answer.into_body(), 100).await.unwrap(), "a\u{9b}");
    }
}
