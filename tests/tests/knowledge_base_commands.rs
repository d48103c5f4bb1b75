//! `sluice kb` and `sluice query`, on the emulated knowledge base.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use sluice_connector_api::{Origin, Payload, Record, Registry};
use sluice_emulator::{Fault, Operation};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Exited, Sluice};

const TICKERS: [&str; 3] = ["OOOO", "ZVZZT", "CARGO"];

/// A knowledge base with that many prices, as the sink writes them: the ids are `price-0` and so on.
fn with_prices(count: i64) -> LocalKnowledgeBase {
    let knowledge_base = LocalKnowledgeBase::start();
    let settings = json!({
        "knowledge_base_id": "DEMOKB0001", "data_source_id": "DEMODS0001", "endpoint_url": knowledge_base.url(),
        "document_id": { "template": "price-{{n}}" },
        "content": { "template": "the price of {{ticker}} is {{price}}" },
        "metadata": { "attributes": { "ticker": { "string": "{{ticker}}" }, "usd": { "number": "{{price}}" } } },
    });
    let sink = sluice_sinks::register(Registry::new()).sink("bedrock_kb").unwrap().build(settings).unwrap();
    let records: Vec<_> = (0..count)
        .map(|n| {
            let ticker = TICKERS[usize::try_from(n).unwrap() % TICKERS.len()];
            let mut record = Record::new(Origin::new("prices", 0, n));
            record.value = Some(Payload::from(json!({ "n": n, "ticker": ticker, "price": n })));
            record
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for batch in records.chunks(10) {
        runtime.block_on(sink.put(batch)).unwrap();
    }
    knowledge_base
}

fn sluice(knowledge_base: &LocalKnowledgeBase, arguments: &[&str]) -> Exited {
    Sluice::new(arguments).envs(knowledge_base.environment()).output()
}

#[test]
fn documents_are_listed_page_by_page_and_those_of_a_status() {
    let knowledge_base = with_prices(120);
    knowledge_base.script(Operation::List, Fault::throttled());
    let listed = sluice(&knowledge_base, &["kb", "list"]).expect_code(0);
    assert_eq!(listed.lines().len(), 120, "{listed}");
    assert!(listed.lines().contains(&"price-7  INDEXED"), "{listed}");
    let calls = knowledge_base.calls().iter().filter(|call| call.operation == Operation::List).count();
    assert!(calls > 2, "one throttled, and more than one page");
    let failed = sluice(&knowledge_base, &["kb", "list", "--status=failed"]).expect_code(0);
    assert_eq!(failed.stdout, "");
}

#[test]
fn documents_are_asked_for_and_deleted_ten_a_call() {
    let knowledge_base = with_prices(30);
    let ids: Vec<_> = (0..12).map(|n| format!("price-{n}")).collect();
    let with_ids = |command: &[&'static str]| -> Vec<String> {
        command.iter().map(|word| (*word).to_owned()).chain(ids.clone()).collect()
    };
    let run = |arguments: Vec<String>| {
        sluice(&knowledge_base, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let status = run(with_ids(&["kb", "status"])).expect_code(0);
    assert_eq!(status.lines().len(), 12, "{status}");
    let absent =
        sluice(&knowledge_base, &["kb", "status", "--output=json", "price-1", "absent"]).expect_code(1);
    let states: Vec<Value> = absent.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&states[0]["id"], &states[0]["status"]), (&json!("price-1"), &json!("INDEXED")));
    assert_eq!(states[1]["status"], "NOT_FOUND");
    assert!(absent.stderr.contains("1 of 2 document(s) are not indexed"), "{absent}");

    let unasked = run(with_ids(&["kb", "delete"])).expect_code(1);
    assert!(unasked.stderr.contains("Delete 12 document(s)?") && knowledge_base.documents().len() == 30);
    let deleted = run(with_ids(&["kb", "delete", "--yes"])).expect_code(0);
    assert_eq!(deleted.lines().len(), 12, "{deleted}");
    let gone = |ids: std::collections::BTreeSet<String>| !ids.contains("price-0") && ids.contains("price-12");
    assert!(gone(knowledge_base.ids()) && knowledge_base.ids().len() == 18, "{:?}", knowledge_base.ids());
    let listed = sluice(&knowledge_base, &["kb", "list"]).expect_code(0);
    assert!(!listed.stdout.contains("price-0 "), "{listed}");
}

#[test]
fn what_the_service_refuses_ends_with_3_and_the_way_out() {
    let knowledge_base = with_prices(1);
    knowledge_base.script(Operation::Get, Fault::access_denied());
    let denied = sluice(&knowledge_base, &["kb", "status", "price-0"]).expect_code(3);
    assert!(denied.stderr.contains("bedrock:GetKnowledgeBaseDocuments"), "{denied}");
    let absent = ["kb", "list", "--knowledge-base=absent"];
    let absent = sluice(&knowledge_base, &absent).expect_code(3);
    assert!(absent.stderr.contains("`demo-knowledge-base`"), "{absent}");
}

#[test]
fn a_question_is_filtered_by_metadata_and_answered_as_json() {
    let knowledge_base = with_prices(30);
    let filter = "ticker in (OOOO, ZVZZT) and usd >= 25";
    let query = ["query", "price", "--filter", filter, "--output=json", "--number-of-results=100"];
    let ended = sluice(&knowledge_base, &query).expect_code(0);
    let mut found: Vec<Value> =
        ended.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    found.sort_by_key(|passage| passage["document_id"].to_string());
    let ids: Vec<_> = found.iter().map(|passage| passage["document_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["price-25", "price-27", "price-28"]);
    assert_eq!(found[0]["text"], "the price of ZVZZT is 25");
    assert_eq!(found[0]["metadata"]["ticker"], "ZVZZT");
    assert!(found[0]["score"].is_number(), "{}", found[0]);
    let wrong = sluice(&knowledge_base, &["query", "price", "--filter=ticker = "]).expect_code(2);
    assert!(wrong.stderr.contains("column 10: expected a value, found the end"), "{wrong}");
}

#[test]
fn the_knowledge_base_is_found_by_name_and_by_connector() {
    let knowledge_base = with_prices(3);
    let nameless = |arguments: &[&str]| {
        let environment = knowledge_base.environment().into_iter();
        let without_ids = environment.filter(|(name, _)| !["KBID", "DSID"].contains(name));
        Sluice::new(arguments).envs(without_ids).output()
    };
    let names = ["--knowledge-base=demo-knowledge-base", "--data-source=demo-data-source"];
    let by_name = nameless(&["query", "price of CARGO", "-n1", names[0]]).expect_code(0);
    assert!(by_name.stdout.contains("the price of CARGO is 2  [price-2]"), "{by_name}");
    assert_eq!(nameless(&["kb", "list", names[0], names[1]]).expect_code(0).lines().len(), 3);
    nameless(&["kb", "list", names[0]]).expect_code(2);
    nameless(&["query", "price"]).expect_code(2);
    let folder = Folder::with(
        "c.yaml",
        "source: { kafka: { bootstrap_servers: \"localhost:1\", topics: [t] } }\nsink:\n  bedrock_kb:\n    \
         knowledge_base: demo-knowledge-base\n    data_source: demo-data-source\n",
    );
    let file = folder.path().join("c.yaml").display().to_string();
    assert_eq!(nameless(&["kb", "list", "--connector", &file]).expect_code(0).lines().len(), 3);
    nameless(&["query", "price", "--connector", &file]).expect_code(0);
    let other = folder.write(
        "d.yaml",
        "source: { kafka: { bootstrap_servers: \"localhost:1\", topics: [t] } }\nsink: { stdout: {} }\n",
    );
    let other = nameless(&["kb", "list", "--connector", &other.display().to_string()]).expect_code(1);
    assert!(other.stderr.contains("the sink is stdout, and not bedrock_kb"), "{other}");
}
