//! Every sink that speaks HTTP against a target that does not, or not as it should: it has an answer in time, within its memory,
//! and holds nothing of it against a record.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_connector_api::{Failure, FailureKind, PutError, Record, Registry, Sink};
use sluice_plugin_testing::record;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long a request may take by the settings.
const TIMEOUT: &str = "1s";
/// What a put may take at most, on a machine that is busy with other things: a sink may ask several times.
const SOON: Duration = Duration::from_secs(20);
/// What may be sent before a sink has enough, buffers of the system's included.
const MOST_BYTES: usize = 40_000_000;

/// What a target does with each connection, behind the head of a request.
#[derive(Clone, Copy)]
struct Manner {
    name: &'static str,
    begin: &'static str,
    /// What comes again and again, with this pause; nothing where it is empty.
    again: &'static str,
    pause: Duration,
    /// Whether the connection stays open when there is no more to say.
    stays: bool,
}

const fn once(name: &'static str, begin: &'static str, stays: bool) -> Manner {
    Manner { name, begin, again: "", pause: Duration::ZERO, stays }
}

const fn endless(name: &'static str, begin: &'static str, again: &'static str) -> Manner {
    Manner { name, begin, again, pause: Duration::ZERO, stays: true }
}

const fn trickling(name: &'static str, begin: &'static str, again: &'static str) -> Manner {
    Manner { name, begin, again, pause: Duration::from_millis(50), stays: true }
}

const MANNERS: [Manner; 22] = [
    once("no answer", "", true),
    once("closed", "", false),
    once("half a head", "HTTP/1.1 200 OK\r\ncontent-le", true),
    once("half a head, closed", "HTTP/1.1 200 OK\r\ncontent-le", false),
    once("no HTTP", "SSH-2.0-OpenSSH_9.9\r\n", true),
    once("TLS", "\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{16}", false),
    once("another HTTP", "HTTP/9.9 200 OK\r\n\r\n", false),
    once("no status", "HTTP/1.1 \u{fffd}\r\n\r\n", false),
    once("a NUL", "HTTP/1.1 500 No\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n", false),
    once("a length beyond all", "HTTP/1.1 500 No\r\ncontent-length: 18446744073709551615\r\n\r\nx", false),
    once("a negative length", "HTTP/1.1 500 No\r\ncontent-length: -1\r\n\r\n", false),
    once("two lengths", "HTTP/1.1 500 No\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx", false),
    once(
        "a chunk beyond all",
        "HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
        false,
    ),
    once("a circle", "HTTP/1.1 307 There\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", false),
    once(
        "somebody else",
        "HTTP/1.1 302 There\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        false,
    ),
    endless(
        "a status without an end",
        "",
        "HTTP/1.1 200 OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO",
    ),
    endless(
        "headers without an end",
        "HTTP/1.1 500 No\r\n",
        "x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
    ),
    endless(
        "a header without an end",
        "HTTP/1.1 500 No\r\nx: ",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    endless(
        "continue, and again",
        "",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
    ),
    endless(
        "a body without an end",
        "HTTP/1.1 503 No\r\n\r\n",
        "<p>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</p>",
    ),
    trickling("a head in drops", "HTTP/1.1 500 No\r\nx-", "a"),
    trickling("a body in drops", "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
];

/// Starts a target, and counts the bytes that it got rid of.
async fn start(manner: Manner) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, manner, Arc::clone(&counted)));
        }
    });
    (url, sent)
}

async fn answer(mut stream: TcpStream, manner: Manner, sent: Arc<AtomicUsize>) {
    let mut some = [0; 8 * 1024];
    if stream.read(&mut some).await.is_err() {
        return;
    }
    let mut written = stream.write_all(manner.begin.as_bytes()).await;
    let many = if manner.pause.is_zero() { 1000 } else { 1 };
    let piece = manner.again.repeat(many);
    while written.is_ok() && !piece.is_empty() && sent.load(Ordering::Relaxed) < 4 * MOST_BYTES {
        written = stream.write_all(piece.as_bytes()).await;
        sent.fetch_add(piece.len(), Ordering::Relaxed);
        sleep(manner.pause).await;
    }
    if manner.stays {
        // Until the other side has gone.
        while stream.read(&mut some).await.is_ok_and(|count| count > 0) {}
    }
}

/// Every sink that speaks HTTP, at this address.
fn sinks(url: &str) -> Vec<(&'static str, Box<dyn Sink>)> {
    let registry = sluice_sinks::register(Registry::new());
    let on_aws = |more: Value| {
        let mut settings = json!({ "region": "eu-west-1", "endpoint_url": url, "request_timeout": TIMEOUT });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    };
    let all = [
        ("http", json!({ "url": url, "request_timeout": TIMEOUT })),
        (
            "http",
            json!({ "url": url, "request_timeout": TIMEOUT, "batch": { "format": "json_array" }, "item_errors": { "pointer": "/items", "status": "/status" } }),
        ),
        ("opensearch", json!({ "urls": [url], "request_timeout": TIMEOUT })),
        ("s3", on_aws(json!({ "bucket": "prices" }))),
        ("sqs", on_aws(json!({ "queue_url": format!("{url}/123456789012/prices") }))),
        (
            "bedrock_kb",
            on_aws(
                json!({ "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678", "content": { "template": "{{a}}" } }),
            ),
        ),
    ];
    let build = |(name, settings): (&'static str, Value)| {
        let built = registry.sink(name).unwrap().build(settings);
        (name, built.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    all.into_iter().map(build).collect()
}

fn failures(error: PutError) -> Vec<Failure> {
    match error {
        PutError::Batch(failure) => vec![failure],
        PutError::Records(failures) => failures.into_iter().map(|(_, failure)| failure).collect(),
    }
}

fn batch() -> Vec<Record> {
    (1..3).map(|offset| record(offset).key("k").value(json!({ "a": "41114111" })).build()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_speaks_no_http_costs_neither_time_nor_memory_nor_a_record() {
    let count = sinks("http://localhost").len();
    let mut tried = Vec::new();
    for manner in MANNERS {
        tried.extend((0..count).map(|which| tokio::spawn(survives(manner, which))));
    }
    for one in tried {
        one.await.unwrap();
    }
}

async fn survives(manner: Manner, which: usize) {
    let (url, sent) = start(manner).await;
    let (name, sink) = sinks(&url).swap_remove(which);
    let (begun, what) = (Instant::now(), format!("{name}: {}", manner.name));
    let failures = failures(sink.put(&batch()).await.err().unwrap_or_else(|| panic!("{what}: stored")));
    assert!(begun.elapsed() < SOON, "{what}: {:?}", begun.elapsed());
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < MOST_BYTES, "{what}: {sent} bytes went out before the sink had enough");
    for failure in &failures {
        assert_ne!(failure.kind(), FailureKind::Rejected, "{what}: {failure}");
        assert!(failure.to_string().chars().count() < 600, "{what}: {failure}");
    }
    let looked = Instant::now();
    let findings = sink.check().await;
    assert!(looked.elapsed() < SOON, "{what}: a look took {:?}", looked.elapsed());
    assert!(findings.iter().all(|finding| finding.text.len() < 1000), "{what}: {findings:?}");
}

/// Seconds, a date, or nothing that anybody could obey.
#[tokio::test]
async fn a_wait_that_is_asked_for_is_one_that_can_be_waited() {
    let longest = Duration::from_hours(24);
    for (asked, least, most) in [
        ("0", Duration::ZERO, Duration::ZERO),
        ("  7  ", Duration::from_secs(7), Duration::from_secs(7)),
        ("18446744073709551615", longest, longest),
        ("99999999999999999999999999", longest, longest),
        ("Fri, 31 Dec 9999 23:59:59 GMT", longest, longest),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Duration::ZERO, Duration::ZERO),
        ("-1", Duration::ZERO, Duration::ZERO),
        ("1e9", Duration::ZERO, Duration::ZERO),
        ("3600, 5", Duration::ZERO, Duration::ZERO),
        ("", Duration::ZERO, Duration::ZERO),
        ("NaN", Duration::ZERO, Duration::ZERO),
        ("Fri, 31 Foo 99999 23:59:59 GMT", Duration::ZERO, Duration::ZERO),
    ] {
        let begin = format!("HTTP/1.1 503 No\r\nretry-after: {asked}\r\ncontent-length: 0\r\n\r\n");
        let (url, _) = start(once("asks to wait", begin.leak(), false)).await;
        for (name, sink) in sinks(&url) {
            for failure in failures(sink.put(&batch()).await.unwrap_err()) {
                let wait = failure.wait().unwrap_or_default();
                assert!((least..=most).contains(&wait), "{name}: {asked}: {wait:?}: {failure}");
                assert_eq!(failure.kind(), FailureKind::Retriable, "{name}: {asked}: {failure}");
            }
        }
    }
}

/// What of the record a target may put wherever a sink looks for words of its own.
const QUOTED: [&str; 3] = ["card 41114111", "card_41114111", "Card41114111"];

/// Answers with a text in each place that the sinks read: refusals, and those of a batch that was taken in part or not.
fn quoting(text: &str) -> (Vec<String>, Vec<String>) {
    let error = json!({ "type": text, "reason": text, "caused_by": { "type": text, "reason": text } });
    let mut refusals = vec![text.to_owned()];
    for kind in [text, "ValidationException", "InternalServerException"] {
        let refusal = json!({
            "__type": kind, "code": kind, "message": text, "Message": text, "error": error,
            "fieldList": [{ "name": text, "message": text }],
        });
        refusals.push(refusal.to_string());
    }
    let xml = format!("<Error><Code>{text}</Code><Message>{text}</Message><Key>{text}</Key></Error>");
    refusals.push(xml.clone());
    let item = json!({ "status": 400, "_id": text, "error": error });
    let failed = |id: &str, is_fault: bool| json!({ "Id": id, "SenderFault": is_fault, "Code": text, "Message": text });
    let document = |status: &str| {
        let id = json!({ "dataSourceType": "CUSTOM", "custom": { "id": text } });
        json!({ "identifier": id, "status": status, "statusReason": text, "knowledgeBaseId": text })
    };
    let answers = [
        json!({ "items": [{ "index": item }, { "index": item }], "documentDetails": [document(text), document("FAILED")] }),
        json!({ "items": [{ (text): item }, { (text): text }] }),
        json!({ "items": text, "Successful": text, "Failed": text, "documentDetails": text }),
        json!({ "Failed": [failed("0", true), failed("1", false), failed(text, true)] }),
    ];
    (refusals, answers.iter().map(Value::to_string).chain([text.to_owned(), xml]).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_target_quotes_of_a_record_is_no_part_of_a_reason_wherever_it_stands() {
    let mut tried = Vec::new();
    for text in QUOTED {
        let (refusals, answers) = quoting(text);
        let refused = |status| refusals.iter().map(move |body| (status, body.clone()));
        let all = [400, 403, 500].into_iter().flat_map(refused);
        for (status, body) in all.chain(answers.into_iter().map(|body| (200, body))) {
            tried.push(tokio::spawn(keeps_quiet(status, text, body)));
        }
    }
    for one in tried {
        one.await.unwrap();
    }
}

async fn keeps_quiet(status: u16, text: &str, body: String) {
    let head =
        format!("x-amzn-errortype: {text}\r\nx-amzn-requestid: {text}\r\ncontent-length: {}", body.len());
    let begin = format!("HTTP/1.1 {status} {text}\r\n{head}\r\n\r\n{body}");
    let (url, _) = start(once("quotes", begin.leak(), false)).await;
    for (name, sink) in sinks(&url) {
        for failure in sink.put(&batch()).await.map_or_else(failures, |()| Vec::new()) {
            let reason = failure.to_string();
            assert!(!reason.contains("41114111"), "{name}, {status} {body}: {reason}");
        }
    }
}
