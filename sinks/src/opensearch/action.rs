//! What a record does to its document, as lines of a request. Pure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sluice_connector_api::{Failure, FormNeed, Json, Payload, PayloadForm, Record, SettingsError, Side};
use sluice_template::Template;

use super::identity::SearchIdRule;
use super::index::IndexRule;
use super::settings::{DocumentScript, DocumentVersion, OpensearchSettings, WriteOperation};
use super::stream_time;
use crate::record::FROM_TEXT;
use crate::record::lines::LineFormat;
use crate::record::naming;
use crate::record::on_null::{OnNull, rejected_tombstone};

/// Indexes whose topic is remembered.
const REMEMBERED: usize = 1000;

/// What is asked of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActionKind {
    Index,
    Create,
    Update,
    Delete,
}

impl ActionKind {
    fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Makes actions of records.
#[derive(Debug)]
pub(super) struct ActionRule {
    index: IndexRule,
    id: SearchIdRule,
    routing: Option<Template>,
    version: DocumentVersion,
    document: DocumentForm,
    on_null: OnNull,
    /// The topic of each index, where offsets are versions.
    topics: Mutex<HashMap<String, Arc<str>>>,
}

/// How a value stands in a request.
#[derive(Debug)]
enum DocumentForm {
    Whole(ActionKind),
    InDataStream,
    /// What stands before and behind it.
    Partial(&'static str, &'static str),
    /// The same, for the whole record.
    Parameter(String, &'static str),
}

/// The first line of an action, below its name.
#[derive(Serialize)]
struct ActionHead<'a> {
    #[serde(rename = "_index", skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    #[serde(rename = "_id", skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_type: Option<&'static str>,
}

impl ActionRule {
    pub(super) fn new(settings: &OpensearchSettings) -> Result<Self, SettingsError> {
        let routing = settings.routing.as_ref().map(|text| Template::new("routing", text)).transpose()?;
        if settings.on_null == OnNull::Delete
            && let Some(reason) = routing.as_ref().and_then(naming::differs_for_tombstones)
        {
            let reason =
                format!("`on_null: delete` finds no document: {reason}; route by the key or by a header");
            return Err(SettingsError::at("routing", reason));
        }
        Ok(Self {
            index: IndexRule::new(settings)?,
            id: SearchIdRule::new(settings)?,
            routing,
            version: settings.version(),
            document: DocumentForm::new(&settings.write),
            on_null: settings.on_null,
            topics: Mutex::default(),
        })
    }

    /// Returns the index of every record, where it is the same.
    pub(super) fn fixed_index(&self) -> Option<&str> {
        self.index.fixed()
    }

    /// Returns the index of a record of this moment, where nothing but its date tells it.
    pub(super) fn index_at(&self, now: Timestamp) -> Option<String> {
        self.index.at(now)
    }

    /// Says whether data of the record names its index.
    pub(super) fn is_index_of_data(&self) -> bool {
        self.index.is_of_data()
    }

    /// States the forms that documents need.
    pub(super) fn needs(&self) -> Vec<FormNeed> {
        let why = SettingsError::at("", "writes the value as a document, which is a JSON object");
        let mut needs = vec![FormNeed::new(Side::Value, PayloadForm::Json, why).with_way_out(FROM_TEXT)];
        needs.extend(self.index.needs());
        needs.extend(self.id.needs());
        needs.extend(self.routing.iter().flat_map(|routing| routing.needs("routing")));
        needs
    }

    /// Names the document that a record is about; `None` for one that nobody knows, and for a tombstone without effect.
    pub(super) fn thing(&self, record: &Record) -> Option<String> {
        if record.is_tombstone() && self.on_null != OnNull::Delete {
            return None;
        }
        let id = self.id.of(record).ok()??;
        let routing = self.routing(record).ok()?;
        if self.fixed_index().is_some() && routing.is_none() {
            return Some(id);
        }
        // None of these is in the name of an index, so that no two documents have one name.
        Some(format!(
            "{}/{}:{}{id}",
            self.index.name(record).ok()?,
            routing.as_ref().map_or(0, String::len),
            routing.unwrap_or_default()
        ))
    }

    /// Measures what a record adds to a request.
    pub(super) fn size_of(&self, record: &Record) -> usize {
        let mut lines = Vec::new();
        let plain = matches!(self.document, DocumentForm::Whole(_));
        let measured = match (&record.value, plain) {
            (Some(Payload::Json(json)), true) => {
                self.head(record, ActionKind::Create, &mut lines).map(|()| lines.len() + json.length() + 1)
            }
            _ => self.write(record, &mut lines).map(|_| lines.len()),
        };
        measured.unwrap_or_else(|_| record.size())
    }

    /// Writes the lines of a record, or nothing: for a tombstone without effect, and where it fails.
    pub(super) fn write(&self, record: &Record, body: &mut Vec<u8>) -> Result<Option<ActionKind>, Failure> {
        let before = body.len();
        let written = self.write_lines(record, body);
        if written.is_err() {
            body.truncate(before);
        }
        written
    }

    fn write_lines(&self, record: &Record, body: &mut Vec<u8>) -> Result<Option<ActionKind>, Failure> {
        let kind = match (&record.value, self.on_null) {
            (Some(_), _) => self.document.kind(),
            (None, OnNull::Delete) => ActionKind::Delete,
            (None, OnNull::Ignore) => return Ok(None),
            (None, OnNull::Reject) => return Err(rejected_tombstone("document to write")),
        };
        self.head(record, kind, body)?;
        if let Some(value) = &record.value {
            let json = document(value).map_err(Failure::rejected)?;
            self.document.write(json, record, body).map_err(Failure::rejected)?;
            body.push(b'\n');
        }
        Ok(Some(kind))
    }

    fn head(&self, record: &Record, kind: ActionKind, body: &mut Vec<u8>) -> Result<(), Failure> {
        let id = self.id.of(record).map_err(Failure::rejected)?;
        let index = self.index.name(record).map_err(|reason| self.unnamed(reason))?;
        let routing = self.routing(record).map_err(Failure::rejected)?;
        let version = self.version(record, &index)?;
        let head = ActionHead {
            index: if self.fixed_index().is_some() { None } else { Some(&index) },
            id: id.as_deref(),
            routing: routing.as_deref(),
            version,
            // The parts of a record share its offset: the last of them is to stay.
            version_type: version.map(|_| if record.part().is_some() { "external_gte" } else { "external" }),
        };
        body.extend_from_slice(b"{\"");
        body.extend_from_slice(kind.name().as_bytes());
        body.extend_from_slice(b"\":");
        serde_json::to_writer(&mut *body, &head).unwrap_or_default();
        body.extend_from_slice(b"}\n");
        Ok(())
    }

    /// A name that is none is the fault of whatever makes it: a topic and a date are alike for every record.
    fn unnamed(&self, reason: String) -> Failure {
        if self.is_index_of_data() {
            Failure::rejected(reason)
        } else {
            Failure::fatal(format!("{reason}; change `index`"))
        }
    }

    fn routing(&self, record: &Record) -> Result<Option<String>, String> {
        let Some(template) = &self.routing else { return Ok(None) };
        let routing =
            template.render(record).map_err(|reason| format!("the document has no routing: {reason}"))?;
        if routing.is_empty() {
            Err("the routing of the document is empty".to_owned())
        } else {
            Ok(Some(routing))
        }
    }

    fn version(&self, record: &Record, index: &str) -> Result<Option<i64>, Failure> {
        let version = match self.version {
            DocumentVersion::None => return Ok(None),
            DocumentVersion::Offset => {
                self.check_topic(record, index)?;
                record.origin().offset()
            }
            DocumentVersion::Timestamp => {
                let missing = || Failure::rejected("the record has no timestamp, which `version` is set to");
                record.timestamp.ok_or_else(missing)?.millis
            }
        };
        if version < 0 {
            return Err(Failure::rejected(
                "the timestamp of the record is before 1970, and a version is no negative number",
            ));
        }
        Ok(Some(version))
    }

    /// Sees that the offsets of an index are those of one topic: those of two do not compare, and the lower ones would be
    /// taken for what was put already.
    fn check_topic(&self, record: &Record, index: &str) -> Result<(), Failure> {
        if self.id.has_topic() {
            return Ok(());
        }
        let topic = &record.origin().topic_partition().topic;
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        match topics.get(index) {
            Some(known) if known == topic => Ok(()),
            Some(known) => Err(Failure::fatal(format!(
                "the topics {known} and {topic} both write to the index {index}, and their offsets do not compare as versions; \
                 set `version: timestamp` or `version: none`, or put {{{{@record.topic}}}} into `index`"
            ))),
            None if topics.len() < REMEMBERED => {
                topics.insert(index.to_owned(), Arc::clone(topic));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl DocumentForm {
    fn new(write: &WriteOperation) -> Self {
        match write {
            WriteOperation::Index => Self::Whole(ActionKind::Index),
            WriteOperation::Create => Self::Whole(ActionKind::Create),
            WriteOperation::DataStream => Self::InDataStream,
            WriteOperation::Update => Self::Partial("{\"doc\":", "}"),
            WriteOperation::Upsert => Self::Partial("{\"doc\":", ",\"doc_as_upsert\":true}"),
            WriteOperation::Script(script) => {
                let end = if script.upsert { "}},\"scripted_upsert\":true,\"upsert\":{}}" } else { "}}}" };
                Self::Parameter(before_record(script), end)
            }
        }
    }

    fn kind(&self) -> ActionKind {
        match self {
            Self::Whole(kind) => *kind,
            Self::InDataStream => ActionKind::Create,
            Self::Partial(..) | Self::Parameter(..) => ActionKind::Update,
        }
    }

    fn write(&self, json: &Json, record: &Record, body: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Self::Whole(_) => body.extend_from_slice(&json.to_bytes()),
            Self::InDataStream => stream_time::write(json, record, body)?,
            Self::Partial(before, behind) => {
                body.extend_from_slice(before.as_bytes());
                body.extend_from_slice(&json.to_bytes());
                body.extend_from_slice(behind.as_bytes());
            }
            Self::Parameter(before, behind) => {
                body.extend_from_slice(before.as_bytes());
                body.extend(LineFormat::JsonLines.line(record).map_err(|failure| failure.to_string())?);
                body.extend_from_slice(behind.as_bytes());
            }
        }
        Ok(())
    }
}

/// Writes a script up to the parameter that is the record.
fn before_record(script: &DocumentScript) -> String {
    let mut text = String::from("{\"script\":{");
    match (&script.source, &script.id) {
        (Some(source), _) => {
            push_member(&mut text, "source", &Value::from(source.as_str()));
            push_member(&mut text, "lang", &Value::from(script.lang.as_deref().unwrap_or("painless")));
        }
        (None, id) => push_member(&mut text, "id", &Value::from(id.as_deref())),
    }
    text.push_str("\"params\":{");
    for (name, value) in &script.params {
        push_member(&mut text, name, value);
    }
    text.push_str("\"record\":");
    text
}

/// Writes a member of an object, with the comma behind it.
fn push_member(text: &mut String, name: &str, value: &Value) {
    text.push_str(&Value::from(name).to_string());
    text.push(':');
    text.push_str(&value.to_string());
    text.push(',');
}

fn document(value: &Payload) -> Result<&Json, String> {
    match value {
        Payload::Json(json) if json.is_object() => Ok(json),
        Payload::Json(_) => Err("the value is JSON, but no object, and a document is one".to_owned()),
        other => Err(format!(
            "the value is {}, and a document is a JSON object; set `source.value: json`",
            other.form()
        )),
    }
}
