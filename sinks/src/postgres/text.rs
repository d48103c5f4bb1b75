//! Values as the texts that PostgreSQL reads. Pure.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::Value;
use sluice_connector_api::SchemaType;

/// What a column takes, as far as that decides how a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnKind {
    /// A value.
    One(ValueKind),
    /// An array of values.
    Array(ValueKind),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// `json` or `jsonb`.
    Json,
    /// A whole number.
    Integer(IntegerWidth),
    /// `bytea`.
    Bytes,
    /// `timestamp` or `timestamptz`.
    Timestamp,
    /// `date`.
    Date,
    /// `time`.
    Time,
    /// Whatever has a text for what a scalar is, `vector` included.
    Other,
}

/// How many bytes a whole number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IntegerWidth {
    /// `smallint`.
    Two,
    /// `integer`.
    Four,
    /// `bigint`.
    Eight,
}

/// The parts of a second in which a number is a time, where no schema says that.
const MILLIS: i64 = 1000;
const NANOS: i64 = 1_000_000_000;

/// Writes a value for a column; `None` is SQL's null. `of` is what a schema says of the value. The error says what the value should be,
/// without its content.
pub(super) fn cell_of(
    value: &Value,
    kind: ColumnKind,
    of: Option<&SchemaType>,
) -> Result<Option<String>, &'static str> {
    match (value, kind) {
        (Value::Array(items), ColumnKind::Array(kind)) => array_of(items, kind, of).map(Some),
        // The text of an array, or what the database refuses.
        (value, ColumnKind::Array(_)) => text_of(value, ValueKind::Other, of),
        (value, ColumnKind::One(kind)) => text_of(value, kind, of),
    }
}

/// Writes one value; `None` is SQL's null. `of` says in which parts of a second a number is a time.
pub(super) fn text_of(
    value: &Value,
    kind: ValueKind,
    of: Option<&SchemaType>,
) -> Result<Option<String>, &'static str> {
    let per_second = match of {
        Some(
            SchemaType::Instant(per_second)
            | SchemaType::Local(per_second)
            | SchemaType::TimeOfDay(per_second),
        ) => *per_second,
        _ => MILLIS,
    };
    let text = match (value, kind) {
        (Value::Null, _) => return Ok(None),
        (value, ValueKind::Json) => value.to_string(),
        (Value::String(text), ValueKind::Bytes) => bytes_of(text)?,
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), ValueKind::Integer(width)) => integer_of(number.as_str(), width)?,
        (Value::Number(number), ValueKind::Timestamp) => moment_of(number.as_str(), per_second)?,
        (Value::Number(number), ValueKind::Date) => date_of(number.as_str())?,
        (Value::Number(number), ValueKind::Time) => time_of(number.as_str(), per_second)?,
        (value, _) => value.to_string(),
    };
    if text.contains('\0') {
        return Err("has the character U+0000, which no text of PostgreSQL can hold");
    }
    Ok(Some(text))
}

/// Takes a whole number that a column holds. The database would refuse another one without naming the column.
fn integer_of(digits: &str, width: IntegerWidth) -> Result<String, &'static str> {
    let number: Option<i64> = digits.parse().ok();
    let (holds, refused) = match width {
        IntegerWidth::Two => (
            number.is_some_and(|number| i16::try_from(number).is_ok()),
            "is no whole number from -32768 to 32767, which its column, a `smallint`, holds",
        ),
        IntegerWidth::Four => (
            number.is_some_and(|number| i32::try_from(number).is_ok()),
            "is no whole number from -2147483648 to 2147483647, which its column, an `integer`, holds",
        ),
        IntegerWidth::Eight => (
            number.is_some(),
            "is no whole number of 64 bits, which its column, a `bigint`, holds; `numeric` holds any number",
        ),
    };
    if holds { Ok(digits.to_owned()) } else { Err(refused) }
}

/// Takes bytes as JSON has them, in base64, as the converters write them.
fn bytes_of(text: &str) -> Result<String, &'static str> {
    let bytes = BASE64.decode(text).map_err(|_| "is not base64, which a `bytea` is made of")?;
    let mut hex = String::with_capacity(2 + 2 * bytes.len());
    hex.push_str("\\x");
    for byte in bytes {
        // A text grows without failing.
        let _grown = write!(hex, "{byte:02x}").is_ok();
    }
    Ok(hex)
}

/// Takes a number of parts of a second apart, into nanoseconds.
fn since(digits: &str, per_second: i64) -> Option<SignedDuration> {
    let number: i64 = digits.parse().ok()?;
    let nanos = number.rem_euclid(per_second) * (NANOS / per_second);
    Some(SignedDuration::new(number.div_euclid(per_second), i32::try_from(nanos).ok()?))
}

/// Writes a time since 1970 as a date and a time of UTC.
fn moment_of(digits: &str, per_second: i64) -> Result<String, &'static str> {
    let since = since(digits, per_second).ok_or("is no whole number since 1970, such as of milliseconds")?;
    let moment = Timestamp::UNIX_EPOCH
        .checked_add(since)
        .map_err(|_| "is no moment between the years 0 and 9999; numbers are milliseconds, where no schema says otherwise")?;
    Ok(moment.to_string())
}

/// Writes a time since midnight as a time of day.
fn time_of(digits: &str, per_second: i64) -> Result<String, &'static str> {
    let since =
        since(digits, per_second).ok_or("is no whole number since midnight, such as of milliseconds")?;
    let time = Time::midnight().checked_add(since).map_err(|_| "is no time of day")?;
    Ok(time.to_string())
}

/// Writes days since 1970 as a date.
fn date_of(digits: &str) -> Result<String, &'static str> {
    let days: i64 = digits.parse().map_err(|_| "is no whole number of days since 1970")?;
    let date = Span::new().try_days(days).and_then(|days| Date::constant(1970, 1, 1).checked_add(days));
    date.map(|date| date.to_string()).map_err(|_| "is no date between the years 0 and 9999")
}

/// Writes an array literal. What is a list in an array of `jsonb` is a value of it, and in any other a dimension more.
fn array_of(items: &[Value], kind: ValueKind, of: Option<&SchemaType>) -> Result<String, &'static str> {
    let of = if let Some(SchemaType::List(items)) = of { Some(&**items) } else { of };
    let mut text = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match (item, kind) {
            (Value::Array(inner), kind) if kind != ValueKind::Json => {
                text.push_str(&array_of(inner, kind, of)?);
            }
            (item, kind) => match (item, text_of(item, kind, of)?) {
                (_, None) => text.push_str("NULL"),
                (Value::Bool(_) | Value::Number(_), Some(plain)) => text.push_str(&plain),
                (_, Some(quoted)) => push_quoted(&mut text, &quoted),
            },
        }
    }
    text.push('}');
    Ok(text)
}

fn push_quoted(text: &mut String, item: &str) {
    text.push('"');
    for character in item.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: &Value, kind: ValueKind) -> String {
        text_of(value, kind, None).map_or_else(|why| format!("error: {why}"), Option::unwrap_or_default)
    }

    #[test]
    fn scalars_are_their_texts_and_json_stays_json() {
        assert_eq!(text_of(&Value::Null, ValueKind::Json, None), Ok(None));
        assert_eq!(written(&json!("a\"b"), ValueKind::Other), "a\"b");
        assert_eq!(written(&json!("a\"b"), ValueKind::Json), "\"a\\\"b\"");
        assert_eq!(written(&json!(true), ValueKind::Other), "true");
        assert_eq!(written(&json!([1, 2.5]), ValueKind::Other), "[1,2.5]", "as `vector` is written");
        let digits: Result<Value, _> = serde_json::from_str("44.500000000000000000001");
        assert_eq!(
            digits.map(|value| written(&value, ValueKind::Other)).ok().as_deref(),
            Some("44.500000000000000000001")
        );
        assert!(written(&json!("a\0"), ValueKind::Other).starts_with("error"));
    }

    #[test]
    fn arrays_are_literals_with_everything_quoted_that_may_mean_something() {
        let array = json!(["a", "b,c", "{}", "say \"x\" \\", "NULL", null, 1, [true, []], { "k": "v" }]);
        let in_array = |array: &Value, kind| cell_of(array, ColumnKind::Array(kind), None);
        assert_eq!(
            in_array(&array, ValueKind::Other).ok().flatten().as_deref(),
            Some(r#"{"a","b,c","{}","say \"x\" \\","NULL",NULL,1,{true,{}},"{\"k\":\"v\"}"}"#)
        );
        for (array, kind, text) in [
            (json!(["AP8=", null]), ValueKind::Bytes, r#"{"\\x00ff",NULL}"#),
            (json!(["a", [1], 2]), ValueKind::Json, r#"{"\"a\"","[1]",2}"#),
            (json!([[0], ["infinity"]]), ValueKind::Date, r#"{{1970-01-01},{"infinity"}}"#),
            (json!("{1,2}"), ValueKind::Integer(IntegerWidth::Two), "{1,2}"),
        ] {
            assert_eq!(in_array(&array, kind).ok().flatten().as_deref(), Some(text), "{kind:?}");
        }
        assert!(in_array(&json!([1, 40_000]), ValueKind::Integer(IntegerWidth::Two)).is_err());
    }

    #[test]
    fn a_number_that_a_whole_column_does_not_hold_is_told_by_its_type() {
        for (width, held, refused) in [
            (IntegerWidth::Two, "32767", "32768"),
            (IntegerWidth::Four, "-2147483648", "-2147483649"),
            (IntegerWidth::Eight, "9223372036854775807", "9223372036854775808"),
        ] {
            let of = |digits: &str| {
                let value: Value = serde_json::from_str(digits).unwrap_or_default();
                written(&value, ValueKind::Integer(width))
            };
            assert_eq!(of(held), held);
            for refused in [refused, "1.5", "1e3", "1.0"] {
                assert!(of(refused).starts_with("error: is no whole number"), "{refused}");
            }
            assert_eq!(
                written(&json!("12"), ValueKind::Integer(width)),
                "12",
                "a text is for the database to read"
            );
        }
    }

    #[test]
    fn base64_is_bytes() {
        assert_eq!(written(&json!("AP8="), ValueKind::Bytes), "\\x00ff");
        assert!(written(&json!("no base64"), ValueKind::Bytes).starts_with("error"));
    }

    #[test]
    fn numbers_are_moments_and_dates() {
        assert_eq!(written(&json!(1_739_712_345_678_i64), ValueKind::Timestamp), "2025-02-16T13:25:45.678Z");
        assert_eq!(written(&json!(-1), ValueKind::Timestamp), "1969-12-31T23:59:59.999Z");
        for (days, date) in
            [(0, "1970-01-01"), (59, "1970-03-01"), (19_782, "2024-02-29"), (2_932_896, "9999-12-31")]
        {
            assert_eq!(written(&json!(days), ValueKind::Date), date);
        }
        assert!(written(&json!(1.5), ValueKind::Date).starts_with("error"));
        assert_eq!(written(&json!(45_000_500), ValueKind::Time), "12:30:00.5");
        assert!(written(&json!(86_400_000), ValueKind::Time).starts_with("error"));
        assert!(written(&json!(-1), ValueKind::Time).starts_with("error"));
        assert!(written(&json!(i64::MAX), ValueKind::Timestamp).starts_with("error"));
    }

    #[test]
    fn a_schema_says_in_which_parts_of_a_second_a_number_is_a_time() {
        for (of, number, kind, text) in [
            (
                SchemaType::Instant(1_000_000),
                1_739_712_345_678_901_i64,
                ValueKind::Timestamp,
                "2025-02-16T13:25:45.678901Z",
            ),
            (SchemaType::Local(1_000_000_000), -1, ValueKind::Timestamp, "1969-12-31T23:59:59.999999999Z"),
            (SchemaType::TimeOfDay(1_000_000), 45_000_500_000, ValueKind::Time, "12:30:00.5"),
            (SchemaType::Instant(1000), 0, ValueKind::Timestamp, "1970-01-01T00:00:00Z"),
            (SchemaType::Date, 0, ValueKind::Date, "1970-01-01"),
            (SchemaType::Instant(1_000_000), 7, ValueKind::Integer(IntegerWidth::Eight), "7"),
        ] {
            assert_eq!(text_of(&json!(number), kind, Some(&of)), Ok(Some(text.to_owned())), "{of:?}");
        }
    }
}
