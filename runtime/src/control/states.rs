//! What an operator wants a connector to be: paused, running, stopped, or started again.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::control::connectors::task_id;
use crate::control::error::{RestError, RestResult};
use crate::control::query::Parameters;
use crate::control::served::Served;
use crate::control::shapes::{ConnectorStateInfo, tasks_of};
use crate::worker::{Kept, State as ConnectorState, UnknownConnector};

/// Says how long what was asked for counts: `state-directory`, or `process`.
pub(super) const KEPT: HeaderName = HeaderName::from_static("sluice-state-kept");

/// `PUT /connectors/{name}/pause`.
pub(super) async fn pause(State(served): State<Served>, Path(name): Path<String>) -> RestResult<Response> {
    kept(&served, StatusCode::ACCEPTED, served.control.pause(&name))
}

/// `PUT /connectors/{name}/resume`.
pub(super) async fn resume(State(served): State<Served>, Path(name): Path<String>) -> RestResult<Response> {
    kept(&served, StatusCode::ACCEPTED, served.control.resume(&name))
}

/// `PUT /connectors/{name}/stop`.
pub(super) async fn stop(State(served): State<Served>, Path(name): Path<String>) -> RestResult<Response> {
    kept(&served, StatusCode::NO_CONTENT, served.control.stop(&name))
}

fn kept(served: &Served, status: StatusCode, asked: Result<Kept, UnknownConnector>) -> RestResult<Response> {
    let kept = asked.map_err(|UnknownConnector(name)| {
        let missing = format!("Unknown connector {name}");
        served.absent(&name, missing)
    })?;
    Ok((status, [(KEPT, how_long(kept))]).into_response())
}

/// Says how long what was asked for counts.
pub(super) fn how_long(kept: Kept) -> &'static str {
    match kept {
        Kept::StateDirectory => "state-directory",
        Kept::Process => "process",
    }
}

/// `POST /connectors/{name}/restart`. Kafka Connect restarts its object for the connector alone unless `includeTasks` is
/// given; there is none here, so that all tasks are. With `onlyFailed` nothing is where no task has failed.
pub(super) async fn restart(
    State(served): State<Served>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> RestResult<Response> {
    let parameters = Parameters::from_query(query.as_deref());
    let only_failed = parameters.is_true("onlyFailed", false);
    let status = served.control.status(&name).map_err(|error| unknown_to_restart(&served, error))?;
    let has_failed = tasks_of(&status).any(|task| task.state == ConnectorState::Failed);
    if only_failed {
        for task in tasks_of(&status).filter(|task| task.state == ConnectorState::Failed) {
            served
                .control
                .restart_task(&name, task.id)
                .map_err(|error| unknown_to_restart(&served, error))?;
        }
    } else {
        served.control.restart(&name).map_err(|error| unknown_to_restart(&served, error))?;
    }
    if !only_failed && !parameters.is_true("includeTasks", false) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut plan = ConnectorStateInfo::new(&status, &served.identity);
    if !only_failed {
        plan.connector.state = "RESTARTING";
    }
    for task in plan.tasks.iter_mut().filter(|task| !only_failed || (has_failed && task.state == "FAILED")) {
        task.state = "RESTARTING";
    }
    Ok((StatusCode::ACCEPTED, Json(plan)).into_response())
}

/// `POST /connectors/{name}/tasks/{task}/restart`.
pub(super) async fn restart_task(
    State(served): State<Served>,
    Path((name, task)): Path<(String, String)>,
) -> RestResult<StatusCode> {
    let task = task_id(&task)?;
    let is_there =
        served.control.restart_task(&name, task).map_err(|error| unknown_to_restart(&served, error))?;
    if is_there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(RestError::not_found(format!("Unknown task: {name}-{task}")))
    }
}

/// Kafka Connect writes a colon here.
fn unknown_to_restart(served: &Served, UnknownConnector(name): UnknownConnector) -> RestError {
    let missing = format!("Unknown connector: {name}");
    served.absent(&name, missing)
}
