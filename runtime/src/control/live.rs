//! What the connectors are up to right now, for the page and `sluice top`: Sluice's own paths, beside Kafka Connect's.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{Stream, unfold};
use serde_json::{Map, Value, json};

use crate::config::flat_reader::unflatten;
use crate::config::shared_schema::ConnectorSchema;
use crate::config::veil::BLANKED;
use crate::config::yaml_writer::to_yaml;
use crate::connector::load::Connector;
use crate::control::error::{RestError, RestResult};
use crate::control::events::{event, respond};
use crate::control::served::Served;
use crate::engine::Counters;
use crate::meter::last_errors::LastError;
use crate::meter::measure::now_millis;
use crate::observe::lasting::Lasting;
use crate::worker::{ConnectorStatus, TaskStatus};

/// How often a page is told, and how much longer it takes for each connector.
const EVERY: Duration = Duration::from_secs(1);
const EVERY_MORE: Duration = Duration::from_millis(20);
/// Every how many times it is told what happened before.
const HISTORY: u64 = 10;
/// The most points of the last hour that are told of all connectors together, and of one.
const ALL_POINTS: usize = 7200;
const POINTS: usize = 361;
/// The errors of a connector that a list has.
const ERRORS: usize = 2;
/// Stands for a secret while a file is written; the character is nobody's.
const COVERED: &str = "[\u{e000}]";
/// The most partitions that are told of a connector.
const PARTITIONS: usize = 1000;

/// `GET /live`: all connectors as they are now; with `Accept: text/event-stream` as events `state` and `history`, for as long as
/// somebody listens.
pub(super) async fn live(
    State(served): State<Served>,
    headers: HeaderMap,
    lasting: Option<Extension<Lasting>>,
) -> RestResult<Response> {
    let accepts = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/event-stream") {
        return respond(lasting, events(served));
    }
    Ok(Json(served.all()).into_response())
}

/// `GET /live/{name}`: one connector in full: its partitions, its last hour, its errors and its file.
pub(super) async fn one(State(served): State<Served>, Path(name): Path<String>) -> RestResult<Json<Value>> {
    let found = served.control.seen().into_iter().find(|(status, _)| status.name == name);
    let missing = || RestError::not_found(format!("Connector {name} not found"));
    let (status, counters) = found.ok_or_else(missing)?;
    let mut shown = served.connector_as_object(&status, &counters);
    shown.insert("errors".to_owned(), json!(errors(&counters)));
    shown.insert("history".to_owned(), json!(served.history.points(&name, POINTS)));
    let partitions = status.tasks.iter().flat_map(|task| {
        task.partitions.iter().map(|partition| json!({ "task": task.id, "partition": partition }))
    });
    let partitions: Vec<Value> = partitions.collect();
    shown.insert("partition_count".to_owned(), partitions.len().into());
    shown.insert("partitions".to_owned(), partitions.into_iter().take(PARTITIONS).collect());
    // Of one that was never valid there is no version.
    if let Ok(connector) = served.control.connector(&name) {
        shown.insert("file".to_owned(), served.file(&connector).into());
        shown.insert("path".to_owned(), connector.file.display().to_string().into());
        shown.insert("group".to_owned(), connector.source.kafka.group_of(&name).into());
        shown.insert("can_be_asked".to_owned(), connector.sink.asking().is_some().into());
        shown.insert("dead_letter_topic".to_owned(), dead_letter_topic(&connector).into());
    }
    Ok(Json(Value::Object(shown)))
}

/// Returns the topic of a connector's dead letters, if they go to one.
pub(super) fn dead_letter_topic(connector: &Connector) -> Option<String> {
    connector.errors.dead_letter_queue.as_ref().and_then(|queue| queue.topic.clone())
}

fn events(served: Served) -> impl Stream<Item = Bytes> {
    unfold((served, 0_u64, Duration::ZERO), |(served, count, wait)| async move {
        tokio::time::sleep(wait).await;
        let state = served.all();
        let connectors = state.get("connectors").and_then(Value::as_array).map_or(0, Vec::len);
        let wait = EVERY + EVERY_MORE * u32::try_from(connectors).unwrap_or(u32::MAX);
        let mut bytes = Vec::from(event("state", &state));
        if count % HISTORY == 0 {
            bytes.extend(event("history", &served.histories(&state, connectors)));
        }
        Some((Bytes::from(bytes), (served, count + 1, wait)))
    })
}

impl Served {
    /// Writes a connector's file anew, as it was read: with its references, without its secrets and comments.
    fn file(&self, connector: &Connector) -> String {
        let schema = ConnectorSchema::of(&self.registry);
        // What stands for a secret would be asked for, and it is not there: here it is a text like any other.
        let mut written = (*connector.written).clone();
        for value in written.values_mut() {
            *value = value.replace(BLANKED, COVERED);
        }
        if let Ok(node) = unflatten(&written, schema.value(), &self.registry, None) {
            return to_yaml(&node.to_json(), 0).replace(COVERED, BLANKED);
        }
        let mut lines = String::new();
        for (name, value) in connector.written.iter() {
            lines.extend([name, ": ", value, "\n"]);
        }
        lines
    }

    fn all(&self) -> Value {
        let connectors: Vec<Value> = self
            .control
            .seen()
            .iter()
            .map(|(status, counters)| {
                let mut shown = self.connector_as_object(status, counters);
                let errors = errors(counters).into_iter().take(ERRORS);
                shown.insert("errors".to_owned(), errors.map(|error| json!(error)).collect());
                Value::Object(shown)
            })
            .collect();
        json!({
            "at": now_millis(), "version": self.identity.version, "worker": self.identity.worker_id,
            "started": self.started, "resident_bytes": resident_bytes(), "connectors": connectors,
        })
    }

    fn histories(&self, state: &Value, connectors: usize) -> Value {
        let most = (ALL_POINTS / connectors.max(1)).clamp(12, POINTS);
        let names = state.get("connectors").and_then(Value::as_array).into_iter().flatten();
        let names = names.filter_map(|connector| connector.get("name")?.as_str());
        names
            .map(|name| (name.to_owned(), json!(self.history.points(name, most))))
            .collect::<Map<_, _>>()
            .into()
    }

    fn connector_as_object(
        &self,
        status: &ConnectorStatus,
        counters: &[Arc<Counters>],
    ) -> Map<String, Value> {
        let tasks: Vec<Value> = status.tasks.iter().map(task).collect();
        let lag = status.tasks.iter().filter_map(|task| task.lag).reduce(|sum, lag| sum + lag);
        let sum = |count: fn(&Counters) -> u64| counters.iter().map(|counters| count(counters)).sum::<u64>();
        let rebalances = sum(|counters| counters.source.rebalances().iter().map(|(_, count)| count).sum());
        let shown = json!({
            "name": status.name, "sink": status.sink, "state": status.seen().lowercase(),
            "wanted": status.state.lowercase(), "tasks": tasks, "records": status.records,
            "in_flight": status.records.in_flight(), "lag": lag, "buffered_bytes": status.buffered_bytes,
            "buffer_memory": status.buffer_memory, "calls_per_second": status.calls_per_second,
            "calls_per_second_limit": status.calls_per_second_limit, "recent": self.history.recent(&status.name),
            "rebalances": rebalances, "restarts": sum(Counters::restarts),
            "largest_batch": counters.iter().map(|counters| counters.puts.largest()).max(),
            "config_errors": status.config_errors, "batch_max_records": status.batch_max_records,
        });
        match shown {
            Value::Object(shown) => shown,
            _ => Map::new(),
        }
    }
}

fn task(task: &TaskStatus) -> Value {
    json!({
        "id": task.id, "state": task.state.lowercase(), "trace": task.trace, "failures": task.failures,
        "failing": task.failing, "cannot_read": task.cannot_read, "lag": task.lag,
        "partitions": task.partitions.len(),
    })
}

fn errors(counters: &[Arc<Counters>]) -> Vec<LastError> {
    let mut all: Vec<_> = counters.iter().flat_map(|counters| counters.last_errors()).collect();
    all.sort_by_key(|error| std::cmp::Reverse(error.last));
    all
}

/// Returns the memory that the process has, in bytes, where the system says so (`proc(5)`).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
