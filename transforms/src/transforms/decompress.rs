//! `decompress`: what a producer compressed by itself, as it was before.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    ByteSize, FieldKind, FieldNeed, FormNeed, Found, Json, KnownFields, Payload, PayloadForm, PayloadForms,
    Record, RecordFields, RecordForms, Rejection, Scalar, SettingsError, Transform, TransformSettings,
    Transformed,
};

use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;
use crate::subject::Of;

/// Decompresses values that the producer's own code compressed with gzip, zlib or deflate.
///
/// What Kafka itself compresses needs none of this. Without `field`, the whole value is decompressed: `value: bytes` under
/// `source` leaves it as it is until then. With `field`, the bytes are in base64 in a field of JSON. A tombstone passes
/// unchanged.
///
/// ```yaml
/// transforms:
///   - decompress:
///       field: body
///       codec: gzip
///       into: json
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7, "body": "H4sIAAAAAAACA6tWKijKTE5VsjIx0TM1qAUAxHP8uQ8AAAA="}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "body": {"price": 44.50}}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecompressSettings {
    /// How it was compressed. Default `gzip`.
    #[serde(default)]
    codec: Codec,
    /// What it was before: of a field, `text` or `json`. Default `bytes`, for the whole value, and `text` for a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    into: Option<Uncompressed>,
    /// The most that may come out of one record; what is more is rejected. Default `16 MiB`.
    #[serde(default = "sixteen_mib")]
    max_size: ByteSize,
    /// The field that holds the bytes in base64. Names within names are separated by dots; an item of an array is a number
    /// from 0; a name that has a dot stands in brackets or between backticks. Default: the whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Codec {
    /// Gzip, several members included.
    #[default]
    Gzip,
    /// Deflate with the head of zlib.
    Zlib,
    /// Deflate alone.
    Deflate,
}

impl Codec {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
        }
    }
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Uncompressed {
    /// Bytes.
    Bytes,
    /// Text in UTF-8.
    Text,
    /// A JSON document.
    Json,
}

fn sixteen_mib() -> ByteSize {
    ByteSize::mib(16)
}

impl TransformSettings for DecompressSettings {
    const NAME: &'static str = "decompress";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let default = if self.field.is_some() { Uncompressed::Text } else { Uncompressed::Bytes };
        let into = self.into.unwrap_or(default);
        if self.field.is_some() && into == Uncompressed::Bytes {
            return Err(SettingsError::at("into", "a field of JSON cannot be bytes; it is `text` or `json`"));
        }
        let field = self.field.map(|field| FieldPath::parse("field", field)).transpose()?;
        let max_bytes = self.max_size.bytes();
        Ok(Box::new(Decompress { codec: self.codec, into, max_bytes, field, of: self.of }))
    }
}

struct Decompress {
    codec: Codec,
    into: Uncompressed,
    max_bytes: usize,
    field: Option<FieldPath>,
    of: Of,
}

impl Transform for Decompress {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if let Some(field) = &self.field {
            if let Some(json) = self.of.object(&mut record, DecompressSettings::NAME, field.as_str())? {
                self.decompress_field(field, json)?;
            }
            return Ok(record.into());
        }
        let side = self.of.side();
        if let Some(payload) = self.of.get_mut(&mut record) {
            *payload = self.whole(payload).map_err(|fault| fault.of(&format!("the {side}")))?;
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        if let Some(field) = &self.field {
            let kind = FieldNeed::new(field.names(), FieldKind::Text, "text in base64");
            let kind = kind
                .with_test(|value| value.as_str().is_some_and(|text| STANDARD.decode(text.trim()).is_ok()));
            return vec![self.of.needs_field(field.as_str()).with_fields([field.names()]).with_kind(kind)];
        }
        let forms: PayloadForms = PayloadForm::Bytes.into();
        let side = self.of.side();
        let why = SettingsError::at("codec", format!("decompresses the bytes of the {side}"));
        vec![FormNeed::new(side, forms, why).with_way_out(format!("set `source.{side}: bytes`"))]
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        match (&self.field, self.into) {
            (Some(_), _) => forms,
            (None, Uncompressed::Bytes) => self.of.with_forms(forms, PayloadForm::Bytes),
            (None, Uncompressed::Text) => self.of.with_forms(forms, PayloadForm::Text),
            (None, Uncompressed::Json) => self.of.with_forms(forms, PayloadForm::Json),
        }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |before| match &self.field {
            Some(field) if self.into == Uncompressed::Text => {
                before.with_known(field.names(), KnownFields::of(FieldKind::Text))
            }
            Some(field) => before.with(field.names()),
            None => KnownFields::default(),
        })
    }
}

impl Decompress {
    fn decompress_field(&self, field: &FieldPath, json: &mut Json) -> Result<(), Rejection> {
        let text = match field.find(json) {
            Some(Found::Scalar(Scalar::Text(text))) => text,
            Some(Found::Null) => return Ok(()),
            Some(_) => return Err(FieldFault::new("is no text in base64").of_field(field.as_str())),
            None => return Err(FieldFault::new("is missing").of_field(field.as_str())),
        };
        let made = self.decoded(text).map_err(|fault| fault.of_field(field.as_str()))?;
        let value = match made {
            Payload::Json(json) => json.into_value(),
            Payload::Text(text) => text.into(),
            Payload::Bytes(_) => return Err(FieldFault::new("is bytes").of_field(field.as_str())),
        };
        field.set(json, value)
    }

    fn decoded(&self, text: &str) -> Result<Payload, FieldFault> {
        let bytes =
            STANDARD.decode(text.trim()).map_err(|_| FieldFault::new("is not base64").with_found(text))?;
        self.payload(&bytes)
    }

    fn whole(&self, payload: &Payload) -> Result<Payload, FieldFault> {
        match payload {
            Payload::Bytes(bytes) => self.payload(bytes),
            other => Err(FieldFault::new(format!(
                "is {}, not bytes; set `{}: bytes` under `source`",
                other.form(),
                self.of.side()
            ))),
        }
    }

    fn payload(&self, bytes: &[u8]) -> Result<Payload, FieldFault> {
        let bytes = self.decompressed(bytes)?;
        match self.into {
            Uncompressed::Bytes => Ok(Payload::Bytes(bytes)),
            Uncompressed::Text => match String::from_utf8(bytes.into()) {
                Ok(text) => Ok(Payload::Text(text)),
                Err(_) => Err(FieldFault::new("is not valid UTF-8 text once it is decompressed")),
            },
            Uncompressed::Json => match Json::parse(bytes) {
                Ok(json) => Ok(Payload::Json(json)),
                Err(error) => Err(FieldFault::new("is not valid JSON once it is decompressed")
                    .with_found(error.to_string())),
            },
        }
    }

    /// Reads no more than one byte beyond the limit, so that a small record cannot fill the memory.
    fn decompressed(&self, bytes: &[u8]) -> Result<Bytes, FieldFault> {
        let most = u64::try_from(self.max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        let mut made = Vec::new();
        let read = match self.codec {
            Codec::Gzip => MultiGzDecoder::new(bytes).take(most).read_to_end(&mut made),
            Codec::Zlib => ZlibDecoder::new(bytes).take(most).read_to_end(&mut made),
            Codec::Deflate => DeflateDecoder::new(bytes).take(most).read_to_end(&mut made),
        };
        if let Err(error) = read {
            let reason = format!("cannot be decompressed as {}: {error}", self.codec.name());
            return Err(FieldFault::new(reason));
        }
        if made.len() > self.max_bytes {
            return Err(FieldFault::new(format!(
                "is more than the {} bytes of `max_size` once it is decompressed",
                self.max_bytes
            )));
        }
        Ok(made.into())
    }
}
