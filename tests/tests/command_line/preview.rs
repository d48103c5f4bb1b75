//! `sluice preview`: without a broker, AWS, or the variables that the file names.

use serde_json::{Value, json};
use sluice_connector_api::Json;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::sluice::Sluice;

const GOOD: &str = "{\"ticker\":\"OOOO\",\"price\":\"$44.50\",\"timestamp\":1739712345.678}\n";

fn preview(input: impl AsRef<[u8]>) -> Sluice {
    Sluice::new(["preview", "connectors.d/stock-prices.yaml", "--input", "-"]).input(input)
}

fn json(sluice: Sluice, code: i32) -> Value {
    let shown = sluice.arg("--json").output().expect_code(code).stdout;
    Json::parse(shown.into()).unwrap().into_value()
}

#[test]
fn rows_of_csv_are_what_produce_makes_of_them() {
    let folder = Folder::with("prices.csv", "ticker,price,timestamp\nOOOO,\"$1,044.50\",1739712345\n");
    let preview = |more: &[&str]| {
        let preview = Sluice::new(["preview", "connectors.d/stock-prices.yaml", "--input"]);
        more.iter().fold(preview.arg(folder.path().join("prices.csv")), Sluice::arg).output()
    };
    let ended = preview(&[]).expect_code(0);
    assert!(ended.stdout.contains("At 2025-02-16 13:25:45 the price of OOOO is $1,044.50."), "{ended}");
    let ended = preview(&["--format", "value"]).expect_code(1);
    assert!(ended.stderr.contains("2 of 2 records would be rejected"), "{ended}");
}

#[test]
fn it_shows_each_record_after_each_step_and_then_the_request() {
    let folder = Folder::with("records.jsonl", GOOD);
    let ended = Sluice::new(["preview", "connectors.d/stock-prices.yaml", "--input"])
        .arg(folder.path().join("records.jsonl"))
        .output()
        .expect_code(0);
    let expected = "\
record streamtopic-0-0
  read: {\"value\":{\"ticker\":\"OOOO\",\"price\":\"$44.50\",\"timestamp\":1739712345.678}}
  timestamp: {\"value\":{\"ticker\":\"OOOO\",\"price\":\"$44.50\",\"timestamp\":1739712345.678,\"ts\":\"2025-02-16 13:25:45\"}}
  template: {\"value\":\"At 2025-02-16 13:25:45 the price of OOOO is $44.50.\"}

sink bedrock_kb: 1 request(s)
{
  \"method\": \"PUT\",
  \"path\": \"/knowledgebases/${env:KBID}/datasources/${env:DSID}/documents\",";
    assert!(ended.stdout.starts_with(expected), "{ended}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn as_json_it_is_one_document_with_stages_and_requests() {
    let shown = json(preview(GOOD).env("KBID", "DEMOKB0001").env("DSID", "DEMODS0001"), 0);
    let stages: Vec<_> =
        shown["records"][0]["stages"].as_array().unwrap().iter().map(|s| &s["stage"]).collect();
    assert_eq!(stages, ["read", "timestamp", "template"]);
    assert_eq!(shown["records"][0]["rejected"], Value::Null);
    let request = &shown["requests"][0]["request"];
    assert_eq!(request["path"], "/knowledgebases/DEMOKB0001/datasources/DEMODS0001/documents");
    let document = &request["body"]["documents"][0]["content"]["custom"];
    assert_eq!(document["customDocumentIdentifier"]["id"], "streamtopic-0-0");
    let text = &document["inlineContent"]["textContent"]["data"];
    assert_eq!(*text, "At 2025-02-16 13:25:45 the price of OOOO is $44.50.");
}

#[test]
fn rejected_records_say_where_and_why_and_the_others_are_shown_all_the_same() {
    let input: &[u8] = b"no JSON\n[1]\n{\"price\":\"1\",\"timestamp\":1}\n{\"ticker\":null,\"price\":\"1\",\"timestamp\":1}\n\n\xff\n";
    let shown = json(preview([input, GOOD.as_bytes()].concat()), 1);
    let rejected: Vec<_> =
        shown["records"].as_array().unwrap().iter().map(|r| r["rejected"].as_str().unwrap_or("no")).collect();
    assert!(
        rejected[0].starts_with("rejected by value converter: the value is not valid JSON"),
        "{rejected:?}"
    );
    assert!(rejected[1].starts_with("rejected by transform 1 (timestamp): the value is a JSON array"));
    assert_eq!(rejected[2], "rejected by transform 2 (template): field `ticker` is missing");
    assert_eq!(rejected[3], "rejected by transform 2 (template): field `ticker` is null");
    assert_eq!(rejected[4], "rejected by value converter: the value is empty, which is not valid JSON");
    assert!(
        rejected[5].starts_with("rejected by value converter: the value is not valid JSON"),
        "{rejected:?}"
    );
    assert_eq!(rejected[6], "no");
    assert_eq!(shown["requests"].as_array().unwrap().len(), 1);
    let ended = preview(input).output().expect_code(1);
    assert_eq!(ended.stderr, "error: 6 of 6 records would be rejected");
}

#[test]
fn a_tombstone_is_rejected_by_the_sink_and_dropped_by_none() {
    let input = json!({ "key": "k", "value": null, "partition": 3, "offset": 9 }).to_string();
    let shown = json(preview(input).arg("--format=record"), 1);
    assert_eq!(shown["records"][0]["origin"], "streamtopic-3-9");
    let reason = shown["requests"][0]["rejected"].as_str().unwrap();
    assert!(reason.starts_with("record streamtopic-3-9 was rejected by the sink: a tombstone"), "{reason}");
}

/// Programs that use `serde_json` leak its inward names: they are names like any other.
#[test]
fn names_of_the_json_library_are_data_and_harm_no_neighbour() {
    let input = [
        GOOD,
        r#"{"ticker":"T2","price":"$2","timestamp":1,"note":{"$serde_json::private::Number":7}}"#,
        "\n",
        r#"{"$serde_json::private::Number":"7"}"#,
        "\n",
        r#"{"ticker":"T4","price":"$4","timestamp":1.5,"deep":[{"a":{"$serde_json::private::RawValue":"{}"}}]}"#,
    ];
    let shown = json(preview(input.concat()), 1);
    let records = shown["records"].as_array().unwrap();
    let rejected: Vec<_> = records.iter().map(|record| record["rejected"].as_str().unwrap_or("no")).collect();
    let reason = "rejected by transform 1 (timestamp): field `timestamp` is missing";
    assert_eq!(rejected, ["no", "no", reason, "no"]);
    let stages = preview(input.concat()).output().expect_code(1).stdout;
    for object in
        [r#""note":{"$serde_json::private::Number":7}"#, r#""value":{"$serde_json::private::Number":"7"}"#]
    {
        assert!(stages.contains(object), "{stages}");
    }
}

#[test]
fn a_sample_in_full_holds_any_json_as_it_was_written() {
    let value = r#"{"ticker":"T1","price":1E5,"timestamp":1,"note":{"$serde_json::private::Number":"7"}}"#;
    let sample =
        format!(r#"{{"key":{{"$serde_json::private::Number":7}},"value":{value},"headers":{{"h":"x"}}}}"#);
    let ended = preview(sample).arg("--format=record").output().expect_code(0);
    assert!(ended.stdout.contains(&format!(r#""value":{value}"#)), "{ended}");
    assert!(ended.stdout.contains(r#""key":"{\"$serde_json::private::Number\":7}""#), "{ended}");
}

#[test]
fn a_byte_order_mark_before_json_is_passed_over() {
    preview(format!("\u{feff}{GOOD}")).output().expect_code(0);
    let sample = format!("\u{feff}{{\"value\":{}}}", GOOD.trim());
    preview(sample).arg("--format=record").output().expect_code(0);
}

#[test]
fn requests_are_cut_as_the_engine_cuts_them() {
    let shown = json(preview(GOOD.repeat(23)), 0);
    let requests = shown["requests"].as_array().unwrap().iter();
    let sizes: Vec<_> =
        requests.map(|r| r["request"]["body"]["documents"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 10, 3]);
}

#[test]
fn two_previews_show_the_same() {
    let run = || preview(GOOD.repeat(3)).arg("--json").output().expect_code(0).stdout;
    assert_eq!(run(), run());
}

#[test]
fn a_file_with_problems_exits_with_2_and_one_that_cannot_be_read_says_so() {
    let bad = Folder::with("c.yaml", ConnectorText::new("t").text().replace("topics", "topcs"));
    let ended =
        Sluice::new(["preview", "c.yaml", "--input", "-"]).current_dir(bad.path()).output().expect_code(2);
    assert!(ended.stderr.contains("c.yaml:4:5: unknown key `source.kafka.topcs`"), "{ended}");
    let ended = Sluice::new(["preview", "connectors.d/stock-prices.yaml", "--input", "/no/such"]).output();
    let ended = ended.expect_code(1);
    assert_eq!(ended.stderr, "error: cannot open /no/such: No such file or directory (os error 2)");
    let ended = preview("no record\n").arg("--format=record").output().expect_code(1);
    assert!(ended.stderr.starts_with("error: -: line 1: "), "{ended}");
}

fn methods(shown: &Value) -> Vec<(Value, Vec<String>)> {
    let requests = shown["requests"].as_array().unwrap().iter();
    requests
        .map(|request| {
            let origins = request["records"].as_array().unwrap().iter();
            let origins = origins.map(|origin| origin.as_str().unwrap().to_owned()).collect();
            (request["request"]["method"].clone(), origins)
        })
        .collect()
}

/// A write, a tombstone and a write of one thing, and another thing in between.
const OLD_TOMBSTONE_NEW: &str = r#"{"key":"a","value":{"n":1}}
{"key":"a","value":null}
{"key":"b","value":{"n":2}}
{"key":"a","value":{"n":3}}
"#;

fn of_sink(sink: &str) -> Value {
    let text =
        ConnectorText::new("t").key("string").transforms("").sink(sink).text().replace("transforms:\n", "");
    let folder = Folder::with("c.yaml", text);
    let sluice = Sluice::new(["preview", "c.yaml", "--input=-", "--format=record"]);
    json(sluice.current_dir(folder.path()).input(OLD_TOMBSTONE_NEW), 0)
}

#[test]
fn writes_and_deletes_of_one_thing_are_shown_in_the_order_of_the_engine() {
    let shown =
        of_sink("  http: { url: \"http://127.0.0.1:9/{{@record.key}}\", method: PUT, on_null: delete }\n");
    assert_eq!(
        methods(&shown),
        [
            (json!("PUT"), vec!["t-0-0".to_owned()]),
            (json!("DELETE"), vec!["t-0-1".to_owned()]),
            (json!("PUT"), vec!["t-0-2".to_owned()]),
            (json!("PUT"), vec!["t-0-3".to_owned()]),
        ]
    );
}

#[test]
fn what_a_newer_record_stands_for_is_said_to_be_superseded() {
    let input = "{\"key\":\"a\",\"value\":{\"n\":1}}\n{\"key\":\"a\",\"value\":{\"n\":2}}\n";
    let sink =
        "  bedrock_kb: { knowledge_base_id: DEMOKB0001, data_source_id: DEMODS0001, document_id: key }\n";
    let folder = Folder::with("c.yaml", ConnectorText::new("t").key("string").sink(sink).text());
    let run =
        || Sluice::new(["preview", "c.yaml", "--input=-", "--format=record"]).current_dir(folder.path());
    let shown = json(run().input(input), 0);
    let superseded: Vec<_> =
        shown["records"].as_array().unwrap().iter().map(|record| record["superseded"].clone()).collect();
    assert_eq!(superseded, [json!(true), json!(false)]);
    assert_eq!(methods(&shown), [(json!("PUT"), vec!["t-0-1".to_owned()])]);
    let ended = run().input(input).output().expect_code(0);
    assert_eq!(ended.stdout.matches("superseded: a newer record").count(), 1, "{ended}");
}

#[test]
fn a_sink_that_rejects_some_of_a_batch_shows_the_request_of_the_others() {
    let line = |value: &str| format!("{{\"value\":{value}}}\n");
    let input = [line(GOOD.trim()), line("null"), line(GOOD.trim())].concat();
    let shown = json(preview(input).arg("--format=record"), 1);
    let seen: Vec<_> = shown["requests"].as_array().unwrap().iter().map(|r| r["records"].clone()).collect();
    assert_eq!(seen, [json!(["streamtopic-0-0", "streamtopic-0-2"]), json!(["streamtopic-0-1"])]);
    assert_eq!(shown["records"][1]["superseded"], json!(false));
}

#[test]
fn the_event_of_a_function_is_understood_wherever_its_records_are_good() {
    let record = |offset: i64, value: &str| json!({ "offset": offset, "value": value, "headers": [] });
    let good = "eyJ0aWNrZXIiOiJPT09PIiwicHJpY2UiOiIkNDQuNTAiLCJ0aW1lc3RhbXAiOjE3Mzk3MTIzNDUuNjc4fQ==";
    let records = json!([record(7, good), record(8, "*not base64*")]);
    for source in ["aws:kafka", "SelfManagedKafka"] {
        let event = json!({ "eventSource": source, "records": { "prices-eu-2": records } });
        let shown = json(preview(format!("{event:#}")), 1);
        assert_eq!(shown["records"][0]["origin"], "prices-eu-2-7");
        assert_eq!(shown["records"][0]["rejected"], Value::Null);
        let reason = shown["records"][1]["rejected"].as_str().unwrap();
        assert!(reason.contains("not valid base64"), "{reason}");
        assert_eq!(shown["requests"][0]["records"], json!(["prices-eu-2-7"]));
    }
    let pipes = json!([{ "eventSource": "aws:kafka", "topic": "t", "partition": 0, "offset": 7 }]);
    let ended = preview(pipes.to_string()).output().expect_code(1);
    assert!(ended.stderr.contains("Amazon EventBridge Pipes"), "{ended}");
    let ended = preview("{}").arg("--format=event").output().expect_code(1);
    assert!(ended.stderr.contains("not an event of Kafka"), "{ended}");
}

#[test]
fn records_come_from_a_file_or_from_the_topic() {
    let ended = Sluice::new(["preview", "connectors.d/stock-prices.yaml"]).output().expect_code(2);
    assert!(ended.stderr.contains("--input <FILE>|--live <COUNT>"), "{ended}");
    for bad in ["0", "-1", "many", "100001"] {
        let ended = Sluice::new(["preview", "connectors.d/stock-prices.yaml", &format!("--live={bad}")]);
        assert!(ended.output().expect_code(2).stderr.contains("a number from 1 to 100000"), "{bad}");
    }
}

#[test]
fn what_repeats_a_record_that_was_put_is_said_to_be_dropped() {
    let text = "source: { kafka: { bootstrap_servers: b, topics: [t] } }\n\
                transforms: [ { dedupe: { fields: [id] } } ]\nsink: { stdout: {} }\n";
    let folder = Folder::with("c.yaml", text);
    let preview = Sluice::new(["preview", "c.yaml", "--input=-"]).current_dir(folder.path());
    let ended = preview.input("{\"id\":1}\n{\"id\":2}\n{\"id\":1}\n").output().expect_code(0);
    assert!(ended.stdout.contains("dropped as a repeat of t-0-0"), "{ended}");
    assert_eq!(ended.stdout.matches("dropped as").count(), 1, "{ended}");
    assert!(!ended.stdout.contains("superseded"), "{ended}");
}

/// What has no end is read up to a bound.
#[test]
fn an_input_that_nobody_could_read_is_refused_with_the_bound() {
    for (input, said) in [("/dev/zero", "larger than 8 MiB"), ("-", "100001 lines")] {
        let ended =
            Sluice::new(["preview", "connectors.d/stock-prices.yaml", "--format=value", "--input", input])
                .input("{}\n".repeat(100_001))
                .output()
                .expect_code(1);
        assert!(ended.stderr.contains(said) && ended.stderr.contains("`head"), "{ended}");
    }
    let event = ["lambda", "--event=/dev/zero", "connectors.d/stock-prices.yaml"];
    let ended = Sluice::new(event).output().expect_code(1);
    assert!(ended.stderr.contains("larger than 8 MiB"), "{ended}");
}

/// What was found in a record is shown to whoever looks at records, and where else there is nobody to see it.
#[test]
fn why_a_program_fails_with_a_record_is_shown() {
    let source = "source:\n  kafka: { bootstrap_servers: \"localhost:9092\", topics: [orders] }\n";
    let folder = Folder::with(
        "c.yaml",
        format!(
            "{source}transforms:\n  - jq: {{ program: \"{{id, total: (.lines | map(.qty) | add)}}\" }}\nsink: {{ stdout: {{}} }}\n"
        ),
    );
    let ended = Sluice::new(["preview", "c.yaml", "--input", "-"])
        .current_dir(folder.path())
        .input("{\"id\":9}\n")
        .output()
        .expect_code(1);
    assert!(
        ended.stdout.contains("✗ rejected by transform 1 (jq): the program failed: \"cannot use null"),
        "{ended}"
    );
}

#[test]
fn a_step_that_drops_a_record_has_nothing_behind_it() {
    let folder = Folder::with(
        "c.yaml",
        "source:\n  kafka: { bootstrap_servers: \"localhost:9092\", topics: [orders] }\ntransforms:\n  - filter: {}\n    predicate: { field_value: { field: a } }\nsink: { stdout: {} }\n",
    );
    let ended = Sluice::new(["preview", "c.yaml", "--input", "-"])
        .current_dir(folder.path())
        .input("{\"a\":9}\n")
        .output()
        .expect_code(0);
    assert!(ended.stdout.contains("  filter\n  dropped on purpose\n"), "{ended}");
}
