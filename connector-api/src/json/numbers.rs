//! The numbers of a document, as they were written.
//!
//! `serde_json` keeps the digits of a number but writes its exponent in a form of its own: `1E5` becomes `1e+5`. Where a
//! document has such numbers, which is rare, each takes its text from the document instead.

/// Looks at all of it, and so at many bytes at once: to stop at the first one found would take longer.
pub(super) fn may_have_exponents(source: &[u8]) -> bool {
    let exponent = |(digit, e): (&u8, &u8)| digit.is_ascii_digit() && (e | 0x20 == b'e');
    source.iter().zip(source.iter().skip(1)).fold(false, |found, pair| found | exponent(pair))
}

/// Finds the next number in what is left of a valid document, and what stands behind it.
pub(super) fn next_literal(mut rest: &str) -> Option<(&str, &str)> {
    loop {
        let start = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
        let (_, from) = rest.split_at(start);
        if from.starts_with('"') {
            (_, rest) = from.split_at(string_length(from));
        } else {
            return Some(from.split_at(number_length(from)));
        }
    }
}

/// Says whether a number in a document is the one whose digits `serde_json` has.
pub(super) fn is_same(literal: &str, digits: &str) -> bool {
    let form = |text| str::bytes(text).filter(|byte| *byte != b'+').map(|byte| byte.to_ascii_lowercase());
    form(literal).eq(form(digits))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::read::read;

    fn again(source: &str) -> String {
        read(source.as_bytes()).unwrap().value.to_string()
    }

    #[test]
    fn exponents_come_out_as_they_were_written() {
        let source = r#"{"a":1E5,"b":[1.50e3,-2e-7,{"c\"1e9":"3E3"}],"d":1e+2,"e":0.10,"f":1}"#;
        assert_eq!(again(source), source);
    }

    #[test]
    fn a_key_that_comes_twice_changes_no_number() {
        assert_eq!(again(r#"{"a":1E5,"a":2,"b":3}"#), r#"{"a":2,"b":3}"#);
        assert_eq!(again(r#"{"a":[2e3,1],"a":1E5,"b":3E1}"#), r#"{"a":1E5,"b":3E1}"#);
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
