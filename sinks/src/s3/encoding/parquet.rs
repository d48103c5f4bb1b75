//! Rows of an Apache Parquet file, whose columns come from its first records.

use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};
use sluice_connector_api::Failure;

use crate::s3::encoding::misplaced::Misplaced;
use crate::s3::format::ObjectCompression;

/// The largest whole number up to which a double has each.
const MAX_EXACT: u64 = 1 << 53;
/// Records that the types of the columns come from.
const SAMPLE: usize = 1000;
/// Bytes of rows as JSON that are turned into columns at once.
const ROWS: usize = 1024 * 1024;
/// Bytes of columns that make a row group: what an open file takes in memory.
const ROW_GROUP: usize = 8 * 1024 * 1024;

/// The type of a column, or of what is nested in it. A field that is null or empty has none.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Boolean,
    Integer,
    /// A whole number that no double has: it shares a column with other whole numbers alone.
    LargeInteger,
    Double,
    Text,
    List(Box<Kind>),
    Object(Vec<(String, Kind)>),
}

/// One file under way.
pub(super) struct ParquetTable {
    compression: Compression,
    columns: Vec<(String, Kind)>,
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

    /// Adds a row, and returns its bytes as JSON.
    pub(super) fn push(&mut self, fields: &Map<String, Value>) -> Result<usize, Misplaced> {
        let kind = kind_of_fields(fields).map_err(Misplaced::Rejected)?;
        if kind.is_empty() {
            return Err(Misplaced::Rejected(Failure::rejected(
                "the value has no field that is not null or empty",
            )));
        }
        let columns = merge_fields(&self.columns, &kind).ok_or(Misplaced::OtherColumns)?;
        if self.writer.is_some() && !are_same_columns(&columns, &self.columns) {
            return Err(Misplaced::OtherColumns);
        }
        let before = self.rows.len();
        serde_json::to_writer(&mut self.rows, fields).map_err(|error| Misplaced::Rejected(failed(&error)))?;
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
    fn new(columns: &[(String, Kind)], compression: Compression) -> Result<Self, Failure> {
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

fn kind_of_fields(fields: &Map<String, Value>) -> Result<Vec<(String, Kind)>, Failure> {
    let mut kinds = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        if let Some(kind) = kind_of(value)? {
            kinds.push((name.clone(), kind));
        }
    }
    Ok(kinds)
}

fn kind_of(value: &Value) -> Result<Option<Kind>, Failure> {
    Ok(match value {
        Value::Null => None,
        Value::Bool(_) => Some(Kind::Boolean),
        Value::String(_) => Some(Kind::Text),
        Value::Number(number) if number.is_i64() => {
            let is_exact = number.as_i64().is_some_and(|number| number.unsigned_abs() <= MAX_EXACT);
            Some(if is_exact { Kind::Integer } else { Kind::LargeInteger })
        }
        Value::Number(number)
            if number.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') =>
        {
            let reason = "a whole number takes more than 64 bits; make it text with `cast`";
            return Err(Failure::rejected(reason));
        }
        Value::Number(number) if number.as_f64().is_some_and(f64::is_finite) => Some(Kind::Double),
        Value::Number(_) => {
            let reason = "a number is larger than a double can be; make it text with `cast`";
            return Err(Failure::rejected(reason));
        }
        Value::Array(items) => {
            let mut all: Option<Kind> = None;
            for item in items {
                all = match (all, kind_of(item)?) {
                    (Some(all), Some(kind)) => Some(merge(&all, &kind).ok_or_else(mixed)?),
                    (all, kind) => all.or(kind),
                };
            }
            all.map(|kind| Kind::List(Box::new(kind)))
        }
        Value::Object(fields) => {
            let fields = kind_of_fields(fields)?;
            (!fields.is_empty()).then_some(Kind::Object(fields))
        }
    })
}

fn mixed() -> Failure {
    Failure::rejected("a list holds values of different types, which no column holds")
}

/// Returns the kind that holds both; none where no column does.
fn merge(a: &Kind, b: &Kind) -> Option<Kind> {
    Some(match (a, b) {
        (Kind::Integer | Kind::Double, Kind::Double) | (Kind::Double, Kind::Integer) => Kind::Double,
        (Kind::LargeInteger, Kind::Integer) | (Kind::Integer, Kind::LargeInteger) => Kind::LargeInteger,
        (Kind::List(a), Kind::List(b)) => Kind::List(Box::new(merge(a, b)?)),
        (Kind::Object(a), Kind::Object(b)) => Kind::Object(merge_fields(a, b)?),
        (a, b) if a == b => a.clone(),
        _ => return None,
    })
}

fn merge_fields(a: &[(String, Kind)], b: &[(String, Kind)]) -> Option<Vec<(String, Kind)>> {
    let mut all = a.to_vec();
    for (name, kind) in b {
        match all.iter_mut().find(|(other, _)| other == name) {
            Some((_, known)) => *known = merge(known, kind)?,
            None => all.push((name.clone(), kind.clone())),
        }
    }
    Some(all)
}

/// Says whether columns are the same, however large their whole numbers are.
fn are_same_columns(a: &[(String, Kind)], b: &[(String, Kind)]) -> bool {
    let is_same =
        |((a, of_a), (b, of_b)): (&(String, Kind), &(String, Kind))| a == b && is_same_column(of_a, of_b);
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}

fn is_same_column(a: &Kind, b: &Kind) -> bool {
    let is_whole = |kind: &Kind| matches!(kind, Kind::Integer | Kind::LargeInteger);
    match (a, b) {
        (Kind::List(a), Kind::List(b)) => is_same_column(a, b),
        (Kind::Object(a), Kind::Object(b)) => are_same_columns(a, b),
        (a, b) => a == b || (is_whole(a) && is_whole(b)),
    }
}

fn arrow_fields(fields: &[(String, Kind)]) -> Fields {
    fields.iter().map(|(name, kind)| Field::new(name, arrow_type(kind), true)).collect()
}

fn arrow_type(kind: &Kind) -> DataType {
    match kind {
        Kind::Boolean => DataType::Boolean,
        Kind::Integer | Kind::LargeInteger => DataType::Int64,
        Kind::Double => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::List(items) => DataType::List(Arc::new(Field::new("item", arrow_type(items), true))),
        Kind::Object(fields) => DataType::Struct(arrow_fields(fields)),
    }
}
