//! Compression of bodies.

use std::io::Write;

use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::Failure;

use crate::request::HttpRequest;

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip, and `content-encoding: gzip`.
    Gzip,
}

impl Compression {
    /// Returns the value of `content-encoding` for such a request, where it gets one.
    pub fn encoding(self, request: &HttpRequest) -> Option<&'static str> {
        (self == Self::Gzip && request.has_body()).then_some("gzip")
    }

    /// Compresses a request's body, where it has one.
    pub fn apply(self, request: &mut HttpRequest) -> Result<(), Failure> {
        if let Some(encoding) = self.encoding(request) {
            request.body = gzip(&request.body)?.into();
            request.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        Ok(())
    }
}

/// Compresses bytes with gzip (RFC 1952).
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map_err(|error| Failure::fatal(format!("gzip failed: {error}")))
}
