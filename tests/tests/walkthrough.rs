//! The commands of docs/walkthrough.md, run as they stand there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Command, Stdio};

use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::kafka::Broker;
use sluice_tests::sluice::{Sluice, binary, root};

/// Where the binary is found, beside all else.
fn path() -> String {
    format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap())
}

/// The shell blocks of the page as one script that ends at the first failure. Jobs are what `%1` names.
fn script() -> String {
    let page = std::fs::read_to_string(root().join("docs/walkthrough.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    format!("set -emo pipefail\nset -x\n{}", blocks.collect::<String>())
}

/// Runs the page, and returns what it prints.
fn walk(environment: Vec<(String, String)>) -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = Command::new("timeout")
        .args(["120", "bash", "-c", &script().replace("127.0.0.1:8083", &free)])
        .current_dir(root())
        .env("PATH", path())
        .env("SLUICE_LISTEN", &free)
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    for seen in [
        "17 record(s) acknowledged",
        "price of OOOO is $44.50.",
        "streamtopic-0-0  INDEXED",
        r#""name":"stock-prices""#,
        "streamtopic-0-0  DELETING",
        "streamtopic-0  ",
    ] {
        assert!(stdout.contains(seen), "`{seen}` is missing in\n{stdout}\n{stderr}");
    }
    stdout.into_owned()
}

#[test]
fn the_walk_leads_from_nothing_to_an_answer_and_back() {
    // A broker of its own: the page names its topic.
    let Some(broker) = Broker::start() else { return };
    let knowledge_base = LocalKnowledgeBase::start();
    let mut environment: Vec<(String, String)> = Vec::new();
    for (name, value) in knowledge_base.environment() {
        environment.push((name.to_owned(), value));
    }
    environment.push(("KAFKA_BOOTSTRAP_SERVERS".to_owned(), broker.bootstrap_servers()));
    let printed = walk(environment);
    assert!(printed.contains("streamtopic  3 partition(s)  1 replica(s)"), "{printed}");
    assert_eq!(printed.matches("\n17\n").count(), 2, "read twice, stored once: {printed}");
    assert!(printed.contains("streamtopic: deleted"), "{printed}");
    assert!(knowledge_base.ids().is_empty(), "{:?}", knowledge_base.ids());
}

#[test]
fn the_walk_leads_through_a_demo_that_keeps_running() {
    let mut demo = Sluice::new(["demo", "--keep-running"]).spawn();
    demo.wait_for_output("sluice query");
    let directions = demo.stdout();
    let exports = directions.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    let printed = walk(exports.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    assert!(printed.contains("streamtopic  1 partition(s)  1 replica(s)"), "{printed}");
    // The 17 of the demo, and those of the page.
    assert_eq!(printed.matches("\n34\n").count(), 2, "{printed}");
    assert!(printed.contains("forgets its topics") && printed.contains("keeps a group"), "{printed}");
    demo.terminate().expect_code(0);
}

#[test]
fn the_commands_that_the_demo_prints_work_as_they_stand() {
    let mut demo = Sluice::new(["demo", "--keep-running"]).spawn();
    demo.wait_for_output("docs/walkthrough.md");
    let directions = demo.stdout();
    let script: Vec<_> = directions
        .lines()
        .filter(|line| line.starts_with("export ") || line.starts_with("sluice "))
        .collect();
    assert_eq!(script.iter().filter(|line| line.starts_with("sluice ")).count(), 2, "{directions}");
    let output = Command::new("bash").args(["-ec", &script.join("\n")]).env("PATH", path()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("17 record(s) acknowledged"), "{stdout}");
    demo.terminate().expect_code(0);
}
