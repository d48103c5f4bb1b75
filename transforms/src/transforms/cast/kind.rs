//! The types that values are cast to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sluice_connector_api::{Decimal, FieldKind, Found, KnownFields, Scalar};
use sluice_template::shape;

use super::written::WrittenNumbers;
use crate::field_fault::FieldFault;

/// A type, by Kafka Connect's name but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CastType {
    /// A whole number from -128 to 127.
    Int8,
    /// A whole number of 16 bits.
    Int16,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number of about 7 digits.
    Float32,
    /// A number of about 16 digits.
    Float64,
    /// A number with the digits that it has.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
}

/// What other tools call a type, and what it is here.
const ELSEWHERE: [(&str, &str); 16] = [
    ("bool", "`boolean`"),
    ("byte", "`int8`"),
    ("short", "`int16`"),
    ("int", "`int32` or `int64`"),
    ("integer", "`int32` or `int64`"),
    ("long", "`int64`"),
    ("bigint", "`int64`"),
    ("float", "`float64`"),
    ("double", "`float64`"),
    ("decimal", "`number`"),
    ("numeric", "`number`"),
    ("str", "`string`"),
    ("text", "`string`"),
    ("varchar", "`string`"),
    ("date", "a transform of its own, `timestamp`,"),
    ("timestamp", "a transform of its own, `timestamp`,"),
];

fn unknown(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if let Some((_, known)) = CastType::ALL.iter().find(|(_, known)| *known == lower) {
        return format!("unknown type `{name}`; did you mean `{known}`?");
    }
    if let Some((_, known)) = ELSEWHERE.iter().find(|(other, _)| *other == lower) {
        return format!("unknown type `{name}`; it is {known} here");
    }
    let names = CastType::ALL.map(|(_, name)| name).join(", ");
    format!("unknown type `{name}`; known are: {names}")
}

impl CastType {
    const ALL: [(Self, &str); 9] = [
        (Self::Int8, "int8"),
        (Self::Int16, "int16"),
        (Self::Int32, "int32"),
        (Self::Int64, "int64"),
        (Self::Float32, "float32"),
        (Self::Float64, "float64"),
        (Self::Number, "number"),
        (Self::Boolean, "boolean"),
        (Self::String, "string"),
    ];

    /// Finds a type by its name, or says which is meant.
    pub(super) fn from_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(_, known)| *known == name);
        found.map(|(kind, _)| kind).ok_or_else(|| unknown(name))
    }

    /// Says what is made of a value of which this is known.
    pub(super) fn makes(self, before: KnownFields) -> KnownFields {
        match self {
            Self::String if before.kinds() == FieldKind::Text.into() => before,
            Self::String => KnownFields::of(FieldKind::Text),
            Self::Boolean => KnownFields::of(FieldKind::Boolean),
            _ => KnownFields::of(FieldKind::Number),
        }
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Casts a value; null stays null.
    pub(super) fn cast(self, found: Found<'_>, numbers: WrittenNumbers) -> Result<Value, FieldFault> {
        let scalar = match found {
            Found::Null => return Ok(Value::Null),
            Found::Scalar(scalar) => scalar,
            Found::Nested(value) => {
                let reason = format!("is {}, which cannot become {}", shape::of_json(value), self.name());
                return Err(FieldFault::new(reason));
            }
        };
        match self {
            Self::String => Ok(scalar.as_str().into()),
            Self::Boolean => boolean(scalar).map(Value::Bool),
            number => {
                let cast = number.number(scalar, numbers);
                cast.map_err(|fault| number.with_way_out(fault, scalar, numbers))
            }
        }
    }

    fn number(self, scalar: Scalar<'_>, numbers: WrittenNumbers) -> Result<Value, FieldFault> {
        let digits = match scalar {
            Scalar::Bool(word) => if word == "true" { "1" } else { "0" }.to_owned(),
            Scalar::Number(digits) => digits.to_owned(),
            Scalar::Text(text) => numbers.plain(text).ok_or_else(|| self.no_number(text))?,
        };
        let is_text = matches!(scalar, Scalar::Text(_));
        let trimmed = if self.is_whole() { &digits } else { digits.trim() };
        if Decimal::parse(trimmed).is_none() || (is_text && self.is_whole() && !is_plain_whole(trimmed)) {
            return Err(self.no_number(scalar.as_str()));
        }
        match self {
            Self::Int8 => self.whole(trimmed, i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => self.whole(trimmed, i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => self.whole(trimmed, i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => self.whole(trimmed, i64::MIN.into(), i64::MAX.into()),
            Self::Float32 => self.float(
                trimmed,
                trimmed.parse::<f32>().map(|float| (float.is_finite(), format!("{float:?}"))),
            ),
            Self::Float64 => self.float(
                trimmed,
                trimmed.parse::<f64>().map(|float| (float.is_finite(), format!("{float:?}"))),
            ),
            _ => Ok(number_of(json_digits(trimmed))),
        }
    }

    fn is_whole(self) -> bool {
        matches!(self, Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }

    fn no_number(self, found: &str) -> FieldFault {
        FieldFault::new(format!("is not a number that can become {}", self.name())).with_found(found)
    }

    /// Names the setting with which a text can be cast that is refused, if there is one.
    fn with_way_out(self, fault: FieldFault, scalar: Scalar<'_>, numbers: WrittenNumbers) -> FieldFault {
        let Scalar::Text(text) = scalar else { return fault };
        let mut others = numbers.others().into_iter();
        match others.find(|(other, _)| self.number(scalar, *other).is_ok()) {
            Some((_, name)) => {
                let reason =
                    format!("is not a number that can become {}; `numbers: {name}` reads it", self.name());
                FieldFault::new(reason).with_found(text)
            }
            None => fault,
        }
    }

    fn out_of_range(self, found: &str) -> FieldFault {
        FieldFault::new(format!("is out of the range of {}", self.name())).with_found(found)
    }

    /// Cuts a fraction off, as Kafka Connect does, and refuses what is too large, which it does not.
    fn whole(self, digits: &str, least: i128, most: i128) -> Result<Value, FieldFault> {
        match whole_part(digits) {
            Some(whole) if (least..=most).contains(&whole) => Ok(number_of(whole.to_string())),
            _ => Err(self.out_of_range(digits)),
        }
    }

    fn float<E>(self, digits: &str, float: Result<(bool, String), E>) -> Result<Value, FieldFault> {
        match float {
            Ok((true, written)) => Ok(number_of(written)),
            _ => Err(self.out_of_range(digits)),
        }
    }
}

fn number_of(digits: String) -> Value {
    Value::Number(Number::from_string_unchecked(digits))
}

fn boolean(scalar: Scalar<'_>) -> Result<bool, FieldFault> {
    match scalar {
        Scalar::Bool(word) => Ok(word == "true"),
        // As in Kafka Connect, what is left of a fraction counts: 0.5 is false.
        Scalar::Number(digits) => Ok(whole_part(digits) != Some(0)),
        Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Scalar::Text(text) => Err(FieldFault::new("is neither `true` nor `false`").with_found(text)),
    }
}

/// Says whether a text is a sign and digits.
fn is_plain_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes a number as JSON has it: without a plus and leading zeros, and with digits on both sides of the point.
fn json_digits(text: &str) -> String {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let split = unsigned.find(['e', 'E']).unwrap_or(unsigned.len());
    let (mantissa, exponent) = unsigned.split_at(split);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}{exponent}")
}

/// Returns a number without its fraction; `None` where it has more than some 38 digits.
fn whole_part(digits: &str) -> Option<i128> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, clamped(exponent)),
        None => (digits, 0),
    };
    let (is_negative, unsigned) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all: String = [whole, fraction].concat();
    // How many of the digits stand before the point.
    let count = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let zeros = all.bytes().take_while(|digit| *digit == b'0').count();
    let significant = all.get(zeros..)?;
    let count = count - i64::try_from(zeros).ok()?;
    if count <= 0 || significant.is_empty() {
        return Some(0);
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= 38)?;
    let kept = significant.get(..count.min(significant.len()))?;
    let size: i128 = format!("{kept}{}", "0".repeat(count - kept.len())).parse().ok()?;
    Some(if is_negative { -size } else { size })
}

/// Reads an exponent; one that is far too large counts as a large one.
fn clamped(exponent: &str) -> i64 {
    const LARGE: i64 = 1 << 40;
    let size = exponent.trim_start_matches(['-', '+']).parse().unwrap_or(LARGE).min(LARGE);
    if exponent.starts_with('-') { -size } else { size }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fraction_is_cut_off_exactly() {
        for (digits, expected) in [
            ("1.9", Some(1)),
            ("-1.9", Some(-1)),
            ("0.5", Some(0)),
            ("9007199254740993.9", Some(9_007_199_254_740_993)),
            ("1.5e3", Some(1500)),
            ("1500e-3", Some(1)),
            ("1e-999999999999999999999", Some(0)),
            ("0e999999999999999999999", Some(0)),
            ("1e999999999999999999999", None),
            ("000012", Some(12)),
        ] {
            assert_eq!(whole_part(digits), expected, "{digits}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_read_as_they_are(number in any::<i64>(), fraction in "[0-9]{0,5}") {
            prop_assert_eq!(whole_part(&format!("{number}.{fraction}")), Some(number.into()));
        }

        #[test]
        fn what_is_read_as_a_number_is_one_in_json(text in "[-+]?[0-9]{0,4}\\.?[0-9]{0,4}([eE][-+]?[0-9]{1,3})?") {
            if Decimal::parse(&text).is_some() {
                let written = json_digits(&text);
                prop_assert!(serde_json::from_str::<Number>(&written).is_ok(), "{} {}", text, written);
                prop_assert_eq!(Decimal::parse(&written), Decimal::parse(&text));
            }
        }

        #[test]
        fn any_text_is_cast_or_refused(text in ".{0,12}") {
            for (kind, _) in CastType::ALL {
                for numbers in [WrittenNumbers::Plain, WrittenNumbers::Point, WrittenNumbers::Comma] {
                    if let Ok(value) = kind.cast(Found::Scalar(Scalar::Text(&text)), numbers) {
                        let written = value.to_string();
                        prop_assert!(serde_json::from_str::<Value>(&written).is_ok(), "{}", written);
                    }
                }
            }
        }
    }
}
