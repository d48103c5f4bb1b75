//! Replacements in the notation of Java's `Matcher`, which Kafka Connect's router takes.

use regex::{Captures, Regex};

/// A replacement, taken apart.
#[derive(Debug)]
pub(crate) struct JavaReplacement(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A group by its number; one by its name has a number, too.
    Group(usize),
}

impl JavaReplacement {
    /// Takes a replacement apart, or says what is wrong with it.
    pub(crate) fn parse(text: &str, regex: &Regex) -> Result<Self, String> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(first) = rest.chars().next() {
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            match first {
                '\\' => {
                    let next = rest.chars().next().ok_or("ends with a backslash")?;
                    literal.push(next);
                    rest = rest.get(next.len_utf8()..).unwrap_or_default();
                }
                '$' => {
                    let (group, behind) = group(rest, regex)?;
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    pieces.push(Piece::Group(group));
                    rest = behind;
                }
                other => literal.push(other),
            }
        }
        pieces.push(Piece::Text(literal));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Ok(Self(pieces))
    }

    /// Writes the replacement for what was found; a group that took no part is empty.
    pub(crate) fn write(&self, found: &Captures<'_>, text: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Group(group) => text.push_str(found.get(*group).map_or("", |found| found.as_str())),
            }
        }
    }
}

/// Reads a group behind a dollar, and returns what follows. As in Java, a number takes as many digits as name a group.
fn group<'a>(text: &'a str, regex: &Regex) -> Result<(usize, &'a str), String> {
    if let Some(inner) = text.strip_prefix('{') {
        let (name, behind) = inner.split_once('}').ok_or("`${` is not closed")?;
        let number = regex.capture_names().position(|known| known == Some(name));
        return Ok((number.ok_or_else(|| format!("`regex` has no group `{name}`"))?, behind));
    }
    let mut found = None;
    for length in 1..=text.bytes().take_while(u8::is_ascii_digit).count() {
        let (digits, behind) = text.split_at(length);
        match digits.parse::<usize>() {
            Ok(number) if number < regex.captures_len() => found = Some((number, behind)),
            Ok(number) if length == 1 => return Err(format!("`regex` has no group {number}")),
            _ => break,
        }
    }
    found.ok_or_else(|| "a dollar stands before a group, such as `$1`; write `\\$` for a dollar".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    fn replaced(regex: &str, text: &str, replacement: &str) -> Result<String, String> {
        let regex = Regex::new(regex).unwrap();
        let replacement = JavaReplacement::parse(replacement, &regex)?;
        let mut written = String::new();
        replacement.write(&regex.captures(text).unwrap(), &mut written);
        Ok(written)
    }

    #[test]
    fn groups_are_written_as_java_writes_them() {
        for (replacement, expected) in [
            ("$2-$1", "b-a"),
            ("$0", "ab"),
            ("$12", "a2"),
            ("${second}x", "bx"),
            ("\\$1\\\\", "$1\\"),
            ("$3.", "."),
            ("żółć", "żółć"),
        ] {
            let written = replaced("(a)(?<second>b)(c)?", "ab", replacement);
            assert_eq!(written, Ok(expected.to_owned()), "{replacement}");
        }
    }

    #[test]
    fn a_replacement_that_java_refuses_is_refused() {
        for replacement in ["$", "$x", "$4", "${third}", "${second", "x\\"] {
            assert!(replaced("(a)(?<second>b)(c)?", "ab", replacement).is_err(), "{replacement}");
        }
    }
}
