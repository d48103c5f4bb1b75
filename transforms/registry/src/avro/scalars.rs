//! JSON's numbers and texts as the scalars of Avro's types, or what keeps them from being such.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde_json::Value;
use uuid::Uuid;

use crate::mapping::{NANOS, unscaled_bytes};

/// What is wrong, and where.
pub(super) struct Misfitting {
    /// The names on the way to it, the innermost first.
    path: Vec<String>,
    reason: String,
}

impl Misfitting {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { path: Vec::new(), reason: reason.into() }
    }

    pub(super) fn below(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }

    pub(super) fn to_text(&self) -> String {
        if self.path.is_empty() {
            return self.reason.clone();
        }
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        format!("`{}` {}", path.join("."), self.reason)
    }
}

pub(super) fn wanted(what: &str, value: &Value) -> Misfitting {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Misfitting::new(format!("has to be {what}, and is {found}"))
}

pub(super) fn text(value: &Value) -> Result<&str, Misfitting> {
    value.as_str().ok_or_else(|| wanted("text", value))
}

/// Columns of CSV are texts, whatever they hold.
pub(super) fn boolean(value: &Value) -> Result<bool, Misfitting> {
    match (value, value.as_str()) {
        (Value::Bool(value), _) => Ok(*value),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err(wanted("true or false", value)),
    }
}

/// The digits of a number, or of a text that is one.
fn digits(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()),
        _ => None,
    }
}

pub(super) fn long(value: &Value) -> Result<i64, Misfitting> {
    let number = digits(value).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| wanted("a whole number of 64 bits", value))
}

pub(super) fn int(value: &Value) -> Result<i32, Misfitting> {
    let number = digits(value).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| wanted("a whole number of 32 bits", value))
}

pub(super) fn double(value: &Value) -> Result<f64, Misfitting> {
    let number = digits(value).and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| wanted("a number", value))
}

pub(super) fn base64(value: &Value) -> Result<Vec<u8>, Misfitting> {
    BASE64.decode(text(value)?).map_err(|_| Misfitting::new("has to be Base64"))
}

pub(super) fn latin1(text: &str) -> Result<Vec<u8>, Misfitting> {
    let bytes = text.chars().map(|character| u8::try_from(u32::from(character)));
    bytes.collect::<Result<_, _>>().map_err(|_| Misfitting::new("has a default that is no bytes"))
}

pub(super) fn uuid(value: &Value) -> Result<Uuid, Misfitting> {
    text(value)?.parse().map_err(|_| Misfitting::new("has to be a UUID"))
}

/// Days since 1970, as a number or a date.
pub(super) fn date(value: &Value) -> Result<i32, Misfitting> {
    if let Ok(days) = int(value) {
        return Ok(days);
    }
    let date: Option<Date> = value.as_str().and_then(|text| text.parse().ok());
    let date = date.ok_or_else(|| wanted("a number of days or a date such as 2026-01-31", value))?;
    let midnight = TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight()));
    let midnight = midnight.map_err(|error| Misfitting::new(error.to_string()))?;
    i32::try_from(midnight.as_second().div_euclid(86_400)).map_err(|error| Misfitting::new(error.to_string()))
}

/// Units since midnight, as a number or a time.
pub(super) fn time_of_day(value: &Value, per_second: i64) -> Result<i64, Misfitting> {
    if let Ok(units) = long(value) {
        return Ok(units);
    }
    let time: Option<Time> = value.as_str().and_then(|text| text.parse().ok());
    let time = time.ok_or_else(|| wanted("a number or a time of day such as 12:30:00", value))?;
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Ok(seconds * per_second + i64::from(time.subsec_nanosecond()) / (NANOS / per_second))
}

/// Units since 1970, as a number or a time by RFC 3339.
pub(super) fn instant(value: &Value, per_second: i64) -> Result<i64, Misfitting> {
    if let Ok(units) = long(value) {
        return Ok(units);
    }
    let time: Option<Timestamp> = value.as_str().and_then(|text| text.parse().ok());
    let time = time.ok_or_else(|| wanted("a number or a time such as 2026-01-31T12:30:00Z", value))?;
    units_of(time, per_second)
}

pub(super) fn local(value: &Value, per_second: i64) -> Result<i64, Misfitting> {
    if let Ok(units) = long(value) {
        return Ok(units);
    }
    let time: Option<DateTime> = value.as_str().and_then(|text| text.parse().ok());
    let time = time.ok_or_else(|| wanted("a number or a time such as 2026-01-31T12:30:00", value))?;
    let time = TimeZone::UTC.to_timestamp(time).map_err(|error| Misfitting::new(error.to_string()))?;
    units_of(time, per_second)
}

fn units_of(time: Timestamp, per_second: i64) -> Result<i64, Misfitting> {
    let units = time.as_nanosecond().div_euclid(i128::from(NANOS / per_second));
    i64::try_from(units).map_err(|_| Misfitting::new("is a time that the schema's type does not hold"))
}

/// The unscaled number of a decimal: 44.5 with the scale 2 is 4450.
pub(super) fn decimal_of(value: &Value, scale: usize) -> Result<Vec<u8>, Misfitting> {
    let digits = digits(value).ok_or_else(|| wanted("a number", value))?;
    let unscaled = unscaled_bytes(&digits, scale);
    unscaled.ok_or_else(|| {
        Misfitting::new(format!(
            "has to be a number of at most {scale} digits behind the point, and 38 in all"
        ))
    })
}

/// As many bytes as the schema wants, with the sign's in front.
pub(super) fn widened(unscaled: &[u8], size: usize) -> Result<Vec<u8>, Misfitting> {
    let Some(more) = size.checked_sub(unscaled.len()) else {
        return Err(Misfitting::new(format!("takes more than the {size} bytes of the schema")));
    };
    let sign = if unscaled.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = vec![sign; more];
    wide.extend(unscaled);
    Ok(wide)
}
