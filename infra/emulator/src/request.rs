//! From a body to a request: the model's rules, then those the model cannot express.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::ServiceError;
use crate::model;
use crate::operation::{Operation, Target};
use crate::shape::{Shape, Violation, length};

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

/// A request that satisfies the model.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Ingest { client_token: Option<String>, documents: Vec<NewDocument> },
    Delete { client_token: Option<String>, ids: Vec<String> },
    Get { ids: Vec<String> },
    List { max_results: usize, next_token: Option<String> },
    Retrieve { query: String, number_of_results: usize },
}

/// A document as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewDocument {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) attributes: Map<String, Value>,
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
    serde_json::from_slice(body)
        .map_err(|error| ServiceError::validation(format!("The body is not JSON: {error}")))
}

/// Checks the ids of the path and the body, and makes a request of them.
pub(crate) fn parse(target: &Target, body: &Value, max_documents: usize) -> Result<Request, ServiceError> {
    let mut violations = path_violations(target);
    violations.extend(model::body_of(target.operation).violations(body));
    if !violations.is_empty() {
        return Err(ServiceError::violations(violations));
    }
    match target.operation {
        Operation::Ingest => ingest(body, max_documents),
        Operation::Delete => {
            Ok(Request::Delete { client_token: string(body, "/clientToken"), ids: identifiers(body)? })
        }
        Operation::Get => Ok(Request::Get { ids: identifiers(body)? }),
        Operation::List => Ok(Request::List {
            max_results: number(body, "/maxResults").unwrap_or(DEFAULT_PAGE),
            next_token: string(body, "/nextToken"),
        }),
        Operation::Retrieve => retrieve(body),
    }
}

fn path_violations(target: &Target) -> Vec<Violation> {
    let knowledge_base: &Shape = match target.operation {
        Operation::Retrieve => &model::KNOWLEDGE_BASE_IDENTIFIER,
        _ => &model::ID,
    };
    let mut found = at("knowledgeBaseId", knowledge_base, &target.knowledge_base);
    if let Some(data_source) = &target.data_source {
        found.extend(at("dataSourceId", &model::ID, data_source));
    }
    found
}

fn at(name: &str, shape: &Shape, text: &str) -> Vec<Violation> {
    let found = shape.violations(&Value::from(text));
    let rename = |violation: Violation| Violation::new(name, violation.problem);
    found.into_iter().map(rename).collect()
}

fn ingest(body: &Value, max_documents: usize) -> Result<Request, ServiceError> {
    let documents = items(body, "/documents");
    if let Some(problem) = length(documents.len(), 1, max_documents) {
        let violation = Violation::new("documents", format!("Member {problem}"));
        return Err(ServiceError::violations(vec![violation]));
    }
    let violations: Vec<_> = (0..).zip(documents).filter_map(unfit).collect();
    if !violations.is_empty() {
        return Err(ServiceError::violations(violations));
    }
    let documents: Vec<_> = documents.iter().map(new_document).collect();
    refuse_duplicates(documents.iter().map(|document| document.id.as_str()))?;
    Ok(Request::Ingest { client_token: string(body, "/clientToken"), documents })
}

/// Finds what the model allows, but the service or the emulator does not.
fn unfit((index, document): (usize, &Value)) -> Option<Violation> {
    const TEXT: &str = "content.custom.inlineContent.textContent.data";
    let violation = |at: &str, problem: &str| {
        let path = format!("documents[{index}].{at}");
        Some(Violation::new(path, format!("Member {problem}")))
    };
    let Some(text) = str_at(document, &pointer(TEXT)) else {
        return violation("content", "is not emulated: only inline text is stored");
    };
    if text.trim().is_empty() {
        return violation(TEXT, "must not be blank");
    }
    if document.pointer("/metadata/s3Location").is_some() {
        return violation("metadata", "must be inline where the content is inline");
    }
    let reserved =
        |item: &Value| str_at(item, "/key").is_some_and(|key| key.starts_with(RESERVED_KEY_PREFIX));
    if items(document, "/metadata/inlineAttributes").iter().any(reserved) {
        return violation("metadata", "has a key with a reserved prefix");
    }
    None
}

fn new_document(document: &Value) -> NewDocument {
    let text = |at: &str| string(document, &pointer(at)).unwrap_or_default();
    let attributes = items(document, "/metadata/inlineAttributes");
    NewDocument {
        id: text("content.custom.customDocumentIdentifier.id"),
        text: text("content.custom.inlineContent.textContent.data"),
        attributes: attributes.iter().filter_map(attribute).collect(),
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
    let ids: Vec<String> = items.iter().filter_map(|item| string(item, "/custom/id")).collect();
    if ids.len() < items.len() {
        let message = "The data source is of type CUSTOM: it has no S3 documents.";
        return Err(ServiceError::validation(message));
    }
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
    const COUNT: &str = "/retrievalConfiguration/vectorSearchConfiguration/numberOfResults";
    if str_at(body, "/retrievalQuery/type") == Some("IMAGE") {
        let message = "Queries by image are not emulated.";
        return Err(ServiceError::validation(message));
    }
    Ok(Request::Retrieve {
        query: string(body, "/retrievalQuery/text").unwrap_or_default(),
        number_of_results: number(body, COUNT).unwrap_or(DEFAULT_RESULTS),
    })
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

fn str_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn string(value: &Value, pointer: &str) -> Option<String> {
    str_at(value, pointer).map(str::to_owned)
}

fn number(value: &Value, pointer: &str) -> Option<usize> {
    usize::try_from(value.pointer(pointer)?.as_u64()?).ok()
}

fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
