//! Texts that a column may take for one value. Pure.

use serde_json::Value;

/// How far apart two texts of a type have to be, so that they are two values for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Equality {
    /// A number, or a text of which the case and the blanks at the end may not count.
    Loose,
    /// A `uuid`, which is written with and without dashes and braces.
    Uuid,
    /// A type that reads different texts as one value, such as `timestamptz`.
    Unknown,
}

impl Equality {
    pub(super) fn of(type_name: &str) -> Self {
        match type_name {
            "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "text" | "varchar" | "bpchar"
            | "citext" | "bytea" => Self::Loose,
            "uuid" => Self::Uuid,
            _ => Self::Unknown,
        }
    }

    /// Returns what a text has in common with all others of its value. `None` where that is not known: any other may be the same.
    pub(super) fn in_common(self, text: &str) -> Option<String> {
        match self {
            Self::Loose => Some(loose(text)),
            Self::Uuid => {
                Some(text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase())
            }
            Self::Unknown => None,
        }
    }
}

/// Writes what is left of a text where a type, a collation or blanks at the end may make it equal to another one.
fn loose(text: &str) -> String {
    let text = text.trim();
    if let Ok(whole) = text.parse::<i128>() {
        return whole.to_string();
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => (number + 0.0).to_string(),
        _ => text.to_lowercase(),
    }
}

/// Writes what is left of a value where a column may take it for another one.
pub(super) fn loose_value(value: &Value) -> String {
    match value {
        Value::String(text) => loose(text),
        Value::Number(number) => loose(number.as_str()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_value_have_the_same_in_common_and_others_do_not() {
        for (of, one, other) in [
            ("int8", "1", "01"),
            ("numeric", "1", "1.0"),
            ("float8", "-0.0", "0"),
            ("citext", "Ab", "aB"),
            ("bpchar", "a", "a  "),
            ("uuid", "6F9619FF-8b86-d011-b42d-00cf4fc964ff", "{6f9619ff8b86d011b42d00cf4fc964ff}"),
            ("timestamptz", "2025-02-16T13:25:45Z", "2025-02-16 14:25:45+01"),
        ] {
            let of = Equality::of(of);
            assert_eq!(of.in_common(one), of.in_common(other), "{one} {other}");
        }
        let ids = Equality::of("int8");
        assert_ne!(ids.in_common("1234567890123456789"), ids.in_common("1234567890123456788"));
        assert_ne!(Equality::of("text").in_common("a"), Equality::of("text").in_common("b"));
    }
}
