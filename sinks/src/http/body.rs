//! Values as bodies.

use bytes::Bytes;
use sluice_connector_api::Payload;

use super::settings::{BodyBatchSettings, BodyFormat};

/// A value as it stands in a body.
#[derive(Debug)]
pub(super) struct BodyPart {
    bytes: Bytes,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Text,
    Bytes,
}

impl BodyPart {
    /// Encodes a value for a request of its own (`None`) or for one that it shares.
    pub(super) fn of(value: &Payload, format: Option<BodyFormat>) -> Result<Self, String> {
        match format {
            None | Some(BodyFormat::Raw) => Ok(Self { bytes: value.to_bytes(), form: Form::of(value) }),
            Some(BodyFormat::JsonArray | BodyFormat::JsonLines) => {
                Ok(Self { bytes: json(value)?, form: Form::Json })
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Form {
    fn of(value: &Payload) -> Self {
        match value {
            Payload::Json(_) => Self::Json,
            Payload::Text(_) => Self::Text,
            Payload::Bytes(_) => Self::Bytes,
        }
    }
}

fn json(value: &Payload) -> Result<Bytes, String> {
    if let Payload::Json(_) = value {
        return Ok(value.to_bytes());
    }
    let text = value.as_text().ok_or(
        "the value is bytes that are not valid UTF-8, which JSON cannot hold; use the format `raw`, or send one record per request",
    )?;
    serde_json::to_vec(text).map(Bytes::from).map_err(|error| error.to_string())
}

/// Puts parts together.
pub(super) fn join(parts: &[BodyPart], batch: Option<&BodyBatchSettings>) -> Vec<u8> {
    let values: Vec<&[u8]> = parts.iter().map(|part| &*part.bytes).collect();
    match batch.map(|batch| (batch.format, batch)) {
        None => values.concat(),
        Some((BodyFormat::Raw, batch)) => values.join(batch.separator().as_bytes()),
        Some((BodyFormat::JsonArray, _)) => [b"[", &*values.join(&b","[..]), b"]"].concat(),
        Some((BodyFormat::JsonLines, _)) => [&*values.join(&b"\n"[..]), b"\n"].concat(),
    }
}

/// Names what the parts make.
pub(super) fn content_type(parts: &[BodyPart], format: Option<BodyFormat>) -> &'static str {
    let all = |form| parts.iter().all(|part| part.form == form);
    match format {
        Some(BodyFormat::JsonLines) => "application/x-ndjson",
        Some(BodyFormat::JsonArray) => "application/json",
        None if all(Form::Json) => "application/json",
        _ if parts.iter().any(|part| part.form == Form::Bytes) => "application/octet-stream",
        _ => "text/plain; charset=utf-8",
    }
}
