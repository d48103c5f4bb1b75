//! Rows of an Apache Parquet file, whose columns come from its first records, and from the schema that these were read by.
//!
//! `columns` says which columns there are, `scalars` has those of types that JSON does not know, and `rows` writes what becomes
//! columns.

mod columns;
mod rows;
mod scalars;

use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::Schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};
use sluice_connector_api::{Failure, SchemaType};

use self::columns::{KindFields, are_same_columns, arrow_fields, kinds_of_row, levels, merge_fields};
use self::rows::write_row;
use crate::s3::encoding::misplaced::Misplaced;
use crate::s3::format::ObjectCompression;

/// Records that the types of the columns come from.
const SAMPLE: usize = 1000;
/// Bytes of rows as JSON that are turned into columns at once.
const ROWS: usize = 1024 * 1024;
/// Bytes of columns that make a row group: what an open file takes in memory.
const ROW_GROUP: usize = 8 * 1024 * 1024;

/// How deep a column may be nested. The library of Arrow reads no file of a few dozen levels, and writes one with that much more of the
/// thread's stack.
const MOST_LEVELS: usize = 20;

/// One file under way.
pub(super) struct ParquetTable {
    compression: Compression,
    columns: KindFields,
    /// Rows that are no columns yet, as JSON.
    rows: Vec<u8>,
    /// How many of them there are while the columns are not known.
    sampled: usize,
    writer: Option<ColumnWriter>,
}

struct ColumnWriter {
    decoder: Decoder,
    file: ArrowWriter<Vec<u8>>,
}

impl ParquetTable {
    pub(super) fn new(compression: ObjectCompression) -> Self {
        let compression = match compression {
            ObjectCompression::Zstd => Compression::ZSTD(ZstdLevel::default()),
            ObjectCompression::None | ObjectCompression::Gzip => Compression::UNCOMPRESSED,
        };
        Self { compression, columns: Vec::new(), rows: Vec::new(), sampled: 0, writer: None }
    }

    /// Adds a row of which a schema may say something, and returns its bytes as JSON.
    pub(super) fn push(
        &mut self,
        fields: &Map<String, Value>,
        of: Option<&SchemaType>,
    ) -> Result<usize, Misplaced> {
        let kind = kinds_of_row(fields, of).map_err(Misplaced::Rejected)?;
        if kind.is_empty() {
            return Err(Misplaced::Rejected(Failure::rejected(
                "the value has no field that is not null or empty",
            )));
        }
        if levels(&kind) > MOST_LEVELS {
            return Err(Misplaced::Rejected(Failure::rejected(format!(
                "a field is nested deeper than {MOST_LEVELS} levels, which readers do not take; make it text with `jq` (`tojson`)"
            ))));
        }
        let columns = merge_fields(&self.columns, &kind).ok_or(Misplaced::OtherColumns)?;
        if self.writer.is_some() && !are_same_columns(&columns, &self.columns) {
            return Err(Misplaced::OtherColumns);
        }
        let before = self.rows.len();
        write_row(&mut self.rows, fields, &kind).map_err(|error| Misplaced::Rejected(failed(&error)))?;
        let added = self.rows.len() - before;
        self.columns = columns;
        self.sampled += 1;
        if self.rows.len() >= ROWS || (self.writer.is_none() && self.sampled >= SAMPLE) {
            self.write_rows().map_err(Misplaced::Rejected)?;
        }
        Ok(added)
    }

    /// Turns rows into columns.
    fn write_rows(&mut self) -> Result<(), Failure> {
        if self.writer.is_none() {
            self.writer = Some(ColumnWriter::new(&self.columns, self.compression)?);
        }
        let Some(ColumnWriter { decoder, file }) = &mut self.writer else { return Ok(()) };
        let mut rows = self.rows.as_slice();
        while !rows.is_empty() {
            let read = decoder.decode(rows).map_err(|error| failed(&error))?;
            if read == 0 {
                return Err(failed(&"its rows cannot be read"));
            }
            if let Some(batch) = decoder.flush().map_err(|error| failed(&error))? {
                file.write(&batch).map_err(|error| failed(&error))?;
            }
            rows = rows.get(read..).unwrap_or_default();
        }
        self.rows.clear();
        if file.in_progress_size() >= ROW_GROUP {
            file.flush().map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    pub(super) fn held(&self) -> usize {
        self.rows.len() + self.writer.as_ref().map_or(0, |writer| writer.file.memory_size())
    }

    /// Takes the bytes of the file that are ready.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.writer.as_mut().map(|writer| std::mem::take(writer.file.inner_mut())).unwrap_or_default()
    }

    /// Ends the file, and returns the rest of it.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, Failure> {
        self.write_rows()?;
        let Some(writer) = self.writer.take() else { return Ok(Vec::new()) };
        writer.file.into_inner().map_err(|error| failed(&error))
    }
}

impl ColumnWriter {
    fn new(columns: &KindFields, compression: Compression) -> Result<Self, Failure> {
        let schema = Arc::new(Schema::new(arrow_fields(columns)));
        let decoder =
            ReaderBuilder::new(Arc::clone(&schema)).build_decoder().map_err(|error| failed(&error))?;
        let properties = WriterProperties::builder().set_compression(compression).build();
        let file =
            ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|error| failed(&error))?;
        Ok(Self { decoder, file })
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::fatal(format!("a Parquet file cannot be written: {error}"))
}
