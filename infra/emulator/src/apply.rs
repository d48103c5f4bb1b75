//! What the operations do: from a body to the answer's body.

use serde_json::{Value, json};

use crate::document::NewDocument;
use crate::error::ServiceError;
use crate::fault::DocumentFault;
use crate::filter::RetrievalFilter;
use crate::json::with;
use crate::operation::OperationTarget;
use crate::paging::Paging;
use crate::request::{self, Request};
use crate::rule::{DocumentOutcome, Rule};
use crate::shape::Violation;
use crate::state::Shared;
use crate::store::{Detail, ListPage};
use crate::{DataSource, KnowledgeBaseResource, KnowledgeBaseType, catalog, retrieve};

/// Metadata keys with this prefix are the service's own in a managed knowledge base (user guide).
const RESERVED_BY_MANAGED: &str = "_";

/// Carries a request out, in the order of checks AWS has: the model, what there is, and what suits it.
pub(crate) fn apply(
    shared: &Shared,
    target: &OperationTarget,
    body: &Value,
    faults: &[DocumentFault],
) -> Result<Value, ServiceError> {
    let settings = &shared.settings;
    let request = request::parse(target, body, settings)?;
    let Some(id) = &target.knowledge_base else {
        return account(shared, &request);
    };
    let knowledge_base = settings.knowledge_base(id)?;
    match &target.data_source {
        None => in_knowledge_base(shared, knowledge_base, request),
        Some(id) => {
            let data_source = knowledge_base.data_source(id)?;
            check_suits(knowledge_base, data_source, body)?;
            in_data_source(shared, knowledge_base, data_source, request, faults)
        }
    }
}

fn account(shared: &Shared, request: &Request) -> Result<Value, ServiceError> {
    match request {
        Request::ListKnowledgeBases(paging) => {
            catalog::knowledge_bases(&shared.settings, paging, shared.started_at()).ok_or_else(unknown_token)
        }
        _ => Err(ServiceError::unknown_operation()),
    }
}

fn in_knowledge_base(
    shared: &Shared,
    knowledge_base: &KnowledgeBaseResource,
    request: Request,
) -> Result<Value, ServiceError> {
    match request {
        Request::GetKnowledgeBase => Ok(catalog::knowledge_base(knowledge_base, shared.started_at())),
        Request::ListDataSources(paging) => {
            catalog::data_sources(knowledge_base, &paging, shared.started_at()).ok_or_else(unknown_token)
        }
        Request::Retrieve { query, filter, paging } => {
            search(shared, knowledge_base, &query, filter.as_ref(), &paging)
        }
        _ => Err(ServiceError::unknown_operation()),
    }
}

fn in_data_source(
    shared: &Shared,
    knowledge_base: &KnowledgeBaseResource,
    data_source: &DataSource,
    request: Request,
    faults: &[DocumentFault],
) -> Result<Value, ServiceError> {
    let now = shared.now();
    let mut state = shared.state();
    let (store, rules, quotas) = state.parts(knowledge_base, data_source, shared.settings.indexing_delay);
    let answer = |details: &[Detail]| details_json(knowledge_base, data_source, details);
    let details = match request {
        Request::Ingest { client_token, documents } => {
            refuse_by_rule(rules, &documents)?;
            store.ingest(now, client_token, documents, faults, rules)
        }
        Request::Delete { client_token, ids } => store.delete(now, client_token, ids, faults),
        Request::Get { ids } => return Ok(answer(&store.get(now, ids))),
        Request::List(paging) => {
            let ListPage { details, next_token } = store.list(now, &paging).ok_or_else(unknown_token)?;
            return Ok(with(answer(&details), "nextToken", next_token));
        }
        Request::GetDataSource => {
            return Ok(catalog::data_source(knowledge_base, data_source, shared.started_at()));
        }
        _ => return Err(ServiceError::unknown_operation()),
    };
    quotas.accepted(tokio::time::Instant::now(), shared.settings.indexing_delay);
    Ok(answer(&details))
}

/// Refuses documents of a kind that the data source does not take, and keys that the knowledge base does not.
fn check_suits(
    knowledge_base: &KnowledgeBaseResource,
    data_source: &DataSource,
    body: &Value,
) -> Result<(), ServiceError> {
    let documents = request::items(body, "/documents");
    let types =
        documents.iter().filter_map(|document| request::str_at(document, "/content/dataSourceType")).chain(
            request::items(body, "/documentIdentifiers")
                .iter()
                .filter_map(|identifier| request::str_at(identifier, "/dataSourceType")),
        );
    let expected = data_source.document_type();
    if let Some(found) = types.into_iter().find(|found| *found != expected) {
        let id = &data_source.id;
        let message = format!("Data source {id} takes documents of type {expected}, not {found}.");
        return Err(ServiceError::validation(message));
    }
    let reserved =
        |document: &Value| request::metadata_keys(document).any(|key| key.starts_with(RESERVED_BY_MANAGED));
    match documents.iter().position(reserved) {
        Some(index) if knowledge_base.kind == KnowledgeBaseType::Managed => {
            let path = format!("documents[{index}].metadata");
            let violation = Violation::new(path, "Member has a key with a reserved prefix");
            Err(ServiceError::violations(vec![violation]))
        }
        _ => Ok(()),
    }
}

/// The first rule that fits a document counts; if it refuses, the whole call is refused.
fn refuse_by_rule(rules: &[Rule], documents: &[NewDocument]) -> Result<(), ServiceError> {
    let outcomes = documents.iter().filter_map(|document| rules.iter().find(|rule| rule.fits(document)));
    for rule in outcomes {
        if let DocumentOutcome::Refused(message) = &rule.outcome {
            return Err(ServiceError::validation(message));
        }
    }
    Ok(())
}

/// Searches all data sources, each by its own words, and ranks what is found together; of what answers equally well, the newest
/// comes first.
fn search(
    shared: &Shared,
    knowledge_base: &KnowledgeBaseResource,
    query: &str,
    filter: Option<&RetrievalFilter>,
    paging: &Paging,
) -> Result<Value, ServiceError> {
    let now = shared.now();
    let mut state = shared.state();
    let mut found = Vec::new();
    for data_source in &knowledge_base.data_sources {
        let (store, ..) = state.parts(knowledge_base, data_source, shared.settings.indexing_delay);
        for (document, score) in store.retrieve(now, query) {
            let metadata = retrieve::metadata(&document);
            if filter.is_none_or(|filter| filter.holds(&metadata)) {
                let result = retrieve::result(&document, score, &metadata, data_source);
                found.push((score, document.updated_at, result));
            }
        }
    }
    found.sort_by(|(a, older, _), (b, newer, _)| b.total_cmp(a).then(newer.cmp(older)));
    let found: Vec<Value> = found.into_iter().map(|(.., result)| result).collect();
    let (page, next_token) = catalog::page(&found, paging).ok_or_else(unknown_token)?;
    Ok(with(json!({ "retrievalResults": page }), "nextToken", next_token))
}

fn unknown_token() -> ServiceError {
    ServiceError::validation("The nextToken is invalid.")
}

fn details_json(
    knowledge_base: &KnowledgeBaseResource,
    data_source: &DataSource,
    details: &[Detail],
) -> Value {
    let details = details.iter().map(|detail| detail_json(knowledge_base, data_source, detail));
    json!({ "documentDetails": details.collect::<Vec<_>>() })
}

fn detail_json(knowledge_base: &KnowledgeBaseResource, data_source: &DataSource, detail: &Detail) -> Value {
    let identifier = match data_source.document_type() {
        "S3" => json!({ "dataSourceType": "S3", "s3": { "uri": detail.id } }),
        _ => json!({ "dataSourceType": "CUSTOM", "custom": { "id": detail.id } }),
    };
    let json = json!({
        "knowledgeBaseId": knowledge_base.id,
        "dataSourceId": data_source.id,
        "status": detail.status.as_str(),
        "identifier": identifier,
        "updatedAt": catalog::time(detail.updated_at),
    });
    with(json, "statusReason", detail.reason.as_deref())
}
