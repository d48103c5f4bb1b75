//! The dead letters of a connector: the newest of them, and what would become of one that is sent through it again.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};
use sluice_connector_api::{Blanks, Record};

use crate::connector::load::Connector;
use crate::control::blanked::blanked;
use crate::control::error::{RestError, RestResult};
use crate::control::live::dead_letter_topic;
use crate::control::query::Parameters;
use crate::control::served::Served;
use crate::dead_letter::{part_held, text};
use crate::kafka::newest::newest;
use crate::offline::preview::{Preview, preview};
use crate::offline::replay::as_read;
use crate::shown::shortened;

/// How many letters are shown, the newest ones.
const MOST: usize = 20;
/// How long the brokers may take.
const WITHIN: Duration = Duration::from_secs(10);
/// The characters of a reason that are shown.
const CHARS: usize = 500;

/// `GET /live/{name}/dead-letters`: the newest twenty; with `?preview=PARTITION:OFFSET` what the connector as it is now would
/// make of one of them. Nothing is sent.
pub(super) async fn list(
    State(served): State<Served>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> RestResult<Json<Value>> {
    let (connector, _) = served.connector(&name)?;
    let topic = dead_letter_topic(&connector).ok_or_else(|| {
        RestError::not_found(format!(
            "connector {name} has no dead letter topic (`errors.dead_letter_queue.topic`)"
        ))
    })?;
    let letters = newest(connector.source.kafka.access(), vec![topic.clone()], MOST, WITHIN).await;
    let letters = letters.map_err(|error| {
        let error = error.to_string();
        let error = connector.blanks.apply(&error);
        RestError::failed(format!("cannot read the dead letters of connector {name} in {topic}: {error}"))
    })?;
    let parameters = Parameters::from_query(query.as_deref());
    if let Some(place) = parameters.all("preview").first() {
        return previewed(&connector, &letters, place).await;
    }
    let shown: Vec<Value> = letters.iter().rev().map(|letter| shown(letter, &connector.blanks)).collect();
    Ok(Json(json!({ "topic": topic, "letters": shown })))
}

fn place_of(letter: &Record) -> String {
    format!("{}:{}", letter.origin().partition(), letter.origin().offset())
}

fn shown(letter: &Record, blanks: &Blanks) -> Value {
    let of = |name: &str| text(letter, &format!("__connect.errors.{name}"));
    let known = |name: &str| of(name).unwrap_or_else(|| "?".to_owned());
    let origin = [known("topic"), known("partition"), known("offset")].join("-");
    let reason = of("exception.message").map(|reason| shortened(&reason, CHARS).into_owned());
    let shown = json!({
        "letter": place_of(letter), "origin": origin, "connector": of("connector.name"), "stage": of("stage"),
        "reason": reason, "timestamp": letter.timestamp.map(|timestamp| timestamp.millis), "holds": part_held(letter),
    });
    blanked(shown, blanks)
}

/// Runs the engine on one record, with its requests noted in place of sent.
async fn previewed(connector: &Connector, letters: &[Record], place: &str) -> RestResult<Json<Value>> {
    let letter = letters.iter().find(|letter| place_of(letter) == place);
    let letter = letter
        .ok_or_else(|| RestError::not_found(format!("{place} is none of the newest {MOST} dead letters")))?;
    if let Some(part) = part_held(letter) {
        return Err(RestError::bad_request(format!("the letter does not hold all of its record ({part})")));
    }
    let record = as_read(letter)
        .ok_or_else(|| RestError::bad_request("the letter does not say where its record was read"))?;
    let preview = preview(connector, vec![(record, None)]).await;
    Ok(Json(blanked(as_json(&preview), &connector.blanks)))
}

fn as_json(preview: &Preview) -> Value {
    let record = preview.records.first();
    let stages = record.into_iter().flat_map(|record| &record.stages);
    let stages: Vec<Value> =
        stages.map(|(name, records)| json!({ "name": name, "records": records })).collect();
    let requests: Vec<&Value> = preview.puts.iter().map(|put| &put.request).collect();
    let by_sink = preview.rejected_by_sink.first().map(|(_, reason)| format!("rejected by sink: {reason}"));
    let rejected = record.and_then(|record| record.rejected.clone()).or(by_sink);
    json!({ "stages": stages, "requests": requests, "rejected": rejected, "stopped": preview.stopped })
}
