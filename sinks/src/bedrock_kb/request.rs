//! A batch as calls of the API. Pure.

use aws_sdk_bedrockagent::error::BuildError;
use aws_sdk_bedrockagent::types::{DocumentIdentifier, KnowledgeBaseDocument};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_connector_api::{Failure, Payload, Record};

use super::document::{self, Change, Document, Mapping};
use super::identity::{self, hex};
use super::place::Place;

/// Bytes of the documents in a call, serialised. The quota is 6 MB for the whole payload; the rest is headroom.
pub(super) const MAX_BATCH_BYTES: usize = 5_500_000;

/// Documents that a call deletes at most, as the model of the API says; there is no other quota.
const MAX_DELETES: usize = 10;

/// The calls of a batch, in order, and the records that make none; each with its index.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) calls: Vec<Call<'a>>,
    pub(super) rejected: Vec<(usize, Failure)>,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) what: What<'a>,
    hash: Sha256,
}

/// Documents by the index of their record.
#[derive(Debug)]
pub(super) enum What<'a> {
    /// `IngestKnowledgeBaseDocuments`.
    Ingest(Vec<(usize, Document<'a>)>),
    /// `DeleteKnowledgeBaseDocuments`, by ids.
    Delete(Vec<(usize, String)>),
}

impl<'a> Plan<'a> {
    /// Plans a batch. The engine parts writes from deletes, so that this is one call; where others
    /// put them together, their order is kept.
    pub(super) fn of(mapping: &'a Mapping, batch: &'a [Record]) -> Self {
        let mut plan = Self::default();
        for (index, record) in batch.iter().enumerate() {
            match mapping.change(record) {
                Ok(Change::Write(document)) => plan.write(index, record, document),
                Ok(Change::Delete(id)) => plan.delete(index, record, id),
                Ok(Change::Nothing) => {}
                Err(failure) => plan.rejected.push((index, failure)),
            }
        }
        plan
    }

    fn write(&mut self, index: usize, record: &Record, document: Document<'a>) {
        if !matches!(self.calls.last(), Some(Call { what: What::Ingest(_), .. })) {
            self.calls.push(Call::new(What::Ingest(Vec::new())));
        }
        if let Some(Call { what: What::Ingest(documents), hash }) = self.calls.last_mut() {
            note(hash, record, &document.to_json().to_string());
            documents.push((index, document));
        }
    }

    fn delete(&mut self, index: usize, record: &Record, id: String) {
        if !matches!(self.calls.last(), Some(Call { what: What::Delete(_), .. })) {
            self.calls.push(Call::new(What::Delete(Vec::new())));
        }
        if let Some(Call { what: What::Delete(ids), hash }) = self.calls.last_mut() {
            note(hash, record, &id);
            ids.push((index, id));
        }
    }
}

/// Takes a record's place and what becomes of it into the digest: a document that goes back to what it was two versions
/// ago is another request all the same.
fn note(hash: &mut Sha256, record: &Record, content: &str) {
    for part in [&identity::origin(record), content] {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
}

impl<'a> Call<'a> {
    fn new(what: What<'a>) -> Self {
        let mut hash = Sha256::new();
        hash.update(match what {
            What::Ingest(_) => b"ingest",
            What::Delete(_) => b"delete",
        });
        Self { what, hash }
    }

    /// Sums up offsets and contents: the same for a put again, and another for anything else.
    pub(super) fn digest(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// Returns the indices of the records in the batch, and the ids of their documents.
    pub(super) fn ids(&self) -> Vec<(usize, &str)> {
        match &self.what {
            What::Ingest(documents) => {
                documents.iter().map(|(index, document)| (*index, &*document.id)).collect()
            }
            What::Delete(ids) => ids.iter().map(|(index, id)| (*index, &**id)).collect(),
        }
    }

    /// Shows the request that the SDK makes. The token differs in what only a call that is made has.
    pub(super) fn shown(&self, place: &Place) -> Value {
        let Place { knowledge_base_id, data_source_id } = place;
        let documents = format!("/knowledgebases/{knowledge_base_id}/datasources/{data_source_id}/documents");
        let token = self.digest();
        match &self.what {
            What::Ingest(each) => {
                let each: Vec<_> = each.iter().map(|(_, document)| document.to_json()).collect();
                json!({ "method": "PUT", "path": documents, "body": { "clientToken": token, "documents": each } })
            }
            What::Delete(ids) => {
                let each: Vec<_> = ids.iter().map(|(_, id)| delete_json(id)).collect();
                let path = format!("{documents}/deleteDocuments");
                json!({ "method": "POST", "path": path, "body": { "clientToken": token, "documentIdentifiers": each } })
            }
        }
    }
}

/// Builds documents for the SDK.
pub(super) fn documents(each: &[(usize, Document<'_>)]) -> Result<Vec<KnowledgeBaseDocument>, BuildError> {
    each.iter().map(|(_, document)| document.to_sdk()).collect()
}

/// Builds the names of documents for the SDK.
pub(super) fn identifiers<'a>(
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<DocumentIdentifier>, BuildError> {
    ids.into_iter().map(document::identifier).collect()
}

/// Measures what a record adds to a call, in bytes. One that makes no document counts with its own size, so that the
/// engine need not know. Where more documents are written a call than may be deleted, a delete weighs so much that no
/// more of them share a call than may.
pub(super) fn size_of(mapping: &Mapping, record: &Record, documents_per_call: usize) -> usize {
    match mapping.change(record) {
        Ok(Change::Write(document)) => document.size(),
        Ok(Change::Delete(_)) if documents_per_call > MAX_DELETES => MAX_BATCH_BYTES / MAX_DELETES,
        Ok(Change::Delete(id)) => Payload::from(delete_json(&id)).len(),
        Ok(Change::Nothing) | Err(_) => record.size(),
    }
}

fn delete_json(id: &str) -> Value {
    json!({ "dataSourceType": "CUSTOM", "custom": { "id": id } })
}
