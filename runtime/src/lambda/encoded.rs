//! Bytes as a Lambda event holds them.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sluice_connector_api::{Headers, Rejection};

/// Takes text without padding and with stray bits at its end, too: AWS's own sample of an event has these.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key or a value: base64 in a string. What is no base64 does not fail the event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Encoded {
    Bytes(Bytes),
    /// Its text as it came, and why it cannot be read.
    Unreadable(String, String),
}

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Encoded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 in a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Encoded, E> {
                Ok(match BASE64.decode(text) {
                    Ok(bytes) => Encoded::Bytes(bytes.into()),
                    Err(error) => Encoded::Unreadable(text.to_owned(), error.to_string()),
                })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The headers of a record: a list of maps from a name to the bytes of its value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EncodedHeaders {
    pub(super) headers: Headers,
    /// Why a value cannot be read, and what stands there instead.
    pub(super) unreadable: Option<Rejection>,
}

impl EncodedHeaders {
    fn push(&mut self, name: String, bytes: Option<Vec<i64>>) {
        let value = bytes.map(|bytes| bytes.into_iter().map(byte).collect::<Result<Vec<u8>, i64>>());
        match value.transpose() {
            Ok(value) => self.headers.push(name, value.map(Bytes::from)),
            Err(number) => {
                let reason = format!("header `{name}` holds a number that is not a byte");
                self.unreadable = Some(Rejection::new(reason).with_detail(number.to_string()));
            }
        }
    }
}

/// Java counts bytes from -128; others count up to 255.
fn byte(number: i64) -> Result<u8, i64> {
    i8::try_from(number).map(i8::cast_unsigned).or_else(|_| u8::try_from(number)).map_err(|_| number)
}

impl<'de> Deserialize<'de> for EncodedHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Maps;
        impl<'de> Visitor<'de> for Maps {
            type Value = EncodedHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of headers")
            }

            fn visit_unit<E: Error>(self) -> Result<EncodedHeaders, E> {
                Ok(EncodedHeaders::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut maps: A) -> Result<EncodedHeaders, A::Error> {
                let mut all = EncodedHeaders::default();
                while let Some(InOrder(entries)) = maps.next_element::<InOrder<Option<Vec<i64>>>>()? {
                    for (name, bytes) in entries {
                        all.push(name, bytes);
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_any(Maps)
    }
}

/// The entries of a map in the order written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InOrder<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(Vec<(String, T)>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<InOrder<T>, A::Error> {
                while let Some(entry) = map.next_entry()? {
                    self.0.push(entry);
                }
                Ok(InOrder(self.0))
            }
        }
        deserializer.deserialize_map(Entries(Vec::new()))
    }
}
