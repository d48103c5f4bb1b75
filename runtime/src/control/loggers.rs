//! What is logged, changed at once and as long as the process lasts.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::control::error::{RestError, RestResult};
use crate::control::query::Parameters;
use crate::observe::levels::{SetLevel, levels, set};

/// The most loggers that have a level of their own, and the longest name of one, in bytes.
const MOST: usize = 200;
const LONGEST: usize = 200;

/// `LoggerLevel`.
#[derive(Debug, Serialize)]
pub(super) struct LoggerLevel {
    level: String,
    last_modified: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct NewLevel {
    level: Option<String>,
}

impl From<SetLevel> for LoggerLevel {
    fn from(SetLevel { level, modified }: SetLevel) -> Self {
        Self { level, last_modified: modified }
    }
}

/// `GET /admin/loggers`.
pub(super) async fn list() -> Json<BTreeMap<String, LoggerLevel>> {
    Json(levels().into_iter().map(|(name, level)| (name, level.into())).collect())
}

/// `GET /admin/loggers/{name}`.
pub(super) async fn get(Path(name): Path<String>) -> RestResult<Json<LoggerLevel>> {
    let level = levels().remove(&name);
    let missing = || RestError::not_found(format!("Logger {name} not found."));
    Ok(Json(level.ok_or_else(missing)?.into()))
}

/// `PUT /admin/loggers/{name}`. Kafka Connect's `FATAL` is the nearest that there is, `ERROR`.
pub(super) async fn put(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> RestResult<Response> {
    let asked = serde_json::from_slice::<NewLevel>(&body).ok().and_then(|new| new.level);
    let asked = asked
        .ok_or_else(|| RestError::bad_request("Desired 'level' parameter was not specified in request."))?;
    if !is_name(&name) {
        let text = format!("`{name}` is no name of a crate or a module, such as sluice_runtime::kafka");
        return Err(RestError::bad_request(text));
    }
    let known = levels();
    if known.len() >= MOST && !known.contains_key(&name) {
        return Err(RestError::bad_request(format!("{MOST} loggers have levels of their own already")));
    }
    let level = if asked.eq_ignore_ascii_case("fatal") { "ERROR".to_owned() } else { asked };
    if !set(&name, &level) {
        return Err(RestError::not_found(format!("invalid log level '{level}'.")));
    }
    if Parameters::from_query(query.as_deref()).all("scope").contains(&"cluster") {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json([name]).into_response())
}

/// Says whether this can be the name of what logs; a comma, or a sign of equality, would begin another.
fn is_name(name: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_:.-$".contains(c);
    !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_and_no_other_begins_in_it() {
        for good in ["root", "sluice_runtime::kafka", "org.apache.kafka.connect", "rdkafka"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a=debug", "a,b", "a b", "a[span]", "\u{e9}", &"a".repeat(201)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
