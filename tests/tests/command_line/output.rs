//! What every command does with its output: as JSON, and where nobody reads it.

use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::sluice::{Sluice, binary, root};

/// Runs a command whose reader has gone; returns the code and what it said.
fn unread(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(binary())
        .args(arguments)
        .current_dir(root())
        .env("KBID", "DEMOKB0001")
        .env("DSID", "DEMODS0001")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

#[test]
fn a_reader_that_has_gone_ends_a_command_quietly() {
    let shown: [&[&str]; 6] = [
        &["schema"],
        &["plugins"],
        &["plugins", "http"],
        &["completions", "bash"],
        &["--help"],
        &["check", "connectors.d/stock-prices.yaml"],
    ];
    for arguments in shown {
        assert_eq!(unread(arguments), (Some(0), String::new()), "{arguments:?}");
    }
}

/// `set -o pipefail` sees it.
#[test]
fn a_verdict_does_not_depend_on_who_reads_it() {
    let bad = Folder::with("c.yaml", ConnectorText::new("t").text().replace("topics", "topcs"));
    let file = bad.path().join("c.yaml").display().to_string();
    assert_eq!(unread(&["check", &file]), (Some(2), String::new()));
    let poison = Folder::with("records.jsonl", "no JSON\n");
    let input = poison.path().join("records.jsonl").display().to_string();
    let (code, said) = unread(&["preview", "connectors.d/stock-prices.yaml", "--input", &input]);
    assert_eq!((code, said.trim_end()), (Some(1), "error: 1 of 1 records would be rejected"));
}

#[test]
fn check_as_json_is_an_object_for_each_file_or_problem() {
    let folder = Folder::with("bad.yaml", ConnectorText::new("t").text().replace("topics", "topcs"));
    std::fs::write(folder.path().join("good.yaml"), ConnectorText::new("t").text()).unwrap();
    let ended = Sluice::new(["check", "bad.yaml", "good.yaml", "-o", "json"]).current_dir(folder.path());
    let variables = ["KBID", "DSID", "KAFKA_BOOTSTRAP_SERVERS"].map(|name| (name, "DEMO000001"));
    let ended = ended.envs(variables).output().expect_code(2);
    let lines: Vec<Value> = ended.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (good, bad): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["ok"] == true);
    let guarantee =
        json!({ "kind": "idempotent", "why": "a document is named by its record, and written over" });
    assert_eq!(good, [&json!({ "file": "good.yaml", "ok": true, "guarantee": guarantee })]);
    let text = "unknown key `source.kafka.topcs`; did you mean `topics`?";
    let unknown = json!({ "file": "bad.yaml", "ok": false, "line": 4, "column": 5, "problem": text });
    assert!(bad.contains(&&unknown), "{ended}");
}

#[test]
fn preview_takes_the_flag_of_every_other_command() {
    let preview = |flag: &str| {
        let preview = Sluice::new(["preview", "connectors.d/stock-prices.yaml", "--input=-", flag]);
        preview.input("{\"ticker\":\"OOOO\",\"price\":\"$44.50\",\"timestamp\":1}\n").output().expect_code(0)
    };
    assert_eq!(preview("--output=json").stdout, preview("--json").stdout);
    assert_ne!(preview("--output=text").stdout, preview("--json").stdout);
}

/// A program that reads the output reads what went wrong, too.
#[test]
fn what_keeps_a_command_from_its_end_is_json_where_its_output_is() {
    let folder = Folder::with("bad.yaml", ConnectorText::new("t").text().replace("topics", "topcs"));
    folder.write("c.yaml", ConnectorText::new("t").text());
    folder.write("c.test.yaml", "tests:\n  - nme: x\n");
    for (arguments, code, key) in [
        (&["plugins", "htpp"][..], 1, "error"),
        (&["preview", "none.yaml", "--input", "-"], 2, "problem"),
        (&["preview", "bad.yaml", "--input", "-"], 2, "problem"),
        (&["test", "c.yaml"], 2, "problem"),
        (&["topics", "list", "-b", "127.0.0.1:1"], 3, "error"),
        (&["produce", "-t", "t", "-b", "127.0.0.1:1"], 3, "error"),
    ] {
        let command = Sluice::new(arguments.iter().chain(&["--output=json"])).current_dir(folder.path());
        let ended = command.output();
        let is_told =
            |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|told| told.get(key).is_some());
        assert!(!ended.stderr.is_empty() && ended.stderr.lines().all(is_told), "{arguments:?}: {ended}");
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended}");
    }
}
