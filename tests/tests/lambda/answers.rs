//! What an invocation answers, and when.

use std::time::Duration;

use serde_json::json;
use sluice_emulator::{DocumentStatus, Fault};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::lambda::{FunctionAnswer, event};
use sluice_tests::target::{CountingTarget, Manners, Mishap};

use crate::{AMPLE, Function, base64, numbers};

const PARTIAL: (&str, &str) = ("SLUICE_BATCH_RESPONSE", "partial");

#[test]
fn seventeen_records_become_two_calls_and_an_empty_list() {
    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[]);
    let reply = function.invoke(&numbers(17), AMPLE);
    assert_eq!(reply.failures(), []);
    let mut sizes: Vec<_> = base.ingests().iter().map(|call| call.document_ids.len()).collect();
    // Two calls under way at once may arrive in any order.
    sizes.sort_unstable();
    assert_eq!(sizes, [7, 10]);
    assert_eq!(base.ids().len(), 17);
}

#[test]
fn a_document_that_fails_is_named_in_both_modes_and_all_others_are_stored() {
    for (environment, partial) in [(&[][..], false), (&[PARTIAL][..], true)] {
        let base = LocalKnowledgeBase::start();
        // Whichever of the two calls comes first.
        base.fail(2, &Fault::document("prices-0-7", DocumentStatus::Failed, "the text is too odd"));
        let mut function = Function::into_knowledge_base(&base, environment);
        let reply = function.invoke(&numbers(17), AMPLE);
        if partial {
            assert_eq!(reply.failures(), [("prices-0".to_owned(), 7)]);
        } else {
            let error = reply.error();
            assert!(error.starts_with("1 of 17 records are not done (prices-0: 7): "), "{error}");
            assert!(error.contains("document prices-0-7 is FAILED"), "{error}");
            assert!(!error.contains("too odd"), "what the service says may quote the document: {error}");
            assert_eq!(reply.body["errorType"], "Sluice.NotDone");
        }
        assert_eq!(base.ids().len(), 17, "the one at fault has a status of its own");
        function.process.wait_for_log("record is reported as not done");
    }
}

/// Every record is in the list, and the answer came before the deadline, but not long before.
#[track_caller]
fn given_up_in_time(reply: &FunctionAnswer, timeout: Duration) {
    assert_eq!(reply.failures().len(), 17, "{reply:?}");
    assert!(reply.took < timeout, "{:?}", reply.took);
    assert!(reply.took > timeout.saturating_sub(Duration::from_secs(3)), "{:?}", reply.took);
}

#[test]
fn an_endpoint_that_throttles_past_the_deadline_does_not_keep_the_answer() {
    let base = LocalKnowledgeBase::start();
    base.fail(1000, &Fault::throttled());
    let mut function = Function::into_knowledge_base(&base, &[PARTIAL]);
    let timeout = Duration::from_secs(6);
    given_up_in_time(&function.invoke(&numbers(17), timeout), timeout);
}

#[test]
fn an_endpoint_that_hangs_does_not_keep_the_answer() {
    let base = LocalKnowledgeBase::start();
    base.fail(2, &Fault::Delay(Duration::from_mins(1)));
    let mut function = Function::into_knowledge_base(&base, &[PARTIAL]);
    let timeout = Duration::from_secs(6);
    given_up_in_time(&function.invoke(&numbers(17), timeout), timeout);
}

#[test]
fn an_outage_is_waited_out_and_a_missing_right_is_not() {
    let base = LocalKnowledgeBase::start();
    base.fail(3, &Fault::error(503, "ServiceUnavailableException", "later"));
    let mut function = Function::into_knowledge_base(&base, &[]);
    assert_eq!(function.invoke(&numbers(3), AMPLE).failures(), []);
    base.fail(1, &Fault::error(403, "AccessDeniedException", "not you"));
    let reply = function.invoke(&numbers(3), AMPLE);
    assert!(reply.error().contains("3 of 3 records are not done (prices-0: 0-2)"), "{reply:?}");
    assert!(reply.took < AMPLE / 2);
}

#[test]
fn invocations_in_a_row_share_the_process_and_nothing_else() {
    let base = LocalKnowledgeBase::start();
    base.fail(1, &Fault::error(403, "AccessDeniedException", "not you"));
    let mut function = Function::into_knowledge_base(&base, &[PARTIAL]);
    assert_eq!(function.invoke(&numbers(2), AMPLE).failures().len(), 2);
    for _ in 0..3 {
        assert_eq!(function.invoke(&numbers(2), AMPLE).failures(), []);
    }
    let metrics = function.metrics(4);
    // What is 0 is left out.
    let count = |name: &str| metrics.iter().map(|line| line[name].as_u64().unwrap_or(0)).collect::<Vec<_>>();
    assert_eq!(count("sluice_records_read_total"), [2, 2, 2, 2]);
    assert_eq!(count("sluice_records_delivered_total"), [0, 2, 2, 2]);
    assert_eq!(count("sluice_records_abandoned_total"), [2, 0, 0, 0]);
    assert_eq!(metrics[3]["connector"], "prices");
    assert!(metrics[3]["requestId"].as_str().unwrap().ends_with("000000000004"));
}

/// Invariant 9: no event is large enough to show what the set-up does to all of them.
#[test]
fn small_events_do_not_drain_into_a_target_that_rejects_everything() {
    let manners =
        Manners { faults: &[(100, Mishap::Status(422))], pause: Duration::ZERO, names_poison: false };
    let target = CountingTarget::start(manners, 1);
    let sink = format!("sink: {{ http: {{ url: \"{}\" }} }}\n", target.url());
    let connector = format!("source: {{ value: json }}\nerrors: {{ tolerance: all }}\n{sink}");
    let mut function = Function::start(&connector, &[PARTIAL]);
    let mut of_four = |first: i64| {
        let value = |n: i64| Some(base64(json!({ "k": "a", "n": n }).to_string()));
        function.invoke(&event("prices", 0, (first..first + 4).map(|n| (n, None, value(n)))), AMPLE)
    };
    for tolerated in 0..4 {
        assert_eq!(of_four(4 * tolerated).failures(), []);
    }
    for first in [16, 16, 20] {
        let stopped = of_four(first);
        assert_eq!(stopped.failures().len(), 4, "{stopped:?}");
    }
    function.process.wait_for_log("the first 20 records were all rejected, and nothing was ever stored");
}
