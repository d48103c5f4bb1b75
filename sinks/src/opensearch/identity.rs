//! What a document is called. Pure.

use sha2::{Digest, Sha256};
use sluice_connector_api::{FormNeed, Record, SettingsError};
use sluice_template::{RecordName, Template};

use super::settings::{OpensearchSettings, SearchDocumentId};
use crate::record::naming;
use crate::record::on_null::OnNull;

/// Bytes that an id may have: the cluster refuses a whole request for the sake of a longer one.
const MAX_BYTES: usize = 512;

const WAY_OUT: &str = "write `document_id: key`, or a template of `@record.key` or of `@record.headers.NAME`";

/// Names documents.
#[derive(Debug)]
pub(super) enum SearchIdRule {
    Origin,
    Key,
    Template(Template),
    Generated,
}

impl SearchIdRule {
    pub(super) fn new(settings: &OpensearchSettings) -> Result<Self, SettingsError> {
        const KEY: &str = "document_id.template";
        let rule = match &settings.document_id {
            SearchDocumentId::Origin => Self::Origin,
            SearchDocumentId::Key => Self::Key,
            SearchDocumentId::Generated => Self::Generated,
            SearchDocumentId::Template(text) => {
                let template = Template::new(KEY, text)?;
                if template.uses().is_empty() {
                    let reason =
                        "without a tag every record has the same id; add one such as {{@record.key}}";
                    return Err(SettingsError::at(KEY, reason));
                }
                Self::Template(template)
            }
        };
        if settings.on_null == OnNull::Delete {
            rule.check_for_deletes()?;
        }
        Ok(rule)
    }

    /// Sees that a tombstone yields the id of an earlier record.
    fn check_for_deletes(&self) -> Result<(), SettingsError> {
        let (key, reason) = match self {
            Self::Key => return Ok(()),
            Self::Origin => ("document_id", Some("a tombstone's origin names no earlier record".to_owned())),
            Self::Generated => {
                ("document_id", Some("nobody knows the ids that the cluster makes".to_owned()))
            }
            Self::Template(template) => ("document_id.template", naming::unfit_for_tombstones(template)),
        };
        let wrong = |reason| {
            SettingsError::at(key, format!("`on_null: delete` finds no document: {reason}; {WAY_OUT}"))
        };
        reason.map_or(Ok(()), |reason| Err(wrong(reason)))
    }

    /// Names the document of a record; the same for good. `None` where the cluster does.
    pub(super) fn of(&self, record: &Record) -> Result<Option<String>, String> {
        let id = match self {
            Self::Generated => return Ok(None),
            Self::Origin => naming::by_origin(record),
            Self::Key => naming::by_key(record, "document_id")?,
            Self::Template(template) => {
                template.render(record).map_err(|reason| format!("the document has no id: {reason}"))?
            }
        };
        match id.len() {
            0 => Err("the document id is empty, and a document must have one".to_owned()),
            1..=MAX_BYTES => Ok(Some(id)),
            _ => Ok(Some(format!("sha256-{}", naming::hex(&Sha256::digest(id.as_bytes()))))),
        }
    }

    /// Says whether ids tell the topics apart that records were read from.
    pub(super) fn has_topic(&self) -> bool {
        match self {
            Self::Origin | Self::Generated => true,
            Self::Key => false,
            Self::Template(template) => template.uses().iter().any(|each| each.name == RecordName::Topic),
        }
    }

    /// States the forms that it needs.
    pub(super) fn needs(&self) -> Vec<FormNeed> {
        match self {
            Self::Template(template) => template.needs("document_id.template"),
            Self::Origin | Self::Key | Self::Generated => Vec::new(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};
    use sluice_plugin_testing::record;

    use super::*;

    fn rule(id: &Value, on_null: &str) -> Result<SearchIdRule, SettingsError> {
        let settings = json!({ "urls": ["http://h"], "document_id": id, "on_null": on_null });
        SearchIdRule::new(&serde_json::from_value(settings).unwrap())
    }

    #[test]
    fn each_way_names_a_document() {
        let record = record(7).key("a").value(json!({ "id": 3 })).build();
        let id = |id: Value| rule(&id, "reject").unwrap().of(&record).unwrap();
        assert_eq!(id(json!("origin")).unwrap(), "prices-0-7");
        assert_eq!(id(json!("key")).unwrap(), "a");
        assert_eq!(id(json!({ "template": "n/{{id}}" })).unwrap(), "n/3");
        assert_eq!(id(json!("generated")), None);
    }

    #[test]
    fn an_id_that_the_cluster_would_refuse_becomes_its_hash_and_an_empty_one_is_none() {
        let by_key = rule(&json!("key"), "reject").unwrap();
        let id = |key: &str| by_key.of(&record(0).key(key).build());
        assert_eq!(id(&"x".repeat(512)).unwrap().unwrap(), "x".repeat(512));
        // python3 -c 'import hashlib; print(hashlib.sha256(b"x" * 513).hexdigest())'
        let hash = "sha256-35ade0090e64e74d6ad04204009c23a4e34b82bdf0f4f317fbcc5f26f9b10241";
        assert_eq!(id(&"x".repeat(513)).unwrap().unwrap(), hash);
        assert!(id("").unwrap_err().contains("empty"));
        assert!(by_key.of(&record(0).build()).unwrap_err().contains("no key"));
    }

    #[test]
    fn deletes_need_an_id_that_a_tombstone_yields() {
        let path = |id: Value| rule(&id, "delete").err().map(|error| error.path().to_owned());
        assert_eq!(path(json!("key")), None);
        assert_eq!(path(json!({ "template": "{{@record.headers.id}}" })), None);
        assert_eq!(path(json!("origin")).unwrap(), "document_id");
        assert_eq!(path(json!("generated")).unwrap(), "document_id");
        for template in ["{{id}}", "{{@record.key}}-{{@record.offset}}", "{{@record.topic}}"] {
            assert_eq!(path(json!({ "template": template })).unwrap(), "document_id.template", "{template}");
        }
        assert_eq!(rule(&json!({ "template": "all" }), "reject").unwrap_err().path(), "document_id.template");
    }
}
