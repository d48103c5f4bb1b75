//! A request that is ready but for what authenticates it.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

/// A request that is ready but for what authenticates it.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Its headers, without those that the client and the authentication add.
    pub headers: HeaderMap,
    /// Its body; a `DELETE` and a `HEAD` are sent without it.
    pub body: Bytes,
}

impl HttpRequest {
    /// Makes a request without headers and with an empty body.
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Says whether there is a body, be it of no bytes.
    pub fn has_body(&self) -> bool {
        self.method != Method::DELETE && self.method != Method::HEAD
    }

    /// Names the request as failures do: its method, and of the URL what is no secret (scheme, host and port).
    pub fn subject(&self) -> String {
        format!("{} to {}", self.method, self.url.origin().ascii_serialization())
    }
}
