//! Which path asks for what.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use sluice_connector_api::Registry;

use crate::control::access::{AccessRules, guard};
use crate::control::error::{NOT_FOUND, RestError, in_our_form};
use crate::control::escaping::escaped;
use crate::control::file_writes::FileWrites;
use crate::control::served::Served;
use crate::control::shapes::WorkerIdentity;
use crate::control::{
    connectors, letters, live, loggers, offsets, openapi, page, plugins, questions, states, tap, writes,
};
use crate::kafka::cluster::cluster_id;
use crate::meter::measure::now_millis;
use crate::observe::history::History;
use crate::worker::Control;

/// What the REST API needs to know.
#[derive(Clone, Debug)]
pub struct RestSettings {
    /// Who may ask.
    pub access: AccessRules,
    /// The plug-ins.
    pub registry: Arc<Registry>,
    /// The version of the program.
    pub version: String,
    /// What the worker is called: the address that it listens on.
    pub worker_id: String,
    /// What writes connector files, where requests may create, change and remove connectors.
    pub writes: Option<FileWrites>,
    /// How connectors fared in the last hour.
    pub history: History,
}

/// Returns Kafka Connect's paths, for the connectors of a worker.
pub fn router(control: Control, settings: RestSettings) -> Router {
    let RestSettings { access, registry, version, worker_id, writes, history } = settings;
    let (identity, started) = (WorkerIdentity { worker_id, version }, now_millis());
    let served = Served { control, registry, identity, writes, history, started, cluster: Arc::default() };
    let mut router = Router::new();
    for (path, methods) in routes() {
        router = match path {
            "/" => router.route(path, methods),
            // Some clients end every path with a slash.
            _ => router.route(&format!("{path}/"), methods.clone()).route(path, methods),
        };
    }
    router
        .method_not_allowed_fallback(|| async {
            RestError::new(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed")
        })
        .route_layer(from_fn_with_state(access, guard))
        .route_layer(map_response(in_our_form))
        .route_layer(map_response(escaped))
        // Before the guard: it has nothing of the worker in it, and asks for the token.
        .route_layer(from_fn(page::or_next))
        .merge(page::assets())
        .with_state(served)
}

/// Answers whoever asks for what is not there.
pub(crate) async fn nothing_here() -> Response {
    RestError::not_found(NOT_FOUND).into_response()
}

fn routes() -> Vec<(&'static str, MethodRouter<Served>)> {
    vec![
        ("/", get(root)),
        ("/health", get(health)),
        ("/openapi.json", get(openapi::document)),
        ("/connectors", get(connectors::list).post(writes::create)),
        ("/connectors/{name}", get(connectors::get).delete(writes::delete)),
        ("/connectors/{name}/config", get(connectors::config).put(writes::put).patch(writes::patch)),
        ("/connectors/{name}/status", get(connectors::status)),
        ("/connectors/{name}/pause", put(states::pause)),
        ("/connectors/{name}/resume", put(states::resume)),
        ("/connectors/{name}/stop", put(states::stop)),
        ("/connectors/{name}/restart", post(states::restart)),
        ("/connectors/{name}/tasks", get(connectors::tasks)),
        ("/connectors/{name}/tasks/{task}/status", get(connectors::task_status)),
        ("/connectors/{name}/tasks/{task}/restart", post(states::restart_task)),
        ("/connectors/{name}/topics", get(connectors::topics)),
        ("/connectors/{name}/topics/reset", put(|| async { StatusCode::ACCEPTED })),
        ("/connectors/{name}/offsets", get(offsets::get).patch(offsets::alter).delete(offsets::reset)),
        ("/connectors/{name}/tap", get(tap::tap)),
        ("/live", get(live::live)),
        ("/live/{name}", get(live::one)),
        ("/live/{name}/dead-letters", get(letters::list)),
        ("/live/{name}/questions", post(questions::ask)),
        ("/connector-plugins", get(plugins::list)),
        ("/connector-plugins/{plugin}/config", get(plugins::config)),
        ("/connector-plugins/{plugin}/config/validate", put(plugins::validate)),
        ("/admin/loggers", get(loggers::list)),
        ("/admin/loggers/{name}", get(loggers::get).put(loggers::put)),
    ]
}

/// `GET /`. The cluster is the first connector's; it is asked for once, and empty while its brokers do not answer.
async fn root(State(served): State<Served>) -> Json<Value> {
    let cluster = served.cluster.get_or_try_init(|| async {
        let first = served
            .control
            .statuses()
            .into_iter()
            .find_map(|status| served.control.connector(&status.name).ok());
        let connector = first.ok_or(())?;
        cluster_id(&connector.source.kafka.access()).await.ok_or(())
    });
    let cluster = cluster.await.map(String::as_str).unwrap_or_default();
    Json(json!({ "version": served.identity.version, "commit": "unknown", "kafka_cluster_id": cluster }))
}

/// `GET /health`: that of the worker, which is there if it can answer.
async fn health() -> Json<Value> {
    Json(json!({
        "status": "healthy",
        "message": "Worker has completed startup and is ready to handle requests.",
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::control::openapi::DOCUMENT;

    #[test]
    fn every_path_is_in_the_document() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let told: BTreeSet<&str> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let served: BTreeSet<&str> = routes().into_iter().map(|(path, _)| path).collect();
        assert_eq!(told, served);
    }
}
