//! Sends requests to a cluster, which has one address or several.

use std::sync::atomic::{AtomicUsize, Ordering};

use sluice_connector_api::{Failure, FailureKind, Finding, SettingsError};
use sluice_wire::header::{CONTENT_TYPE, HeaderValue};
use sluice_wire::{
    Auth, Compression, Connections, HttpAnswer, HttpClient, HttpRequest, Method, Url, WHOLE_BYTES, base_url,
};

use super::settings::OpensearchSettings;

/// A cluster.
pub(super) struct SearchCluster {
    urls: Vec<Url>,
    /// The host that is asked: the next one, once this does not answer.
    host: AtomicUsize,
    client: HttpClient,
    compression: Compression,
    pipeline: Option<String>,
}

impl SearchCluster {
    pub(super) fn new(settings: &OpensearchSettings) -> Result<Self, SettingsError> {
        let mut urls = Vec::new();
        for (index, url) in settings.urls.iter().enumerate() {
            let key = format!("urls.{index}");
            urls.push(base_url(&key, url)?);
        }
        let Some(first) = urls.first() else {
            return Err(SettingsError::at("urls", "name at least one address"));
        };
        let auth = Auth::new("auth", &settings.auth, first, settings.request_timeout.get())?;
        let mut connections = Connections::new(settings.request_timeout.get());
        connections.tls = settings.tls.clone();
        connections.connect_timeout = settings.connect_timeout.get();
        connections.max_idle = settings.max_in_flight;
        connections.proxy_from_environment = settings.proxy_from_environment;
        Ok(Self {
            client: HttpClient::new(connections, auth),
            urls,
            host: AtomicUsize::new(0),
            compression: settings.compression,
            pipeline: settings.pipeline.clone(),
        })
    }

    /// Sends actions; those that name no index are for this one.
    pub(super) async fn bulk(&self, index: Option<&str>, body: Vec<u8>) -> Result<HttpAnswer, Failure> {
        let path: Vec<&str> = index.into_iter().chain(["_bulk"]).collect();
        let mut request = HttpRequest::new(Method::POST, self.bulk_url(&path)?);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        request.body = body.into();
        self.compression.apply(&mut request)?;
        self.exchange(&request).await
    }

    /// Returns where actions go.
    pub(super) fn bulk_url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.url(path)?;
        if let Some(pipeline) = &self.pipeline {
            url.query_pairs_mut().append_pair("pipeline", pipeline);
        }
        Ok(url)
    }

    /// Asks without writing.
    pub(super) async fn ask(&self, method: Method, path: &[&str]) -> Result<HttpAnswer, Failure> {
        self.exchange(&HttpRequest::new(method, self.url(path)?)).await
    }

    /// Asks with a parameter and a body of this type.
    pub(super) async fn ask_with(
        &self,
        method: Method,
        path: &[&str],
        parameter: Option<(&str, &str)>,
        content_type: &'static str,
        body: String,
    ) -> Result<HttpAnswer, Failure> {
        let mut url = self.url(path)?;
        if let Some((name, value)) = parameter {
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut request = HttpRequest::new(method, url);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        request.body = body.into();
        self.exchange(&request).await
    }

    async fn exchange(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let answer = self.client.exchange(request, WHOLE_BYTES).await;
        let is_away = match &answer {
            Ok(answer) => matches!(answer.status, 502..=504),
            Err(failure) => failure.kind() == FailureKind::Retriable,
        };
        if is_away {
            self.host.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let host = self.host.load(Ordering::Relaxed) % self.urls.len().max(1);
        let url = self.urls.get(host).and_then(|base| {
            let mut url = base.clone();
            url.path_segments_mut().ok()?.pop_if_empty().extend(path);
            Some(url)
        });
        url.ok_or_else(|| Failure::fatal("the address of the cluster holds no path; change `urls`"))
    }

    /// Names the host that is asked.
    pub(super) fn host(&self) -> String {
        self.url(&[]).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// Names the headers that authenticate, for a preview.
    pub(super) fn auth_names(&self) -> Vec<&str> {
        self.client.auth().names()
    }

    /// Looks for certificates, and for a token or credentials.
    pub(super) async fn check_client(&self) -> Vec<Finding> {
        self.client.check().await
    }
}
