//! Rows as the JSON that is turned into columns.

use serde_json::{Map, Value};

use super::columns::{KindFields, ParquetKind};
use super::scalars::double;

/// Writes a row, each value as its column takes it.
pub(super) fn write_row(
    out: &mut Vec<u8>,
    fields: &Map<String, Value>,
    kinds: &KindFields,
) -> serde_json::Result<()> {
    out.push(b'{');
    let mut comma = false;
    for (index, (name, value)) in fields.iter().enumerate() {
        if comma {
            out.push(b',');
        }
        comma = true;
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        // Most rows have their fields in the order of the columns.
        let here = kinds.get(index).filter(|(column, _)| column == name);
        let found = here.or_else(|| kinds.iter().find(|(column, _)| column == name));
        write_value(out, value, found.map(|(_, kind)| kind))?;
    }
    out.push(b'}');
    Ok(())
}

fn write_value(out: &mut Vec<u8>, value: &Value, kind: Option<&ParquetKind>) -> serde_json::Result<()> {
    let written = match (kind, value) {
        (Some(ParquetKind::Scalar(scalar)), value) => scalar.cell(value),
        (Some(ParquetKind::Double), Value::String(_)) => double(value),
        (Some(ParquetKind::Text), Value::Number(_) | Value::Bool(_)) => Some(format!("\"{value}\"")),
        (Some(ParquetKind::Object(kinds)), Value::Object(fields)) => return write_row(out, fields, kinds),
        (Some(ParquetKind::Map(kind)), Value::Object(fields)) => return write_map(out, fields, kind),
        (Some(ParquetKind::List(kind)), Value::Array(items)) => return write_list(out, items, kind),
        _ => None,
    };
    match written {
        Some(text) => {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
        None => serde_json::to_writer(out, value),
    }
}

fn write_map(out: &mut Vec<u8>, fields: &Map<String, Value>, kind: &ParquetKind) -> serde_json::Result<()> {
    out.push(b'{');
    let mut comma = false;
    for (name, value) in fields {
        if comma {
            out.push(b',');
        }
        comma = true;
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        write_value(out, value, Some(kind))?;
    }
    out.push(b'}');
    Ok(())
}

fn write_list(out: &mut Vec<u8>, items: &[Value], kind: &ParquetKind) -> serde_json::Result<()> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(out, item, Some(kind))?;
    }
    out.push(b']');
    Ok(())
}
