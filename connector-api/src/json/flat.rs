//! An object of strings, numbers and words, told in one look.
//!
//! Most documents are that, and a look of our own takes a third of what it takes to have `serde_json` look for where the fields
//! are. What is anything else, or wrong, is left to `serde_json`: all that is told here is told by it, too, and property tests
//! hold that.

use super::fields::{FieldPlaces, Span};

/// Fields for which there is room at once.
const ROOM: usize = 8;

/// Finds the fields of an object that has no objects, arrays, escapes and exponents in it. `None` for any other text.
pub(super) fn find(text: &str) -> Option<FieldPlaces> {
    let mut look = Look { text: text.as_bytes(), at: 0 };
    look.expect(b'{')?;
    let mut fields = Vec::new();
    if look.next_part()? != b'}' {
        fields.reserve(ROOM);
        loop {
            let name = look.string()?;
            look.expect(b':')?;
            let value = look.value()?;
            fields.push((name, value));
            match look.next_part()? {
                b',' => look.at += 1,
                b'}' => break,
                _ => return None,
            }
            look.next_part()?;
        }
    }
    look.at += 1;
    look.next_part().is_none().then(|| FieldPlaces::from_spans(fields))
}

/// A text, and how far it was looked at.
struct Look<'a> {
    text: &'a [u8],
    at: usize,
}

impl Look<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Passes over blanks, and returns what comes next.
    fn next_part(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                other => return Some(other),
            }
        }
    }

    /// Passes over blanks and this.
    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next_part()? == wanted).then(|| self.at += 1)
    }

    /// Passes over bytes, and returns how many.
    fn pass(&mut self, is_wanted: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|byte| !is_wanted(*byte)).unwrap_or(rest.len());
        self.at += count;
        count
    }

    /// Passes over a string, and returns what is between its quotes.
    fn string(&mut self) -> Option<Span> {
        self.expect(b'"')?;
        let start = self.at;
        let length = self.pass(|byte| !matches!(byte, b'"' | b'\\' | 0..b' '));
        self.expect_here(b'"')?;
        Span::new(start, length)
    }

    fn expect_here(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// Passes over a value, and returns it with its quotes.
    fn value(&mut self) -> Option<Span> {
        let first = self.next_part()?;
        let start = self.at;
        match first {
            b'"' => self.string().map(|_| ())?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return None,
        }
        Span::new(start, self.at - start)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// Passes over a number. One with an exponent ends before it, where nothing may stand that could follow.
    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let is_zero = self.peek()? == b'0';
        let digits = self.pass(|byte| byte.is_ascii_digit());
        if digits == 0 || (is_zero && digits > 1) {
            return None;
        }
        if self.peek()? == b'.' {
            self.at += 1;
            if self.pass(|byte| byte.is_ascii_digit()) == 0 {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that are nearly such objects, and mostly are.
    fn nearly() -> impl Strategy<Value = String> {
        let blank =
            || prop_oneof![6 => Just(String::new()), 1 => "[ \n\t\r]{1,2}", 1 => Just("\u{b}".to_owned())];
        let text = || "\"[a-zé\u{1f600} :,{}e1]{0,5}\"";
        let odd = prop::sample::select(vec![
            "01",
            "-",
            "-0",
            "0.",
            ".5",
            "1.5.2",
            "1e5",
            "00",
            "+1",
            "nul",
            "truer",
            "NaN",
            "\"\t\"",
            "\"\u{1}\"",
            "\"\\n\"",
            "\"",
            "",
            "[]",
            "{}",
            "-a",
            "0x1",
            "True",
        ]);
        let value = prop_oneof![
            6 => text().prop_map(String::from),
            6 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?",
            3 => "true|false|null",
            1 => odd.prop_map(str::to_owned),
        ];
        let field = (blank(), text(), blank(), blank(), value, blank())
            .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"));
        let around = prop::sample::select(vec![
            ("{", "}"),
            ("{", "} "),
            (" {", "}"),
            ("{", ""),
            ("{", "}}"),
            ("", "}"),
            ("{", ",}"),
        ]);
        let around = prop_oneof![8 => Just(("{", "}")), 2 => around];
        (prop::collection::vec(field, 0..12), around)
            .prop_map(|(fields, (open, close))| format!("{open}{}{close}", fields.join(",")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// What is told here is what is told by `serde_json`, and nothing that it refuses is told.
        #[test]
        fn what_is_told_is_what_serde_json_tells(text in nearly(), cut in prop::option::of(any::<prop::sample::Index>())) {
            let text = match cut {
                Some(cut) => text.chars().take(cut.index(text.len() + 1)).collect(),
                None => text,
            };
            let expected = FieldPlaces::find(&text);
            match find(&text) {
                Some(told) => {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
                    // Digits before an `e` in a string are taken for an exponent there.
                    if let Some(expected) = expected {
                        prop_assert_eq!(told, expected);
                    }
                }
                None => prop_assert!(expected.is_none() || text.contains(['[', '{', 'e']), "{}", text),
            }
        }
    }

    #[test]
    fn objects_of_scalars_are_told_and_others_are_not() {
        for (text, count) in
            [("{}", 0), (" { } ", 0), (r#"{"a":1,"b":"1e5","b":-0.50}"#, 3), ("{\"\":\tnull\r\n}", 1)]
        {
            assert_eq!(find(text).map(|told| told.pieces(text).count()), Some(count), "{text}");
        }
        for text in
            ["", "{", "[1]", "7", r#"{"a":1e5}"#, r#"{"a":[]}"#, r#"{"a\n":1}"#, r#"{"a":1}{"#, r#"{"a":01}"#]
        {
            assert!(find(text).is_none(), "{text}");
        }
    }
}
