//! The envelope of `schema` and `payload`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_connector_api::{
    Converter, ConverterContext, Json, NotConverted, Payload, PayloadForm, PayloadForms, Rejection,
    SchemaType, expectation_of,
};

use super::apply::apply;
use super::kinds::{ConnectType, changes};
use super::types::type_of;
use super::written::WrittenSchema;
use crate::mapping::{DecimalStyle, TimeStyle};

/// Schemas that are kept by their texts, which every record repeats. All make room for another one: there are few.
const MAX_KEPT: usize = 200;

/// The longest text of a schema that is kept; a longer one is read for each record.
const MAX_KEPT_BYTES: usize = 256 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    schema: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl<'a> Envelope<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let not_one = |expected: &str| {
            format!(
                "it is not an envelope of `schema` and `payload` ({expected}); JSON without one is for the converter `json`"
            )
        };
        // A list of two would be taken for both.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(not_one("expected an object"));
        }
        serde_json::from_slice(bytes).map_err(|error| not_one(&expectation_of(&error)))
    }
}

/// Takes payloads out of their envelopes.
pub(super) struct EnvelopeConverter {
    decimal: DecimalStyle,
    time: TimeStyle,
    defaults: bool,
    kept: RwLock<HashMap<Box<str>, Arc<ConnectSchema>>>,
}

/// What a schema says: of a payload as it comes, and of what it becomes.
struct ConnectSchema {
    changes: ConnectType,
    of: Option<Arc<SchemaType>>,
}

impl EnvelopeConverter {
    pub(super) fn new(decimal: DecimalStyle, time: TimeStyle, defaults: bool) -> Self {
        Self { decimal, time, defaults, kept: RwLock::default() }
    }

    fn schema(&self, text: &str) -> Result<Arc<ConnectSchema>, String> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).get(text).map(Arc::clone);
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let written = WrittenSchema::parse(text)?;
        let of = type_of(&written).shared();
        let read = Arc::new(ConnectSchema { changes: changes(written, self.time, self.defaults)?, of });
        if text.len() <= MAX_KEPT_BYTES {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert(text.into(), Arc::clone(&read));
        }
        Ok(read)
    }

    fn open(&self, bytes: &Bytes) -> Result<Option<Json>, String> {
        let envelope = Envelope::parse(bytes)?;
        let payload = envelope.payload.get();
        let parse = || {
            Json::parse(bytes.slice_ref(payload.as_bytes()))
                .map_err(|error| format!("its payload is not JSON: {error}"))
        };
        if envelope.schema.get() == "null" {
            return if payload == "null" { Ok(None) } else { parse().map(Some) };
        }
        let schema = self
            .schema(envelope.schema.get())
            .map_err(|error| format!("its schema cannot be read: {error}"))?;
        let ConnectSchema { changes, of } = &*schema;
        if payload == "null" && changes.default.is_none() {
            // A delete is not what somebody meant whose schema allows no null.
            let refused = "its payload is null, and its schema is not `optional`".to_owned();
            return if changes.is_optional { Ok(None) } else { Err(refused) };
        }
        let mut json = parse()?;
        if !changes.is_plain() {
            apply(changes, self.decimal, json.value_mut())
                .map_err(|reason| format!("its payload: {reason}"))?;
        }
        Ok(Some(json.with_schema_type(of.clone())))
    }
}

impl Converter for EnvelopeConverter {
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted> {
        let bytes =
            if bytes.starts_with(BYTE_ORDER_MARK) { bytes.slice(BYTE_ORDER_MARK.len()..) } else { bytes };
        if matches!(bytes.trim_ascii(), b"" | b"null") {
            return Ok(None);
        }
        let opened = self.open(&bytes);
        let side = context.side;
        let opened =
            opened.map_err(|reason| Rejection::new(format!("the {side} is not Connect's JSON: {reason}")))?;
        Ok(opened.map(Payload::Json))
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Json.into()
    }
}
