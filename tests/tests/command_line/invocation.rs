//! `sluice lambda --event`: a function that is invoked here.

use serde_json::{Value, json};
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::lambda::event;
use sluice_tests::sluice::Sluice;
use sluice_wire_testing::HttpServer;

/// `{"n":N}` in base64.
fn number(n: i64) -> String {
    ["eyJuIjowfQ==", "eyJuIjoxfQ==", "eyJuIjoyfQ=="][usize::try_from(n).unwrap()].to_owned()
}

fn records(values: &[Option<String>]) -> String {
    let records = (0..).zip(values).map(|(offset, value)| (offset, None, value.clone()));
    event("prices", 0, records).to_string()
}

fn sink(url: &str) -> String {
    format!("  http: {{ url: \"{url}\" }}\n")
}

fn lambda(folder: &Folder, arguments: &[&str], event: &str) -> Sluice {
    Sluice::new(["lambda", "c.yaml", "--event=-"].iter().chain(arguments))
        .current_dir(folder.path())
        .input(event)
}

#[test]
fn it_answers_and_shows_what_the_sink_gets_as_often_as_asked() {
    let folder = Folder::with(
        "c.yaml",
        ConnectorText::new("prices").sink(sink("http://127.0.0.1:9/{{@record.offset}}")).text(),
    );
    let event = records(&[Some(number(1)), Some(number(2))]);
    let ended = lambda(&folder, &["--repeat=2"], &event).output().expect_code(0);
    for seen in [
        "invocation 1: answers {\"batchItemFailures\":[]}",
        "invocation 2: answers",
        "sink http: 2 request(s)",
    ] {
        assert!(ended.stdout.contains(seen), "{ended}");
    }
    assert_eq!(ended.stdout.matches("http://127.0.0.1:9/1").count(), 2, "{ended}");
}

#[test]
fn a_record_at_fault_fails_the_invocation_or_is_listed_as_the_function_would() {
    let folder = Folder::with("c.yaml", ConnectorText::new("prices").sink(sink("http://127.0.0.1:9")).text());
    let event = records(&[Some(number(1)), Some("e30=".to_owned())]);
    let ended = lambda(&folder, &["--output=json"], &event).output().expect_code(1);
    let shown: Value = serde_json::from_str(ended.stdout.trim()).unwrap();
    assert_eq!(shown["error"]["errorType"], "Sluice.NotDone");
    assert_eq!(shown["answer"], Value::Null);
    let ended =
        lambda(&folder, &["--output=json", "--batch-response=partial"], &event).output().expect_code(1);
    let shown: Value = serde_json::from_str(ended.stdout.trim()).unwrap();
    let left = json!([{ "itemIdentifier": { "partition": "prices-0", "offset": 1 } }]);
    assert_eq!(shown["answer"]["batchItemFailures"], left);
    assert_eq!(shown["requests"][0]["records"], json!(["prices-0-0"]));
}

#[test]
fn a_dead_letter_is_shown_and_not_sent() {
    let text = ConnectorText::new("prices")
        .sink(sink("http://127.0.0.1:9"))
        .dead_letter_queue("{ topic: letters }")
        .text();
    let folder = Folder::with("c.yaml", text.replace("${env:KAFKA_BOOTSTRAP_SERVERS}", "127.0.0.1:1"));
    let ended = lambda(&folder, &[], &records(&[Some("e30=".to_owned())])).output().expect_code(0);
    assert!(
        ended.stdout.contains("to the dead letter queue: record prices-0-0: field `n` is missing"),
        "{ended}"
    );
}

#[test]
fn with_deliver_the_sink_stores_what_it_gets_and_without_it_nothing() {
    let folder = Folder::new();
    let out = folder.path().join("out");
    folder.write(
        "c.yaml",
        ConnectorText::new("prices").sink(format!("  file: {{ path: \"{}\" }}\n", out.display())).text(),
    );
    let event = records(&[Some(number(1))]);
    lambda(&folder, &[], &event).output().expect_code(0);
    assert!(!out.exists());
    let ended = lambda(&folder, &["--deliver"], &event)
        .env("KAFKA_BOOTSTRAP_SERVERS", "unused:1")
        .output()
        .expect_code(0);
    assert!(std::fs::read_to_string(out).unwrap().contains("record 1"));
    assert!(ended.stdout.contains("sink file: 1 request(s)"), "{ended}");
}

/// What a sink holds past its puts is stored before the invocation is answered.
#[tokio::test(flavor = "multi_thread")]
async fn with_deliver_an_object_of_many_batches_is_stored_with_the_invocation() {
    let bucket = HttpServer::start([]).await;
    let s3 = format!(
        "  s3: {{ bucket: letters, region: eu-west-3, format: raw, endpoint_url: \"{}\", objects: {{}} }}\n",
        bucket.url
    );
    let folder = Folder::with("c.yaml", ConnectorText::new("prices").sink(s3).text());
    let event = records(&[Some(number(1)), Some(number(2))]);
    let ended = lambda(&folder, &["--deliver"], &event).env("KAFKA_BOOTSTRAP_SERVERS", "unused:1").output();
    ended.expect_code(0);
    let puts = bucket.seen().into_iter().filter(|seen| seen.method == "PUT");
    let bodies: Vec<_> = puts.map(|put| put.text().lines().count()).collect();
    assert_eq!(bodies, [2]);
}

#[test]
fn what_is_no_event_is_told() {
    let folder = Folder::with("c.yaml", ConnectorText::new("prices").sink(sink("http://127.0.0.1:9")).text());
    let ended = lambda(&folder, &[], "no JSON").output().expect_code(1);
    assert!(ended.stderr.starts_with("error: -: not an event: "), "{ended}");
    let ended = lambda(&folder, &[], "{}").output().expect_code(1);
    assert!(ended.stdout.contains("not an event of Kafka"), "{ended}");
    let ended =
        Sluice::new(["lambda", "c.yaml", "--repeat=2"]).current_dir(folder.path()).output().expect_code(2);
    assert!(ended.stderr.contains("--event"), "{ended}");
}
