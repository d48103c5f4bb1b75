//! A batch as calls of the API. Pure.

use aws_sdk_bedrockagent::error::BuildError;
use aws_sdk_bedrockagent::types::{DocumentIdentifier, KnowledgeBaseDocument};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_connector_api::{Failure, Payload, Record};

use super::data_source::DataSourceIds;
use crate::bedrock_kb::mapping::{self, DocumentChange, DocumentMapping, DocumentWrite};
use crate::record::naming::{self, hex};

/// Bytes of the documents in a call, serialised. The quota is 6 MB for the whole payload; the rest is headroom.
pub(crate) const MAX_BATCH_BYTES: usize = 5_500_000;

/// Documents that a call deletes at most, as the model of the API says; there is no other quota.
const MAX_DELETES: usize = 10;

/// The calls of a batch, in order, and the records that make none; each with its index.
#[derive(Debug, Default)]
pub(crate) struct CallPlan<'a> {
    pub(crate) calls: Vec<DocumentCall<'a>>,
    pub(crate) rejected: Vec<(usize, Failure)>,
}

/// One call.
#[derive(Debug)]
pub(crate) struct DocumentCall<'a> {
    pub(crate) content: CallContent<'a>,
    hash: Sha256,
}

/// Documents by the index of their record.
#[derive(Debug)]
pub(crate) enum CallContent<'a> {
    /// `IngestKnowledgeBaseDocuments`.
    Ingest(Vec<(usize, DocumentWrite<'a>)>),
    /// `DeleteKnowledgeBaseDocuments`, by ids.
    Delete(Vec<(usize, String)>),
}

impl<'a> CallPlan<'a> {
    /// Plans a batch. The engine keeps writes apart from deletes, so that this is one call; where others
    /// put them together, their order is kept.
    pub(crate) fn new(mapping: &'a DocumentMapping, batch: &'a [Record]) -> Self {
        let mut plan = Self::default();
        for (index, record) in batch.iter().enumerate() {
            match mapping.change(record) {
                Ok(DocumentChange::Write(document)) => plan.write(index, record, document),
                Ok(DocumentChange::Delete(id)) => plan.delete(index, record, id),
                Ok(DocumentChange::Nothing) => {}
                Err(failure) => plan.rejected.push((index, failure)),
            }
        }
        plan
    }

    fn write(&mut self, index: usize, record: &Record, document: DocumentWrite<'a>) {
        if !matches!(self.calls.last(), Some(DocumentCall { content: CallContent::Ingest(_), .. })) {
            self.calls.push(DocumentCall::new(CallContent::Ingest(Vec::new())));
        }
        if let Some(DocumentCall { content: CallContent::Ingest(documents), hash }) = self.calls.last_mut() {
            note(hash, record, &document.to_json().to_string());
            documents.push((index, document));
        }
    }

    fn delete(&mut self, index: usize, record: &Record, id: String) {
        if !matches!(self.calls.last(), Some(DocumentCall { content: CallContent::Delete(_), .. })) {
            self.calls.push(DocumentCall::new(CallContent::Delete(Vec::new())));
        }
        if let Some(DocumentCall { content: CallContent::Delete(ids), hash }) = self.calls.last_mut() {
            note(hash, record, &id);
            ids.push((index, id));
        }
    }
}

/// Takes a record's origin and what becomes of it into the digest: a document that goes back to what it was two versions
/// ago is another request all the same.
fn note(hash: &mut Sha256, record: &Record, content: &str) {
    for part in [&naming::by_origin(record), content] {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
}

impl<'a> DocumentCall<'a> {
    fn new(content: CallContent<'a>) -> Self {
        let mut hash = Sha256::new();
        hash.update(match content {
            CallContent::Ingest(_) => b"ingest",
            CallContent::Delete(_) => b"delete",
        });
        Self { content, hash }
    }

    /// Sums up offsets and contents: the same for a put again, and another for anything else.
    pub(crate) fn digest(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// Returns the indices of the records in the batch, and the ids of their documents.
    pub(crate) fn ids(&self) -> Vec<(usize, &str)> {
        match &self.content {
            CallContent::Ingest(documents) => {
                documents.iter().map(|(index, document)| (*index, &*document.id)).collect()
            }
            CallContent::Delete(ids) => ids.iter().map(|(index, id)| (*index, &**id)).collect(),
        }
    }

    /// Shows the request that the SDK makes. The token differs: it holds what only a call that is made has.
    pub(crate) fn shown(&self, ids: &DataSourceIds) -> Value {
        let DataSourceIds { knowledge_base_id, data_source_id } = ids;
        let documents = format!("/knowledgebases/{knowledge_base_id}/datasources/{data_source_id}/documents");
        let token = self.digest();
        match &self.content {
            CallContent::Ingest(each) => {
                let each: Vec<_> = each.iter().map(|(_, document)| document.to_json()).collect();
                json!({ "method": "PUT", "path": documents, "body": { "clientToken": token, "documents": each } })
            }
            CallContent::Delete(ids) => {
                let each: Vec<_> = ids.iter().map(|(_, id)| delete_json(id)).collect();
                let path = format!("{documents}/deleteDocuments");
                json!({ "method": "POST", "path": path, "body": { "clientToken": token, "documentIdentifiers": each } })
            }
        }
    }
}

/// Builds documents for the SDK.
pub(crate) fn documents(
    each: &[(usize, DocumentWrite<'_>)],
) -> Result<Vec<KnowledgeBaseDocument>, BuildError> {
    each.iter().map(|(_, document)| document.to_sdk()).collect()
}

/// Builds the names of documents for the SDK.
pub(crate) fn identifiers<'a>(
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<DocumentIdentifier>, BuildError> {
    ids.into_iter().map(mapping::identifier).collect()
}

/// Measures what a record adds to a call, in bytes. One that makes no document counts with its own size, so that the
/// engine need not know. Where more documents are written per call than may be deleted, a delete weighs so much that no
/// more of them share a call than may.
pub(crate) fn size_of(mapping: &DocumentMapping, record: &Record, documents_per_call: usize) -> usize {
    match mapping.change(record) {
        Ok(DocumentChange::Write(document)) => document.size(),
        Ok(DocumentChange::Delete(_)) if documents_per_call > MAX_DELETES => MAX_BATCH_BYTES / MAX_DELETES,
        Ok(DocumentChange::Delete(id)) => Payload::from(delete_json(&id)).len(),
        Ok(DocumentChange::Nothing) | Err(_) => record.size(),
    }
}

fn delete_json(id: &str) -> Value {
    json!({ "dataSourceType": "CUSTOM", "custom": { "id": id } })
}
