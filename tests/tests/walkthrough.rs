//! The commands of docs/walkthrough.md, run as they stand there.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Command, Stdio};

use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::kafka::Broker;
use sluice_tests::sluice::{binary, root};

/// The shell blocks of the page as one script that ends at the first failure. Jobs are what `%1` names.
fn script() -> String {
    let page = std::fs::read_to_string(root().join("docs/walkthrough.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    format!("set -emo pipefail\nset -x\n{}", blocks.collect::<String>())
}

#[test]
fn the_walk_leads_from_nothing_to_an_answer_and_back() {
    // A broker of its own: the page names its topic.
    let Some(broker) = Broker::start() else { return };
    let knowledge_base = LocalKnowledgeBase::start();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("timeout")
        .args(["120", "bash", "-c", &script().replace("127.0.0.1:8083", &free)])
        .current_dir(root())
        .env("PATH", path)
        .env("SLUICE_LISTEN", &free)
        .env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers())
        .envs(knowledge_base.environment())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    for seen in [
        "streamtopic  3 partition(s)  1 replica(s)",
        "17 record(s) acknowledged",
        "price of OOOO is $44.50.",
        "streamtopic-0-0  INDEXED",
        r#""name":"stock-prices""#,
        // Read twice, stored once.
        "\n17\n",
        "streamtopic-0-0  DELETING",
        "streamtopic-0  ",
        "streamtopic: deleted",
    ] {
        assert!(stdout.contains(seen), "`{seen}` is missing in\n{stdout}\n{stderr}");
    }
    assert!(knowledge_base.ids().is_empty(), "{:?}", knowledge_base.ids());
}
