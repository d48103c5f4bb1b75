//! Numbers as people write them: `$44.50`, `1,234.5`, `1.234,50 €`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How texts hold numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrittenNumbers {
    /// Digits alone, as Kafka Connect takes them: `44.50`, `-1e3`.
    #[default]
    Plain,
    /// As people write them, with a decimal point: `$44.50`, `1,234.5`, `USD 1 234.50`, `($5)`.
    Point,
    /// As people write them, with a decimal comma: `44,50 €`, `1.234,5`, `CHF 1'234,50`.
    Comma,
}

impl WrittenNumbers {
    /// Returns the other ways, with the words of the setting, in which people write numbers.
    pub(super) fn others(self) -> Vec<(Self, &'static str)> {
        let known = [(Self::Point, "point"), (Self::Comma, "comma")].into_iter();
        known.filter(|(other, _)| *other != self).collect()
    }

    /// Returns the number in plain digits; `None` where the text is none.
    pub(super) fn plain(self, text: &str) -> Option<String> {
        let (mark, groups) = match self {
            Self::Plain => return Some(text.to_owned()),
            Self::Point => ('.', [',', ' ', '\'', '’', '_', '\u{a0}', '\u{202f}']),
            Self::Comma => (',', ['.', ' ', '\'', '’', '_', '\u{a0}', '\u{202f}']),
        };
        let (is_negative, digits) = bare(text)?;
        let (whole, fraction) = match digits.split_once(mark) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (digits, None),
        };
        let whole = without_groups(whole, &groups)?;
        if fraction.is_some_and(|fraction| !are_digits(fraction)) {
            return None;
        }
        let sign = if is_negative { "-" } else { "" };
        let fraction = fraction.map(|fraction| format!(".{fraction}")).unwrap_or_default();
        Some(format!("{sign}{whole}{fraction}"))
    }
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Takes signs, brackets that stand for a minus, and what names a currency from around the digits.
fn bare(text: &str) -> Option<(bool, &str)> {
    let text = text.trim();
    let (is_bracketed, text) = match text.strip_prefix('(') {
        Some(inner) => (true, inner.strip_suffix(')')?),
        None => (false, text),
    };
    let (is_before, text) = unsigned(text);
    let (is_behind, text) = unsigned(without_currency(text)?);
    let signs = [is_bracketed, is_before, is_behind].into_iter().filter(|is_there| *is_there).count();
    (signs <= 1).then_some((signs == 1, text))
}

/// Takes a minus from the beginning.
fn unsigned(text: &str) -> (bool, &str) {
    match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').unwrap_or(text).trim_start()),
    }
}

/// Takes a currency, such as `$` or `EUR`, from one end.
fn without_currency(text: &str) -> Option<&str> {
    let is_part = |char: char| char.is_alphabetic() || is_currency(char);
    let at_start = text.trim_start_matches(is_part);
    let rest = if at_start.len() < text.len() { at_start } else { text.trim_end_matches(is_part) };
    let name_length = text.chars().count() - rest.chars().count();
    // A word is no currency.
    (name_length <= 3).then(|| rest.trim())
}

fn is_currency(char: char) -> bool {
    matches!(char, '$' | '\u{a2}'..='\u{a5}' | '\u{58f}' | '\u{60b}' | '\u{e3f}' | '\u{20a0}'..='\u{20cf}' | '\u{fdfc}')
}

/// Takes what stands between groups of digits out: groups of three, or of two before the last as in India.
fn without_groups(whole: &str, separators: &[char]) -> Option<String> {
    let Some(separator) = whole.chars().find(|char| separators.contains(char)) else {
        return are_digits(whole).then(|| whole.to_owned());
    };
    let groups: Vec<&str> = whole.split(separator).collect();
    let (last, before) = groups.split_last()?;
    let (first, between) = before.split_first()?;
    let fit = last.len() == 3
        && (1..=3).contains(&first.len())
        && (between.iter().all(|group| group.len() == 3) || between.iter().all(|group| group.len() == 2));
    (fit && groups.iter().all(|group| are_digits(group))).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("$44.50", "44.50"),
            ("1,234.5", "1234.5"),
            ("$3,413.23", "3413.23"),
            ("USD 1 234.50", "1234.50"),
            ("-$5", "-5"),
            ("$-5", "-5"),
            ("($5)", "-5"),
            ("12,34,567", "1234567"),
            ("+7", "7"),
            (" 7 kr ", "7"),
        ] {
            assert_eq!(WrittenNumbers::Point.plain(text), Some(expected.to_owned()), "{text}");
        }
        for (text, expected) in [
            ("44,50 €", "44.50"),
            ("1.234,5", "1234.5"),
            ("CHF 1'234'567,50", "1234567.50"),
            ("1.234", "1234"),
        ] {
            assert_eq!(WrittenNumbers::Comma.plain(text), Some(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_none() {
        for text in [
            "",
            "$",
            "1,23",
            "12,3456",
            "1.2.3",
            "1,234 apples",
            "--5",
            "(-5)",
            "1,,234",
            "1e5",
            "$5€x",
            "(5",
        ] {
            assert_eq!(WrittenNumbers::Point.plain(text), None, "{text}");
        }
    }
}
