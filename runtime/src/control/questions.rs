//! Questions to what a connector has stored, where its sink can be asked.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_connector_api::Failure;
use tokio::time::timeout;

use crate::control::blanked::blanked;
use crate::control::error::{RestError, RestResult};
use crate::control::served::Served;
use crate::guard;
use crate::meter::measure::{float, now_millis};

/// How many passages are asked for.
const MOST: usize = 5;
/// The most characters of a question.
const CHARS: usize = 1000;
/// How long the target may take.
const WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize)]
struct Asked {
    question: String,
}

/// `POST /live/{name}/questions` with `{"question": ...}`: what the target finds, the best first.
pub(super) async fn ask(
    State(served): State<Served>,
    Path(name): Path<String>,
    body: Bytes,
) -> RestResult<Json<Value>> {
    let (connector, _) = served.connector(&name)?;
    let asking = connector.sink.asking().ok_or_else(|| {
        RestError::not_found(format!("the sink {} of connector {name} cannot be asked", connector.sink_name))
    })?;
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|error| RestError::bad_request(format!("the body does not hold a `question`: {error}")))?;
    let question = asked.question.trim();
    if question.is_empty() || question.chars().count() > CHARS {
        return Err(RestError::bad_request(format!("a question has 1 to {CHARS} characters")));
    }
    let failed = |failure: &Failure| {
        let text = failure.to_string();
        RestError::failed(format!("the question was not answered: {}", connector.blanks.apply(&text)))
    };
    let answer = timeout(WITHIN, guard::wait_for(asking.ask(question, MOST))).await;
    let answer =
        answer.map_err(|_| RestError::failed(format!("the target did not answer within {WITHIN:?}")))?;
    let answer = answer.unwrap_or_else(|panicked| Err(Failure::fatal(panicked.to_string())));
    let found: Vec<Value> = answer
        .map_err(|failure| failed(&failure))?
        .into_iter()
        .map(|found| {
            let age = found.made_at.map(age_in_seconds);
            json!({ "text": found.text, "id": found.id, "score": found.score, "age_seconds": age })
        })
        .collect();
    Ok(Json(blanked(json!({ "found": found }), &connector.blanks)))
}

/// Returns how long ago a time was that is given in milliseconds since 1970. A clock may be ahead of ours.
fn age_in_seconds(made_at: i64) -> f64 {
    let made_at = u64::try_from(made_at).unwrap_or_default();
    float(now_millis().saturating_sub(made_at)) / 1000.0
}
