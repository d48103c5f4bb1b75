//! The documents and what happens to them. Pure: the time is an argument, statuses follow from it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::document::{DocumentContent, NewDocument, StoredDocument};
use crate::fault::DocumentFault;
use crate::paging::Paging;
use crate::retrieve::Index;
use crate::rule::{DocumentOutcome, Rule};
use crate::{DocumentStatus, Operation};

/// What a store is for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) knowledge_base_id: String,
    pub(crate) data_source_id: String,
}

/// What an answer says about a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Detail {
    pub(crate) id: String,
    pub(crate) status: DocumentStatus,
    pub(crate) reason: Option<String>,
    pub(crate) updated_at: Timestamp,
}

/// A page of the list.
#[derive(Debug)]
pub(crate) struct ListPage {
    pub(crate) details: Vec<Detail>,
    pub(crate) next_token: Option<String>,
}

/// All documents of a data source.
pub(crate) struct Store {
    place: Place,
    indexing_delay: SignedDuration,
    documents: BTreeMap<String, Entry>,
    index: Index,
    /// The answers given, by client token. Never forgotten: AWS does not say for how long it
    /// remembers, and a test must not depend on it.
    answers: HashMap<(Operation, String), Vec<Detail>>,
    /// The last id of each page for which a token was handed out; a token holds its place here.
    pages: Vec<String>,
}

struct Entry {
    text: String,
    content: DocumentContent,
    attributes: Map<String, Value>,
    change: Change,
    at: Timestamp,
}

enum Change {
    Ingested(Settling),
    Deleted,
    Faulted(DocumentStatus, String),
}

/// What an accepted document will end as, and when.
struct Settling {
    status: DocumentStatus,
    reason: Option<String>,
    after: SignedDuration,
}

impl Store {
    pub(crate) fn new(place: Place, indexing_delay: Duration) -> Self {
        Self {
            place,
            indexing_delay: signed(indexing_delay),
            documents: BTreeMap::new(),
            index: Index::new(),
            answers: HashMap::new(),
            pages: Vec::new(),
        }
    }

    /// Stores documents over those with the same id. A client token seen before changes nothing
    /// and gets the answer it got then ("Amazon Bedrock ignores the request", API reference).
    pub(crate) fn ingest(
        &mut self,
        now: Timestamp,
        client_token: Option<String>,
        documents: Vec<NewDocument>,
        faults: &[DocumentFault],
        rules: &[Rule],
    ) -> Vec<Detail> {
        self.once(Operation::Ingest, client_token, |store| {
            let documents = documents.into_iter().enumerate();
            documents
                .map(|(index, document)| {
                    let fault = faults.iter().find(|f| f.is_for(index, &document.id));
                    let rule = rules.iter().find(|rule| rule.fits(&document));
                    store.ingest_one(now, document, fault, rule)
                })
                .collect()
        })
    }

    /// Deletes documents. Ids that are not stored are answered with `NOT_FOUND`.
    pub(crate) fn delete(
        &mut self,
        now: Timestamp,
        client_token: Option<String>,
        ids: Vec<String>,
        faults: &[DocumentFault],
    ) -> Vec<Detail> {
        self.once(Operation::Delete, client_token, |store| {
            let ids = ids.into_iter().enumerate();
            ids.map(|(index, id)| {
                let fault = faults.iter().find(|f| f.is_for(index, &id));
                store.delete_one(now, id, fault)
            })
            .collect()
        })
    }

    fn once(
        &mut self,
        operation: Operation,
        client_token: Option<String>,
        apply: impl FnOnce(&mut Self) -> Vec<Detail>,
    ) -> Vec<Detail> {
        let Some(token) = client_token else {
            return apply(self);
        };
        let key = (operation, token);
        if let Some(answer) = self.answers.get(&key) {
            return answer.clone();
        }
        let answer = apply(self);
        self.answers.insert(key, answer.clone());
        answer
    }

    fn ingest_one(
        &mut self,
        now: Timestamp,
        document: NewDocument,
        fault: Option<&DocumentFault>,
        rule: Option<&Rule>,
    ) -> Detail {
        let NewDocument { id, text, content, attributes } = document;
        self.index.upsert(&id, &text);
        let change = fault.map_or_else(|| Change::Ingested(self.settling(rule)), Change::faulted);
        self.documents.insert(id.clone(), Entry { text, content, attributes, change, at: now });
        detail(id, DocumentStatus::Starting, fault, now)
    }

    fn settling(&self, rule: Option<&Rule>) -> Settling {
        match rule.map(|rule| &rule.outcome) {
            Some(DocumentOutcome::Settles { status, reason, after }) => Settling {
                status: *status,
                reason: Some(reason.clone()).filter(|reason| !reason.is_empty()),
                after: after.map_or(self.indexing_delay, signed),
            },
            Some(DocumentOutcome::Refused(_)) | None => {
                Settling { status: DocumentStatus::Indexed, reason: None, after: self.indexing_delay }
            }
        }
    }

    fn delete_one(&mut self, now: Timestamp, id: String, fault: Option<&DocumentFault>) -> Detail {
        let delay = self.indexing_delay;
        let live =
            self.documents.get_mut(&id).filter(|entry| entry.status(now, delay) != DocumentStatus::NotFound);
        let Some(entry) = live else {
            return detail(id, DocumentStatus::NotFound, fault, now);
        };
        // A second request does not put the deletion off.
        if fault.is_some() || !matches!(entry.change, Change::Deleted) {
            entry.change = fault.map_or(Change::Deleted, Change::faulted);
            entry.at = now;
        }
        if fault.is_none() {
            self.index.remove(&id);
        }
        detail(id, DocumentStatus::Deleting, fault, now)
    }

    /// Tells the status of documents, in the order of `ids`.
    pub(crate) fn get(&self, now: Timestamp, ids: Vec<String>) -> Vec<Detail> {
        ids.into_iter()
            .map(|id| match self.documents.get(&id) {
                Some(entry) => self.detail(now, &id, entry),
                None => detail(id, DocumentStatus::NotFound, None, now),
            })
            .collect()
    }

    /// Returns the page after the one that `next_token` came with; `None` for an unknown token.
    ///
    /// Deleted documents go on being listed as `NOT_FOUND`, as reported of the service.
    pub(crate) fn list(
        &mut self,
        now: Timestamp,
        Paging { max_results, next_token }: &Paging,
    ) -> Option<ListPage> {
        let start = match next_token {
            Some(token) => Bound::Excluded(self.last_of_page(token)?),
            None => Bound::Unbounded,
        };
        let mut rest = self.documents.range::<String, _>((start, Bound::Unbounded));
        let details: Vec<Detail> =
            rest.by_ref().take(*max_results).map(|(id, entry)| self.detail(now, id, entry)).collect();
        let more = rest.next().is_some();
        let last = details.last().filter(|_| more).map(|last| last.id.clone());
        let next_token = last.map(|id| self.hand_out_token(id));
        Some(ListPage { details, next_token })
    }

    fn hand_out_token(&mut self, last_id: String) -> String {
        self.pages.push(last_id);
        format!("page-{}", self.pages.len())
    }

    fn last_of_page(&self, token: &str) -> Option<String> {
        let number: usize = token.strip_prefix("page-")?.parse().ok()?;
        self.pages.get(number.checked_sub(1)?).cloned()
    }

    /// Returns all matches among the indexed documents with their scores.
    pub(crate) fn retrieve(&self, now: Timestamp, query: &str) -> Vec<(StoredDocument, f32)> {
        let hits = self.index.search(query).into_iter();
        hits.filter_map(|hit| Some((self.stored(now, &hit.id)?, hit.score)))
            .filter(|(document, _)| document.status == DocumentStatus::Indexed)
            .collect()
    }

    /// Returns all documents but the deleted, by id.
    pub(crate) fn documents(&self, now: Timestamp) -> Vec<StoredDocument> {
        self.documents
            .keys()
            .filter_map(|id| self.stored(now, id))
            .filter(|document| document.status != DocumentStatus::NotFound)
            .collect()
    }

    fn stored(&self, now: Timestamp, id: &str) -> Option<StoredDocument> {
        let entry = self.documents.get(id)?;
        let detail = self.detail(now, id, entry);
        Some(StoredDocument {
            knowledge_base_id: self.place.knowledge_base_id.clone(),
            data_source_id: self.place.data_source_id.clone(),
            id: detail.id,
            text: entry.text.clone(),
            content: entry.content.clone(),
            attributes: entry.attributes.clone(),
            status: detail.status,
            status_reason: detail.reason,
            updated_at: detail.updated_at,
        })
    }

    fn detail(&self, now: Timestamp, id: &str, entry: &Entry) -> Detail {
        Detail {
            id: id.to_owned(),
            status: entry.status(now, self.indexing_delay),
            reason: entry.reason(now),
            updated_at: entry.at,
        }
    }
}

impl Entry {
    /// `STARTING` for the first half of the delay, `IN_PROGRESS` for the second, then `INDEXED` or what a rule says.
    fn status(&self, now: Timestamp, delay: SignedDuration) -> DocumentStatus {
        let elapsed = now.duration_since(self.at);
        match &self.change {
            Change::Faulted(status, _) => *status,
            Change::Deleted if elapsed >= delay => DocumentStatus::NotFound,
            Change::Deleted => DocumentStatus::Deleting,
            Change::Ingested(settling) if elapsed >= settling.after => settling.status,
            Change::Ingested(settling) if elapsed >= settling.after / 2 => DocumentStatus::InProgress,
            Change::Ingested(_) => DocumentStatus::Starting,
        }
    }

    fn reason(&self, now: Timestamp) -> Option<String> {
        match &self.change {
            Change::Faulted(_, reason) => Some(reason.clone()),
            Change::Ingested(settling) if now.duration_since(self.at) >= settling.after => {
                settling.reason.clone()
            }
            Change::Ingested(_) | Change::Deleted => None,
        }
    }
}

impl Change {
    fn faulted(fault: &DocumentFault) -> Self {
        Self::Faulted(fault.status, fault.reason.clone())
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn detail(id: String, status: DocumentStatus, fault: Option<&DocumentFault>, now: Timestamp) -> Detail {
    Detail {
        id,
        status: fault.map_or(status, |fault| fault.status),
        reason: fault.map(|fault| fault.reason.clone()),
        updated_at: now,
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
