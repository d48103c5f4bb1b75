//! `short`, `integer`, `long`, `float`, `double`: numbers as Kafka's own serializers write them.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sluice_connector_api::{
    Converter, ConverterContext, ConverterSettings, NotConverted, Payload, PayloadForm, PayloadForms,
    Rejection, SettingsError, Side,
};

/// Whole numbers of 16 bits, as Kafka's `ShortSerializer` writes them.
///
/// They are two bytes, big endian; anything else is rejected. What comes out is a JSON number.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   key: short
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortConverter {}

/// Whole numbers of 32 bits, as Kafka's `IntegerSerializer` writes them.
///
/// They are four bytes, big endian; anything else is rejected. What comes out is a JSON number.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   key: integer
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntegerConverter {}

/// Whole numbers of 64 bits, as Kafka's `LongSerializer` writes them.
///
/// They are eight bytes, big endian; anything else is rejected. What comes out is a JSON number.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   key: long
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LongConverter {}

/// Floating-point numbers of 32 bits, as Kafka's `FloatSerializer` writes them.
///
/// They are four bytes, big endian; anything else is rejected. What comes out is a JSON number in the fewest digits that name
/// it; not-a-number and the infinities, which JSON has not, are the strings `NaN`, `Infinity` and `-Infinity`.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [temperatures] }
///   value: float
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FloatConverter {}

/// Floating-point numbers of 64 bits, as Kafka's `DoubleSerializer` writes them.
///
/// They are eight bytes, big endian; anything else is rejected. What comes out is a JSON number in the fewest digits that
/// name it; not-a-number and the infinities, which JSON has not, are the strings `NaN`, `Infinity` and `-Infinity`.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [temperatures] }
///   value: double
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoubleConverter {}

/// Takes bytes of the right number, or says what is wrong with them.
fn exactly<const N: usize>(bytes: &[u8], side: Side, name: &str) -> Result<[u8; N], NotConverted> {
    bytes.try_into().map_err(|_| {
        let length = bytes.len();
        // Of the names here only that of the integer begins with the sound of a vowel.
        let article = if name.starts_with('i') { "an" } else { "a" };
        Rejection::new(format!("the {side} has {length} bytes, and {article} `{name}` has {N}")).into()
    })
}

/// JSON has neither infinities nor what is not a number.
fn not_finite(number: f64) -> Value {
    if number.is_nan() {
        return "NaN".into();
    }
    if number > 0.0 { "Infinity".into() } else { "-Infinity".into() }
}

fn of_float(number: f32) -> Value {
    // Through `f64` it would get digits that nobody wrote.
    let shortest = serde_json::to_string(&number).ok().filter(|_| number.is_finite());
    let number_as_written = shortest.and_then(|text| text.parse::<Number>().ok());
    number_as_written.map_or_else(|| not_finite(number.into()), Value::Number)
}

fn of_double(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| not_finite(number), Value::Number)
}

/// Implements a converter whose bytes are a number of Rust's.
macro_rules! number_converter {
    ($converter:ident, $name:literal, $number:ty, $value:expr) => {
        impl Converter for $converter {
            fn convert(
                &self,
                bytes: Bytes,
                context: &ConverterContext<'_>,
            ) -> Result<Option<Payload>, NotConverted> {
                let number = <$number>::from_be_bytes(exactly(&bytes, context.side, $name)?);
                let value: Value = $value(number);
                Ok(Some(Payload::from(value)))
            }

            fn makes(&self) -> PayloadForms {
                PayloadForm::Number.into()
            }
        }

        impl ConverterSettings for $converter {
            const NAME: &'static str = $name;

            fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
                Ok(Box::new(self))
            }
        }
    };
}

number_converter!(ShortConverter, "short", i16, Value::from);
number_converter!(IntegerConverter, "integer", i32, Value::from);
number_converter!(LongConverter, "long", i64, Value::from);
number_converter!(FloatConverter, "float", f32, of_float);
number_converter!(DoubleConverter, "double", f64, of_double);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::converters::tests::read;

    fn text(name: &str, bytes: &[u8]) -> Result<String, String> {
        let payload = read(name, bytes)?.unwrap();
        Ok(payload.to_display().into_owned())
    }

    /// The bytes are those of `org.apache.kafka.common.serialization`: each number big endian.
    #[test]
    fn numbers_are_read_as_kafka_writes_them() {
        for (name, bytes, expected) in [
            ("short", b"\xff\xfe".as_slice(), "-2"),
            ("integer", b"\0\0\x01\0", "256"),
            ("long", b"\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775807"),
            ("float", b"\x3f\x8c\xcc\xcd", "1.1"),
            ("float", b"\x7f\xc0\0\0", "\"NaN\""),
            ("float", b"\xff\x80\0\0", "\"-Infinity\""),
            ("double", b"\x3f\xf1\x99\x99\x99\x99\x99\x9a", "1.1"),
            ("double", b"\x7f\xf0\0\0\0\0\0\0", "\"Infinity\""),
        ] {
            assert_eq!(text(name, bytes), Ok(expected.to_owned()), "{name}");
        }
    }

    #[test]
    fn another_number_of_bytes_is_rejected() {
        assert_eq!(text("short", b""), Err("the value has 0 bytes, and a `short` has 2".to_owned()));
        let three = text("integer", b"123");
        assert_eq!(three, Err("the value has 3 bytes, and an `integer` has 4".to_owned()));
        assert_eq!(text("long", b"1234567"), Err("the value has 7 bytes, and a `long` has 8".to_owned()));
        for name in ["short", "integer", "long", "float", "double"] {
            assert!(text(name, b"123").is_err() && text(name, b"123456789").is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back(long: i64, double: f64, float: f32) {
            prop_assert_eq!(text("long", &long.to_be_bytes()).unwrap().parse(), Ok(long));
            let whole: i32 = float.to_bits().cast_signed();
            prop_assert_eq!(text("integer", &whole.to_be_bytes()).unwrap().parse(), Ok(whole));
            if double.is_finite() && float.is_finite() {
                prop_assert_eq!(text("double", &double.to_be_bytes()).unwrap().parse(), Ok(double));
                prop_assert_eq!(text("float", &float.to_be_bytes()).unwrap().parse(), Ok(float));
            }
        }
    }
}
