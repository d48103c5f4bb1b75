//! What an answer of the bulk API says of each record. Pure.

use std::iter;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sluice_connector_api::{Failure, FailureKind, Trouble};
use sluice_wire::{HttpAnswer, StatusMeaning, WHOLE_BYTES};

use super::action::ActionKind;

/// The answer to a request that was read.
#[derive(Deserialize)]
struct BulkAnswer {
    items: Vec<BulkItem>,
}

/// What became of an action, under its name.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum BulkItem {
    Index(ItemAnswer),
    Create(ItemAnswer),
    Update(ItemAnswer),
    Delete(ItemAnswer),
}

#[derive(Deserialize)]
struct ItemAnswer {
    status: u16,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

/// What became of an action that was sent to see what comes of it.
pub(super) struct TriedAction {
    pub(super) status: u16,
    error: ItemError,
}

/// Why an action failed. Its reasons may quote the record: only how they begin is the cluster's own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemError {
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Null for some causes.
    reason: Option<String>,
    caused_by: Option<Box<ItemError>>,
}

/// Errors of the set-up that a record gets an answer of 400 for: how their reasons begin, and the way out.
const SET_UP: [(&str, &str); 5] = [
    ("pipeline with id [", "the ingest pipeline is not there; change `pipeline`, or that of the index"),
    (
        "only write ops with an op_type of create are allowed in data streams",
        "this is a data stream; set `write: data_stream`",
    ),
    (
        "no write index is defined for alias [",
        "the alias has no index to write to; give it one (`is_write_index`)",
    ),
    ("Document ID is not supported", "this collection takes no ids; set `document_id: generated`"),
    (
        "explicit index in bulk is not allowed",
        "the cluster takes the index in the path alone; set an `index` without tags",
    ),
];

/// How the reason begins where an index would be made, and the cluster has as many shards as it may have.
const TOO_MANY_SHARDS: &str = "Validation Failed: 1: this action would add [";

/// Reads an answer: which records were not stored, or why none was. `is_index_of_data` says whether data of the record names
/// its index.
pub(super) fn outcome(
    subject: &str,
    answer: &HttpAnswer,
    actions: &[(usize, ActionKind)],
    is_index_of_data: bool,
) -> Result<Vec<(usize, Failure)>, Failure> {
    if !answer.is_success() {
        return Err(refused(subject, answer));
    }
    let items = items(subject, answer)?;
    if items.len() != actions.len() {
        let (told, asked) = (items.len(), actions.len());
        return Err(Failure::fatal(format!(
            "{subject} was answered for {told} documents of {asked}; check `urls`"
        )));
    }
    let mut failures = Vec::new();
    for (item, (index, kind)) in items.iter().zip(actions) {
        if let Err(failure) = verdict(subject, answer, item, *kind, is_index_of_data) {
            failures.push((*index, failure));
        }
    }
    Ok(failures)
}

/// Reads what became of actions that were sent to see what comes of them; none where the answer is no such one.
pub(super) fn tried(answer: &HttpAnswer) -> Vec<TriedAction> {
    let mut tried = Vec::new();
    for item in items("_bulk", answer).unwrap_or_default() {
        let text = item.error.as_ref().map_or("", |error| error.get());
        tried
            .push(TriedAction { status: item.status, error: serde_json::from_str(text).unwrap_or_default() });
    }
    tried
}

fn items(subject: &str, answer: &HttpAnswer) -> Result<Vec<ItemAnswer>, Failure> {
    if !answer.is_whole && answer.body.len() >= WHOLE_BYTES {
        // A smaller request has a shorter answer; a record that has none of its own is at fault.
        return Err(Failure::rejected(format!("the answer to {subject} is longer than 16 MiB")));
    }
    let unread = || Failure::retriable(format!("the answer to {subject} broke off"));
    if !answer.is_whole {
        return Err(unread());
    }
    let Ok(read) = serde_json::from_slice::<BulkAnswer>(&answer.body) else {
        return Err(match serde_json::from_slice::<IgnoredAny>(&answer.body) {
            Ok(_) => Failure::fatal(format!("{subject} was not answered as the bulk API does; check `urls`")),
            Err(_) => unread(),
        });
    };
    let items = read.items.into_iter().map(|item| match item {
        BulkItem::Index(item) | BulkItem::Create(item) | BulkItem::Update(item) | BulkItem::Delete(item) => {
            item
        }
    });
    Ok(items.collect())
}

/// Says why a whole request was refused. A request that is too large, or that cannot be read, is narrowed down by the engine.
fn refused(subject: &str, answer: &HttpAnswer) -> Failure {
    let status = answer.status;
    let error = whole_error(answer);
    // A cluster gives a reason; who stands before it, such as a proxy, looks into no document.
    let is_of_cluster = error.is_some();
    let error = error.unwrap_or_default();
    let set_up = error.set_up();
    let is_no_api = matches!(status, 404 | 405 | 406 | 410 | 415) || error.is_without_handler();
    let usual = StatusMeaning::from_status(status);
    let is_between = !is_of_cluster && status != 413 && usual == StatusMeaning::Rejected;
    let meaning = match status {
        _ if is_no_api || is_between => StatusMeaning::Fatal,
        400 if set_up.is_some() => StatusMeaning::Fatal,
        _ => usual,
    };
    let way_out = match status {
        _ if is_no_api => "; this is not a bulk API, check `urls`",
        _ if is_between => "; that is no answer of a cluster but of something before it, check `urls`",
        300..=399 => "; redirects are not followed, set `urls` to where this one leads",
        401 => "; the cluster does not accept these credentials, change `auth`",
        403 => {
            "; give the right to write to the credentials in `auth` (`indices:data/write/bulk`, on AWS `es:ESHttpPost`)"
        }
        413 => "; the request is too large, lower `max_request_size`",
        _ => set_up.unwrap_or_default(),
    };
    let separator = if set_up.is_some() && !way_out.starts_with(';') { "; " } else { "" };
    let reason = format!("{subject} was answered {status}{}{separator}{way_out}", error.code());
    let failure = match status {
        401 | 403 => Failure::forbidden(reason),
        _ => meaning.failure(status, reason, answer.wait),
    };
    failure.with_detail(answer.words())
}

/// Finds the error of a whole request, if it is one of the cluster's: an object, or a text where nobody takes such a request.
fn whole_error(answer: &HttpAnswer) -> Option<ItemError> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Box<RawValue>,
    }
    let Refusal { error } = serde_json::from_slice(&answer.body).ok()?;
    if let Ok(error) = serde_json::from_str(error.get()) {
        return Some(error);
    }
    Some(ItemError { reason: serde_json::from_str(error.get()).ok(), ..ItemError::default() })
}

fn verdict(
    subject: &str,
    answer: &HttpAnswer,
    item: &ItemAnswer,
    kind: ActionKind,
    is_index_of_data: bool,
) -> Result<(), Failure> {
    let text = item.error.as_ref().map_or("", |error| error.get());
    let error: ItemError = serde_json::from_str(text).unwrap_or_default();
    if is_done(item.status, kind, &error) {
        return Ok(());
    }
    let (meaning, way_out) = meaning(item.status, &error, is_index_of_data);
    let said = format!("{subject} was answered {}{} for the record", item.status, error.code());
    let reason = if way_out.is_empty() { said } else { format!("{said}; {way_out}") };
    let failure = match (meaning, item.status) {
        (FailureKind::Rejected, _) => Failure::rejected(reason),
        (FailureKind::Fatal, 401 | 403) => Failure::forbidden(reason),
        (FailureKind::Fatal, _) => Failure::fatal(reason),
        (FailureKind::Retriable, 429) if !error.is("cluster_block_exception") => Failure::throttled(reason),
        (FailureKind::Retriable, 500..) => Failure::retriable(reason).because(Trouble::ServerError),
        (FailureKind::Retriable, _) => Failure::retriable(reason),
    };
    // What the cluster said may quote the record.
    Err(failure.with_detail(answer.clean(text)))
}

/// Says whether the document is as the record wants it. A conflict of versions says that the document is this one or a newer
/// one; an update is told of one that was changed meanwhile, and has changed nothing.
fn is_done(status: u16, kind: ActionKind, error: &ItemError) -> bool {
    match (status, kind) {
        (200..=299, _) => true,
        (409, ActionKind::Index | ActionKind::Create | ActionKind::Delete) => {
            error.is("version_conflict_engine_exception")
        }
        (404, ActionKind::Delete) => error.kind.is_none(),
        _ => false,
    }
}

fn meaning(status: u16, error: &ItemError, is_index_of_data: bool) -> (FailureKind, &'static str) {
    let by_index = if is_index_of_data { FailureKind::Rejected } else { FailureKind::Fatal };
    if error.is_of_load() {
        return (FailureKind::Retriable, "");
    }
    match (status, error.kind()) {
        // A full disk blocks an index, and so does an operator, for a while.
        (_, "cluster_block_exception") => (FailureKind::Retriable, "the index is blocked"),
        (_, "index_not_found_exception") => {
            (by_index, "the index is not there; create it, or change `index`")
        }
        (_, "invalid_index_name_exception") => (by_index, "no index has such a name; change `index`"),
        (_, "index_closed_exception") => (by_index, "the index is closed; open it"),
        (_, "routing_missing_exception") => {
            (FailureKind::Fatal, "documents of this index have a routing; set `routing`")
        }
        (404, "document_missing_exception") => {
            (FailureKind::Rejected, "there is no such document to change; `write: upsert` would make one")
        }
        (401, _) => (FailureKind::Fatal, "the cluster does not accept these credentials, change `auth`"),
        (403, _) => {
            (FailureKind::Fatal, "give the right to write to this index to the credentials in `auth`")
        }
        (408 | 409 | 425 | 429 | 500.., _) => (FailureKind::Retriable, ""),
        _ => match error.set_up() {
            Some(way_out) => (FailureKind::Fatal, way_out),
            None => (FailureKind::Rejected, ""),
        },
    }
}

impl TriedAction {
    /// Says whether the index takes nothing for a while.
    pub(super) fn is_blocked(&self) -> bool {
        self.error.is("cluster_block_exception")
    }

    /// Says whether the credentials lack a right.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self.status, 401 | 403) && !self.is_blocked()
    }

    /// Says what of the set-up is wrong, where that is it.
    pub(super) fn set_up(&self) -> Option<&'static str> {
        self.error.set_up()
    }

    /// Returns what the cluster says of a right that is missing.
    pub(super) fn reason(&self) -> &str {
        self.error.reason()
    }
}

impl ItemError {
    fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }

    fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    fn is(&self, kind: &str) -> bool {
        self.kind() == kind
    }

    /// Returns the type for a reason, if it is one and not somebody's text.
    fn code(&self) -> String {
        const LONGEST: usize = 64;
        let is_code = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let kind = self.kind();
        let is_type = kind.ends_with("exception") && kind.len() <= LONGEST && kind.chars().all(is_code);
        if is_type { format!(" {kind}") } else { String::new() }
    }

    /// Says whether the cluster took too much upon itself at this moment, such as memory or scripts to compile.
    fn is_of_load(&self) -> bool {
        let mut causes = iter::successors(Some(self), |error| error.caused_by.as_deref());
        causes.any(|error| error.is("circuit_breaking_exception"))
    }

    /// Says whether nobody takes requests at such a path. It is told so with a status of 400.
    fn is_without_handler(&self) -> bool {
        self.kind.is_none() && self.reason().starts_with("no handler found for uri [")
    }

    /// Says what of the set-up is wrong, where the data is not. Only errors whose reason the cluster itself begins are asked:
    /// scripts and processors of a pipeline may fail with any text.
    fn set_up(&self) -> Option<&'static str> {
        if self.kind().ends_with("_exception") && self.reason().starts_with(TOO_MANY_SHARDS) {
            return Some(
                "the cluster has as many shards as it may have: delete indexes, or raise `cluster.max_shards_per_node`",
            );
        }
        for error in iter::successors(Some(self), |error| error.caused_by.as_deref()) {
            if error.is("script_exception") && error.reason() == "compile error" {
                return Some("the script is wrong; change `write.script`");
            }
            if error.is("resource_not_found_exception")
                && error.reason().starts_with("unable to find script [")
            {
                return Some("the cluster has no such script; change `write.script.id`");
            }
        }
        let found = SET_UP.iter().find(|(start, _)| self.reason().starts_with(start));
        found.filter(|_| self.is("illegal_argument_exception")).map(|(_, way_out)| *way_out)
    }
}
