//! Whether the credentials may write, asked without writing anything.
//!
//! Elasticsearch answers for a user's own rights (`_has_privileges`), and so does OpenSearch since 3.2 for a request that is not
//! carried out (`perform_permission_check`; its release notes and the documentation of its permissions). Of an index that is there
//! every cluster tells by an action that nobody's document fits: it asks for a sequence number that no document has, which is a
//! conflict, and is refused before that where the right is missing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use sluice_connector_api::{Failure, Finding};
use sluice_wire::{HttpAnswer, Method};

use super::cluster::SearchCluster;
use super::settings::{OpensearchSettings, WriteOperation};
use super::verdict::{self, TriedAction};
use crate::record::on_null::OnNull;

/// A document that is not there; and if it were, with another number.
const DOCUMENT: &str = "sluice-check";
const SEQUENCE: u64 = 1 << 60;

/// What an index that is not there takes in Elasticsearch; either is enough.
const CREATE: [&str; 2] = ["create_index", "auto_configure"];

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// What a cluster runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Software {
    OpenSearch { tells_rights: bool },
    Elasticsearch,
    Unknown,
}

/// Asks for the right to write.
pub(super) struct WriteRights<'a> {
    pub(super) cluster: &'a SearchCluster,
    pub(super) settings: &'a OpensearchSettings,
    pub(super) software: Software,
}

/// What a cluster said of rights.
enum Said {
    All,
    /// In its words.
    Missing(String),
    /// Something else keeps documents out.
    Other(Finding),
    Nothing,
}

/// What Elasticsearch says of a user's rights.
#[derive(Deserialize)]
struct Privileges {
    /// By index, and then by privilege.
    index: BTreeMap<String, BTreeMap<String, bool>>,
}

/// What OpenSearch says of a request that it does not carry out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PermissionCheck {
    access_allowed: bool,
    #[serde(default)]
    missing_privileges: Vec<String>,
}

impl WriteRights<'_> {
    /// Says whether documents of this index may be written; `is_there` says whether it is.
    pub(super) async fn finding(&self, index: Option<&str>, is_there: bool) -> Finding {
        let subject = match index {
            Some(index) => format!("right to write {index}"),
            None => "right to write".to_owned(),
        };
        let Some(index) = index else {
            let text = "was not asked for, since records name the index; the first puts will tell";
            return Finding::unseen(subject, text);
        };
        match self.ask(&subject, index, is_there).await {
            Ok(Said::All) => Finding::good(subject, "given"),
            Ok(Said::Missing(which)) => {
                Finding::wrong(subject, format!("is missing: {which}; give it to the credentials in `auth`"))
            }
            Ok(Said::Other(finding)) => finding,
            Ok(Said::Nothing) => {
                Finding::unseen(subject, "is not told by this cluster beforehand; the first put will tell")
            }
            Err(failure) => Finding::from_failure(subject, &failure),
        }
    }

    async fn ask(&self, subject: &str, index: &str, is_there: bool) -> Result<Said, Failure> {
        let said = match self.software {
            Software::Elasticsearch => self.ask_privileges(index, is_there).await?,
            Software::OpenSearch { tells_rights: true } => self.ask_permissions(index).await?,
            _ => Said::Nothing,
        };
        if matches!(said, Said::Nothing) && is_there && self.can_be_tried() {
            return self.try_actions(subject, index).await;
        }
        Ok(said)
    }

    /// Says whether an action can be tried that stores nothing. One that creates a document asks for no number; and in
    /// Elasticsearch it takes another right than one that overwrites.
    fn can_be_tried(&self) -> bool {
        match self.settings.write {
            WriteOperation::DataStream => false,
            WriteOperation::Create => matches!(self.software, Software::OpenSearch { .. }),
            _ => self.software != Software::Unknown,
        }
    }

    fn deletes(&self) -> bool {
        self.settings.on_null == OnNull::Delete
    }

    async fn ask_privileges(&self, index: &str, is_there: bool) -> Result<Said, Failure> {
        let mut asked = match self.settings.write {
            WriteOperation::Create | WriteOperation::DataStream => vec!["create_doc"],
            _ => vec!["index"],
        };
        if self.deletes() {
            asked.push("delete");
        }
        if !is_there {
            asked.extend(CREATE);
        }
        let body = json!({ "index": [{ "names": [index], "privileges": asked }] }).to_string();
        let path = ["_security", "user", "_has_privileges"];
        let answer = self.cluster.ask_with(Method::POST, &path, None, JSON, body).await?;
        let Some(Privileges { index: told }) = read(&answer) else { return Ok(Said::Nothing) };
        let Some(has) = told.get(index) else { return Ok(Said::Nothing) };
        let lacks = |privilege: &str| has.get(privilege) != Some(&true);
        let mut missing: Vec<&str> = asked.iter().copied().filter(|privilege| lacks(privilege)).collect();
        if !CREATE.iter().all(|privilege| missing.contains(privilege)) {
            missing.retain(|privilege| !CREATE.contains(privilege));
        }
        Ok(of_missing(&missing))
    }

    async fn ask_permissions(&self, index: &str) -> Result<Said, Failure> {
        let document: [&str; 3] = match self.settings.write {
            WriteOperation::Create | WriteOperation::DataStream => [index, "_create", DOCUMENT],
            WriteOperation::Index => [index, "_doc", DOCUMENT],
            _ => [index, "_update", DOCUMENT],
        };
        let document_body = if document.get(1) == Some(&"_update") { "{\"doc\":{}}" } else { "{}" };
        let bulk = format!("{}\n", json!({ "delete": { "_index": index, "_id": DOCUMENT } }));
        let mut requests = vec![
            (Method::POST, vec!["_bulk"], LINES, bulk),
            (Method::POST, document.to_vec(), JSON, document_body.to_owned()),
        ];
        if self.deletes() {
            requests.push((Method::DELETE, vec![index, "_doc", DOCUMENT], JSON, String::new()));
        }
        let mut missing: Vec<String> = Vec::new();
        for (method, path, content_type, body) in requests {
            let parameter = Some(("perform_permission_check", "true"));
            let answer = self.cluster.ask_with(method, &path, parameter, content_type, body).await?;
            // Without the security plugin there is no such parameter, and the request is refused for it.
            let Some(told) = read::<PermissionCheck>(&answer) else { return Ok(Said::Nothing) };
            if !told.access_allowed {
                missing.extend(told.missing_privileges);
            }
        }
        missing.sort_unstable();
        missing.dedup();
        let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
        Ok(of_missing(&missing))
    }

    /// Sends actions like those of records, none of which can store anything.
    async fn try_actions(&self, subject: &str, index: &str) -> Result<Said, Failure> {
        let meta =
            json!({ "_id": DOCUMENT, "routing": DOCUMENT, "if_seq_no": SEQUENCE, "if_primary_term": 1 });
        let mut lines: Vec<Value> = match self.settings.write {
            WriteOperation::Update | WriteOperation::Upsert | WriteOperation::Script(_) => {
                vec![json!({ "update": meta }), json!({ "doc": {} })]
            }
            _ => vec![json!({ "index": meta }), json!({})],
        };
        if self.deletes() {
            lines.push(json!({ "delete": meta }));
        }
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let body = lines.join("\n") + "\n";
        // A pipeline might make another document of it.
        let parameter = Some(("pipeline", "_none"));
        let answer = self.cluster.ask_with(Method::POST, &[index, "_bulk"], parameter, LINES, body).await?;
        if matches!(answer.status, 401 | 403) {
            return Ok(Said::Missing(format!("_bulk was answered {}", answer.said())));
        }
        Ok(of_tried(subject, &answer, &verdict::tried(&answer)))
    }
}

fn of_missing(missing: &[&str]) -> Said {
    if missing.is_empty() { Said::All } else { Said::Missing(missing.join(", ")) }
}

fn of_tried(subject: &str, answer: &HttpAnswer, tried: &[TriedAction]) -> Said {
    if let Some(action) = tried.iter().find(|action| action.is_forbidden()) {
        return Said::Missing(format!(
            "an action was answered {}: {}",
            action.status,
            answer.shown(action.reason())
        ));
    }
    if let Some(way_out) = tried.iter().find_map(TriedAction::set_up) {
        return Said::Other(Finding::wrong(subject, format!("cannot be used: {way_out}")));
    }
    if tried.iter().any(TriedAction::is_blocked) {
        let text = "cannot be used for now: the index is blocked, as by an operator or a disk that is full";
        return Said::Other(Finding::unseen(subject, text));
    }
    // A conflict, and a document to update that is not there.
    let is_as_asked = |action: &TriedAction| matches!(action.status, 404 | 409);
    if !tried.is_empty() && tried.iter().all(is_as_asked) { Said::All } else { Said::Nothing }
}

fn read<T: for<'de> Deserialize<'de>>(answer: &HttpAnswer) -> Option<T> {
    if !answer.is_success() {
        return None;
    }
    serde_json::from_slice(&answer.body).ok()
}
