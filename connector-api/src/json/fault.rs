//! Why a text is not valid JSON, in words that lead out.

use serde::de::Error as _;
use serde_json::Error;

/// What other languages write for numbers that JSON has not.
const NO_NUMBERS: [&str; 4] = ["nan", "inf", "infinity", "undefined"];

/// Says more than `serde_json` does where it is known what was meant.
pub(super) fn explain(error: Error, source: &[u8]) -> Error {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = if text.contains("surrogate in hex escape") || text.contains("end of hex escape") {
        "half of a surrogate pair stands alone in a string, and is no character".to_owned()
    } else if let Some(word) = word_at(source, line, column).filter(|word| is_no_number(word)) {
        format!("`{word}` is not a JSON value; the producer can write null, or a string")
    } else {
        return error;
    };
    Error::custom(format!("{reason} at line {line} column {column}"))
}

/// Says what `serde_json` expected and where, without what it found there: that is a part of the record, and belongs into no log.
///
/// ```
/// let error = serde_json::from_str::<Vec<u8>>(r#""4111 1111""#).unwrap_err();
/// assert_eq!(sluice_connector_api::expectation_of(&error), "expected a sequence at line 1 column 11");
/// ```
pub fn expectation_of(error: &Error) -> String {
    let text = error.to_string();
    let expected = text.rfind(", expected ").and_then(|at| text.get(at + ", ".len()..));
    expected.unwrap_or(&text).to_owned()
}

fn is_no_number(word: &str) -> bool {
    let word = word.trim_start_matches(['-', '+']);
    NO_NUMBERS.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// Returns the word around a place; lines and columns count from 1.
fn word_at(source: &[u8], line: usize, column: usize) -> Option<&str> {
    let line = source.split(|byte| *byte == b'\n').nth(line.checked_sub(1)?)?;
    let (before, behind) = line.split_at_checked(column.checked_sub(1)?)?;
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'+');
    let start = before.len() - before.iter().rev().take_while(|byte| is_part(byte)).count();
    let end = before.len() + behind.iter().take_while(|byte| is_part(byte)).count();
    std::str::from_utf8(line.get(start..end)?).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::Json;

    fn error(text: &str) -> String {
        Json::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap_err().to_string()
    }

    #[test]
    fn half_of_a_surrogate_pair_has_one_text_wherever_it_stands() {
        let reason = "half of a surrogate pair stands alone in a string, and is no character at line";
        for text in
            [r#"{"a":"\ud83d"}"#, r#"["\udc00"]"#, r#""\ud83dx""#, r#"{"\ud83d\n":1}"#, r#"["\ud83d\ud83d"]"#]
        {
            assert!(error(text).starts_with(reason), "{text}: {}", error(text));
        }
    }

    #[test]
    fn what_is_no_number_is_named_with_its_place() {
        for (text, word) in [
            ("{\"a\":NaN}", "NaN"),
            ("[\n 1, -Infinity]", "-Infinity"),
            ("Infinity", "Infinity"),
            ("[nan]", "nan"),
            ("{\"a\":inf,\"b\":1}", "inf"),
            ("[undefined]", "undefined"),
        ] {
            let error = error(text);
            assert!(error.starts_with(&format!("`{word}` is not a JSON value; ")), "{text}: {error}");
            assert!(error.contains(" at line "), "{error}");
        }
    }

    #[test]
    fn other_errors_keep_the_words_of_the_reader() {
        assert_eq!(error("{\"a\":}"), "expected value at line 1 column 6");
        assert_eq!(error("[nil]"), "expected ident at line 1 column 3");
    }
}
