//! Records as the bytes of one object, packed as they come.

mod csv;
pub(super) mod misplaced;
mod packing;
#[cfg(feature = "parquet")]
mod parquet;

use bytes::Bytes;
use serde_json::{Map, Value};
use sluice_connector_api::{Failure, Payload, Record, SchemaType};

use crate::record::lines::LineFormat;
use crate::s3::encoding::csv::CsvTable;
use crate::s3::encoding::misplaced::Misplaced;
use crate::s3::encoding::packing::Packer;
#[cfg(feature = "parquet")]
use crate::s3::encoding::parquet::ParquetTable;
use crate::s3::format::{ObjectCompression, ObjectFormat};

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
            ObjectFormat::Parquet => return Err(Failure::fatal(crate::s3::format::NO_PARQUET)),
            #[cfg(feature = "parquet")]
            ObjectFormat::Parquet => {
                (Rows::Parquet(Box::new(ParquetTable::new(compression))), ObjectCompression::None)
            }
        };
        Ok(Self { rows, packer: Packer::new(outer)?, length: 0 })
    }

    /// Adds a record. One that is unfit changes nothing.
    pub(super) fn push(&mut self, record: &Record) -> Result<(), Misplaced> {
        let added = match &mut self.rows {
            Rows::Lines(format) => {
                let mut line = format.line(record).map_err(Misplaced::Rejected)?;
                line.push(b'\n');
                self.packer.write(&line).map_err(Misplaced::Rejected)?;
                line.len()
            }
            Rows::Csv(table) => {
                let (fields, of) = fields_of(record)?;
                let lines = table.lines(fields, of)?;
                self.packer.write(&lines).map_err(Misplaced::Rejected)?;
                lines.len()
            }
            #[cfg(feature = "parquet")]
            Rows::Parquet(table) => {
                let (fields, of) = fields_of(record)?;
                let added = table.push(fields, of)?;
                self.packer.write(&table.take()).map_err(Misplaced::Rejected)?;
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

/// Returns the fields of a record's value, and what a schema says of them.
fn fields_of(record: &Record) -> Result<(&Map<String, Value>, Option<&SchemaType>), Misplaced> {
    if let Some(Payload::Json(json)) = &record.value
        && let Value::Object(fields) = json.value()
    {
        return Ok((fields, json.schema_type()));
    }
    let form = record.value.as_ref().map_or("a tombstone", Payload::form);
    Err(Misplaced::Rejected(Failure::rejected(format!(
        "the value is {form}, and a row takes a JSON object; read JSON with `source.value`, and drop tombstones with a `filter`"
    ))))
}
