//! How requests travel: connections, certificates, time-outs.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use reqwest::{Client, RequestBuilder, redirect, retry};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sluice_connector_api::{Failure, Trouble};

use super::answer::{self, Answer};
use super::auth::Auth;
use super::body;
use super::plan::Request;
use super::settings::TlsSettings;
use crate::aws::causes;

/// Bytes of an answer that are read where only its start is shown; a longer one costs its connection.
pub(super) const START_BYTES: usize = 64 * 1024;

/// Bytes of an answer that is needed whole.
pub(super) const WHOLE_BYTES: usize = 16 * 1024 * 1024;

/// How requests travel.
#[derive(Clone, Debug)]
pub(super) struct Travel {
    pub(super) tls: TlsSettings,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) keep_alive: Duration,
    /// Connections that are kept.
    pub(super) connections: usize,
    pub(super) proxy_from_environment: bool,
}

/// Makes a client, on a thread that may block, since that reads files.
pub(super) async fn make(travel: Travel) -> Result<Client, Failure> {
    let made = tokio::task::spawn_blocking(move || build(&travel)).await;
    made.unwrap_or_else(|cut| Err(Failure::retriable(format!("making the client was cut off: {cut}"))))
}

fn build(travel: &Travel) -> Result<Client, Failure> {
    let idle = travel.keep_alive;
    let builder = Client::builder()
        .tls_backend_preconfigured(tls(&travel.tls)?)
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        // Only the runtime retries.
        .retry(retry::never())
        .referer(false)
        .connect_timeout(travel.connect_timeout)
        .timeout(travel.request_timeout)
        .pool_idle_timeout(idle)
        .pool_max_idle_per_host(if idle.is_zero() { 0 } else { travel.connections });
    let builder = if travel.proxy_from_environment { builder } else { builder.no_proxy() };
    builder
        .build()
        .map_err(|error| Failure::fatal(format!("the HTTP client cannot be made: {}", causes(&error))))
}

fn tls(settings: &TlsSettings) -> Result<ClientConfig, Failure> {
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::fatal(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(authorities(settings)?);
    let mut config = match (&settings.cert_file, &settings.key_file) {
        (Some(cert), Some(key)) => config
            .with_client_auth_cert(certificates("tls.cert_file", cert)?, private_key(key)?)
            .map_err(|error| {
                Failure::fatal(format!("`tls.cert_file` and `tls.key_file` do not fit together: {error}"))
            })?,
        _ => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A system without certificates is no fault here: `http` needs none, and a handshake tells the rest.
fn authorities(settings: &TlsSettings) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &settings.ca_file {
        for certificate in certificates("tls.ca_file", path)? {
            roots.add(certificate).map_err(|error| unfit("tls.ca_file", path, &error.to_string()))?;
        }
    }
    Ok(roots)
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| unfit(key, path, &error.to_string()))?;
    if found.is_empty() { Err(unfit(key, path, "there is no certificate in it")) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unfit("tls.key_file", path, &error.to_string()))
}

fn unfit(key: &str, path: &Path, why: &str) -> Failure {
    Failure::fatal(format!("`{key}` cannot be used: {}: {why}; it must be a PEM file", path.display()))
}

/// Compresses a request's body.
pub(super) fn compress(request: &mut Request) -> Result<(), Failure> {
    let body = body::gzip(&request.body);
    request.body = body.map_err(|error| Failure::fatal(format!("gzip failed: {error}")))?.into();
    request.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Ok(())
}

/// Sends a request, and once more if its token was refused.
pub(super) async fn exchange(
    http: &Client,
    auth: &Auth,
    request: &Request,
    most_bytes: usize,
) -> Result<Answer, Failure> {
    let (answer, renewed) = once(http, auth, request, most_bytes).await?;
    if renewed { once(http, auth, request, most_bytes).await.map(|(answer, _)| answer) } else { Ok(answer) }
}

async fn once(
    http: &Client,
    auth: &Auth,
    request: &Request,
    most_bytes: usize,
) -> Result<(Answer, bool), Failure> {
    let added = auth.headers(http, request).await?;
    let secrets = auth.secrets(&added);
    let subject = format!("{} to {}", request.method, request.url.origin().ascii_serialization());
    let builder = http
        .request(request.method.clone(), request.url.clone())
        .headers(request.headers.clone())
        .headers(added.clone());
    let builder = match request.body.len() {
        _ if !request.has_body() => builder,
        // The client leaves the length of nothing out, which some servers refuse (411).
        0 => builder.header(CONTENT_LENGTH, 0),
        _ => builder.body(request.body.clone()),
    };
    let answer = answer(&subject, builder, most_bytes, secrets).await?;
    let renewed = answer.status == 401 && auth.renews(&added).await;
    Ok((answer, renewed))
}

/// Sends a request and reads the answer, no more than so many bytes of it.
pub(super) async fn answer(
    subject: &str,
    request: RequestBuilder,
    most_bytes: usize,
    secrets: Vec<String>,
) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(|error| lost(subject, error))?;
    let (status, wait) = (response.status().as_u16(), answer::wait(response.headers()));
    let mut body = Vec::new();
    let whole = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= most_bytes => body.extend_from_slice(&chunk),
            // What the status says holds, whatever becomes of the words.
            Ok(Some(_)) | Err(_) => break false,
            Ok(None) => break true,
        }
    };
    Ok(Answer { status, wait, body, whole, secrets })
}

/// Says why there is no answer. Nothing is known to be stored then.
fn lost(subject: &str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_builder() {
        return Failure::fatal(format!("{subject} cannot be built: {}", causes(&error)));
    }
    let why = causes(&error);
    let limit = if error.is_connect() { "connect_timeout" } else { "request_timeout" };
    let unreachable = |reason| Failure::retriable(reason).because(Trouble::Unreachable);
    match why {
        _ if error.is_timeout() => {
            Failure::retriable(format!("{subject} had no answer within `{limit}`")).because(Trouble::TimedOut)
        }
        why if why.contains("UnknownIssuer") => unreachable(format!(
            "{subject} did not get through: {why}; if the target has an authority of its own, set `tls.ca_file`"
        )),
        why => unreachable(format!("{subject} did not get through: {why}")),
    }
}
