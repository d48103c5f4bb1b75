//! `sluice demo`, and `produce` and `query` against what it leaves up.

use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::{Value, json};
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::listener::{ask, get, send};
use sluice_tests::sluice::{PATIENCE, Running, Sluice, root};

/// What the knowledge base holds, in the order of the rows.
const SENTENCES: [&str; 17] = [
    "  At 2025-02-16 13:25:45 the price of OOOO is $44.50.",
    "  At 2025-02-16 13:25:46 the price of ZVZZT is $3,413.23.",
    "  At 2025-02-16 13:25:47 the price of ZNTRX is $22.34.",
    "  At 2025-02-16 13:25:48 the price of ZNRXX is $208.76.",
    "  At 2025-02-16 13:25:49 the price of NTEST is $0.45.",
    "  At 2025-02-16 13:25:50 the price of ZBZX is $36.23.",
    "  At 2025-02-16 13:25:51 the price of ZEXIT is $942.34.",
    "  At 2025-02-16 13:25:52 the price of ZIEXT is $870.23.",
    "  At 2025-02-16 13:25:53 the price of ZTEST is $23.75.",
    "  At 2025-02-16 13:25:54 the price of ZVV is $2,802.86.",
    "  At 2025-02-16 13:25:55 the price of ZXIET is $63.00.",
    "  At 2025-02-16 13:25:56 the price of ZAZZT is $18.86.",
    "  At 2025-02-16 13:25:57 the price of ZBZZT is $998.26.",
    "  At 2025-02-16 13:25:58 the price of ZCZZT is $72.34.",
    "  At 2025-02-16 13:25:59 the price of ZVZZC is $90.32.",
    "  At 2025-02-16 13:26:00 the price of ZWZZT is $698.24.",
    "  At 2025-02-16 13:26:01 the price of ZXZZT is $932.32.",
];

/// Blanks what differs from run to run: ports, the time taken and the score.
fn blanked(output: &str) -> String {
    let varying = Regex::new(r"127\.0\.0\.1:\d+|[\d.]+ s after|(?m)^  \d+\.\d{3}  ").unwrap();
    varying.replace_all(output, "#").into_owned()
}

#[test]
fn the_demo_shows_the_17_sentences_in_5_seconds_and_the_same_a_second_time() {
    let run = || Sluice::new(["demo"]).output().expect_code(0);
    let (first, second) = (run(), run());
    for ended in [&first, &second] {
        let lines = ended.lines();
        let heading = lines.iter().position(|line| *line == "The knowledge base holds:").unwrap();
        assert_eq!(lines[heading + 1..heading + 18], SENTENCES, "{ended}");
        assert_eq!(lines[heading + 18], "", "{ended}");
        assert!(ended.stdout.contains("ZVZZT is $3,413.23.  [streamtopic-0-1]"), "{ended}");
        assert_eq!(ended.stderr, "", "a demo that goes well logs nothing");
        assert!(ended.took < Duration::from_secs(5), "{ended}");
    }
    assert_eq!(blanked(&first.stdout), blanked(&second.stdout));
}

#[test]
fn the_demo_is_told_as_json_where_it_is_asked_for() {
    let ended = Sluice::new(["demo", "--output=json"]).output().expect_code(0);
    let lines: Vec<Value> = ended.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events[..4], ["kafka", "knowledge_base", "sent", "indexed"], "{ended}");
    assert_eq!((&lines[2]["records"], &lines[3]["documents"]), (&json!(17), &json!(17)), "{ended}");
    let texts: Vec<_> = lines.iter().filter(|line| line["event"] == "document").collect();
    let texts: Vec<_> = texts.iter().map(|line| format!("  {}", line["text"].as_str().unwrap())).collect();
    assert_eq!(texts, SENTENCES);
    assert_eq!(lines.last().unwrap()["document_id"], "streamtopic-0-1", "{ended}");
}

#[test]
fn the_demo_is_the_same_whatever_the_settings_of_the_machine_are() {
    let folder = Folder::with("sluice.yaml", "log_level: trace\nconnectors: [/no/such]\n");
    let ended = Sluice::new(["demo"])
        .current_dir(folder.path())
        .envs([
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_BEDROCK_AGENT", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME", "http://127.0.0.1:1"),
            ("AWS_PROFILE", "no-such-profile"),
            ("AWS_REGION", "eu-central-1"),
            ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
            ("KBID", "SOMEBODYS1"),
            ("DSID", "SOMEBODYS2"),
            ("HTTP_PROXY", "http://127.0.0.1:1"),
            ("SLUICE_SHUTDOWN_TIMEOUT", "20s"),
        ])
        .output()
        .expect_code(0);
    assert!(ended.stdout.contains(&SENTENCES.join("\n")), "{ended}");
}

#[test]
fn the_demo_leaves_no_files_behind() {
    let folder = Folder::new();
    Sluice::new(["demo"]).env("TMPDIR", folder.path()).output().expect_code(0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn verbose_shows_the_log_of_the_connector() {
    let ended = Sluice::new(["demo", "--verbose"]).output().expect_code(0);
    assert!(ended.stderr.contains("sluice runs"), "{ended}");
    assert!(ended.stdout.contains(&SENTENCES.join("\n")), "{ended}");
}

/// Reads the variables that the demo says to export.
fn exports(demo: &mut Running) -> Vec<(String, String)> {
    demo.wait_for_output("sluice query");
    let stdout = demo.stdout();
    let exports = stdout.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    exports.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn what_is_produced_to_a_demo_that_keeps_running_can_be_asked_for() {
    let mut demo = Sluice::new(["demo", "--keep-running"]).spawn();
    let exports = exports(&mut demo);
    let run = |arguments: &[&str]| Sluice::new(arguments).envs(exports.clone());

    let prices = Folder::with("prices.csv", "ticker,price\nFERRIS,\"$1,000.01\"\nCARGO,$2\n");
    let produced = run(&["produce", "--topic", "streamtopic", "--add", "timestamp=now"])
        .arg(prices.path().join("prices.csv"))
        .output()
        .expect_code(0);
    assert_eq!(produced.lines(), ["2 record(s) acknowledged in streamtopic"]);
    assert_eq!(produced.stderr, "");

    let mut answer = String::new();
    demo.wait_while_running("the answer", || {
        let ended = run(&["query", "price of FERRIS", "--number-of-results=1"]).output().expect_code(0);
        answer.clone_from(&ended.stdout);
        answer.contains("the price of FERRIS is $1,000.01.  [streamtopic-0-17]")
    });
    let ended = run(&["query", "--output=json", "price of CARGO"]).output().expect_code(0);
    let first: Value = serde_json::from_str(ended.lines()[0]).unwrap();
    assert!(first["text"].as_str().unwrap().ends_with("the price of CARGO is $2."), "{first}");
    assert_eq!(first["document_id"], "streamtopic-0-18");

    let ended = demo.terminate().expect_code(0);
    assert!(ended.waited < Duration::from_secs(5), "{ended}");
}

#[test]
fn a_demo_that_keeps_running_serves_a_page_with_prices_that_flow_and_can_be_asked_for() {
    let mut demo = Sluice::new(["demo", "--keep-running"]).spawn();
    let line = demo.wait_for_output("Look at it: http://");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
    let line = demo.wait_for_output("sluice top --url http://");
    let command = line.split("sluice ").nth(1).unwrap().split(' ').map(str::trim);
    let top = Sluice::new(command.chain(["--once"])).output().expect_code(0);
    assert!(top.stdout.contains("live-prices"), "{top}");
    assert!(ask(&address, "GET", "/", "text/html").body.starts_with("<!doctype html>"));
    let live = || -> Value { serde_json::from_str(&get(&address, "/live").body).unwrap() };
    demo.wait_until("prices that flow", |_| {
        let all = live();
        let names: Vec<_> =
            all["connectors"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
        assert_eq!(names, ["demo", "live-prices"]);
        (all["connectors"][1]["records"]["delivered"].as_u64() > Some(3)).then_some(())
    });
    let question = r#"{"question": "What is the price of ZVZZT?"}"#;
    demo.wait_until("an answer", |_| {
        let answer = send(&address, "POST", "/live/live-prices/questions", &[], question);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.contains("live-prices-0-").then_some(())
    });
    let one: Value = serde_json::from_str(&get(&address, "/live/demo").body).unwrap();
    assert_eq!(one["can_be_asked"], true);
    let empty = send(&address, "POST", "/live/demo/questions", &[], r#"{"question": " "}"#);
    assert_eq!(empty.status, 400, "{}", empty.body);
    demo.terminate().expect_code(0);
}

#[test]
fn a_demo_that_is_killed_takes_its_connector_along() {
    let mut demo = Sluice::new(["demo", "--keep-running"]).spawn();
    exports(&mut demo);
    // Both processes write to the same standard output: it ends when the last of them has ended.
    let both_ended = std::thread::spawn(move || demo.kill());
    let killed = Instant::now();
    while !both_ended.is_finished() {
        assert!(killed.elapsed() < PATIENCE, "the connector lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn produce_takes_json_lines_with_a_key_from_standard_input_and_refuses_what_it_cannot_read() {
    let mut demo = Sluice::new(["demo", "--keep-running"]).spawn();
    let exports = exports(&mut demo);
    let produce = |arguments: &[&str], input: &str| {
        let all = ["produce", "--topic", "streamtopic"].iter().chain(arguments);
        Sluice::new(all).envs(exports.clone()).input(input).output()
    };
    let lines = "{\"ticker\":\"A\",\"price\":\"1\",\"timestamp\":1}\n\n{\"ticker\":\"B\",\"price\":\"2\",\"timestamp\":2}\n";
    let ended = produce(&["--key", "ticker", "-"], lines).expect_code(0);
    assert_eq!(ended.lines(), ["2 record(s) acknowledged in streamtopic"]);

    let no_key = produce(&["--key", "absent"], lines).expect_code(1);
    assert_eq!(no_key.stderr, "error: record 1: field `absent`, which is to be the key, is missing");
    let no_object = produce(&["--add", "a=b"], "[1]\n").expect_code(1);
    assert!(no_object.stderr.starts_with("error: record 1: `[1]` is not a JSON object"), "{no_object}");
    let no_csv = produce(&["--format", "csv"], "a,b\n1,2\n3\n").expect_code(1);
    assert!(no_csv.stderr.starts_with("error: line 3: has 1 column(s) where the header has 2"), "{no_csv}");
    assert!(no_csv.stderr.ends_with("; 1 record(s) before it are acknowledged in streamtopic"), "{no_csv}");
    let tabs = Folder::with("prices.tsv", "ticker\tprice\ttimestamp\nC\t\"3,5\"\t3\n");
    let path = tabs.path().join("prices.tsv");
    let ended = produce(&[path.to_str().unwrap(), "--key", "ticker"], "").expect_code(0);
    assert_eq!(ended.lines(), ["1 record(s) acknowledged in streamtopic"]);
    let no_file = produce(&["/no/such.csv"], "").expect_code(1);
    assert!(no_file.stderr.contains("cannot open /no/such.csv"), "{no_file}");
    let no_property = produce(&["-X", "no.such=1"], "{}").expect_code(1);
    assert!(no_property.stderr.contains("no.such"), "{no_property}");
    demo.terminate().expect_code(0);
}

#[test]
fn produce_spaces_records_by_the_rate_and_takes_only_one_above_0() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("prices", 1).unwrap();
    let produce = |rate: &str| {
        Sluice::new(["produce", "--topic=prices", "--add=sent=now", "--rate", rate])
            .env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())
            .input("{}\n".repeat(11))
            .output()
    };
    let ended = produce("25").expect_code(0);
    assert_eq!(ended.lines(), ["11 record(s) acknowledged in prices"]);
    assert!(ended.took >= Duration::from_millis(400), "10 pauses of 40 ms: {ended}");
    for bad in ["0", "-1"] {
        let refused = produce(bad).expect_code(2);
        assert!(
            refused.stderr.contains("records per second are a number from 0.001 to 1000000"),
            "{refused}"
        );
    }
}

#[test]
fn a_query_that_cannot_be_answered_exits_with_3() {
    let ended = Sluice::new(["query", "anything"])
        .envs([
            ("KBID", "DEMOKB0001"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_REGION", "us-east-1"),
        ])
        .output()
        .expect_code(3);
    assert!(ended.stderr.starts_with("error: "), "{ended}");
    Sluice::new(["query", "anything"]).output().expect_code(2);
}

#[test]
fn the_connector_of_the_demo_is_the_one_in_the_repository() {
    let text = std::fs::read_to_string(root().join("connectors.d/stock-prices.yaml")).unwrap();
    assert!(text.contains("topics: [streamtopic]"));
}
