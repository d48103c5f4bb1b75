//! What the service says about knowledge bases and data sources. What the emulator has no use for (models, roles,
//! stores) is made up, in the form that the model asks for.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::json::with;
use crate::paging::Paging;
use crate::{DataSource, DataSourceType, KnowledgeBaseResource, KnowledgeBaseType, Settings};

/// Every region and account is this one.
const ACCOUNT: &str = "us-east-1:123456789012";

/// Returns `ListKnowledgeBases`' answer; `None` for an unknown token.
pub(crate) fn knowledge_bases(settings: &Settings, paging: &Paging, at: Timestamp) -> Option<Value> {
    let (page, next_token) = page(&settings.knowledge_bases, paging)?;
    let summaries: Vec<Value> = page.iter().map(|knowledge_base| summary(knowledge_base, at)).collect();
    Some(with(json!({ "knowledgeBaseSummaries": summaries }), "nextToken", next_token))
}

/// Returns `ListDataSources`' answer; `None` for an unknown token.
pub(crate) fn data_sources(of: &KnowledgeBaseResource, paging: &Paging, at: Timestamp) -> Option<Value> {
    let (page, next_token) = page(&of.data_sources, paging)?;
    let summaries: Vec<Value> =
        page.iter().map(|data_source| data_source_summary(of, data_source, at)).collect();
    Some(with(json!({ "dataSourceSummaries": summaries }), "nextToken", next_token))
}

/// Returns `GetKnowledgeBase`'s answer.
pub(crate) fn knowledge_base(knowledge_base: &KnowledgeBaseResource, at: Timestamp) -> Value {
    let id = &knowledge_base.id;
    let mut described = summary(knowledge_base, at);
    let (configuration, storage) = match knowledge_base.kind {
        KnowledgeBaseType::Vector => (vector_configuration(), Some(storage())),
        KnowledgeBaseType::Managed => (
            json!({ "type": "MANAGED", "managedKnowledgeBaseConfiguration": { "embeddingModelType": "MANAGED" } }),
            None,
        ),
    };
    for (name, value) in [
        ("knowledgeBaseArn", json!(format!("arn:aws:bedrock:{ACCOUNT}:knowledge-base/{id}"))),
        (
            "roleArn",
            json!("arn:aws:iam::123456789012:role/AmazonBedrockExecutionRoleForKnowledgeBase_emulator"),
        ),
        ("knowledgeBaseConfiguration", configuration),
        ("createdAt", json!(time(at))),
    ] {
        described = with(described, name, Some(value));
    }
    json!({ "knowledgeBase": with(described, "storageConfiguration", storage) })
}

/// Returns `GetDataSource`'s answer.
pub(crate) fn data_source(of: &KnowledgeBaseResource, data_source: &DataSource, at: Timestamp) -> Value {
    let configuration = match data_source.kind {
        DataSourceType::Custom => json!({ "type": "CUSTOM" }),
        DataSourceType::S3 => {
            json!({ "type": "S3", "s3Configuration": { "bucketArn": "arn:aws:s3:::emulator" } })
        }
        DataSourceType::ManagedCustom => json!({
            "type": "MANAGED_KNOWLEDGE_BASE_CONNECTOR",
            "managedKnowledgeBaseConnectorConfiguration": {
                "connectorParameters": { "type": "CUSTOM", "version": "1", "aclEnabled": false },
            },
        }),
    };
    let described = data_source_summary(of, data_source, at);
    let described = with(described, "dataSourceConfiguration", Some(configuration));
    json!({ "dataSource": with(described, "createdAt", Some(time(at))) })
}

fn summary(knowledge_base: &KnowledgeBaseResource, at: Timestamp) -> Value {
    let KnowledgeBaseResource { id, name, .. } = knowledge_base;
    json!({ "knowledgeBaseId": id, "name": name, "status": "ACTIVE", "updatedAt": time(at) })
}

fn data_source_summary(of: &KnowledgeBaseResource, data_source: &DataSource, at: Timestamp) -> Value {
    let DataSource { id, name, .. } = data_source;
    json!({
        "knowledgeBaseId": of.id,
        "dataSourceId": id,
        "name": name,
        "status": "AVAILABLE",
        "updatedAt": time(at),
    })
}

fn vector_configuration() -> Value {
    let model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0";
    json!({ "type": "VECTOR", "vectorKnowledgeBaseConfiguration": { "embeddingModelArn": model } })
}

fn storage() -> Value {
    let index = format!("arn:aws:s3vectors:{ACCOUNT}:bucket/emulator/index/emulator");
    json!({ "type": "S3_VECTORS", "s3VectorsConfiguration": { "indexArn": index } })
}

/// Writes a time as the service does. In milliseconds: the SDKs parse any precision, people do not.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Cuts a page out of a list that does not change, with the token of the next one. A token holds where its page
/// begins. `None` for one that was never handed out.
pub(crate) fn page<'a, T>(list: &'a [T], paging: &Paging) -> Option<(&'a [T], Option<String>)> {
    let start = match &paging.next_token {
        Some(token) => {
            token.strip_prefix("from-")?.parse().ok().filter(|start| (1..list.len()).contains(start))?
        }
        None => 0,
    };
    let end = list.len().min(start + paging.max_results);
    let next_token = (end < list.len()).then(|| format!("from-{end}"));
    Some((list.get(start..end)?, next_token))
}
