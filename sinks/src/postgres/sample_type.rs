//! A type of PostgreSQL that holds what was seen. Pure.

use serde_json::Value;
use sluice_connector_api::SchemaType;

/// The most digits that `numeric` may be limited to.
const MOST_DIGITS: u32 = 1000;

/// A type that holds every value that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleType {
    Boolean,
    Smallint,
    Integer,
    Bigint,
    Numeric,
    /// With so many digits, and so many of them behind the point.
    NumericOf(u32, u32),
    Real,
    Double,
    Text,
    Uuid,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Jsonb,
}

impl SampleType {
    /// Returns the type that holds a value; none for a null, which any type holds.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(number) if number.as_str().parse::<i64>().is_ok() => Some(Self::Bigint),
            Value::Number(_) => Some(Self::Numeric),
            Value::String(_) => Some(Self::Text),
            Value::Array(_) | Value::Object(_) => Some(Self::Jsonb),
        }
    }

    /// Returns the type that a schema asks for, if it says something.
    pub(super) fn of_schema(of: &SchemaType) -> Option<Self> {
        Some(match of {
            SchemaType::Boolean => Self::Boolean,
            SchemaType::Integer(8 | 16) | SchemaType::Unsigned(8) => Self::Smallint,
            SchemaType::Integer(32) | SchemaType::Unsigned(16) => Self::Integer,
            SchemaType::Integer(_) | SchemaType::Unsigned(32) => Self::Bigint,
            SchemaType::Unsigned(_) => Self::NumericOf(20, 0),
            SchemaType::Float => Self::Real,
            SchemaType::Double => Self::Double,
            SchemaType::Decimal { precision, scale } => decimal(*precision, *scale),
            SchemaType::Text => Self::Text,
            SchemaType::Uuid => Self::Uuid,
            SchemaType::Bytes => Self::Bytea,
            SchemaType::Date => Self::Date,
            SchemaType::TimeOfDay(_) => Self::Time,
            SchemaType::Instant(_) => Self::Timestamptz,
            SchemaType::Local(_) => Self::Timestamp,
            SchemaType::List(_) | SchemaType::Map(_) | SchemaType::Object(_) => Self::Jsonb,
            _ => return None,
        })
    }

    /// Says whether a value may be one of the type. Whether a text is one the database says.
    pub(super) fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Jsonb, _) | (_, Value::Null) => true,
            (Self::Text, value) => !matches!(value, Value::Array(_) | Value::Object(_)),
            (Self::Boolean, value) => value.is_boolean(),
            (Self::Smallint, value) => value.as_i64().is_some_and(|number| i16::try_from(number).is_ok()),
            (Self::Integer, value) => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            (Self::Bigint, value) => value.as_i64().is_some(),
            (Self::Numeric | Self::NumericOf(..) | Self::Real | Self::Double, value) => is_number(value),
            (Self::Uuid | Self::Bytea, value) => value.is_string(),
            (Self::Date | Self::Time | Self::Timestamp | Self::Timestamptz, value) => {
                value.is_string() || value.as_i64().is_some()
            }
        }
    }

    /// Returns the type that holds what both hold.
    pub(super) fn with(self, other: Self) -> Self {
        match (self, other) {
            (one, another) if one == another => one,
            (Self::Jsonb, _) | (_, Self::Jsonb) => Self::Jsonb,
            (Self::Bigint, Self::Smallint | Self::Integer)
            | (Self::Smallint | Self::Integer, Self::Bigint) => Self::Bigint,
            (Self::Integer, Self::Smallint) | (Self::Smallint, Self::Integer) => Self::Integer,
            (Self::Real, Self::Double) | (Self::Double, Self::Real) => Self::Double,
            (one, another) if one.is_numeric() && another.is_numeric() => Self::Numeric,
            _ => Self::Text,
        }
    }

    fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::Smallint
                | Self::Integer
                | Self::Bigint
                | Self::Numeric
                | Self::NumericOf(..)
                | Self::Real
                | Self::Double
        )
    }

    /// Returns the type as it stands in SQL.
    pub(super) fn name(self) -> String {
        let name = match self {
            Self::Boolean => "boolean",
            Self::Smallint => "smallint",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Numeric => "numeric",
            Self::NumericOf(digits, behind) => return format!("numeric({digits},{behind})"),
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::Jsonb => "jsonb",
        };
        name.to_owned()
    }
}

fn decimal(precision: Option<u32>, scale: i64) -> SampleType {
    match (precision, u32::try_from(scale)) {
        (Some(digits), Ok(behind)) if (1..=MOST_DIGITS).contains(&digits) && behind <= digits => {
            SampleType::NumericOf(digits, behind)
        }
        _ => SampleType::Numeric,
    }
}

/// Converters write what is no finite number as text, and decimals where they are asked to.
fn is_number(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::String(text) => text.parse::<f64>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_types_have_one_that_holds_both() {
        for (one, another, both) in [
            (SampleType::Smallint, SampleType::Bigint, SampleType::Bigint),
            (SampleType::Smallint, SampleType::Integer, SampleType::Integer),
            (SampleType::Bigint, SampleType::Double, SampleType::Numeric),
            (SampleType::Real, SampleType::Double, SampleType::Double),
            (SampleType::NumericOf(9, 2), SampleType::NumericOf(12, 4), SampleType::Numeric),
            (SampleType::Date, SampleType::Timestamp, SampleType::Text),
            (SampleType::Uuid, SampleType::Text, SampleType::Text),
            (SampleType::Boolean, SampleType::Jsonb, SampleType::Jsonb),
        ] {
            assert_eq!((one.with(another), another.with(one)), (both, both));
        }
    }
}
