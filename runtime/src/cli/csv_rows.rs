//! Rows of CSV as `sluice produce` reads them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Read;
use std::rc::Rc;

use csv::{ErrorKind, StringRecord, Trim};
use serde_json::{Map, Value};

use crate::cli::exit::Exit;
use crate::cli::input::{LARGEST_RECORD, OfRecords};
use crate::cli::rows::{NOT_UTF8, without_mark};

/// What stands between columns in files that are called CSV.
const DELIMITERS: [(char, &str); 4] = [(',', ","), (';', "';'"), ('\t', "'\\t'"), ('|', "'|'")];

/// Reads CSV with a header line; every value is text. Two columns of one name are refused, and so is what is hardly meant: a
/// column without a name, a header with another delimiter, a quote that nothing closes.
pub fn rows(
    input: impl Read + 'static,
    delimiter: u8,
) -> Result<impl Iterator<Item = Result<Map<String, Value>, Exit>>, Exit> {
    rows_of(input, delimiter, LARGEST_RECORD)
}

/// Reads CSV as [`rows`] does; a row of more bytes than `largest` ends it.
pub(super) fn rows_of(
    input: impl Read + 'static,
    delimiter: u8,
    largest: u64,
) -> Result<impl Iterator<Item = Result<Map<String, Value>, Exit>>, Exit> {
    let open = Rc::new(Cell::new(None));
    let (inner, size) = OfRecords::new(without_mark(input), largest);
    let quotes = Quotes { inner, delimiter, state: State::Start, line: 1, open: Rc::clone(&open) };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(Trim::Headers).from_reader(quotes);
    let names = reader.headers().map_err(|error| unreadable(&error, delimiter))?.clone();
    check_names(&names, delimiter)?;
    Ok(reader.into_records().map(move |row| {
        size.ended();
        let row = row.map_err(|error| unreadable(&error, delimiter))?;
        if let Some(line) = open.get() {
            return Err(refused(format!(
                "line {line}: a quote begins here that nothing closes; write `\"\"` for a quote within quotes"
            )));
        }
        Ok(names.iter().zip(&row).map(|(name, value)| (name.to_owned(), value.into())).collect())
    }))
}

fn refused(text: String) -> Exit {
    Exit::Running(text)
}

fn check_names(names: &StringRecord, delimiter: u8) -> Result<(), Exit> {
    let mut known = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            let number = index + 1;
            return Err(refused(format!(
                "the header has no name for column {number}, and a field has to have one; write one there"
            )));
        }
        if !known.insert(name) {
            return Err(refused(format!(
                "the header names the column `{name}` twice, and a record could have only one of them; rename one"
            )));
        }
    }
    let Some(only) = names.iter().next().filter(|_| names.len() == 1) else { return Ok(()) };
    match DELIMITERS.into_iter().find(|(other, _)| only.contains(*other) && *other != char::from(delimiter)) {
        Some((_, option)) => Err(refused(format!(
            "the header is one column, `{}`; if there are several, name what stands between them: --delimiter {option}",
            only.escape_debug()
        ))),
        None => Ok(()),
    }
}

/// Says what is wrong, where, and what to do.
fn unreadable(error: &csv::Error, delimiter: u8) -> Exit {
    let line = error.position().map_or_else(String::new, |at| format!("line {}: ", at.line()));
    refused(match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let delimiter = char::from(delimiter).escape_debug();
            format!(
                "{line}has {len} column(s) where the header has {expected_len}; a value with `{delimiter}` or a line feed in it stands \
                 between quotes"
            )
        }
        ErrorKind::Utf8 { .. } => format!("{line}{NOT_UTF8}"),
        _ => format!("cannot read the input as CSV: {error}"),
    })
}

/// Follows quotes through what is read, as the reader of CSV does, and says at the end whether one is still open.
struct Quotes<R> {
    inner: R,
    delimiter: u8,
    state: State,
    line: u64,
    /// At the end: the line in which the open quote began.
    open: Rc<Cell<Option<u64>>>,
}

#[derive(Clone, Copy)]
enum State {
    /// At the beginning of a column.
    Start,
    /// Within a column without quotes.
    Plain,
    /// Within quotes that began in this line.
    Quoted(u64),
    /// Behind a quote that closes them, unless another one follows.
    Behind(u64),
}

impl<R> Quotes<R> {
    fn see(&mut self, byte: u8) {
        let ends_column = byte == self.delimiter || byte == b'\n' || byte == b'\r';
        self.state = match (self.state, byte) {
            (State::Start, b'"') => State::Quoted(self.line),
            (State::Quoted(line), b'"') => State::Behind(line),
            (State::Quoted(line), _) | (State::Behind(line), b'"') => State::Quoted(line),
            _ if ends_column => State::Start,
            _ => State::Plain,
        };
        self.line += u64::from(byte == b'\n');
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        buffer.iter().take(count).for_each(|byte| self.see(*byte));
        if let (0, State::Quoted(line)) = (count, self.state) {
            self.open.set(Some(line));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rows as JSON, one a line, or what is said.
    fn read(text: &'static [u8], delimiter: u8) -> String {
        let all = rows(text, delimiter).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match all {
            Ok(rows) => {
                rows.into_iter().map(|row| Value::Object(row).to_string()).collect::<Vec<_>>().join("\n")
            }
            Err(Exit::Running(text)) => text,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_csv_may_hold_is_read() {
        for (text, expected) in [
            ("a,b\n1,2\n", r#"{"a":"1","b":"2"}"#),
            ("a,b\r\n1,2\r\n", r#"{"a":"1","b":"2"}"#),
            ("a,b\n1,2", r#"{"a":"1","b":"2"}"#),
            ("\u{feff}a,b\n1,2\n", r#"{"a":"1","b":"2"}"#),
            ("\u{feff}\"a\",b\n1,2\n", r#"{"a":"1","b":"2"}"#),
            ("a, b\n1, 2\n", r#"{"a":"1","b":" 2"}"#),
            ("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n", r#"{"a":"x,y","b":"say \"hi\""}"#),
            ("a,b\n\"x\ny\",2\n", r#"{"a":"x\ny","b":"2"}"#),
            ("a,b\n\"x\r\ny\",2\n", r#"{"a":"x\r\ny","b":"2"}"#),
            ("a,b\n5\" pipe,2\n", r#"{"a":"5\" pipe","b":"2"}"#),
            ("a,b\n,\n", r#"{"a":"","b":""}"#),
            ("a,b\n\n1,2\n\n", r#"{"a":"1","b":"2"}"#),
            ("a\n1\n2\n", "{\"a\":\"1\"}\n{\"a\":\"2\"}"),
            ("a,b\n", ""),
            ("", ""),
        ] {
            assert_eq!(read(text.as_bytes(), b','), expected, "{text:?}");
        }
        assert_eq!(read(b"a\tb\n1\t\"x\ty\"\n", b'\t'), r#"{"a":"1","b":"x\ty"}"#);
    }

    #[test]
    fn what_is_hardly_meant_is_refused_by_line_with_a_way_out() {
        for (text, said) in [
            (&b"a,b\n1,2\n3\n"[..], "line 3: has 1 column(s) where the header has 2"),
            (
                b"a,b\n1,2,3\n",
                "line 2: has 3 column(s) where the header has 2; a value with `,` or a line feed",
            ),
            (b"a,b,a\n1,2,3\n", "the header names the column `a` twice"),
            (b"a,b,\n1,2,3\n", "the header has no name for column 3"),
            (
                b"a;b\n1;2\n",
                "the header is one column, `a;b`; if there are several, name what stands between them: --delimiter ';'",
            ),
            (b"a\tb\n1\t2\n", "--delimiter '\\t'"),
            (b"a,b\n1,\xff\n", "line 2: is not valid UTF-8"),
            (b"a,b\n1,2\n3,\"x\n4,5\n6,7\n", "line 3: a quote begins here that nothing closes"),
            (b"a,b\n1,2\n3,\"x\"\"\n", "line 3: a quote begins here"),
            (b"a\n\"x\n", "line 2: a quote begins here"),
        ] {
            let found = read(text, b',');
            assert!(found.contains(said), "{}: {found}", String::from_utf8_lossy(text));
        }
        assert!(read(b"a,b\n1,2\n", b';').contains("--delimiter ,"));
    }
}
