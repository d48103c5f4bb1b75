//! What a document is named by. Pure.

use sha2::{Digest, Sha256};
use sluice_connector_api::{Failure, FormNeed, Record, SettingsError};
use sluice_template::Template;
use uuid::Uuid;

use crate::bedrock_kb::settings::{DocumentId, DocumentIdForm};
use crate::record::naming;

/// The longest document id that the model of the API allows, in characters.
const MAX_CHARS: usize = 2048;

/// The namespace of ids in the form of a UUID, which the settings promise.
const NAMESPACE: Uuid = Uuid::from_u128(0x5c1c_e000_6b62_4b42_8d0c_6b6e_6f77_6c65);

/// Names documents.
#[derive(Debug)]
pub(crate) struct DocumentIdRule {
    source: IdSource,
    form: DocumentIdForm,
}

#[derive(Debug)]
enum IdSource {
    Origin,
    Key,
    Template(Template),
}

impl DocumentIdRule {
    pub(crate) fn new(id: &DocumentId, form: DocumentIdForm) -> Result<Self, SettingsError> {
        let source = match id {
            DocumentId::Origin => IdSource::Origin,
            DocumentId::Key => IdSource::Key,
            DocumentId::Template(text) => IdSource::Template(template(text)?),
        };
        Ok(Self { source, form })
    }

    /// Names the document of a record; the same for good.
    pub(crate) fn of(&self, record: &Record) -> Result<String, Failure> {
        let id = match &self.source {
            IdSource::Origin => Ok(naming::by_origin(record)),
            IdSource::Key => naming::by_key(record, "document_id"),
            IdSource::Template(template) => {
                template.render(record).map_err(|reason| format!("the document has no id: {reason}"))
            }
        };
        let id = id.and_then(|id| if id.is_empty() { Err(EMPTY.to_owned()) } else { Ok(id) });
        id.map(|id| self.written(id)).map_err(Failure::rejected)
    }

    fn written(&self, id: String) -> String {
        match self.form {
            DocumentIdForm::Uuid => Uuid::new_v5(&NAMESPACE, id.as_bytes()).to_string(),
            // Characters are counted only where bytes alone do not tell.
            DocumentIdForm::Plain if id.len() > MAX_CHARS && id.chars().count() > MAX_CHARS => {
                format!("sha256-{}", naming::hex(&Sha256::digest(id.as_bytes())))
            }
            DocumentIdForm::Plain => id,
        }
    }

    /// States the forms that it needs.
    pub(crate) fn needs(&self) -> Vec<FormNeed> {
        match &self.source {
            IdSource::Template(template) => template.needs("document_id.template"),
            IdSource::Origin | IdSource::Key => Vec::new(),
        }
    }

    /// Sees that a tombstone, which has no value and an offset of its own, yields the id of an earlier record.
    pub(crate) fn check_for_deletes(&self) -> Result<(), SettingsError> {
        let (key, reason) = match &self.source {
            IdSource::Key => return Ok(()),
            IdSource::Origin => {
                ("document_id", Some("a tombstone's origin names no earlier record".to_owned()))
            }
            IdSource::Template(template) => ("document_id.template", naming::unfit_for_tombstones(template)),
        };
        let wrong = |reason| {
            SettingsError::at(key, format!("`on_null: delete` finds no document: {reason}; {WAY_OUT}"))
        };
        reason.map_or(Ok(()), |reason| Err(wrong(reason)))
    }
}

const EMPTY: &str = "the document id is empty, and a document must have one";
const WAY_OUT: &str = "write `document_id: key`, or a template of `@record.key` or of `@record.headers.NAME`";

fn template(text: &str) -> Result<Template, SettingsError> {
    const KEY: &str = "document_id.template";
    let template = Template::new(KEY, text)?;
    if template.uses().is_empty() {
        let reason = "without a tag every record has the same id; add one such as {{@record.key}}";
        return Err(SettingsError::at(KEY, reason));
    }
    Ok(template)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};
    use sluice_connector_api::{FailureKind, Origin, Payload};

    use super::*;
    use sluice_plugin_testing::{tombstone, with_value};

    fn identity(id: &DocumentId) -> DocumentIdRule {
        DocumentIdRule::new(id, DocumentIdForm::Plain).unwrap()
    }

    fn by_template(text: &str) -> DocumentIdRule {
        identity(&DocumentId::Template(text.to_owned()))
    }

    fn keyed(key: impl Into<Payload>) -> Record {
        let mut record = tombstone(0);
        record.key = Some(key.into());
        record
    }

    fn by_key(key: impl Into<Payload>) -> Result<String, String> {
        identity(&DocumentId::Key).of(&keyed(key)).map_err(|failure| {
            assert_eq!(failure.kind(), FailureKind::Rejected);
            failure.to_string()
        })
    }

    #[test]
    fn the_origin_names_the_part_as_well() {
        let id = |record: &Record| identity(&DocumentId::Origin).of(record).unwrap();
        assert_eq!(id(&Record::new(Origin::new("prices", 3, 42))), "prices-3-42");
        assert_eq!(id(&Record::new(Origin::new("prices", 3, 42)).with_part(2)), "prices-3-42.2");
    }

    #[test]
    fn a_key_is_the_id_as_it_is() {
        assert_eq!(by_key("OOOO").unwrap(), "OOOO");
        assert_eq!(by_key(json!("OOOO")).unwrap(), "OOOO");
        assert_eq!(by_key(json!({ "id": 7, "a": [1] })).unwrap(), r#"{"id":7,"a":[1]}"#);
        assert_eq!(by_key(json!(7)).unwrap(), "7");
        assert_eq!(by_key(Payload::Bytes(Bytes::from_static(b"k"))).unwrap(), "k");
    }

    #[test]
    fn a_key_that_is_no_id_is_rejected_with_the_reason() {
        assert!(by_key(json!(null)).unwrap_err().contains("no key"));
        assert!(by_key("").unwrap_err().contains("empty"));
        assert!(by_key(Payload::Bytes(Bytes::from_static(b"\xff"))).unwrap_err().contains("UTF-8"));
        assert!(identity(&DocumentId::Key).of(&tombstone(0)).unwrap_err().to_string().contains("no key"));
    }

    #[test]
    fn a_template_names_by_fields_and_what_is_missing() {
        let record = with_value(0, json!({ "ticker": "OOOO" }).into());
        assert_eq!(by_template("price/{{ticker}}").of(&record).unwrap(), "price/OOOO");
        let failure = by_template("{{isin}}").of(&record).unwrap_err();
        assert_eq!(failure.to_string(), "the document has no id: field `isin` is missing");
    }

    #[test]
    fn an_optional_field_names_where_it_is_there() {
        let rule = by_template("{{default isin ticker}}{{#if part}}/{{part}}{{/if}}");
        let id = |value: Value| rule.of(&with_value(0, value.into())).map_err(|failure| failure.to_string());
        assert_eq!(id(json!({ "isin": "X", "ticker": "T", "part": 2 })), Ok("X/2".to_owned()));
        assert_eq!(id(json!({ "isin": null, "ticker": "T" })), Ok("T".to_owned()));
        let missing = "the document has no id: `default isin ticker` is missing";
        assert_eq!(id(json!({})), Err(missing.to_owned()));
    }

    #[test]
    fn the_longest_id_stays_and_a_longer_one_becomes_its_hash() {
        assert_eq!(by_key(&*"ż".repeat(2048)).unwrap(), "ż".repeat(2048), "characters count, not bytes");
        // python3 -c 'import hashlib; print(hashlib.sha256(b"x" * 2049).hexdigest())'
        let hash = "sha256-d2bc1d811fcb4da2cc5719f1fc1654084a6ed72d777e7c1bed597f6dbf007829";
        assert_eq!(by_key(&*"x".repeat(2049)).unwrap(), hash);
    }

    #[test]
    fn the_form_of_a_uuid_is_version_5_of_the_plain_id() {
        let id =
            DocumentIdRule::new(&DocumentId::Key, DocumentIdForm::Uuid).unwrap().of(&keyed("OOOO")).unwrap();
        // python3 -c 'import uuid; print(uuid.uuid5(uuid.UUID("5c1ce000-6b62-4b42-8d0c-6b6e6f776c65"), "OOOO"))'
        assert_eq!(id, "be248349-014a-5c04-beb5-d343dab2712c");
    }

    #[test]
    fn deletes_need_an_id_that_a_tombstone_yields() {
        let wrong = |identity: DocumentIdRule| {
            identity.check_for_deletes().err().map(|error| error.path().to_owned())
        };
        assert_eq!(wrong(identity(&DocumentId::Key)), None);
        assert_eq!(wrong(by_template("p/{{@record.key}}")), None);
        assert_eq!(wrong(by_template("{{@record.topic}}/{{@record.headers.id}}")), None);
        assert_eq!(wrong(by_template("{{#with @record.key}}{{id}}{{/with}}")), None);
        assert_eq!(wrong(identity(&DocumentId::Origin)).unwrap(), "document_id");
        for template in [
            "{{ticker}}",
            "{{@record.key}}{{@record.value.a}}",
            "{{@record.topic}}",
            "{{@record.key}}-{{@record.offset}}",
            "{{default ticker @record.key}}",
            "{{#if ticker}}{{@record.key}}{{/if}}",
            "{{#if @record.key}}prices{{/if}}{{#with @record.timestamp}}{{this}}{{/with}}",
        ] {
            assert_eq!(wrong(by_template(template)).unwrap(), "document_id.template", "{template}");
        }
    }

    #[test]
    fn a_template_that_is_the_same_for_all_is_refused() {
        let refused = |text: &str| {
            DocumentIdRule::new(&DocumentId::Template(text.to_owned()), DocumentIdForm::Plain).err()
        };
        assert_eq!(refused("prices").unwrap().path(), "document_id.template");
        assert_eq!(refused("{{! c }}prices{{json 1}}").unwrap().path(), "document_id.template");
        assert_eq!(refused("{{#if a}}b").unwrap().path(), "document_id.template");
    }
}
