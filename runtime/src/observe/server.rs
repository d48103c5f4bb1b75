//! `/metrics`, `/healthz`, `/readyz` and `/status` on one listener.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::metrics;
use crate::worker::{Control, State};

struct Seen {
    control: Control,
    registry: Registry,
}

/// A listener that is bound and serves nothing yet.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Binds an address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        TcpListener::bind(address).await.map(Self)
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until `stop` is cancelled.
    ///
    /// `/healthz` answers 200 while the process can answer; `/readyz` 200 while no task has failed, else 503;
    /// `/metrics` is in the `OpenMetrics` text format; `/status` is JSON: each connector with its tasks, their state and
    /// what became of its records. Nothing served holds a setting or a record.
    pub async fn serve(self, control: Control, stop: CancellationToken) -> std::io::Result<()> {
        let registry = metrics::registry(control.clone());
        let router = Router::new()
            .route("/metrics", get(metrics_text))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/status", get(status))
            .with_state(Arc::new(Seen { control, registry }));
        axum::serve(self.0, router).with_graceful_shutdown(stop.cancelled_owned()).await
    }
}

async fn metrics_text(Shared(seen): Shared<Arc<Seen>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &seen.registry) {
        Ok(()) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, content_type)], text)
        }
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string())
        }
    }
}

async fn ready(Shared(seen): Shared<Arc<Seen>>) -> impl IntoResponse {
    let failed: Vec<String> = seen
        .control
        .statuses()
        .iter()
        .flat_map(|connector| connector.tasks.iter().map(|task| (&connector.name, task)))
        .filter(|(_, task)| task.state == State::Failed)
        .map(|(name, task)| {
            format!("{name} task {}: {}\n", task.id, task.trace.as_deref().unwrap_or("failed"))
        })
        .collect();
    if failed.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, failed.concat())
    }
}

async fn status(Shared(seen): Shared<Arc<Seen>>) -> impl IntoResponse {
    Json(seen.control.statuses())
}
