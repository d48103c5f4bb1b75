//! What a record does to the knowledge base: it writes a document, or deletes one. Pure.

use sluice_connector_api::{Failure, FormNeed, Record, SettingsError};

use super::content::ContentRule;
use super::document::DocumentWrite;
use super::identity::DocumentIdRule;
use super::metadata::MetadataRules;
use crate::bedrock_kb::settings::KnowledgeBaseSettings;
use crate::record::on_null::OnNull;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Write,
    Delete,
}

/// What a record does.
#[derive(Debug)]
pub(crate) enum DocumentChange<'a> {
    Write(DocumentWrite<'a>),
    /// Deletes the document of this id.
    Delete(String),
    /// A tombstone that is to be ignored.
    Nothing,
}

/// Makes changes of records.
#[derive(Debug)]
pub(crate) struct DocumentMapping {
    identity: DocumentIdRule,
    contents: ContentRule,
    metadata: MetadataRules,
    on_null: OnNull,
}

impl DocumentMapping {
    pub(crate) fn new(settings: &KnowledgeBaseSettings) -> Result<Self, SettingsError> {
        let identity = DocumentIdRule::new(&settings.document_id, settings.document_id_form)?;
        if settings.on_null == OnNull::Delete {
            identity.check_for_deletes()?;
        }
        Ok(Self {
            identity,
            contents: ContentRule::new(&settings.content)?,
            metadata: MetadataRules::new(&settings.metadata)?,
            on_null: settings.on_null,
        })
    }

    /// States the forms that documents need.
    pub(crate) fn needs(&self) -> Vec<FormNeed> {
        let mut needs = self.identity.needs();
        needs.extend(self.contents.needs());
        needs.extend(self.metadata.needs());
        needs
    }

    pub(crate) fn change<'a>(&'a self, record: &'a Record) -> Result<DocumentChange<'a>, Failure> {
        match (record.is_tombstone(), self.on_null) {
            (true, OnNull::Delete) => self.identity.of(record).map(DocumentChange::Delete),
            (true, OnNull::Ignore) => Ok(DocumentChange::Nothing),
            _ => Ok(DocumentChange::Write(DocumentWrite {
                body: self.contents.of(record)?,
                attributes: self.metadata.of(record)?,
                id: self.identity.of(record)?,
            })),
        }
    }

    /// Says whether a record deletes its document.
    pub(crate) fn deletes(&self, record: &Record) -> bool {
        record.is_tombstone() && self.on_null == OnNull::Delete
    }

    pub(crate) fn kind(&self, record: &Record) -> ChangeKind {
        if self.deletes(record) { ChangeKind::Delete } else { ChangeKind::Write }
    }

    /// Names the document that a record writes or deletes; `None` for a tombstone that does neither.
    pub(crate) fn id(&self, record: &Record) -> Option<String> {
        let touches = !record.is_tombstone() || self.deletes(record);
        if touches { self.identity.of(record).ok() } else { None }
    }
}
