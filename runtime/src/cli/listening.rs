//! The listener of a worker as its settings want it: its address, its certificates, and who may ask for what.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use sluice_connector_api::Secret;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::config::problem::Problem;
use crate::config::worker::WorkerSettings;
use crate::control::{self, AccessRules, FileWrites, RestSettings, guard};
use crate::observe::history::History;
use crate::observe::server::{self, Listener};
use crate::observe::tls::ListenerTlsFiles;
use crate::worker::Control;

/// Binds the address of metrics, health, status and the REST API. A default address that is taken is no reason not to run;
/// one that was asked for is.
pub(super) async fn listen(settings: &WorkerSettings) -> Result<Option<Listener>, Exit> {
    let tls = tls_files(settings)?;
    if let Some(wrong) = settings.rest_token.as_ref().and_then(wrong_with_token) {
        return Err(wrong_setting(format!("`rest_token` (SLUICE_REST_TOKEN) {wrong}")));
    }
    if settings.listen == "none" {
        return Ok(None);
    }
    let address: SocketAddr = settings.listen.parse().map_err(|_| {
        wrong_setting(format!(
            "`listen`: `{}` is no address; write it like 127.0.0.1:8083, or none",
            settings.listen
        ))
    })?;
    if !settings.open_metrics && AccessRules::new(address, settings.rest_token.clone()).is_none() {
        return Err(wrong_setting(
            "`open_metrics: false` needs a `rest_token` on an address that is not this machine's".to_owned(),
        ));
    }
    let bound = match Listener::bind(address).await {
        Ok(bound) => bound,
        Err(error) if settings.listen == WorkerSettings::default().listen => {
            tracing::warn!(
                "metrics, health and status are not served: cannot listen on {address}: {error}; set `listen`"
            );
            return Ok(None);
        }
        Err(error) => return Err(Exit::Environment(format!("cannot listen on {address}: {error}"))),
    };
    let listener = match tls {
        Some(files) => bound.with_tls(files).map_err(wrong_setting)?,
        None => bound,
    };
    tracing::info!(
        "serving /metrics, /healthz, /readyz and /status on {}://{}",
        listener.scheme(),
        listener.address().unwrap_or(address)
    );
    Ok(Some(listener))
}

/// Returns what is served: metrics, health and status, and Kafka Connect's REST API where somebody may use it.
pub(super) fn paths(
    context: &Context,
    listener: &Listener,
    control: Control,
    (writes, history): (FileWrites, History),
) -> Router {
    let settings = context.settings();
    let observed = server::router(control.clone());
    let rules = listener.address().ok().and_then(|address| {
        let access = AccessRules::new(address, settings.rest_token.clone())?;
        Some((access.with_certificates(settings.tls_client_ca_file.is_some()), address))
    });
    let Some((access, address)) = rules else {
        tracing::info!("the REST API is not served off this machine without a `rest_token`");
        return observed.fallback(server::nothing_here);
    };
    let observed = if settings.open_metrics {
        observed
    } else {
        observed.route_layer(from_fn_with_state(access.clone(), guard))
    };
    let rest = RestSettings {
        access,
        registry: Arc::new(context.registry().clone()),
        version: context.version().to_owned(),
        worker_id: address.to_string(),
        writes: settings.rest_writes.then_some(writes),
        history,
    };
    observed.merge(control::router(control, rest)).fallback(control::nothing_here)
}

/// Returns the files of TLS, if there are any: a certificate and its key belong together.
fn tls_files(settings: &WorkerSettings) -> Result<Option<ListenerTlsFiles>, Exit> {
    let client_ca = settings.tls_client_ca_file.clone();
    match (&settings.tls_cert_file, &settings.tls_key_file) {
        (Some(cert), Some(key)) => {
            Ok(Some(ListenerTlsFiles { cert: cert.clone(), key: key.clone(), client_ca }))
        }
        (Some(_), None) => Err(wrong_setting("`tls_cert_file` needs its `tls_key_file`".to_owned())),
        (None, Some(_)) => Err(wrong_setting("`tls_key_file` needs its `tls_cert_file`".to_owned())),
        (None, None) if client_ca.is_some() => {
            Err(wrong_setting("`tls_client_ca_file` needs `tls_cert_file` and `tls_key_file`".to_owned()))
        }
        (None, None) => Ok(None),
    }
}

fn wrong_setting(text: String) -> Exit {
    Exit::Configuration(vec![Problem::of_file(Path::new("settings"), text)])
}

/// Says what is wrong with a token: one that nobody could send, or that everybody knows.
fn wrong_with_token(token: &Secret) -> Option<&'static str> {
    let text = token.reveal();
    if text.trim().is_empty() {
        return Some("is empty, and would let everybody in; write the token, or take the setting out");
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Some("has spaces at its ends or control characters in it, which no header can carry");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_that_can_be_sent_and_is_not_known_to_everybody() {
        for bad in ["", " ", "\n", " a", "a ", "a\nb", "a\u{0}"] {
            assert!(wrong_with_token(&Secret::new(bad)).is_some(), "{bad:?}");
        }
        for good in ["t0ken", "1234", "a b", "p\u{e4}sswort", "\"quoted\""] {
            assert!(wrong_with_token(&Secret::new(good)).is_none(), "{good:?}");
        }
    }
}
