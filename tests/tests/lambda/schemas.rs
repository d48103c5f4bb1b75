//! A registry of schemas that is away while a function has records to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use sluice_tests::lambda::event;
use sluice_wire_testing::{HttpReply, HttpServer, reply};
use tokio::runtime::Runtime;

use crate::{AMPLE, Function, base64};

/// Strings in Avro by Confluent's serializer; one in between is JSON, and at fault.
const CONNECTOR: &str =
    "source: { value: { avro: { registry: { confluent: { urls: [\"${env:REGISTRY}\"] } } } } }
sink: { blackhole: {} }
errors: { tolerance: all, retry_delay: 50ms }
";

/// None of its records is done, and none is skipped, although records at fault are.
#[test]
fn a_registry_that_is_away_is_waited_for_until_the_deadline_is_near() {
    let is_back = Arc::new(AtomicBool::new(false));
    let runtime = Runtime::new().unwrap();
    let of_server = Arc::clone(&is_back);
    let server = runtime.block_on(HttpServer::start_answering(move |_| {
        if !of_server.load(Ordering::SeqCst) {
            return HttpReply::Hang;
        }
        reply(200, "", &json!({ "schema": "\"string\"" }).to_string())
    }));
    let mut function =
        Function::start(CONNECTOR, &[("REGISTRY", &server.url), ("SLUICE_BATCH_RESPONSE", "partial")]);
    let records = (0..4).map(|offset| {
        let value = if offset == 1 { base64("{}") } else { base64(b"\x00\x00\x00\x00\x07\x02a") };
        (offset, None, Some(value))
    });
    let event = event("prices", 0, records);
    let timeout = Duration::from_secs(6);
    let answer = function.invoke(&event, timeout);
    let offsets: Vec<i64> = answer.failures().into_iter().map(|(_, offset)| offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3], "{answer:?}");
    assert!(answer.took < timeout && answer.took > Duration::from_secs(3), "{:?}", answer.took);
    is_back.store(true, Ordering::SeqCst);
    assert_eq!(function.invoke(&event, AMPLE).failures(), []);
    let metrics = function.metrics(2);
    let counts = |name: &str| metrics.iter().map(|line| line[name].as_u64().unwrap_or(0)).collect::<Vec<_>>();
    assert_eq!(counts("sluice_records_delivered_total"), [0, 3]);
    assert_eq!(counts("sluice_records_skipped_total"), [0, 1]);
}
