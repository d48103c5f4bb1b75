//! Knowledge bases and data sources by name.

use serde_json::json;
use sluice_connector_api::{FailureKind, Sink};
use sluice_emulator::{
    DataSource, DataSourceType, Emulator, Fault, KnowledgeBaseResource, Operation, Settings,
};

use super::{batch, sink_at};
use sluice_plugin_testing::batch_failure;

/// Seven knowledge bases, two of them alike, in pages of two.
async fn account() -> Emulator {
    let with = |id: &str, name: &str, data_sources: &[(&str, &str)]| {
        let empty = KnowledgeBaseResource::new(id, name);
        data_sources.iter().fold(empty, |base, (id, name)| base.with(DataSource::new(*id, *name)))
    };
    let managed = DataSource::new("DSMANAGED1", "stream").of(DataSourceType::ManagedCustom);
    let knowledge_bases = vec![
        with("KB00000001", "alike", &[]),
        with("KB00000002", "orders", &[]),
        with("KB00000003", "alike", &[]),
        with(
            "KB00000004",
            "filings",
            &[("DS00000041", "other"), ("DS00000042", "twice"), ("DS00000043", "twice")],
        ),
        with("KB00000005", "price", &[]),
        with("KB00000006", "prices", &[("DS00000061", "a"), ("DS00000062", "b"), ("DS00000063", "stream")]),
        KnowledgeBaseResource::new("KB00000007", "managed").managed().with(managed),
    ];
    Emulator::start(Settings { knowledge_bases, largest_page: 2, ..Settings::default() }).await.unwrap()
}

fn named(emulator: &Emulator, knowledge_base: &str, data_source: &str) -> Box<dyn Sink> {
    let names = json!({
        "knowledge_base_id": null, "data_source_id": null, "knowledge_base": knowledge_base, "data_source": data_source,
    });
    sink_at(&emulator.url(), &names)
}

fn lists(emulator: &Emulator) -> usize {
    let list = |operation| matches!(operation, Operation::ListKnowledgeBases | Operation::ListDataSources);
    emulator.calls().iter().filter(|call| list(call.operation)).count()
}

#[tokio::test]
async fn names_are_looked_up_once_over_all_pages() {
    let emulator = account().await;
    let sink = named(&emulator, "prices", "stream");
    sink.put(&batch()).await.unwrap();
    let documents = emulator.documents();
    assert!(documents.iter().all(|document| document.data_source_id == "DS00000063"), "{documents:?}");
    assert_eq!(documents.len(), 3);
    let asked = lists(&emulator);
    assert!(asked >= 4 + 2, "pages hold two: {asked}");
    sink.put(&batch()).await.unwrap();
    assert_eq!(lists(&emulator), asked);
}

#[tokio::test]
async fn a_name_beside_an_id_asks_for_no_more_than_it_needs() {
    let emulator = account().await;
    let by_id = json!({ "knowledge_base_id": "KB00000006", "data_source_id": null, "data_source": "stream" });
    sink_at(&emulator.url(), &by_id).put(&batch()).await.unwrap();
    assert!(emulator.calls().iter().all(|call| call.operation != Operation::ListKnowledgeBases));
    let ids = json!({ "knowledge_base_id": "KB00000006", "data_source_id": "DS00000063" });
    let before = lists(&emulator);
    sink_at(&emulator.url(), &ids).put(&batch()).await.unwrap();
    assert_eq!(lists(&emulator), before, "ids need no right to list");
}

#[tokio::test]
async fn a_managed_knowledge_base_is_no_different() {
    let emulator = account().await;
    named(&emulator, "managed", "stream").put(&batch()).await.unwrap();
    assert_eq!(emulator.documents().len(), 3);
}

#[tokio::test]
async fn a_name_that_is_not_there_or_twice_stops_the_connector_and_says_what_is_there() {
    let emulator = account().await;
    for (knowledge_base, data_source, words) in [
        ("pricse", "stream", ["`pricse`", "`price`, `prices`"]),
        ("alike", "stream", ["KB00000001", "`knowledge_base_id`"]),
        ("prices", "streams", ["data source of KB00000006", "`stream`"]),
        ("filings", "twice", ["DS00000042, DS00000043", "`data_source_id`"]),
    ] {
        let failure = batch_failure(named(&emulator, knowledge_base, data_source).put(&batch()).await);
        assert_eq!(failure.kind(), FailureKind::Fatal);
        assert!(words.iter().all(|word| failure.to_string().contains(word)), "{failure}");
    }
    assert!(emulator.documents().is_empty());
}

#[tokio::test]
async fn a_lookup_that_fails_is_tried_again_or_names_the_right() {
    let emulator = account().await;
    let sink = named(&emulator, "prices", "stream");
    emulator.script(Operation::ListKnowledgeBases, Fault::throttled());
    assert!(batch_failure(sink.put(&batch()).await).is_throttled());
    emulator.script(Operation::ListKnowledgeBases, Fault::error(403, "AccessDeniedException", "no"));
    let denied = batch_failure(sink.put(&batch()).await);
    assert_eq!(denied.kind(), FailureKind::Fatal);
    assert!(
        denied.to_string().ends_with("allow this AWS identity bedrock:ListKnowledgeBases on *"),
        "{denied}"
    );
    emulator.script(Operation::ListDataSources, Fault::error(403, "AccessDeniedException", "no"));
    let denied = batch_failure(sink.put(&batch()).await);
    assert!(denied.to_string().contains("bedrock:ListDataSources on arn:"), "{denied}");
    sink.put(&batch()).await.unwrap();
}

#[tokio::test]
async fn a_preview_asks_nobody_for_a_name() {
    let emulator = account().await;
    let shown = named(&emulator, "prices", "stream").preview(&batch()).unwrap();
    assert_eq!(shown["path"], "/knowledgebases/<id of prices>/datasources/<id of stream>/documents");
    assert_eq!(emulator.calls(), []);
    assert_eq!(shown["body"]["documents"].as_array().map(Vec::len), Some(3));
}
