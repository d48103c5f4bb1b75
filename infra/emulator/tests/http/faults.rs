//! Scripted faults, as a client meets them.

use std::time::{Duration, Instant};

use sluice_emulator::{
    DocumentFault, DocumentOutcome, DocumentSelector, DocumentStatus, Fault, Operation, Rule,
};

use crate::client::{Client, DOCUMENTS, documents};
use crate::{assert_refused, start, stored_ids};

async fn ingest(client: &Client, id: &str) -> Option<u16> {
    let body = documents(&[id]).to_string();
    let answer = client.try_send("PUT", DOCUMENTS, &body).await;
    answer.map(|answer| answer.status)
}

#[tokio::test]
async fn faults_strike_one_call_each_in_the_order_of_the_script() {
    let (emulator, client) = start().await;
    emulator.script(Operation::Ingest, Fault::throttled());
    emulator.script(Operation::Ingest, Fault::too_many_concurrent());
    // A fault of another operation is not used up.
    emulator.script(Operation::Delete, Fault::throttled());
    let mut statuses = Vec::new();
    for id in ["a", "b", "c"] {
        statuses.push(ingest(&client, id).await);
    }
    assert_eq!(statuses, [Some(429), Some(400), Some(202)]);
    assert_eq!(stored_ids(&emulator), ["c"]);
}

#[tokio::test]
async fn an_error_says_its_code_and_when_to_come_back() {
    let (emulator, client) = start().await;
    let fault = Fault::Error {
        status: 429,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        retry_after: Some(Duration::from_millis(1500)),
    };
    emulator.script(Operation::Ingest, fault);
    let answer = client.put(DOCUMENTS, &documents(&["a"])).await;
    assert_refused(&answer, 429, "ThrottlingException");
    assert_eq!(answer.header("x-amz-retry-after"), Some("1500"));
    assert_eq!(answer.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn a_raw_answer_is_neither_json_nor_an_error_of_the_service() {
    let (emulator, client) = start().await;
    let body = "<html>Bad Gateway</html>".to_owned();
    let fault = Fault::Raw { status: 502, body: body.clone() };
    emulator.script(Operation::Ingest, fault);
    let answer = client.put(DOCUMENTS, &documents(&["a"])).await;
    assert_eq!((answer.status, &answer.body), (502, &body));
    assert_eq!(answer.header("x-amzn-errortype"), None);
}

#[tokio::test]
async fn a_connection_can_drop_before_and_after_the_request_is_applied() {
    let (emulator, client) = start().await;
    emulator.script(Operation::Ingest, Fault::DropBeforeApplying);
    assert_eq!(ingest(&client, "a").await, None);
    assert!(emulator.documents().is_empty());

    emulator.script(Operation::Ingest, Fault::DropAfterApplying);
    assert_eq!(ingest(&client, "a").await, None);
    assert_eq!(stored_ids(&emulator), ["a"]);
    let unanswered = emulator.calls().iter().all(|call| call.status.is_none());
    assert!(unanswered);
}

#[tokio::test]
async fn a_dropped_connection_is_reset() {
    let (emulator, client) = start().await;
    for fault in [Fault::DropBeforeApplying, Fault::DropAfterApplying] {
        emulator.script(Operation::Ingest, fault);
        assert!(client.is_reset("PUT", DOCUMENTS, &documents(&["a"]).to_string()).await);
    }
}

#[tokio::test]
async fn an_answer_can_come_late_to_what_was_applied_at_once() {
    let (emulator, client) = start().await;
    emulator.script(Operation::Ingest, Fault::DelayAnswer(Duration::from_hours(1)));
    let client = tokio::spawn(async move { ingest(&client, "a").await });
    wait_until(|| stored_ids(&emulator) == ["a"]).await;
    assert_eq!(emulator.calls()[0].status, None);
    client.abort();
}

#[tokio::test]
async fn a_call_that_hangs_is_never_applied() {
    let (emulator, client) = start().await;
    emulator.script(Operation::Ingest, Fault::Hang);
    let body = documents(&["a"]).to_string();
    let answer = client.try_send("PUT", DOCUMENTS, &body);
    assert!(tokio::time::timeout(Duration::from_millis(100), answer).await.is_err());
    assert_eq!(ingest(&client, "b").await, Some(202));
    assert_eq!(stored_ids(&emulator), ["b"]);
    emulator.stop().await;
}

#[tokio::test]
async fn a_garbled_answer_hides_a_success() {
    let (emulator, client) = start().await;
    emulator.script(Operation::Ingest, Fault::Garbled);
    let answer = client.put(DOCUMENTS, &documents(&["a"])).await;
    assert_eq!(answer.status, 202);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.body).is_err());
    assert_eq!(stored_ids(&emulator), ["a"]);
}

#[tokio::test]
async fn a_rule_refuses_every_call_with_a_document_that_it_fits() {
    let (emulator, client) = start().await;
    let refused = DocumentOutcome::Refused("The document cannot be parsed.".to_owned());
    emulator.set_rules(vec![Rule { documents: DocumentSelector::Id("bad".to_owned()), outcome: refused }]);
    for _ in 0..2 {
        let answer = client.put(DOCUMENTS, &documents(&["a", "bad"])).await;
        assert_refused(&answer, 400, "ValidationException");
        assert_eq!(answer.json()["message"], "The document cannot be parsed.");
    }
    assert_eq!(client.put(DOCUMENTS, &documents(&["a"])).await.status, 202);
    assert_eq!(stored_ids(&emulator), ["a"]);
}

#[tokio::test]
async fn a_delayed_call_arrives_at_once_and_is_answered_later() {
    let (emulator, client) = start().await;
    let delay = Duration::from_millis(100);
    emulator.script(Operation::Ingest, Fault::Delay(delay));
    let begun = Instant::now();
    assert_eq!(ingest(&client, "a").await, Some(202));
    assert!(begun.elapsed() >= delay);
}

#[tokio::test]
async fn a_call_is_carried_out_though_its_client_gave_up() {
    let (emulator, client) = start().await;
    emulator.script(Operation::Ingest, Fault::Delay(Duration::from_millis(100)));
    let client = tokio::spawn(async move { ingest(&client, "a").await });
    wait_until(|| !emulator.calls().is_empty()).await;
    client.abort();
    wait_until(|| stored_ids(&emulator) == ["a"]).await;
}

#[tokio::test]
async fn a_stop_cuts_a_delay_short() {
    let (emulator, client) = start().await;
    emulator.script(Operation::Ingest, Fault::Delay(Duration::from_hours(1)));
    let client = tokio::spawn(async move { ingest(&client, "a").await });
    wait_until(|| !emulator.calls().is_empty()).await;
    let begun = Instant::now();
    emulator.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(client.await.unwrap(), Some(202));
}

async fn wait_until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
}

#[tokio::test]
async fn documents_can_fail_within_a_call_that_is_accepted() {
    let (emulator, client) = start().await;
    let fault = |document, status| DocumentFault { document, status, reason: "too odd".to_owned() };
    let faults = vec![fault(0.into(), DocumentStatus::Failed), fault("c".into(), DocumentStatus::Ignored)];
    emulator.script(Operation::Ingest, Fault::Documents(faults));
    let answer = client.put(DOCUMENTS, &documents(&["a", "b", "c"])).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.statuses(), ["FAILED", "STARTING", "IGNORED"]);
    let reason = &answer.json()["documentDetails"][2]["statusReason"];
    assert_eq!(reason, "too odd");
    let stored = emulator.documents();
    assert_eq!(stored[0].status, DocumentStatus::Failed);
    assert_eq!(stored[1].status, DocumentStatus::Indexed);
    assert_eq!(stored[2].status_reason.as_deref(), Some("too odd"));
}
