//! Quotas, as a client meets them.

use std::time::Duration;

use sluice_emulator::{ConcurrentUntil, Fault, Operation, RateLimits};

use crate::client::{Client, DOCUMENTS, documents, identifiers};
use crate::{assert_refused, start_with, stored_ids};

async fn statuses(client: &Client, ids: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for id in ids {
        statuses.push(client.put(DOCUMENTS, &documents(&[id])).await.status);
    }
    statuses
}

#[tokio::test]
async fn a_call_above_the_limit_is_throttled_and_not_applied() {
    let (emulator, client) = start_with(|s| s.limits = RateLimits::writes(0.001)).await;
    assert_eq!(statuses(&client, &["a", "b"]).await, [202, 429]);
    let answer = client.post(&format!("{DOCUMENTS}/deleteDocuments"), &identifiers(&["a"])).await;
    assert_refused(&answer, 429, "ThrottlingException");
    assert_eq!(client.post(DOCUMENTS, &serde_json::json!({})).await.status, 200, "reading has no limit");
    assert_eq!(stored_ids(&emulator), ["a"]);
    assert_eq!(emulator.calls()[1].error.as_deref(), Some("ThrottlingException"));
}

#[tokio::test]
async fn limits_change_while_it_runs() {
    let (emulator, client) = start_with(|s| s.limits = RateLimits::writes(0.0)).await;
    assert_eq!(statuses(&client, &["a", "b"]).await, [202, 429]);
    emulator.set_limits(RateLimits::default()).unwrap();
    assert_eq!(statuses(&client, &["b", "c"]).await, [202, 202]);
    let mut wrong = RateLimits::writes(1.0);
    wrong.rates[0].burst = 0.0;
    assert!(emulator.set_limits(wrong).is_err());
}

#[tokio::test]
async fn the_eleventh_call_at_a_time_is_refused_in_the_words_of_the_service() {
    let limits = RateLimits { max_concurrent: Some(10), ..RateLimits::default() };
    let (emulator, client) = start_with(|s| s.limits = limits).await;
    (0..10).for_each(|_| emulator.script(Operation::Ingest, Fault::Delay(Duration::from_hours(1))));
    let address = emulator.address();
    let waiting: Vec<_> = (0..10)
        .map(|n| {
            let body = documents(&[&n.to_string()]).to_string();
            tokio::spawn(async move { Client::new(address).try_send("PUT", DOCUMENTS, &body).await })
        })
        .collect();
    while emulator.calls().len() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = client.post(&format!("{DOCUMENTS}/deleteDocuments"), &identifiers(&["x"])).await;
    assert_refused(&answer, 400, "ValidationException");
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("sum of concurrent IngestKnowledgeBaseDocuments"), "{message}");
    assert!(message.contains("can't exceed (10)"), "{message}");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn calls_can_count_until_their_documents_are_indexed() {
    let limits = RateLimits {
        max_concurrent: Some(1),
        concurrent_until: ConcurrentUntil::Indexed,
        ..RateLimits::default()
    };
    let (_emulator, client) = start_with(|s| {
        s.limits = limits;
        s.indexing_delay = Duration::from_millis(300);
    })
    .await;
    assert_eq!(statuses(&client, &["a", "b"]).await, [202, 400]);
    tokio::time::sleep(Duration::from_millis(310)).await;
    assert_eq!(statuses(&client, &["b"]).await, [202]);
}

#[tokio::test]
async fn answers_take_as_long_as_they_are_set_to() {
    let latency = Duration::from_millis(80);
    let (_emulator, client) =
        start_with(|s| s.limits = RateLimits { latency, ..RateLimits::default() }).await;
    let begun = std::time::Instant::now();
    assert_eq!(statuses(&client, &["a"]).await, [202]);
    assert!(begun.elapsed() >= latency);
}
