//! From a body to a request: the model's rules, then those the model cannot express.

use std::collections::HashSet;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Map, Value};
use sluice_connector_api::Json;

use crate::document::{DocumentContent, NewDocument};
use crate::error::ServiceError;
use crate::filter::RetrievalFilter;
use crate::operation::{Operation, OperationTarget};
use crate::paging::Paging;
use crate::shape::{Shape, Violation, length};
use crate::{Settings, model};

/// The largest body of a request, in bytes: 6 MB, the "total payload" quota of
/// `IngestKnowledgeBaseDocuments` (AWS General Reference, Amazon Bedrock quotas).
///
/// AWS does not say whether its MB are decimal, or whether the body or the content counts; the
/// emulator takes the strictest reading.
pub const MAX_BODY_BYTES: usize = 6_000_000;

/// How many results `Retrieve` returns unless asked (API reference: 5).
const DEFAULT_RESULTS: usize = 5;
/// How many documents a page of the list has unless asked. Undocumented; the number is ours.
const DEFAULT_PAGE: usize = 100;
/// Metadata keys with this prefix are the service's own (user guide, customer-managed stores).
const RESERVED_KEY_PREFIX: &str = "x-amz-bedrock";

/// A request that satisfies the model. What it is for is in its [`OperationTarget`].
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Ingest { client_token: Option<String>, documents: Vec<NewDocument> },
    Delete { client_token: Option<String>, ids: Vec<String> },
    Get { ids: Vec<String> },
    List(Paging),
    Retrieve { query: String, filter: Option<RetrievalFilter>, paging: Paging },
    ListKnowledgeBases(Paging),
    GetKnowledgeBase,
    ListDataSources(Paging),
    GetDataSource,
}

/// Reads a body as JSON. No body at all is an empty object.
pub(crate) fn read(body: &[u8]) -> Result<Value, ServiceError> {
    if body.len() > MAX_BODY_BYTES {
        let size = body.len();
        let message = format!("The request has {size} bytes, more than {MAX_BODY_BYTES}.");
        return Err(ServiceError::validation(message));
    }
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    Json::from_slice(body)
        .map(Json::into_value)
        .map_err(|error| ServiceError::validation(format!("The body is not JSON: {error}")))
}

/// Checks the ids of the path and the body, and makes a request of them.
pub(crate) fn parse(
    target: &OperationTarget,
    body: &Value,
    settings: &Settings,
) -> Result<Request, ServiceError> {
    let mut violations = path_violations(target);
    violations.extend(model::body_of(target.operation).violations(body));
    if !violations.is_empty() {
        return Err(ServiceError::violations(violations));
    }
    let client_token = string(body, "/clientToken");
    let paging = || Paging {
        max_results: number(body, "/maxResults").unwrap_or(DEFAULT_PAGE).min(settings.largest_page),
        next_token: string(body, "/nextToken"),
    };
    Ok(match target.operation {
        Operation::Ingest => {
            Request::Ingest { client_token, documents: documents(body, settings.max_documents_per_ingest)? }
        }
        Operation::Delete => Request::Delete { client_token, ids: identifiers(body)? },
        Operation::Get => Request::Get { ids: identifiers(body)? },
        Operation::List => Request::List(paging()),
        Operation::Retrieve => retrieve(body)?,
        Operation::ListKnowledgeBases => Request::ListKnowledgeBases(paging()),
        Operation::GetKnowledgeBase => Request::GetKnowledgeBase,
        Operation::ListDataSources => Request::ListDataSources(paging()),
        Operation::GetDataSource => Request::GetDataSource,
    })
}

fn path_violations(target: &OperationTarget) -> Vec<Violation> {
    let shape: &Shape = match target.operation {
        Operation::Retrieve => &model::KNOWLEDGE_BASE_IDENTIFIER,
        _ => &model::ID,
    };
    let knowledge_base = target.knowledge_base.iter().flat_map(|id| at("knowledgeBaseId", shape, id));
    let data_source = target.data_source.iter().flat_map(|id| at("dataSourceId", &model::ID, id));
    knowledge_base.chain(data_source).collect()
}

fn at(name: &str, shape: &Shape, text: &str) -> Vec<Violation> {
    let found = shape.violations(&Value::from(text));
    let rename = |violation: Violation| Violation::new(name, violation.problem);
    found.into_iter().map(rename).collect()
}

fn documents(body: &Value, max: usize) -> Result<Vec<NewDocument>, ServiceError> {
    let documents = items(body, "/documents");
    if let Some(problem) = length(documents.len(), 1, max) {
        let violation = Violation::new("documents", format!("Member {problem}"));
        return Err(ServiceError::violations(vec![violation]));
    }
    let violations: Vec<_> = (0..).zip(documents).filter_map(unfit).collect();
    if !violations.is_empty() {
        return Err(ServiceError::violations(violations));
    }
    let documents: Vec<_> = documents.iter().map(new_document).collect();
    refuse_duplicates(documents.iter().map(|document| document.id.as_str()))?;
    Ok(documents)
}

/// Finds what the model allows, but the service does not.
fn unfit((index, document): (usize, &Value)) -> Option<Violation> {
    const INLINE: &str = "content.custom.inlineContent";
    const TEXT: &str = "content.custom.inlineContent.textContent.data";
    let violation = |at: &str, problem: &str| {
        let path = format!("documents[{index}].{at}");
        Some(Violation::new(path, format!("Member {problem}")))
    };
    if str_at(document, &pointer(TEXT)).is_some_and(|text| text.trim().is_empty()) {
        return violation(TEXT, "must not be blank");
    }
    if document.pointer(&pointer(INLINE)).is_some() && document.pointer("/metadata/s3Location").is_some() {
        return violation("metadata", "must be inline where the content is inline");
    }
    if metadata_keys(document).any(|key| key.starts_with(RESERVED_KEY_PREFIX)) {
        return violation("metadata", "has a key with a reserved prefix");
    }
    None
}

/// Returns the keys of a document's inline metadata.
pub(crate) fn metadata_keys(document: &Value) -> impl Iterator<Item = &str> {
    items(document, "/metadata/inlineAttributes").iter().filter_map(|item| str_at(item, "/key"))
}

fn new_document(document: &Value) -> NewDocument {
    let text = |at: &str| string(document, &pointer(at));
    let id = text("content.custom.customDocumentIdentifier.id").or_else(|| text("content.s3.s3Location.uri"));
    let content = content(document);
    NewDocument {
        id: id.unwrap_or_default(),
        text: text("content.custom.inlineContent.textContent.data")
            .or_else(|| content.text().map(str::to_owned))
            .unwrap_or_default(),
        content,
        attributes: items(document, "/metadata/inlineAttributes").iter().filter_map(attribute).collect(),
    }
}

fn content(document: &Value) -> DocumentContent {
    let object = string(document, "/content/s3/s3Location/uri")
        .or_else(|| string(document, "/content/custom/s3Location/uri"));
    if let Some(uri) = object {
        return DocumentContent::S3Location { uri };
    }
    let bytes = document.pointer("/content/custom/inlineContent/byteContent");
    let decoded = bytes.and_then(|bytes| BASE64_STANDARD.decode(str_at(bytes, "/data")?).ok());
    match (bytes.and_then(|bytes| string(bytes, "/mimeType")), decoded) {
        (Some(mime_type), Some(data)) => DocumentContent::Bytes { mime_type, data },
        _ => DocumentContent::Text,
    }
}

/// The value is whichever member of `value` is not its type: the model leaves exactly one.
fn attribute(item: &Value) -> Option<(String, Value)> {
    let (_, value) =
        item.get("value")?.as_object()?.iter().find(|(name, value)| *name != "type" && !value.is_null())?;
    Some((string(item, "/key")?, value.clone()))
}

fn identifiers(body: &Value) -> Result<Vec<String>, ServiceError> {
    let items = items(body, "/documentIdentifiers");
    let id = |item| string(item, "/custom/id").or_else(|| string(item, "/s3/uri"));
    let ids: Vec<String> = items.iter().filter_map(id).collect();
    refuse_duplicates(ids.iter().map(String::as_str))?;
    Ok(ids)
}

/// The service's own words, as observed by others in 2026.
fn refuse_duplicates<'a>(mut ids: impl Iterator<Item = &'a str>) -> Result<(), ServiceError> {
    let mut seen = HashSet::new();
    if ids.all(|id| seen.insert(id)) {
        return Ok(());
    }
    let message = "You provided duplicate documents in the request.";
    Err(ServiceError::validation(message))
}

fn retrieve(body: &Value) -> Result<Request, ServiceError> {
    if str_at(body, "/retrievalQuery/type") == Some("IMAGE") {
        let message = "Queries by image are not emulated.";
        return Err(ServiceError::validation(message));
    }
    let configuration = |name: &str| body.get("retrievalConfiguration")?.get(name);
    let search =
        configuration("vectorSearchConfiguration").or_else(|| configuration("managedSearchConfiguration"));
    let search = search.unwrap_or(&Value::Null);
    let filter = search.get("filter").filter(|filter| !filter.is_null());
    Ok(Request::Retrieve {
        query: string(body, "/retrievalQuery/text").unwrap_or_default(),
        filter: filter.map(RetrievalFilter::read).transpose()?,
        paging: Paging {
            max_results: number(search, "/numberOfResults").unwrap_or(DEFAULT_RESULTS),
            next_token: string(body, "/nextToken"),
        },
    })
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

pub(crate) fn str_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn string(value: &Value, pointer: &str) -> Option<String> {
    str_at(value, pointer).map(str::to_owned)
}

fn number(value: &Value, pointer: &str) -> Option<usize> {
    usize::try_from(value.pointer(pointer)?.as_u64()?).ok()
}

pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
