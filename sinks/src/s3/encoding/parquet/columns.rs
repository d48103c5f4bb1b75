//! Which columns records have: those of their schema, and what their values show.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields};
use serde_json::{Map, Value};
use sluice_connector_api::{Failure, SchemaFields, SchemaType};

use super::scalars::{ColumnScalar, double};

/// The largest whole number up to which a double has each.
const MAX_EXACT: u64 = 1 << 53;

/// The type of a column, or of what is nested in it. A field that is null or empty, and of which no schema says anything, has none.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ParquetKind {
    Boolean,
    Integer,
    /// A whole number that no double has: it shares a column with other whole numbers alone.
    LargeInteger,
    Double,
    Text,
    /// What a schema says, and no value could show.
    Scalar(ColumnScalar),
    List(Box<ParquetKind>),
    Map(Box<ParquetKind>),
    Object(KindFields),
}

/// Columns by their names.
pub(super) type KindFields = Vec<(String, ParquetKind)>;

/// Returns the columns of a row: those of its schema, whether it has a value for them or not, and those that its other fields show.
pub(super) fn kinds_of_row(
    fields: &Map<String, Value>,
    of: Option<&SchemaType>,
) -> Result<KindFields, Failure> {
    match of {
        Some(SchemaType::Object(types)) => kinds_by(fields, types),
        _ => kinds_of_fields(fields),
    }
}

fn kinds_by(fields: &Map<String, Value>, types: &SchemaFields) -> Result<KindFields, Failure> {
    let mut kinds = Vec::with_capacity(fields.len());
    for (name, of) in types.iter() {
        let value = fields.get(name).unwrap_or(&Value::Null);
        if let Some(kind) = kind_by(of, value)? {
            kinds.push((name.to_owned(), kind));
        }
    }
    for (name, value) in fields {
        if types.get(name).is_none()
            && let Some(kind) = kind_of(value)?
        {
            kinds.push((name.clone(), kind));
        }
    }
    Ok(kinds)
}

fn kinds_of_fields(fields: &Map<String, Value>) -> Result<KindFields, Failure> {
    let mut kinds = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        if let Some(kind) = kind_of(value)? {
            kinds.push((name.clone(), kind));
        }
    }
    Ok(kinds)
}

/// Returns the kind that the schema gives a value, or what the value shows where it is none of its type.
fn kind_by(of: &SchemaType, value: &Value) -> Result<Option<ParquetKind>, Failure> {
    match (of, value) {
        (_, Value::Null) => Ok(kind_of_type(of)),
        (SchemaType::Object(types), Value::Object(fields)) => {
            let kinds = kinds_by(fields, types)?;
            Ok((!kinds.is_empty()).then_some(ParquetKind::Object(kinds)))
        }
        (SchemaType::List(of), Value::Array(items)) => {
            Ok(all_by(of, items.iter())?.map(|kind| ParquetKind::List(Box::new(kind))))
        }
        (SchemaType::Map(of), Value::Object(fields)) if kind_of_type(of).is_some() => {
            match all_by(of, fields.values()) {
                Ok(kind) => Ok(kind.map(|kind| ParquetKind::Map(Box::new(kind)))),
                // Its values are of several types, and the schema says of one: an object by what it shows.
                Err(_) => kind_of(value),
            }
        }
        // What the value shows is whether a double has it, too.
        (SchemaType::Integer(64), _) => kind_of(value),
        _ if is_of(of, value) => Ok(kind_of_type(of)),
        _ => kind_of(value),
    }
}

/// Returns the kind of all items of a list.
fn all_by<'a>(
    of: &SchemaType,
    items: impl Iterator<Item = &'a Value>,
) -> Result<Option<ParquetKind>, Failure> {
    let mut all = kind_of_type(of);
    for item in items {
        all = match (all, kind_by(of, item)?) {
            (Some(all), Some(kind)) => Some(merge(&all, &kind).ok_or_else(mixed)?),
            (all, kind) => all.or(kind),
        };
    }
    Ok(all)
}

/// Returns the kind of a type, which holds any value of it.
fn kind_of_type(of: &SchemaType) -> Option<ParquetKind> {
    if let Some(scalar) = ColumnScalar::of(of) {
        return Some(ParquetKind::Scalar(scalar));
    }
    Some(match of {
        SchemaType::Boolean => ParquetKind::Boolean,
        SchemaType::Integer(_) => ParquetKind::Integer,
        SchemaType::Double => ParquetKind::Double,
        SchemaType::Text | SchemaType::Uuid => ParquetKind::Text,
        SchemaType::List(items) => ParquetKind::List(Box::new(kind_of_type(items)?)),
        SchemaType::Map(values) => ParquetKind::Map(Box::new(kind_of_type(values)?)),
        SchemaType::Object(types) => {
            let mut kinds = Vec::new();
            for (name, of) in types.iter() {
                kinds.extend(kind_of_type(of).map(|kind| (name.to_owned(), kind)));
            }
            if kinds.is_empty() {
                return None;
            }
            ParquetKind::Object(kinds)
        }
        _ => return None,
    })
}

/// Says whether a scalar is of a type, as far as its column minds.
fn is_of(of: &SchemaType, value: &Value) -> bool {
    match of {
        SchemaType::Boolean => value.is_boolean(),
        SchemaType::Double => double(value).is_some(),
        // Such as the number of an enum's symbol that the schema does not have.
        SchemaType::Text | SchemaType::Uuid => !matches!(value, Value::Array(_) | Value::Object(_)),
        _ => ColumnScalar::of(of).is_some_and(|scalar| scalar.cell(value).is_some()),
    }
}

fn kind_of(value: &Value) -> Result<Option<ParquetKind>, Failure> {
    Ok(match value {
        Value::Null => None,
        Value::Bool(_) => Some(ParquetKind::Boolean),
        Value::String(_) => Some(ParquetKind::Text),
        Value::Number(number) if number.is_i64() => {
            let is_exact = number.as_i64().is_some_and(|number| number.unsigned_abs() <= MAX_EXACT);
            Some(if is_exact { ParquetKind::Integer } else { ParquetKind::LargeInteger })
        }
        Value::Number(number)
            if number.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') =>
        {
            let reason = "a whole number takes more than 64 bits; make it text with `cast`";
            return Err(Failure::rejected(reason));
        }
        Value::Number(number) if number.as_f64().is_some_and(f64::is_finite) => Some(ParquetKind::Double),
        Value::Number(_) => {
            let reason = "a number is larger than a double can be; make it text with `cast`";
            return Err(Failure::rejected(reason));
        }
        Value::Array(items) => {
            let mut all: Option<ParquetKind> = None;
            for item in items {
                all = match (all, kind_of(item)?) {
                    (Some(all), Some(kind)) => Some(merge(&all, &kind).ok_or_else(mixed)?),
                    (all, kind) => all.or(kind),
                };
            }
            all.map(|kind| ParquetKind::List(Box::new(kind)))
        }
        Value::Object(fields) => {
            let fields = kinds_of_fields(fields)?;
            (!fields.is_empty()).then_some(ParquetKind::Object(fields))
        }
    })
}

fn mixed() -> Failure {
    Failure::rejected("a list holds values of different types, which no column holds")
}

/// Returns the kind that holds both; none where no column does.
fn merge(a: &ParquetKind, b: &ParquetKind) -> Option<ParquetKind> {
    Some(match (a, b) {
        (ParquetKind::Integer | ParquetKind::Double, ParquetKind::Double)
        | (ParquetKind::Double, ParquetKind::Integer) => ParquetKind::Double,
        (ParquetKind::LargeInteger, ParquetKind::Integer)
        | (ParquetKind::Integer, ParquetKind::LargeInteger) => ParquetKind::LargeInteger,
        (ParquetKind::List(a), ParquetKind::List(b)) => ParquetKind::List(Box::new(merge(a, b)?)),
        (ParquetKind::Map(a), ParquetKind::Map(b)) => ParquetKind::Map(Box::new(merge(a, b)?)),
        (ParquetKind::Object(a), ParquetKind::Object(b)) => ParquetKind::Object(merge_fields(a, b)?),
        (a, b) if a == b => a.clone(),
        _ => return None,
    })
}

/// Returns the columns that hold both, those of the first one in front.
pub(super) fn merge_fields(a: &[(String, ParquetKind)], b: &[(String, ParquetKind)]) -> Option<KindFields> {
    let mut all = a.to_vec();
    for (index, (name, kind)) in b.iter().enumerate() {
        // Most rows have the same fields in the same order.
        let is_there = all.get(index).is_some_and(|(other, _)| other == name);
        let known =
            if is_there { all.get_mut(index) } else { all.iter_mut().find(|(other, _)| other == name) };
        match known {
            Some((_, known)) => *known = merge(known, kind)?,
            None => all.push((name.clone(), kind.clone())),
        }
    }
    Some(all)
}

/// Says whether columns are the same, however large their whole numbers are.
pub(super) fn are_same_columns(a: &[(String, ParquetKind)], b: &[(String, ParquetKind)]) -> bool {
    let is_same = |((a, of_a), (b, of_b)): (&(String, ParquetKind), &(String, ParquetKind))| {
        a == b && is_same_column(of_a, of_b)
    };
    a.len() == b.len() && a.iter().zip(b).all(is_same)
}

fn is_same_column(a: &ParquetKind, b: &ParquetKind) -> bool {
    let is_whole = |kind: &ParquetKind| matches!(kind, ParquetKind::Integer | ParquetKind::LargeInteger);
    match (a, b) {
        (ParquetKind::List(a), ParquetKind::List(b)) | (ParquetKind::Map(a), ParquetKind::Map(b)) => {
            is_same_column(a, b)
        }
        (ParquetKind::Object(a), ParquetKind::Object(b)) => are_same_columns(a, b),
        (a, b) => a == b || (is_whole(a) && is_whole(b)),
    }
}

/// Returns how deep the deepest of columns is nested.
pub(super) fn levels(fields: &[(String, ParquetKind)]) -> usize {
    fields.iter().map(|(_, kind)| levels_of(kind)).max().unwrap_or(0)
}

fn levels_of(kind: &ParquetKind) -> usize {
    match kind {
        ParquetKind::List(inner) | ParquetKind::Map(inner) => 1 + levels_of(inner),
        ParquetKind::Object(fields) => 1 + levels(fields),
        _ => 1,
    }
}

/// Returns the columns as Arrow has them.
pub(super) fn arrow_fields(fields: &[(String, ParquetKind)]) -> Fields {
    fields.iter().map(|(name, kind)| Field::new(name, arrow_type(kind), true)).collect()
}

fn arrow_type(kind: &ParquetKind) -> DataType {
    match kind {
        ParquetKind::Boolean => DataType::Boolean,
        ParquetKind::Integer | ParquetKind::LargeInteger => DataType::Int64,
        ParquetKind::Double => DataType::Float64,
        ParquetKind::Text => DataType::Utf8,
        ParquetKind::Scalar(scalar) => scalar.arrow(),
        ParquetKind::List(items) => DataType::List(Arc::new(Field::new("item", arrow_type(items), true))),
        ParquetKind::Map(values) => {
            let pair =
                [Field::new("key", DataType::Utf8, false), Field::new("value", arrow_type(values), true)];
            let entries = Field::new("key_value", DataType::Struct(Fields::from_iter(pair)), false);
            DataType::Map(Arc::new(entries), false)
        }
        ParquetKind::Object(fields) => DataType::Struct(arrow_fields(fields)),
    }
}
