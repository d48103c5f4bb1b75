//! `/metrics`, `/healthz`, `/readyz` and `/status` on one listener.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::observe::tls::{ListenerTls, ListenerTlsFiles};
use crate::observe::{connections, metrics};
use crate::shown::{on_lines, on_one_line};
use crate::worker::{ConnectorStatus, Control};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

struct Seen {
    control: Control,
    registry: Registry,
}

/// A listener that is bound and serves nothing yet.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Arc<ListenerTls>>,
}

impl Listener {
    /// Binds an address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { tcp: TcpListener::bind(address).await?, tls: None })
    }

    /// Has it speak TLS, with certificates of these files. Fails with what is wrong with them.
    pub fn with_tls(mut self, files: ListenerTlsFiles) -> Result<Self, String> {
        self.tls = Some(Arc::new(ListenerTls::load(files)?));
        Ok(self)
    }

    /// Returns `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Serves these paths until `stop` is cancelled. How many connections there may be, and how long each, is bounded.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        connections::serve(&self.tcp, self.tls, router, stop).await;
    }
}

/// Returns the paths that show what a worker is up to.
///
/// `/healthz` answers 200 while the process can answer; `/readyz` 200 while every task of every connector is as its operator
/// wants it, none has failed and not recovered, none has been unable to read for half a minute, and no puts have failed for a
/// minute, else 503 with the reasons; `/metrics` is in the `OpenMetrics` or the Prometheus text format, as `Accept` asks;
/// `/status` is JSON: each connector with its tasks, their state and what became of its records. Nothing served holds a
/// setting or a record.
pub fn router(control: Control) -> Router {
    let registry = metrics::registry(control.clone());
    Router::new()
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .with_state(Arc::new(Seen { control, registry }))
}

/// Answers whoever asks for what is not there.
pub async fn nothing_here() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "there are /metrics, /healthz, /readyz and /status\n")
}

async fn metrics_text(Shared(seen): Shared<Arc<Seen>>, headers: HeaderMap) -> impl IntoResponse {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &seen.registry) {
        return (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            error.to_string(),
        );
    }
    let (kind, text) =
        if wants_open_metrics(&headers) { (OPEN_METRICS, text) } else { (PROMETHEUS, plain(&text)) };
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text)
}

/// Says whether somebody who asks takes `OpenMetrics`: by name, or because anything will do.
fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or("*/*");
    accepted.contains("application/openmetrics-text") || !accepted.contains("text/plain")
}

/// Turns a text of `OpenMetrics` into one of Prometheus' older format, which names a counter as its samples are named
/// and has no end.
fn plain(text: &str) -> String {
    let counters: HashSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let line = |line: &str| {
        let (head, rest) = line.split_at(line.match_indices(' ').nth(2).map_or(line.len(), |(at, _)| at));
        match head.strip_prefix("# HELP ").or_else(|| head.strip_prefix("# TYPE ")) {
            Some(name) if counters.contains(name) => format!("{head}_total{rest}\n"),
            _ => format!("{line}\n"),
        }
    };
    text.lines().filter(|line| *line != "# EOF").map(line).collect()
}

async fn ready(Shared(seen): Shared<Arc<Seen>>) -> impl IntoResponse {
    let troubles: Vec<String> = seen.control.statuses().iter().flat_map(ConnectorStatus::troubles).collect();
    match &*troubles {
        [] => (StatusCode::OK, "ok\n".to_owned()),
        troubles => (StatusCode::SERVICE_UNAVAILABLE, lines(troubles)),
    }
}

/// A line for each; what is in it of somebody else's texts forges no other.
fn lines(troubles: &[String]) -> String {
    let mut lines = String::new();
    for trouble in troubles {
        lines.push_str(&on_one_line(trouble));
        lines.push('\n');
    }
    lines
}

async fn status(Shared(seen): Shared<Arc<Seen>>) -> impl IntoResponse {
    match serde_json::to_string(&seen.control.statuses()) {
        Ok(json) => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], on_lines(&json).into_owned())
        }
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_names_a_counter_as_its_samples_are_named() {
        let open = "# HELP reads Records read.\n# TYPE reads counter\nreads_total{task=\"0\"} 3\n\
                    # HELP age Seconds.\n# TYPE age gauge\nage 1.5\n# EOF\n";
        let expected = "# HELP reads_total Records read.\n# TYPE reads_total counter\nreads_total{task=\"0\"} 3\n\
                        # HELP age Seconds.\n# TYPE age gauge\nage 1.5\n";
        assert_eq!(plain(open), expected);
    }
}
