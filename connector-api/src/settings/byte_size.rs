//! Sizes as an operator writes them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A number of bytes, written as `64MiB`, `5.5 MB` or a plain number.
///
/// `KB`, `MB`, `GB` count in thousands, `KiB`, `MiB`, `GiB` in 1024s.
///
/// ```
/// use sluice_connector_api::ByteSize;
///
/// let size: ByteSize = serde_json::from_str(r#""64 MiB""#)?;
/// assert_eq!(size.bytes(), 64 * 1024 * 1024);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(usize);

impl ByteSize {
    /// The largest size that a setting may have: one that nobody means, and that may still be counted with.
    pub const LARGEST: Self = Self::mib(1024 * 1024 * 1024);

    /// Makes a size of so many bytes.
    pub const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Makes a size of so many times 1024 * 1024 bytes.
    pub const fn mib(count: usize) -> Self {
        Self(count * 1024 * 1024)
    }

    /// Returns the bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % 1024 != 0 || bytes == 0 => write!(f, "{bytes}"),
            bytes if bytes % (1024 * 1024) != 0 => write!(f, "{}KiB", bytes / 1024),
            bytes => write!(f, "{}MiB", bytes / 1024 / 1024),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size in bytes, such as 64MiB")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                match text.parse::<bytesize::ByteSize>() {
                    Ok(size) => within(size.as_u64()).ok_or_else(|| too_large(text)),
                    Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                        Err(too_large(text))
                    }
                    Err(_) => Err(E::custom(format!("`{text}` is no size; write it like 64MiB"))),
                }
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                within(bytes).ok_or_else(|| too_large(bytes))
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

fn within(bytes: u64) -> Option<ByteSize> {
    usize::try_from(bytes).ok().map(ByteSize).filter(|size| *size <= ByteSize::LARGEST)
}

fn too_large<E: de::Error>(found: impl fmt::Display) -> E {
    E::custom(format!("is at most 1024TiB, found `{found}`"))
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A size in bytes, such as 64MiB, 5.5MB or 1000.",
            "type": ["string", "integer"],
            "format": "byte-size",
            "minimum": 0,
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]i?)?[bB]?\s*$",
            "patternErrorMessage": "a size in bytes, such as 64MiB, 5.5MB or 1000",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<usize, String> {
        serde_json::from_str::<ByteSize>(json).map(ByteSize::bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        assert_eq!(read(r#""5.5 MB""#), Ok(5_500_000));
        assert_eq!(read(r#""5MiB""#), Ok(5 * 1024 * 1024));
        assert_eq!(read(r#""1000""#), Ok(1000));
        assert_eq!(read("1000"), Ok(1000));
    }

    #[test]
    fn what_is_no_size_says_how_to_write_one() {
        assert!(read(r#""lots""#).is_err_and(|error| error.contains("write it like 64MiB")));
        assert!(read("-1").is_err());
    }

    #[test]
    fn a_size_beyond_all_bounds_is_refused_with_the_bound() {
        assert_eq!(read(r#""1024TiB""#), Ok(ByteSize::LARGEST.bytes()));
        for size in
            [r#""1025TiB""#, r#""99999999TiB""#, r#""99999999999999999999999999""#, "18446744073709551615"]
        {
            assert!(read(size).is_err_and(|error| error.contains("is at most 1024TiB")), "{size}");
        }
    }

    #[test]
    fn a_size_is_shown_in_a_form_that_reads_back() {
        for size in [ByteSize::new(0), ByteSize::new(1000), ByteSize::new(2048), ByteSize::mib(64)] {
            assert_eq!(read(&format!("\"{size}\"")), Ok(size.bytes()));
        }
    }
}
