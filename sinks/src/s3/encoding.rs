//! Records as the bytes of one object, packed as they come.

mod csv;
mod packing;
#[cfg(feature = "parquet")]
mod parquet;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Failure, Payload, Record};

use crate::record::lines::LineFormat;
use crate::s3::encoding::csv::CsvTable;
use crate::s3::encoding::packing::Packer;
#[cfg(feature = "parquet")]
use crate::s3::encoding::parquet::ParquetTable;
use crate::s3::settings::ObjectCompression;

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
    /// the object's first record. What is nested is JSON; null and missing fields are empty.
    Csv,
    /// Apache Parquet: the fields of the value, a JSON object, as columns, with the types that the object's first 1000 records
    /// have. Whole numbers are `INT64`, others `DOUBLE`; objects and lists are nested. Compressed within, with `zstd` if at all.
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

    /// Returns how it writes lines, if it does.
    pub(super) fn lines(self) -> Option<LineFormat> {
        match self {
            Self::JsonLines => Some(LineFormat::JsonLines),
            Self::Raw => Some(LineFormat::Raw),
            Self::Csv | Self::Parquet => None,
        }
    }
}

/// Why a record does not go into an object.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It goes into none.
    Rejected(Failure),
    /// It has other columns than the records before it: another object begins with it.
    OtherColumns,
}

/// The records of one object.
pub(super) struct Encoding {
    rows: Rows,
    packer: Packer,
    /// Bytes that records made, before compression.
    length: u64,
}

enum Rows {
    Lines(LineFormat),
    Csv(CsvTable),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetTable>),
}

impl Encoding {
    /// Begins an object. `columns` are those of CSV, where they are given.
    pub(super) fn new(
        format: ObjectFormat,
        compression: ObjectCompression,
        columns: Option<&[String]>,
    ) -> Result<Self, Failure> {
        let (rows, outer) = match format {
            ObjectFormat::JsonLines => (Rows::Lines(LineFormat::JsonLines), compression),
            ObjectFormat::Raw => (Rows::Lines(LineFormat::Raw), compression),
            ObjectFormat::Csv => (Rows::Csv(CsvTable::new(columns)), compression),
            #[cfg(not(feature = "parquet"))]
            ObjectFormat::Parquet => return Err(Failure::fatal(NO_PARQUET)),
            #[cfg(feature = "parquet")]
            ObjectFormat::Parquet => {
                (Rows::Parquet(Box::new(ParquetTable::new(compression))), ObjectCompression::None)
            }
        };
        Ok(Self { rows, packer: Packer::new(outer)?, length: 0 })
    }

    /// Adds a record. One that is unfit changes nothing.
    pub(super) fn push(&mut self, record: &Record) -> Result<(), Unfit> {
        let added = match &mut self.rows {
            Rows::Lines(format) => {
                let mut line = format.line(record).map_err(Unfit::Rejected)?;
                line.push(b'\n');
                self.packer.write(&line).map_err(Unfit::Rejected)?;
                line.len()
            }
            Rows::Csv(table) => {
                let lines = table.lines(fields_of(record)?)?;
                self.packer.write(&lines).map_err(Unfit::Rejected)?;
                lines.len()
            }
            #[cfg(feature = "parquet")]
            Rows::Parquet(table) => {
                let added = table.push(fields_of(record)?)?;
                self.packer.write(&table.take()).map_err(Unfit::Rejected)?;
                added
            }
        };
        self.length += added as u64;
        Ok(())
    }

    /// Returns the bytes that records made, before compression.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the bytes that it takes in memory.
    pub(super) fn held(&self) -> usize {
        let rows = match &self.rows {
            Rows::Lines(_) | Rows::Csv(_) => 0,
            #[cfg(feature = "parquet")]
            Rows::Parquet(table) => table.held(),
        };
        rows + self.packer.len()
    }

    /// Returns how many bytes of the object are ready.
    pub(super) fn ready(&self) -> usize {
        self.packer.len()
    }

    /// Takes what is ready.
    pub(super) fn take(&mut self) -> Bytes {
        self.packer.take()
    }

    /// Ends the object: all of it is ready then. Called once.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        #[cfg(feature = "parquet")]
        if let Rows::Parquet(table) = &mut self.rows {
            let rest = table.finish()?;
            self.packer.write(&rest)?;
        }
        self.packer.finish()
    }
}

/// Returns the fields of a record's value.
fn fields_of(record: &Record) -> Result<&serde_json::Map<String, serde_json::Value>, Unfit> {
    let value = record.value.as_ref().and_then(Payload::as_json);
    value.and_then(serde_json::Value::as_object).ok_or_else(|| {
        let form = record.value.as_ref().map_or("a tombstone", Payload::form);
        Unfit::Rejected(Failure::rejected(format!(
            "the value is {form}, and a row takes a JSON object; read JSON with `source.value`, and drop tombstones with a \
             `filter`"
        )))
    })
}
