//! The sink against a server that answers as it is told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod answers;
mod auth;
mod requests;
mod settings;
mod tls;

use serde_json::{Value, json};
use sluice_connector_api::{Failure, FailureKind, Payload, PutError, Record, Sink};

use sluice_wire_testing::{HttpReply, HttpServer, reply, status};

use crate::built::built;
use sluice_plugin_testing::{batch_failure, record_failures, sink_contract, text, tombstone, with_value};

/// Builds a sink for a path of a server.
fn sink_at(server: &HttpServer, path: &str, changes: &Value) -> Box<dyn Sink> {
    let mut settings = json!({ "url": format!("{}{path}", server.url) });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    built("http", settings)
}

fn prices() -> [Record; 3] {
    [price(0, "OOOO"), price(1, "ZVZZT"), price(2, "ACME")]
}

/// A record whose key is its ticker.
fn price(offset: i64, ticker: &str) -> Record {
    let mut record = with_value(offset, json!({ "ticker": ticker, "price": offset }).into());
    record.key = Some(ticker.into());
    record
}

fn gone(offset: i64, ticker: &str) -> Record {
    let mut record = tombstone(offset);
    record.key = Some(ticker.into());
    record
}

fn kinds(outcome: Result<(), PutError>) -> Vec<(usize, FailureKind)> {
    record_failures(outcome).into_iter().map(|(index, kind, _)| (index, kind)).collect()
}

/// The failures of single records: index, kind, reason and detail.
fn details(outcome: Result<(), PutError>) -> Vec<(usize, FailureKind, String, String)> {
    let Err(PutError::Records(failures)) = outcome else { panic!("{outcome:?}") };
    let told = |(index, failure): (usize, Failure)| {
        let detail = failure.detail().unwrap_or_default().to_owned();
        (index, failure.kind(), failure.to_string(), detail)
    };
    failures.into_iter().map(told).collect()
}

/// Puts a record once and returns how it failed.
async fn failure_of(replies: impl IntoIterator<Item = HttpReply>, changes: &Value) -> Failure {
    let server = HttpServer::start(replies).await;
    let outcome = sink_at(&server, "/", changes).put(&[price(0, "OOOO")]).await;
    match outcome {
        Err(PutError::Batch(failure)) => failure,
        Err(PutError::Records(mut failures)) => failures.remove(0).1,
        Ok(()) => panic!("it was stored"),
    }
}

#[tokio::test]
async fn keeps_the_contract_with_one_record_a_request() {
    let server = HttpServer::start([]).await;
    sink_contract(&*sink_at(&server, "/", &json!({}))).await;
}

#[tokio::test]
async fn keeps_the_contract_with_a_batch_a_request() {
    let server = HttpServer::start([]).await;
    for format in ["json_array", "json_lines", "raw"] {
        let changes = json!({ "batch": { "format": format }, "compression": "gzip", "max_in_flight": 4 });
        sink_contract(&*sink_at(&server, "/{{@record.topic}}", &changes)).await;
    }
}
