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

use sluice_wire_testing::{Reply, Server, reply, status};

use crate::contract::{self, built, of_batch, of_records, text, tombstone, with_value};

/// Builds a sink for a path of a server.
fn sink_at(server: &Server, path: &str, changes: &Value) -> Box<dyn Sink> {
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
    of_records(outcome).into_iter().map(|(index, kind, _)| (index, kind)).collect()
}

/// Puts a record once and returns how it failed.
async fn failure_of(replies: impl IntoIterator<Item = Reply>, changes: &Value) -> Failure {
    let server = Server::start(replies).await;
    let outcome = sink_at(&server, "/", changes).put(&[price(0, "OOOO")]).await;
    match outcome {
        Err(PutError::Batch(failure)) => failure,
        Err(PutError::Records(mut failures)) => failures.remove(0).1,
        Ok(()) => panic!("it was stored"),
    }
}

#[tokio::test]
async fn keeps_the_contract_with_one_record_a_request() {
    let server = Server::start([]).await;
    contract::holds(&*sink_at(&server, "/", &json!({}))).await;
}

#[tokio::test]
async fn keeps_the_contract_with_a_batch_a_request() {
    let server = Server::start([]).await;
    for format in ["json_array", "json_lines", "raw"] {
        let changes = json!({ "batch": { "format": format }, "compression": "gzip", "max_in_flight": 4 });
        contract::holds(&*sink_at(&server, "/{{@record.topic}}", &changes)).await;
    }
}
