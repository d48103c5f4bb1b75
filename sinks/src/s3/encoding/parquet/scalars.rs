//! Scalars of a schema's types as the columns of their own that they get.

use std::fmt::Write as _;

use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sluice_connector_api::SchemaType;

/// The most digits of a decimal column of 16 bytes, which every reader has.
const MOST_DIGITS: u8 = 38;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A scalar that JSON has no type for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnScalar {
    /// A whole number with a sign of so many bits, fewer than 64.
    Integer(u8),
    /// A whole number without a sign of so many bits.
    Unsigned(u8),
    Float,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Bytes,
    Date,
    /// Parts of a second since midnight.
    TimeOfDay(TimeUnit),
    /// Parts of a second since 1970 in UTC.
    Instant(TimeUnit),
    /// Parts of a second since 1970 somewhere.
    Local(TimeUnit),
}

impl ColumnScalar {
    /// Returns the column for a type; none where it is one that JSON has, or none at all.
    pub(super) fn of(of: &SchemaType) -> Option<Self> {
        Some(match of {
            SchemaType::Integer(bits @ (8 | 16 | 32)) => Self::Integer(*bits),
            SchemaType::Unsigned(bits @ (8 | 16 | 32 | 64)) => Self::Unsigned(*bits),
            SchemaType::Float => Self::Float,
            SchemaType::Decimal { precision, scale } => decimal(*precision, *scale)?,
            SchemaType::Bytes => Self::Bytes,
            SchemaType::Date => Self::Date,
            SchemaType::TimeOfDay(per_second) => Self::TimeOfDay(unit(*per_second)?),
            SchemaType::Instant(per_second) => Self::Instant(unit(*per_second)?),
            SchemaType::Local(per_second) => Self::Local(unit(*per_second)?),
            _ => return None,
        })
    }

    /// Returns the type of the column.
    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Integer(8) => DataType::Int8,
            Self::Integer(16) => DataType::Int16,
            Self::Integer(_) => DataType::Int32,
            Self::Unsigned(8) => DataType::UInt8,
            Self::Unsigned(16) => DataType::UInt16,
            Self::Unsigned(32) => DataType::UInt32,
            Self::Unsigned(_) => DataType::UInt64,
            Self::Float => DataType::Float32,
            Self::Decimal { precision, scale } => {
                DataType::Decimal128(precision, i8::try_from(scale).unwrap_or_default())
            }
            Self::Bytes => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::TimeOfDay(TimeUnit::Millisecond) => DataType::Time32(TimeUnit::Millisecond),
            Self::TimeOfDay(unit) => DataType::Time64(unit),
            // A name such as `UTC` takes a database of time zones.
            Self::Instant(unit) => DataType::Timestamp(unit, Some("+00:00".into())),
            Self::Local(unit) => DataType::Timestamp(unit, None),
        }
    }

    /// Writes a value as the JSON that becomes the column's value; none where it does not fit the column.
    pub(super) fn cell(self, value: &Value) -> Option<String> {
        match self {
            Self::Integer(bits) => {
                let number: i64 = digits(value)?.parse().ok()?;
                let most = (1_i64 << (bits - 1)) - 1;
                (-most - 1..=most).contains(&number).then(|| number.to_string())
            }
            Self::Unsigned(bits) => {
                let number: u64 = digits(value)?.parse().ok()?;
                (number <= u64::MAX >> (64 - bits)).then(|| number.to_string())
            }
            Self::Float => {
                let is_one = |number: f64| number.abs() <= f64::from(f32::MAX);
                double(value).filter(|text| value.is_string() || text.parse().is_ok_and(is_one))
            }
            Self::Decimal { precision, scale } => decimal_cell(value, precision, scale),
            Self::Bytes => hex(value.as_str()?),
            Self::Date => Some(days(value)?.to_string()),
            Self::TimeOfDay(unit) => Some(time_of_day(value, unit)?.to_string()),
            Self::Instant(unit) => Some(instant(value, unit)?.to_string()),
            Self::Local(unit) => Some(local(value, unit)?.to_string()),
        }
    }
}

/// Writes a number that a column of doubles takes, or what converters write for one that is not finite.
pub(super) fn double(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            number.as_f64().is_some_and(f64::is_finite).then(|| number.as_str().to_owned())
        }
        Value::String(text) => {
            let read = match text.as_str() {
                "NaN" => "\"NaN\"",
                "Infinity" => "\"inf\"",
                "-Infinity" => "\"-inf\"",
                _ => return None,
            };
            Some(read.to_owned())
        }
        _ => None,
    }
}

/// A schema that does not say how many digits there are may have any.
fn decimal(precision: Option<u32>, scale: i64) -> Option<ColumnScalar> {
    let precision = precision.map_or(Some(MOST_DIGITS), |precision| u8::try_from(precision).ok())?;
    let scale = u8::try_from(scale).ok()?;
    let is_one = (1..=MOST_DIGITS).contains(&precision) && scale <= precision;
    is_one.then_some(ColumnScalar::Decimal { precision, scale })
}

fn unit(per_second: i64) -> Option<TimeUnit> {
    Some(match per_second {
        1000 => TimeUnit::Millisecond,
        1_000_000 => TimeUnit::Microsecond,
        1_000_000_000 => TimeUnit::Nanosecond,
        _ => return None,
    })
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => NANOS_PER_SECOND,
    }
}

fn digits(value: &Value) -> Option<&str> {
    match value {
        Value::Number(number) => Some(number.as_str()),
        _ => None,
    }
}

/// A decimal is a number, or a string of its digits.
fn decimal_cell(value: &Value, precision: u8, scale: u8) -> Option<String> {
    let text = digits(value).or_else(|| value.as_str())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = !whole.is_empty()
        && [whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = whole.trim_start_matches('0').len() <= usize::from(precision - scale)
        && fraction.trim_end_matches('0').len() <= usize::from(scale);
    (is_number && fits).then(|| text.to_owned())
}

/// The reader of rows takes bytes in hexadecimal.
fn hex(base64: &str) -> Option<String> {
    let bytes = BASE64.decode(base64).ok()?;
    let mut hex = String::with_capacity(2 * bytes.len() + 2);
    hex.push('"');
    for byte in bytes {
        // A text grows without failing.
        let _grown = write!(hex, "{byte:02x}").is_ok();
    }
    hex.push('"');
    Some(hex)
}

fn days(value: &Value) -> Option<i64> {
    if let Some(digits) = digits(value) {
        return digits.parse::<i32>().ok().map(i64::from);
    }
    // The library would take a date and a time, too, and drop the time.
    let date: Date = value.as_str().filter(|text| text.len() == "2026-01-31".len())?.parse().ok()?;
    let since = date.duration_since(Date::constant(1970, 1, 1));
    Some(since.as_secs().div_euclid(24 * 60 * 60))
}

fn time_of_day(value: &Value, unit: TimeUnit) -> Option<i64> {
    if let Some(digits) = digits(value) {
        let number: i64 = digits.parse().ok()?;
        return (0..24 * 60 * 60 * per_second(unit)).contains(&number).then_some(number);
    }
    let time: Time = value.as_str().filter(|text| !text.contains('T'))?.parse().ok()?;
    units(time.duration_since(Time::midnight()), unit)
}

fn instant(value: &Value, unit: TimeUnit) -> Option<i64> {
    if let Some(digits) = digits(value) {
        return digits.parse().ok();
    }
    let text = value.as_str()?;
    if let Ok(moment) = text.parse::<Timestamp>() {
        return units(moment.duration_since(Timestamp::UNIX_EPOCH), unit);
    }
    // The last day of the year 9999 is none that the library has as a moment, and people write it for "never".
    civil(text.strip_suffix('Z')?, unit)
}

fn local(value: &Value, unit: TimeUnit) -> Option<i64> {
    match digits(value) {
        Some(digits) => digits.parse().ok(),
        None => civil(value.as_str()?, unit),
    }
}

fn civil(text: &str, unit: TimeUnit) -> Option<i64> {
    // The library would take an offset, too, and pass over it.
    let has_zone = text.chars().skip("2026-01-31".len()).any(|c| matches!(c, '+' | '-' | '['));
    let at: DateTime = if has_zone { None } else { text.parse().ok() }?;
    units(at.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)), unit)
}

/// What is finer than the unit is cut off.
fn units(since: SignedDuration, unit: TimeUnit) -> Option<i64> {
    i64::try_from(since.as_nanos().div_euclid(i128::from(NANOS_PER_SECOND / per_second(unit)))).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cell(of: &SchemaType, text: &str) -> Option<String> {
        let value: Value = serde_json::from_str(text).ok()?;
        ColumnScalar::of(of)?.cell(&value)
    }

    #[test]
    fn values_that_fit_are_written_for_their_columns() {
        let decimal = SchemaType::Decimal { precision: Some(5), scale: 2 };
        for (of, value, written) in [
            (SchemaType::Integer(8), "-128", "-128"),
            (SchemaType::Integer(32), "2147483647", "2147483647"),
            (SchemaType::Unsigned(64), "18446744073709551615", "18446744073709551615"),
            (SchemaType::Unsigned(32), "4294967295", "4294967295"),
            (SchemaType::Float, "1.5", "1.5"),
            (SchemaType::Float, "\"-Infinity\"", "\"-inf\""),
            (decimal.clone(), "123.45", "123.45"),
            (decimal.clone(), "\"-0.5\"", "-0.5"),
            (decimal, "1.500", "1.500"),
            (
                SchemaType::Decimal { precision: None, scale: 3 },
                "123456789012345678901234567890.125",
                "123456789012345678901234567890.125",
            ),
            (SchemaType::Bytes, "\"AP8=\"", "\"00ff\""),
            (SchemaType::Date, "20484", "20484"),
            (SchemaType::Date, "\"2026-01-31\"", "20484"),
            (SchemaType::Date, "\"1969-12-31\"", "-1"),
            (SchemaType::TimeOfDay(1000), "\"12:30:00.5\"", "45000500"),
            (SchemaType::TimeOfDay(1_000_000), "45000500000", "45000500000"),
            (SchemaType::Instant(1_000_000), "\"2026-01-31T12:30:00.5Z\"", "1769862600500000"),
            (SchemaType::Instant(1000), "\"2026-01-31T14:30:00+02:00\"", "1769862600000"),
            (SchemaType::Instant(1_000_000), "\"9999-12-31T23:59:59.999999Z\"", "253402300799999999"),
            (SchemaType::Instant(1000), "-1", "-1"),
            (SchemaType::Local(1000), "\"2026-01-31T12:30:00\"", "1769862600000"),
        ] {
            assert_eq!(cell(&of, value).as_deref(), Some(written), "{of:?} {value}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_none_of_their_columns() {
        let decimal = SchemaType::Decimal { precision: Some(5), scale: 2 };
        for (of, value) in [
            (SchemaType::Integer(8), "128"),
            (SchemaType::Integer(16), "1.0"),
            (SchemaType::Integer(32), "\"1\""),
            (SchemaType::Unsigned(32), "4294967296"),
            (SchemaType::Unsigned(64), "-1"),
            (SchemaType::Float, "1e39"),
            (SchemaType::Float, "\"1.5\""),
            (decimal.clone(), "1234.5"),
            (decimal.clone(), "1.005"),
            (decimal.clone(), "1e2"),
            (decimal, "\"\""),
            (SchemaType::Bytes, "\"no base64\""),
            (SchemaType::Date, "2147483648"),
            (SchemaType::Date, "\"yesterday\""),
            (SchemaType::Date, "\"2026-01-31T12:30:00\""),
            (SchemaType::TimeOfDay(1000), "\"2026-01-31T12:30:00\""),
            (SchemaType::Local(1000), "\"2026-01-31T12:30:00+02:00\""),
            (SchemaType::TimeOfDay(1000), "86400000"),
            (SchemaType::Instant(1_000_000_000), "\"9999-12-31T00:00:00Z\""),
            (SchemaType::Local(1000), "\"2026-01-31T12:30:00Z\""),
            (SchemaType::Decimal { precision: Some(39), scale: 0 }, "1"),
        ] {
            assert_eq!(cell(&of, value), None, "{of:?} {value}");
        }
        assert_eq!(double(&json!("1.5")), None);
    }
}
