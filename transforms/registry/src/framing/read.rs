//! Takes a record apart: which schema it names, and what is the payload.

use std::io::Read;

use bytes::Bytes;
use flate2::read::ZlibDecoder;
use sluice_connector_api::{ConverterContext, Headers, Side};
use uuid::Uuid;

use super::key::SchemaKey;
use crate::mapping::most_grown;

/// Who framed the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Confluent's serializers: `00` and the id, or `01` and the GUID, before the payload or in a header.
    Confluent,
    /// Apicurio's serializers: `00` and the id before the payload, or headers.
    Apicurio(ApicurioIds),
    /// The serializers of AWS Glue: `03`, the compression, and the version of the schema.
    Glue,
    /// Nobody: the payload stands alone.
    None,
    /// Avro's single-object encoding: `c3 01` and the fingerprint of the schema.
    SingleObject,
}

/// What the id before Apicurio's payloads is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ApicurioIds {
    pub(crate) kind: IdKind,
    /// 4 or 8.
    pub(crate) bytes: usize,
}

/// Which of Apicurio's ids a producer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdKind {
    Global,
    Content,
}

/// How a Protobuf payload's message is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageName {
    /// As that serializer does, before the payload.
    InPayload(Framing),
    /// By Confluent's list of indexes, which stands behind the GUID in the header.
    Indexes(Bytes),
    /// By its name in a header.
    Named(String),
}

/// A record, taken apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Framed {
    pub(crate) schema: SchemaKey,
    pub(crate) payload: Bytes,
    pub(crate) message: MessageName,
}

impl Framing {
    /// Takes bytes apart, or says what is wrong with them.
    pub(crate) fn read(self, bytes: &Bytes, context: &ConverterContext<'_>) -> Result<Framed, String> {
        if let Some(framed) = self.stripped(bytes, context) {
            return framed;
        }
        match self {
            Self::Confluent => confluent(bytes, context),
            Self::Apicurio(ids) => apicurio(ids, bytes, context),
            Self::Glue => glue(bytes),
            Self::None => {
                Ok(Framed { schema: SchemaKey::Files, payload: bytes.clone(), message: self.in_payload() })
            }
            Self::SingleObject => single_object(bytes),
        }
    }

    fn in_payload(self) -> MessageName {
        MessageName::InPayload(self)
    }

    /// Reads what an event source mapping has taken the prefix off, and named in its metadata instead.
    fn stripped(self, bytes: &Bytes, context: &ConverterContext<'_>) -> Option<Result<Framed, String>> {
        let id = context.schema?.id.as_deref()?;
        let schema = match self {
            Self::Confluent => id.parse().ok().map(SchemaKey::Id),
            Self::Glue => id.parse().ok().map(SchemaKey::GlueVersion),
            Self::Apicurio(_) | Self::None | Self::SingleObject => return None,
        };
        let schema = schema.ok_or_else(|| {
            "the event source mapping names a schema of another registry; set the `registry` of the mapping"
                .to_owned()
        });
        let message = self.in_payload();
        Some(schema.map(|schema| Framed { schema, payload: bytes.clone(), message }))
    }
}

fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a Bytes> {
    headers.last(name).and_then(|header| header.value.as_ref())
}

fn confluent(bytes: &Bytes, context: &ConverterContext<'_>) -> Result<Framed, String> {
    let name = match context.side {
        Side::Key => "__key_schema_id",
        Side::Value => "__value_schema_id",
    };
    if let Some(value) = header(context.headers, name) {
        let (schema, indexes) =
            confluent_id(value).ok_or_else(|| format!("the header `{name}` holds no id of a schema"))?;
        return Ok(Framed { schema, payload: bytes.clone(), message: MessageName::Indexes(indexes) });
    }
    let (schema, payload) =
        confluent_id(bytes).ok_or_else(|| unframed(bytes, context.side, "Confluent's"))?;
    Ok(Framed { schema, payload, message: Framing::Confluent.in_payload() })
}

/// Reads `00` and four bytes of an id, or `01` and a GUID. Returns what stands behind it, too.
fn confluent_id(bytes: &Bytes) -> Option<(SchemaKey, Bytes)> {
    match bytes.first()? {
        0 => {
            let id = bytes.get(1..5)?.try_into().ok()?;
            Some((SchemaKey::Id(u32::from_be_bytes(id)), bytes.slice(5..)))
        }
        1 => {
            let guid = bytes.get(1..17)?.try_into().ok()?;
            Some((SchemaKey::Guid(Uuid::from_bytes(guid)), bytes.slice(17..)))
        }
        _ => None,
    }
}

fn apicurio(ids: ApicurioIds, bytes: &Bytes, context: &ConverterContext<'_>) -> Result<Framed, String> {
    let side = context.side;
    let named = |what: &str| header(context.headers, &format!("apicurio.{side}.{what}"));
    let number = |what: &str| {
        let value = named(what)?;
        let read = <[u8; 8]>::try_from(value.as_ref()).map(i64::from_be_bytes);
        Some(read.map_err(|_| format!("the header `apicurio.{side}.{what}` does not hold eight bytes")))
    };
    let in_header = match (number("globalId"), number("contentId")) {
        (Some(id), _) => Some(SchemaKey::GlobalId(id?)),
        (None, Some(id)) => Some(SchemaKey::ContentId(id?)),
        (None, None) => None,
    };
    let Some(schema) = in_header else { return apicurio_payload(ids, bytes, side) };
    let name = named("messageType").and_then(|name| std::str::from_utf8(name).ok());
    let message = match name {
        Some(name) => MessageName::Named(name.to_owned()),
        None => Framing::Apicurio(ids).in_payload(),
    };
    Ok(Framed { schema, payload: bytes.clone(), message })
}

fn apicurio_payload(ids: ApicurioIds, bytes: &Bytes, side: Side) -> Result<Framed, String> {
    let start = 1 + ids.bytes;
    let id = match (bytes.first(), bytes.get(1..start)) {
        (Some(0), Some(id)) => id.iter().fold(0_i64, |id, byte| id << 8 | i64::from(*byte)),
        _ => return Err(unframed(bytes, side, "Apicurio's")),
    };
    let schema = match ids.kind {
        IdKind::Global => SchemaKey::GlobalId(id),
        IdKind::Content => SchemaKey::ContentId(id),
    };
    Ok(Framed { schema, payload: bytes.slice(start..), message: Framing::Apicurio(ids).in_payload() })
}

fn glue(bytes: &Bytes) -> Result<Framed, String> {
    let (compression, version) = match (bytes.first(), bytes.get(1), bytes.get(2..18)) {
        (Some(3), Some(compression), Some(version)) => (*compression, version),
        _ => {
            return Err(
                "it does not begin as what AWS Glue's serializers write: `03` and 17 more bytes".to_owned()
            );
        }
    };
    let schema = SchemaKey::GlueVersion(Uuid::from_slice(version).map_err(|error| error.to_string())?);
    let payload = match compression {
        0 => bytes.slice(18..),
        5 => inflate(&bytes.slice(18..))?,
        other => return Err(format!("its compression is {other:#04x}, and AWS Glue has 0x00 and 0x05")),
    };
    Ok(Framed { schema, payload, message: Framing::Glue.in_payload() })
}

/// Unpacks no more than a record may grow to.
fn inflate(packed: &[u8]) -> Result<Bytes, String> {
    let most = most_grown(packed.len());
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut payload = Vec::new();
    let read = ZlibDecoder::new(packed).take(limit).read_to_end(&mut payload);
    read.map_err(|_| "its payload is not valid zlib".to_owned())?;
    if payload.len() > most {
        return Err(format!("its payload unpacks to more than {most} bytes"));
    }
    Ok(payload.into())
}

fn single_object(bytes: &Bytes) -> Result<Framed, String> {
    let fingerprint = bytes.strip_prefix(&[0xc3, 0x01]).and_then(|rest| rest.first_chunk());
    let fingerprint = fingerprint
        .ok_or("it does not begin as Avro's single-object encoding does: `c3 01` and a fingerprint")?;
    Ok(Framed {
        schema: SchemaKey::Fingerprint(u64::from_le_bytes(*fingerprint)),
        payload: bytes.slice(10..),
        message: Framing::SingleObject.in_payload(),
    })
}

/// Says what is wrong with bytes that no serializer of a registry wrote, and what they may be.
fn unframed(bytes: &Bytes, side: Side, whose: &str) -> String {
    let looks = match bytes.first() {
        None => "it is empty",
        Some(b'{' | b'[') => "it looks like JSON, for which there is `json`",
        Some(3) if bytes.len() > 18 => "it looks like a record of AWS Glue; set `registry: { glue: {} }`",
        Some(0) => "it is too short for the id of a schema",
        Some(_) => "no zero byte stands before it",
    };
    format!("the {side} is not as {whose} serializers write it: {looks}")
}
