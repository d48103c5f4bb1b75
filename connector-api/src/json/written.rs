//! A document as it goes out: what it came as, without the blanks between its parts.

use std::io;

use serde_json::Value;

/// Returns a valid document without the blanks outside its strings.
pub(super) fn without_blanks(source: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(source.len());
    for_each_part(source, |part| text.extend_from_slice(part));
    text
}

/// Counts the bytes that [`without_blanks`] returns.
pub(super) fn length_without_blanks(source: &[u8]) -> usize {
    let mut length = 0;
    for_each_part(source, |part| length += part.len());
    length
}

/// Counts the bytes of a value's compact form without writing it.
pub(super) fn length_of(value: &Value) -> usize {
    let mut counter = Counter(0);
    // A `Value` always serialises and the counter never fails, so there is no error to hand on.
    serde_json::to_writer(&mut counter, value).map_or(0, |()| counter.0)
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Calls `see` for each piece of a valid document that has no blank outside its strings, in order.
fn for_each_part(source: &[u8], mut see: impl FnMut(&[u8])) {
    let mut rest = source;
    while let Some(first) = rest.first() {
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            b'"' => string_length(rest),
            _ => bare_length(rest),
        };
        let (part, behind) = rest.split_at(length.clamp(1, rest.len()));
        see(part);
        rest = behind;
    }
}

/// The length of the string that a text begins with, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut bytes = text.iter().enumerate().skip(1);
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'"' => return index + 1,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    text.len()
}

/// The length of what a text begins with, up to a blank or a string.
fn bare_length(text: &[u8]) -> usize {
    let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'"');
    text.iter().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_from_between_the_parts_and_stay_in_strings() {
        let source = b" { \"a b\" : [ 1 ,\t\"c\\\" d\" , {} ] ,\r\n \"e\\\\\" : null }\n";
        let expected = br#"{"a b":[1,"c\" d",{}],"e\\":null}"#;
        assert_eq!(without_blanks(source), expected);
        assert_eq!(length_without_blanks(source), expected.len());
    }
}
