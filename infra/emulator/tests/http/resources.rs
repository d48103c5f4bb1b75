//! Knowledge bases and data sources, as a client finds them.

use serde_json::{Value, json};
use sluice_emulator::{DataSource, DataSourceType, DocumentContent, KnowledgeBaseResource, Settings};

use crate::client::{Client, document};
use crate::{assert_refused, start_with};

fn three(settings: &mut Settings) {
    let custom = DataSource::new("TICKS00001", "ticks");
    let bucket = DataSource::new("BUCKET0001", "ticks").of(DataSourceType::S3);
    let managed = DataSource::new("MANAGED001", "ticks").of(DataSourceType::ManagedCustom);
    settings.knowledge_bases = vec![
        KnowledgeBaseResource::new("PRICES0001", "prices").with(custom).with(bucket),
        KnowledgeBaseResource::new("PRICES0002", "prices"),
        KnowledgeBaseResource::new("NEWS000001", "news").managed().with(managed),
    ];
}

/// Asks for pages of two until there is no more; returns the ids of each page.
async fn pages(client: &Client, path: &str, list: &str, id: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut body = json!({ "maxResults": 2 });
    loop {
        let answer = client.post(path, &body).await.json();
        let ids = answer[list].as_array().unwrap().iter();
        pages.push(ids.map(|item| item[id].as_str().unwrap().to_owned()).collect());
        match answer.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn pages_through_knowledge_bases_and_data_sources() {
    let (_emulator, client) = start_with(three).await;
    let found = pages(&client, "/knowledgebases/", "knowledgeBaseSummaries", "knowledgeBaseId").await;
    assert_eq!(found, [vec!["PRICES0001", "PRICES0002"], vec!["NEWS000001"]]);
    let below = |id: &str| format!("/knowledgebases/{id}/datasources/");
    let found = pages(&client, &below("PRICES0001"), "dataSourceSummaries", "dataSourceId").await;
    assert_eq!(found, [["TICKS00001", "BUCKET0001"]]);
    let found = pages(&client, &below("PRICES0002"), "dataSourceSummaries", "dataSourceId").await;
    assert_eq!(found, [Vec::<String>::new()]);
    let token = json!({ "nextToken": "from-9" });
    assert_refused(&client.post("/knowledgebases/", &token).await, 400, "ValidationException");
    assert_refused(&client.post(&below("OTHERKB001"), &json!({})).await, 404, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_page_can_be_smaller_than_asked_for() {
    let (_emulator, client) = start_with(|s| {
        three(s);
        s.largest_page = 1;
    })
    .await;
    let found = pages(&client, "/knowledgebases/", "knowledgeBaseSummaries", "knowledgeBaseId").await;
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn describes_each_by_its_type() {
    let (_emulator, client) = start_with(three).await;
    let kind = |answer: &Value, pointer: &str| answer.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    for (id, name, expected) in [("PRICES0001", "prices", "VECTOR"), ("NEWS000001", "news", "MANAGED")] {
        let answer = client.get(&format!("/knowledgebases/{id}")).await.json();
        assert_eq!(kind(&answer, "/knowledgeBase/knowledgeBaseConfiguration/type"), expected);
        assert_eq!(kind(&answer, "/knowledgeBase/name"), name);
        assert_eq!(kind(&answer, "/knowledgeBase/status"), "ACTIVE");
    }
    for (path, expected) in [
        ("PRICES0001/datasources/TICKS00001", "CUSTOM"),
        ("PRICES0001/datasources/BUCKET0001", "S3"),
        ("NEWS000001/datasources/MANAGED001", "MANAGED_KNOWLEDGE_BASE_CONNECTOR"),
    ] {
        let answer = client.get(&format!("/knowledgebases/{path}")).await.json();
        assert_eq!(kind(&answer, "/dataSource/dataSourceConfiguration/type"), expected);
        assert_eq!(kind(&answer, "/dataSource/status"), "AVAILABLE");
    }
    for path in ["OTHERKB001", "PRICES0001/datasources/MANAGED001"] {
        let answer = client.get(&format!("/knowledgebases/{path}")).await;
        assert_refused(&answer, 404, "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn each_data_source_has_documents_of_its_own_kind() {
    let (emulator, client) = start_with(three).await;
    let custom = json!({ "documents": [document("a", "some text")] });
    let uri = json!({ "uri": "s3://bucket/key" });
    let object =
        json!({ "documents": [{ "content": { "dataSourceType": "S3", "s3": { "s3Location": uri } } }] });
    let ticks = "/knowledgebases/PRICES0001/datasources/TICKS00001/documents";
    let bucket = "/knowledgebases/PRICES0001/datasources/BUCKET0001/documents";
    let managed = "/knowledgebases/NEWS000001/datasources/MANAGED001/documents";
    for (path, sound, wrong) in
        [(ticks, &custom, &object), (bucket, &object, &custom), (managed, &custom, &object)]
    {
        assert_eq!(client.put(path, sound).await.status, 202, "{path}");
        assert_refused(&client.put(path, wrong).await, 400, "ValidationException");
    }
    let named = json!({ "documentIdentifiers": [{ "dataSourceType": "S3", "s3": uri }] });
    let answer = client.post(&format!("{bucket}/getDocuments"), &named).await;
    assert_eq!(answer.json()["documentDetails"][0]["identifier"], named["documentIdentifiers"][0]);
    let wrong = client.post(&format!("{ticks}/getDocuments"), &named).await;
    assert_refused(&wrong, 400, "ValidationException");
    let stored: Vec<_> = emulator.documents().into_iter().map(|d| (d.data_source_id, d.id)).collect();
    let place = |data_source: &str, id: &str| (data_source.to_owned(), id.to_owned());
    assert_eq!(
        stored,
        [place("MANAGED001", "a"), place("BUCKET0001", "s3://bucket/key"), place("TICKS00001", "a")]
    );
}

#[tokio::test]
async fn a_managed_knowledge_base_reserves_keys_that_begin_with_an_underscore() {
    let (_emulator, client) = start_with(three).await;
    let mut with_key = document("a", "some text");
    with_key["metadata"] = json!({ "type": "IN_LINE_ATTRIBUTE", "inlineAttributes": [
        { "key": "_source", "value": { "type": "STRING", "stringValue": "x" } },
    ] });
    let body = json!({ "documents": [with_key] });
    let managed = client.put("/knowledgebases/NEWS000001/datasources/MANAGED001/documents", &body).await;
    assert_refused(&managed, 400, "ValidationException");
    let own = client.put("/knowledgebases/PRICES0001/datasources/TICKS00001/documents", &body).await;
    assert_eq!(own.status, 202);
}

#[tokio::test]
async fn bytes_arrive_as_they_were() {
    let (emulator, client) = start_with(|_| {}).await;
    let mut bytes = document("a", "");
    bytes["content"]["custom"]["inlineContent"] =
        json!({ "type": "BYTE", "byteContent": { "mimeType": "application/pdf", "data": "AP8K" } });
    let answer = client.put(crate::client::DOCUMENTS, &json!({ "documents": [bytes] })).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let content = DocumentContent::Bytes { mime_type: "application/pdf".to_owned(), data: vec![0, 255, 10] };
    assert_eq!(emulator.documents()[0].content, content);
}
