//! Retrieve: filters, pages and what can be found at all.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_emulator::{DataSource, KnowledgeBaseResource};

use crate::client::{Client, DOCUMENTS, RETRIEVE, document, identifiers};
use crate::{assert_refused, start, start_with};

fn price(id: &str, ticker: &str, price: f64) -> Value {
    let mut document = document(id, &format!("the price of {ticker} is {price}"));
    document["metadata"] = json!({ "type": "IN_LINE_ATTRIBUTE", "inlineAttributes": [
        { "key": "ticker", "value": { "type": "STRING", "stringValue": ticker } },
        { "key": "price", "value": { "type": "NUMBER", "numberValue": price } },
    ] });
    document
}

async fn with_prices(client: &Client) {
    let documents = [price("a", "OOOO", 44.5), price("b", "AMZN", 180.0), price("c", "ZZZZ", 1.25)];
    client.put(DOCUMENTS, &json!({ "documents": documents })).await;
}

/// Returns the ids found and the token for more.
async fn found(client: &Client, body: &Value) -> (Vec<String>, Option<String>) {
    let answer = client.post(RETRIEVE, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let results = answer["retrievalResults"].as_array().unwrap().iter();
    let id = |result: &Value| {
        result.pointer("/location/customDocumentLocation/id").unwrap().as_str().unwrap().to_owned()
    };
    (results.map(id).collect(), answer.get("nextToken").map(|token| token.as_str().unwrap().to_owned()))
}

fn filtered(filter: &Value) -> Value {
    json!({
        "retrievalQuery": { "text": "price" },
        "retrievalConfiguration": { "vectorSearchConfiguration": { "filter": filter } },
    })
}

#[tokio::test]
async fn finds_only_what_passes_the_filter() {
    let (_emulator, client) = start().await;
    with_prices(&client).await;
    let over_40 = json!({ "greaterThan": { "key": "price", "value": 40 } });
    assert_eq!(found(&client, &filtered(&over_40)).await.0, ["a", "b"]);
    let and_not = json!({ "andAll": [over_40, { "notEquals": { "key": "ticker", "value": "AMZN" } }] });
    assert_eq!(found(&client, &filtered(&and_not)).await.0, ["a"]);
    let own_key = json!({ "equals": { "key": "x-amz-bedrock-kb-source-uri", "value": "c" } });
    assert_eq!(found(&client, &filtered(&own_key)).await.0, ["c"]);
    let wrong = json!({ "greaterThan": { "key": "price", "value": "40" } });
    assert_refused(&client.post(RETRIEVE, &filtered(&wrong)).await, 400, "ValidationException");
}

#[tokio::test]
async fn pages_through_the_results() {
    let (_emulator, client) = start().await;
    with_prices(&client).await;
    let mut body = json!({
        "retrievalQuery": { "text": "price" },
        "retrievalConfiguration": { "managedSearchConfiguration": { "numberOfResults": 2 } },
    });
    let (first, token) = found(&client, &body).await;
    assert_eq!(first, ["a", "b"]);
    body["nextToken"] = token.into();
    assert_eq!(found(&client, &body).await, (vec!["c".to_owned()], None));
    body["nextToken"] = "from-7".into();
    assert_refused(&client.post(RETRIEVE, &body).await, 400, "ValidationException");
}

#[tokio::test]
async fn scores_lie_between_none_and_one() {
    let (_emulator, client) = start().await;
    with_prices(&client).await;
    let answer =
        client.post(RETRIEVE, &json!({ "retrievalQuery": { "text": "price of OOOO" } })).await.json();
    let results = answer["retrievalResults"].as_array().unwrap().iter();
    let scores: Vec<f64> = results.map(|result| result["score"].as_f64().unwrap()).collect();
    assert!(scores.iter().all(|score| *score > 0.0 && *score < 1.0), "{scores:?}");
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
}

#[tokio::test]
async fn finds_nothing_that_is_not_indexed_or_is_deleted() {
    let (_emulator, client) = start_with(|s| s.indexing_delay = Duration::from_hours(1)).await;
    with_prices(&client).await;
    let query = json!({ "retrievalQuery": { "text": "price" } });
    assert!(found(&client, &query).await.0.is_empty());

    let (_emulator, client) = start().await;
    with_prices(&client).await;
    client.post(&format!("{DOCUMENTS}/deleteDocuments"), &identifiers(&["b"])).await;
    assert_eq!(found(&client, &query).await.0, ["a", "c"]);
}

#[tokio::test]
async fn searches_all_data_sources_of_one_knowledge_base() {
    let (_emulator, client) = start_with(|s| {
        let [first, second] = ["SOURCE0001", "SOURCE0002"].map(|id| DataSource::new(id, "ticks"));
        let other =
            KnowledgeBaseResource::new("OTHERKB001", "other").with(DataSource::new("SOURCE0003", "ticks"));
        s.knowledge_bases =
            vec![KnowledgeBaseResource::new("DEMOKB0001", "demo").with(first).with(second), other];
    })
    .await;
    for (number, place) in [
        "DEMOKB0001/datasources/SOURCE0001",
        "DEMOKB0001/datasources/SOURCE0002",
        "OTHERKB001/datasources/SOURCE0003",
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "documents": [price(&number.to_string(), "OOOO", 1.0)] });
        let answer = client.put(&format!("/knowledgebases/{place}/documents"), &body).await;
        assert_eq!(answer.status, 202);
    }
    let query = json!({ "retrievalQuery": { "text": "price" } });
    let mut found = found(&client, &query).await.0;
    found.sort();
    assert_eq!(found, ["0", "1"]);
}
