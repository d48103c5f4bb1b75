//! Numbers with an exponent, as they were written.
//!
//! `serde_json` keeps the digits of a number but writes its exponent in a form of its own: `1E5` becomes `1e+5`. Where
//! a document has such numbers, which is rare, their text is put back in.

use serde_json::{Number, Value};

/// Puts the text of every number with an exponent back into the value that was read from `source`.
pub(super) fn restore(value: &mut Value, source: &[u8]) {
    if !may_have_exponents(source) {
        return;
    }
    // It was read as JSON, which is UTF-8.
    let Ok(source) = std::str::from_utf8(source) else { return };
    let literals = literals(source);
    let mut numbers = Vec::new();
    collect(value, &mut numbers);
    // They differ where a key came twice, and then nobody can tell which text belongs to which number.
    if literals.len() == numbers.len() {
        for (number, literal) in numbers.into_iter().zip(literals) {
            if literal.contains(['e', 'E']) {
                *number = Number::from_string_unchecked(literal.to_owned());
            }
        }
    }
}

/// Looks at all of it, and so at many bytes at once: to stop at the first one found would take longer.
pub(super) fn may_have_exponents(source: &[u8]) -> bool {
    let exponent = |(digit, e): (&u8, &u8)| digit.is_ascii_digit() && (e | 0x20 == b'e');
    source.iter().zip(source.iter().skip(1)).fold(false, |found, pair| found | exponent(pair))
}

/// Finds the numbers of a valid JSON document, in order.
fn literals(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let (_, from) = rest.split_at(start);
        let length = if from.starts_with('"') { string_length(from) } else { number_length(from) };
        let (token, after) = from.split_at(length);
        if !token.starts_with('"') {
            found.push(token);
        }
        rest = after;
    }
    found
}

fn number_length(from: &str) -> usize {
    let part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    from.find(|c| !part(c)).unwrap_or(from.len())
}

/// The length of the string that a text begins with, quotes included.
fn string_length(from: &str) -> usize {
    let mut escaped = false;
    for (index, c) in from.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    from.len()
}

/// Collects the numbers of a value, in the order of the document.
fn collect<'a>(value: &'a mut Value, numbers: &mut Vec<&'a mut Number>) {
    match value {
        Value::Number(number) => numbers.push(number),
        Value::Array(items) => items.iter_mut().for_each(|item| collect(item, numbers)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| collect(entry, numbers)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn again(source: &str) -> String {
        let mut value = serde_json::from_str(source).unwrap();
        restore(&mut value, source.as_bytes());
        value.to_string()
    }

    #[test]
    fn exponents_come_out_as_they_were_written() {
        let source = r#"{"a":1E5,"b":[1.50e3,-2e-7,{"c\"1e9":"3E3"}],"d":1e+2,"e":0.10,"f":1}"#;
        assert_eq!(again(source), source);
    }

    #[test]
    fn a_key_that_comes_twice_changes_no_number() {
        assert_eq!(again(r#"{"a":1E5,"a":2,"b":3}"#), r#"{"a":2,"b":3}"#);
    }

    proptest! {
        #[test]
        fn any_number_comes_out_as_it_was_written(numbers in prop::collection::vec("-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?", 1..6), text in "[ -~]{0,9}") {
            let text = serde_json::to_string(&text).unwrap();
            let source = format!("[{},{text}]", numbers.join(","));
            prop_assert_eq!(again(&source), source);
        }
    }
}
