//! What a check sees.

use serde_json::{Value, json};
use sluice_connector_api::{Finding, FindingKind};
use sluice_emulator::{
    DataSource, DataSourceType, Emulator, Fault, KnowledgeBaseResource, Operation, Settings,
};

use super::{emulator, mirror, sink, sink_at};

const READING: [Operation; 4] =
    [Operation::GetKnowledgeBase, Operation::GetDataSource, Operation::List, Operation::Get];

fn denied() -> Fault {
    Fault::error(403, "AccessDeniedException", "not authorized")
}

async fn findings(emulator: &Emulator, changes: &Value) -> Vec<Finding> {
    let findings = sink_at(&emulator.url(), changes).check().await;
    let wrong = findings.iter().filter(|finding| finding.as_result().is_err()).count();
    assert!(wrong <= 1, "what is wrong is said once: {findings:?}");
    findings
}

/// The last finding, which is what is wrong.
async fn wrong(emulator: &Emulator, changes: &Value) -> String {
    findings(emulator, changes).await.pop().unwrap().as_result().unwrap_err().to_owned()
}

#[tokio::test]
async fn the_check_says_what_it_saw_and_writes_nothing() {
    let emulator = emulator().await;
    let findings = sink(&emulator).check().await;
    let lines: Vec<_> = findings
        .iter()
        .map(|finding| format!("{}: {}", finding.subject, finding.as_result().unwrap()))
        .collect();
    assert_eq!(lines[2], "knowledge base DEMOKB0001: ACTIVE, of the type VECTOR");
    assert_eq!(lines[3], "data source DEMODS0001: AVAILABLE, of the type CUSTOM");
    assert_eq!(lines[4], "documents: can be listed");
    assert!(lines[5].starts_with("rights to write: seen at the first put"), "{lines:?}");
    assert_eq!(lines.len(), 6);
    assert!(emulator.calls().iter().all(|call| READING.contains(&call.operation)));
    assert!(!lines[5].contains("Delete"), "{lines:?}");
}

#[tokio::test]
async fn the_rights_named_are_those_that_the_settings_need() {
    let emulator = emulator().await;
    let mut changes = mirror();
    changes["confirm"] = "indexed".into();
    let findings = findings(&emulator, &changes).await;
    assert_eq!(findings[5].subject, "statuses of documents");
    assert!(findings[6].as_result().is_ok_and(|seen| seen.contains("bedrock:DeleteKnowledgeBaseDocuments")));
}

#[tokio::test]
async fn rights_that_only_the_check_needs_are_not_missed() {
    let emulator = emulator().await;
    for operation in [Operation::GetKnowledgeBase, Operation::GetDataSource, Operation::List] {
        emulator.script(operation, denied());
    }
    let findings = findings(&emulator, &json!({})).await;
    assert_eq!(findings.len(), 6);
    for (finding, right) in
        findings[2..5].iter().zip(["GetKnowledgeBase", "GetDataSource", "ListKnowledgeBaseDocuments"])
    {
        assert!(finding.as_result().is_ok_and(|seen| seen.contains(right)), "{finding:?}");
    }
}

#[tokio::test]
async fn a_right_that_the_connector_needs_is_missed() {
    let emulator = emulator().await;
    emulator.script(Operation::Get, denied());
    let wrong = wrong(&emulator, &json!({ "confirm": "indexed" })).await;
    assert!(wrong.contains("bedrock:GetKnowledgeBaseDocuments"), "{wrong}");
}

#[tokio::test]
async fn ids_that_are_not_there_are_named_whatever_the_rights() {
    let emulator = emulator().await;
    let base = wrong(&emulator, &json!({ "knowledge_base_id": "OTHERKB001" })).await;
    assert!(base.contains("OTHERKB001") && base.contains("knowledge_base_id"), "{base}");
    let source = wrong(&emulator, &json!({ "data_source_id": "OTHERDS001" })).await;
    assert!(source.contains("OTHERDS001"), "{source}");
    emulator.script(Operation::GetKnowledgeBase, denied());
    emulator.script(Operation::GetDataSource, denied());
    let listed = wrong(&emulator, &json!({ "data_source_id": "OTHERDS001" })).await;
    assert!(listed.contains("OTHERDS001"), "{listed}");
}

#[tokio::test]
async fn a_data_source_that_takes_no_documents_of_ours_is_told() {
    let files = DataSource::new("FILESDS001", "files").of(DataSourceType::S3);
    let managed = DataSource::new("MANAGEDDS1", "stream").of(DataSourceType::ManagedCustom);
    let knowledge_bases = vec![
        KnowledgeBaseResource::new("FILESKB001", "files").with(files),
        KnowledgeBaseResource::new("MANAGEDKB1", "managed").managed().with(managed),
    ];
    let emulator = Emulator::start(Settings { knowledge_bases, ..Settings::default() }).await.unwrap();
    let wrong =
        wrong(&emulator, &json!({ "knowledge_base_id": "FILESKB001", "data_source_id": "FILESDS001" })).await;
    assert!(wrong.contains("of the type S3"), "{wrong}");
    let named = json!({
        "knowledge_base_id": null, "data_source_id": null, "knowledge_base": "managed", "data_source": "stream",
    });
    let findings = findings(&emulator, &named).await;
    assert_eq!(findings[2].subject, "knowledge base managed (MANAGEDKB1)");
    assert!(findings[2].as_result().is_ok_and(|seen| seen.contains("MANAGED")), "{findings:?}");
    assert!(findings[3].as_result().is_ok(), "{findings:?}");
}

#[tokio::test]
async fn what_kind_of_trouble_it_is_decides_what_a_connector_does() {
    let kind = async |emulator: &Emulator, changes: Value| {
        findings(emulator, &changes).await.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    let emulator = emulator().await;
    emulator.script(Operation::GetKnowledgeBase, denied());
    assert_eq!(kind(&emulator, json!({})).await[2], FindingKind::Unseen, "a right that only a look needs");
    emulator.script(Operation::GetKnowledgeBase, Fault::error(503, "ServiceUnavailableException", "later"));
    assert_eq!(kind(&emulator, json!({})).await.pop(), Some(FindingKind::Unreachable));
    emulator.script(Operation::GetKnowledgeBase, Fault::error(429, "ThrottlingException", "slower"));
    assert_eq!(kind(&emulator, json!({})).await.pop(), Some(FindingKind::Unreachable));
    let other = json!({ "knowledge_base_id": "OTHERKB001" });
    assert_eq!(kind(&emulator, other).await.pop(), Some(FindingKind::Wrong));
    let nobody = sink_at("http://127.0.0.1:1", &json!({})).check().await;
    assert_eq!(nobody.last().unwrap().kind, FindingKind::Unreachable);
}

#[tokio::test]
async fn a_store_that_takes_less_metadata_is_told_of_where_its_profile_is_not_set() {
    let emulator = emulator().await;
    let metadata = |profile: &str| json!({ "metadata": { "attributes": { "a": { "string": "{{a}}" } }, "profile": profile } });
    let findings_with = async |profile: &str| findings(&emulator, &metadata(profile)).await;
    let found = findings_with("any").await;
    assert_eq!((found[3].subject.as_str(), found[3].kind), ("metadata", FindingKind::Unseen), "{found:?}");
    assert!(found[3].text.contains("profile: s3_vectors"), "{found:?}");
    let found = findings_with("s3_vectors").await;
    assert!(found.iter().all(|finding| finding.subject != "metadata"), "{found:?}");
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told() {
    let emulator = emulator().await;
    let wrong = wrong(&emulator, &json!({ "knowledge_base_id": null, "knowledge_base": "demo" })).await;
    assert!(
        wrong.contains("no knowledge base is named `demo`") && wrong.contains("`demo-knowledge-base`"),
        "{wrong}"
    );
}
