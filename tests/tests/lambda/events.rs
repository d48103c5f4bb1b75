//! Events of every shape.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::lambda::{TRACE, event};

use crate::{AMPLE, CREDENTIALS, Function, base64, numbers};

/// Writes every record to a file, as a JSON line.
fn into_file(path: &str, converter: &str) -> String {
    format!("source: {{ value: {converter} }}\nsink: {{ file: {{ path: {path} }} }}\n")
}

/// Invokes a function that writes lines, and returns those.
fn lines(event: &Value) -> Vec<Value> {
    let folder = sluice_tests::connector::Folder::new();
    let path = folder.path().join("out.jsonl");
    let mut function = Function::start(&into_file(&path.display().to_string(), "bytes"), &[]);
    assert_eq!(function.invoke(event, AMPLE).failures(), []);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn both_tombstones_and_every_kind_of_header_arrive() {
    let records = json!([
        { "topic": "prices", "partition": 0, "offset": 1, "timestamp": -1, "key": base64("a") },
        { "topic": "prices", "partition": 0, "offset": 2, "key": base64("a"), "value": null, "headers": null },
        { "topic": "prices", "partition": 0, "offset": 3, "value": "", "headers": [{ "h": [-61, -85] }, { "h": [195, 171] }, { "n": null }] },
    ]);
    let seen = lines(
        &json!({ "eventSource": "SelfManagedKafka", "bootstrapServers": "a:9092", "records": { "prices-0": records } }),
    );
    let values: Vec<_> =
        seen.iter().map(|line| (line["offset"].as_i64().unwrap(), line["value"].clone())).collect();
    assert_eq!(values, [(1, Value::Null), (2, Value::Null), (3, json!(""))]);
    let header = |name: &str, value: Value| json!({ "name": name, "value": value });
    assert_eq!(
        seen[2]["headers"],
        json!([header("h", json!("ë")), header("h", json!("ë")), header("n", Value::Null)])
    );
    assert_eq!(seen[0]["timestamp"], Value::Null);
}

#[test]
fn two_partitions_arrive_in_their_own_order() {
    let mut both = event("a-topic", 3, (0..600).map(|offset| (offset, None, Some(base64("x")))));
    let other = event("a-topic", 1, (7..9).map(|offset| (offset, None, Some(base64("y")))));
    both["records"]["a-topic-1"] = other["records"]["a-topic-1"].clone();
    let seen = lines(&both);
    let of = |partition: i64| -> Vec<i64> {
        let mine = seen.iter().filter(|line| line["partition"] == partition);
        mine.map(|line| line["offset"].as_i64().unwrap()).collect()
    };
    assert_eq!((of(3), of(1)), ((0..600).collect(), vec![7, 8]));
}

#[test]
fn ten_thousand_records_and_six_megabytes_are_no_matter() {
    let many = event("prices", 0, (0..10_000).map(|offset| (offset, None, Some(base64("{\"n\":1}")))));
    assert_eq!(lines(&many).len(), 10_000);
    let large = event("prices", 0, (0..6).map(|offset| (offset, None, Some(base64("x".repeat(745_000))))));
    assert!(large.to_string().len() > 5_900_000);
    assert_eq!(
        lines(&large).iter().map(|line| line["value"].as_str().unwrap().len()).sum::<usize>(),
        6 * 745_000
    );
}

#[test]
fn what_is_no_event_of_kafka_fails_and_the_next_event_does_not() {
    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[]);
    let other =
        function.invoke(&json!({ "Records": [{ "eventSource": "aws:sqs", "body": "hello" }] }), AMPLE);
    assert!(other.error().contains("event source mapping for Amazon MSK or self-managed Kafka"), "{other:?}");
    assert_eq!(other.body["errorType"], "Sluice.NoKafkaEvent");
    let text = function.invoke(&json!("hello"), AMPLE);
    assert!(
        text.error().contains("expected the event of a Lambda event source mapping for Kafka"),
        "{text:?}"
    );
    assert_eq!(function.invoke(&numbers(1), AMPLE).failures(), []);
}

#[test]
fn bad_base64_is_the_fault_of_its_record_alone() {
    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[("SLUICE_BATCH_RESPONSE", "partial")]);
    let mut event = numbers(5);
    event["records"]["prices-0"][2]["value"] = "not base64!".into();
    assert_eq!(function.invoke(&event, AMPLE).failures(), [("prices-0".to_owned(), 2)]);
    assert_eq!(base.ids().len(), 4);
    function.process.wait_for_log("the value in the event is not valid base64");
}

/// One record as it should be, four that are odd in another way each, and one more that is not.
fn odd_event() -> Value {
    let mut event = numbers(6);
    let records = &mut event["records"]["prices-0"];
    records[1]["headers"] = json!([{ "h": "text" }]);
    records[2]["headers"] = json!([{ "h": [1.5] }]);
    records[3]["value"] = json!({ "a": 1 });
    records[4]["valueSchemaMetadata"] = json!({ "dataFormat": "AVRO", "schemaId": [7] });
    records[4]["timestamp"] = json!("soon");
    event
}

#[test]
fn odd_records_fail_alone_in_both_answer_modes() {
    let odd: Vec<_> = (1..5).map(|offset| ("prices-0".to_owned(), offset)).collect();
    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[("SLUICE_BATCH_RESPONSE", "partial")]);
    assert_eq!(function.invoke(&odd_event(), AMPLE).failures(), odd);
    assert_eq!(base.ids().len(), 2);

    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[]);
    let reply = function.invoke(&odd_event(), AMPLE);
    assert!(reply.error().contains("4 of 6 records are not done (prices-0: 1-4)"), "{reply:?}");
    assert_eq!(base.ids().len(), 2);
    assert_eq!(function.invoke(&numbers(1), AMPLE).failures(), []);
}

/// Two records as they should be, with a repetition, one that differs from another of its offset, an order that is none, and one
/// without an offset, if that is wanted.
fn mixed_up_event(with_unknown: bool) -> Value {
    let mut event = numbers(5);
    let records = event["records"]["prices-0"].as_array_mut().unwrap();
    let mut other = records[1].clone();
    other["value"] = base64("{\"n\":100}").into();
    records.extend([records[0].clone(), other]);
    records.swap(2, 4);
    if with_unknown {
        let mut unknown = records[3].clone();
        unknown["offset"] = json!(-1);
        records.insert(3, unknown);
    }
    event
}

#[test]
fn records_that_come_twice_or_in_no_order_or_without_an_offset_cost_no_other() {
    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[("SLUICE_BATCH_RESPONSE", "partial")]);
    let twice = function.invoke(&mixed_up_event(false), AMPLE);
    assert_eq!(twice.failures(), [("prices-0".to_owned(), 1)], "{twice:?}");
    assert_eq!(base.ids().len(), 5);
    // What has no offset cannot be named in the answer: the event comes again as a whole, and what can be stored is.
    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[("SLUICE_BATCH_RESPONSE", "partial")]);
    let unknown = function.invoke(&mixed_up_event(true), AMPLE);
    assert!(unknown.error().contains("(prices-0: 1 of unknown offset, 1)"), "{unknown:?}");
    assert_eq!(base.ids().len(), 5);
}

#[test]
fn a_list_of_records_is_refused_by_the_name_of_who_sends_it() {
    let base = LocalKnowledgeBase::start();
    let mut function = Function::into_knowledge_base(&base, &[]);
    let list = json!([{ "eventSource": "aws:kafka", "topic": "prices", "partition": 0, "offset": 1 }]);
    assert!(function.invoke(&list, AMPLE).error().contains("EventBridge Pipes"));
}

#[test]
fn logs_name_the_request_and_calls_carry_the_trace() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        loop {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let mut some = [0; 4096];
                let count = connection.read(&mut some).unwrap();
                head.extend_from_slice(&some[..count]);
            }
            let refused = "HTTP/1.1 403 Forbidden\r\nx-amzn-errortype: AccessDeniedException\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            connection.write_all(refused.as_bytes()).unwrap();
            // The start of the function looks at the knowledge base, before there is an invocation.
            let head = String::from_utf8_lossy(&head).to_lowercase();
            if !head.starts_with("get ") && head.contains("x-amzn-trace-id") {
                return head;
            }
        }
    });
    let text = "source: { value: string }\nsink: { bedrock_kb: { knowledge_base_id: DEMOKB0001, data_source_id: DEMODS0001 } }\n";
    let environment = [&[("AWS_ENDPOINT_URL", url.as_str())], &CREDENTIALS[..]].concat();
    let mut function = Function::start(text, &environment);
    let reply = function.invoke(&numbers(1), AMPLE);
    assert!(reply.error().contains("1 of 1 records are not done"), "{reply:?}");
    let head = server.join().unwrap();
    assert!(head.contains(&format!("x-amzn-trace-id: {}", TRACE.to_lowercase())), "{head}");
    let line: Value = serde_json::from_str(&function.process.wait_for_log("1 read, 0 delivered")).unwrap();
    assert!(line["spans"].to_string().contains(&reply.request), "{line}");
}
