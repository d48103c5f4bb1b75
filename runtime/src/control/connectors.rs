//! What connectors are, and what they are up to.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::config::flat::FlatConfig;
use crate::control::error::{NOT_FOUND, RestError, RestResult};
use crate::control::query::Parameters;
use crate::control::served::Served;
use crate::control::shapes::{ConnectorInfo, ConnectorStateInfo, TaskInfo, TaskStateInfo, tasks_of};

/// `GET /connectors`: names, or with `expand` what was asked for of each. What is not known is left out.
pub(super) async fn list(State(served): State<Served>, RawQuery(query): RawQuery) -> RestResult<Response> {
    let parameters = Parameters::from_query(query.as_deref());
    let expand = parameters.all("expand");
    let statuses = served.control.statuses();
    if expand.is_empty() {
        let names: Vec<String> = statuses.into_iter().map(|status| status.name).collect();
        return Ok(Json(names).into_response());
    }
    let mut all = BTreeMap::new();
    for status in &statuses {
        let mut parts = serde_json::Map::new();
        for part in &expand {
            match (*part, served.control.connector(&status.name)) {
                ("status", _) => {
                    parts.insert(
                        "status".to_owned(),
                        body(ConnectorStateInfo::new(status, &served.identity))?,
                    );
                }
                ("info", connector) => {
                    let info = connector.map(|connector| ConnectorInfo::new(&connector, status));
                    let info = info.unwrap_or_else(|_| ConnectorInfo::without_version(&status.name));
                    parts.insert("info".to_owned(), body(info)?);
                }
                _ => {}
            }
        }
        all.insert(status.name.clone(), Value::Object(parts));
    }
    Ok(Json(all).into_response())
}

fn body(shape: impl serde::Serialize) -> RestResult<Value> {
    serde_json::to_value(shape).map_err(|error| RestError::failed(error.to_string()))
}

/// `GET /connectors/{name}`.
pub(super) async fn get(
    State(served): State<Served>,
    Path(name): Path<String>,
) -> RestResult<Json<ConnectorInfo>> {
    Ok(Json(info_of(&served, &name)?))
}

/// Returns what a connector is, also where its file was never valid: it is listed, and so it can be looked at.
fn info_of(served: &Served, name: &str) -> RestResult<ConnectorInfo> {
    match (served.connector(name), served.control.status(name)) {
        (Ok((connector, status)), _) => Ok(ConnectorInfo::new(&connector, &status)),
        (Err(_), Ok(_)) => Ok(ConnectorInfo::without_version(name)),
        (Err(missing), Err(_)) => Err(missing),
    }
}

/// `GET /connectors/{name}/config`.
pub(super) async fn config(
    State(served): State<Served>,
    Path(name): Path<String>,
) -> RestResult<Json<FlatConfig>> {
    Ok(Json(info_of(&served, &name)?.config))
}

/// `GET /connectors/{name}/status`.
pub(super) async fn status(
    State(served): State<Served>,
    Path(name): Path<String>,
) -> RestResult<Json<ConnectorStateInfo>> {
    Ok(Json(ConnectorStateInfo::new(&served.status(&name)?, &served.identity)))
}

/// `GET /connectors/{name}/tasks`.
pub(super) async fn tasks(
    State(served): State<Served>,
    Path(name): Path<String>,
) -> RestResult<Json<Vec<TaskInfo>>> {
    match (served.connector(&name), served.control.status(&name)) {
        (Ok((connector, status)), _) => Ok(Json(TaskInfo::all(&connector, &status))),
        (Err(_), Ok(_)) => Ok(Json(Vec::new())),
        (Err(missing), Err(_)) => Err(missing),
    }
}

/// `GET /connectors/{name}/tasks/{task}/status`.
pub(super) async fn task_status(
    State(served): State<Served>,
    Path((name, task)): Path<(String, String)>,
) -> RestResult<Json<TaskStateInfo>> {
    let task = task_id(&task)?;
    let missing = || RestError::not_found(format!("No status found for task {name}-{task}"));
    let status = served.status(&name).map_err(|_| missing())?;
    let found = tasks_of(&status).find(|status| status.id == task);
    let found = found.ok_or_else(missing)?;
    Ok(Json(TaskStateInfo::new(found, &served.identity)))
}

/// Reads the number of a task in a path: there is nothing at one that is none.
pub(super) fn task_id(text: &str) -> RestResult<usize> {
    text.parse().map_err(|_| RestError::not_found(NOT_FOUND))
}

/// `GET /connectors/{name}/topics`: those that it has partitions of. A connector that is not there has none.
pub(super) async fn topics(State(served): State<Served>, Path(name): Path<String>) -> Json<Value> {
    let tasks = served.control.status(&name).map(|status| status.tasks).unwrap_or_default();
    let partitions = tasks.iter().flat_map(|task| &task.partitions);
    let topics: BTreeSet<&str> = partitions.map(|partition| partition.topic.as_str()).collect();
    Json(json!({ name: { "topics": topics } }))
}
