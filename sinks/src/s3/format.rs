//! What objects hold, and how it is packed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::TombstoneFate;

use crate::record::lines::LineFormat;

/// What a program says that was built without the feature `parquet`.
#[cfg(not(feature = "parquet"))]
pub(super) const NO_PARQUET: &str = "this program was built without `parquet`; take another `format`";

/// What objects hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectFormat {
    /// A JSON object per line, with the whole record: see the sink `file`.
    #[default]
    JsonLines,
    /// The value's bytes and a line feed. Tombstones are rejected, and line feeds within a value stay as they are.
    Raw,
    /// Comma-separated values (RFC 4180) with a line of names: the fields of the value, a JSON object, by `columns`, or by
    /// the schema that the object's first record was read by, or by that record. What is nested is JSON; null and missing fields are
    /// empty.
    Csv,
    /// Apache Parquet: the fields of the value, a JSON object, as columns. Where the converter reads by a schema (`avro`, `protobuf`,
    /// `json_schema`, `connect_json`), the columns are those of the schema, with its types: whole numbers of 8 to 64 bits, `FLOAT`,
    /// `DECIMAL`, `BYTE_ARRAY` for bytes, `DATE`, `TIME`, `TIMESTAMP`, maps, lists and structs, whether the first records have a value
    /// for them or not. All others, such as those that a transform made or changed, get the types that the object's first 1000
    /// records show: whole numbers are `INT64`, others `DOUBLE`; objects and lists are nested. A record that has other columns begins
    /// another object. Compressed within, with `zstd` if at all.
    Parquet,
}

impl ObjectFormat {
    /// Returns what names of objects end in, and the content type.
    pub(super) fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::JsonLines => ("jsonl", "application/x-ndjson"),
            Self::Raw => ("txt", "application/octet-stream"),
            Self::Csv => ("csv", "text/csv"),
            Self::Parquet => ("parquet", "application/vnd.apache.parquet"),
        }
    }

    /// Says what becomes of tombstones.
    pub(super) fn fate(self) -> TombstoneFate {
        match self.lines() {
            Some(lines) => lines.fate(),
            None => TombstoneFate::rejected("set `format: json_lines` there"),
        }
    }

    /// Returns how it writes lines, if it does.
    pub(super) fn lines(self) -> Option<LineFormat> {
        match self {
            Self::JsonLines => Some(LineFormat::JsonLines),
            Self::Raw => Some(LineFormat::Raw),
            Self::Csv | Self::Parquet => None,
        }
    }
}

/// Compression of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectCompression {
    /// None.
    #[default]
    None,
    /// gzip (RFC 1952); names end in `.gz`.
    Gzip,
    /// Zstandard (RFC 8878); names end in `.zst`. Parquet is compressed within, and keeps its name.
    Zstd,
}
