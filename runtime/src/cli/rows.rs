//! What `sluice produce` reads: lines of JSON or text, and whole records.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use serde_json::{Map, Value};
use sluice_connector_api::Json;

use crate::cli::exit::Exit;
use crate::cli::input::OfRecords;
use crate::offline::sample::SampleRecord;

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is said of a line that is of another encoding.
pub(crate) const NOT_UTF8: &str = "is not valid UTF-8; write the file as UTF-8, as `iconv` does";

/// One entry of the input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InputEntry {
    /// An object from a row of CSV.
    Row(Map<String, Value>),
    /// A line as it is written, and the key before it, if there is one.
    Line {
        /// What stands before the delimiter of the key.
        key: Option<String>,
        /// What stands behind it.
        value: String,
    },
    /// A record in full.
    Record(SampleRecord),
}

/// What is read, one entry after the other, or why there are no more.
pub(crate) type InputEntries = Box<dyn Iterator<Item = Result<InputEntry, Exit>>>;

/// Reads lines; empty ones are passed over. What stands before the first `delimiter` is the key. `check` refuses what stands
/// behind it, or reads a record in full from it.
pub(crate) fn lines(
    input: impl Read + 'static,
    largest: u64,
    delimiter: Option<String>,
    check: impl Fn(&str) -> Result<Option<SampleRecord>, String>,
) -> impl Iterator<Item = Result<InputEntry, Exit>> {
    let (input, size) = OfRecords::new(without_mark(input), largest);
    let lines = BufReader::new(input).lines().enumerate();
    lines.filter_map(move |(number, line)| {
        size.ended();
        let at = |reason: String| Exit::Running(format!("line {}: {reason}", number + 1));
        let line = match line {
            Ok(line) if line.trim().is_empty() => return None,
            Ok(line) => line,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Some(Err(at(NOT_UTF8.to_owned())));
            }
            Err(error) => return Some(Err(at(format!("cannot read the input: {error}")))),
        };
        let (key, value) = match &delimiter {
            None => (None, line),
            Some(delimiter) => match line.split_once(delimiter.as_str()) {
                Some((key, value)) => (Some(key.to_owned()), value.to_owned()),
                None => return Some(Err(at(format!("has no `{delimiter}` behind a key")))),
            },
        };
        Some(match check(&value) {
            Ok(Some(record)) => Ok(InputEntry::Record(record)),
            Ok(None) => Ok(InputEntry::Line { key, value }),
            Err(reason) => Err(at(reason)),
        })
    })
}

/// Refuses a line that is not JSON.
pub(crate) fn json_line(line: &str) -> Result<Option<SampleRecord>, String> {
    match Json::from_slice(line.as_bytes()) {
        Ok(_) => Ok(None),
        Err(error) => Err(format!("is not a JSON value: {error}; {}", way_out(line.trim()))),
    }
}

/// Says what to do about a line that is not JSON, by how it looks.
fn way_out(line: &str) -> &'static str {
    if line == "[" || line.strip_suffix(',').is_some_and(|value| Json::from_slice(value.as_bytes()).is_ok()) {
        return "each line is a record of its own, without an array around them and commas between them: `jq -c '.[]'` makes \
                lines of an array";
    }
    "each line is a record of its own: write a document on one line, as `jq -c .` does, or send the lines as text with \
     --format text"
}

/// Takes a line for a record in full.
pub(crate) fn record_line(line: &str) -> Result<Option<SampleRecord>, String> {
    match SampleRecord::from_json(line.as_bytes()) {
        Ok(record) => Ok(Some(record)),
        Err(error) => Err(format!("is not a record in full: {error}")),
    }
}

/// Takes a line for a record in full whose key and value are JSON to be written by a schema: a text is the JSON that it is
/// written as.
pub(crate) fn document_line(line: &str) -> Result<Option<SampleRecord>, String> {
    let Some(mut record) = record_line(line)? else { return Ok(None) };
    let json = Json::from_slice(line.as_bytes()).map_err(|error| error.to_string())?;
    let of = |name: &str| json.value().get(name).filter(|part| !part.is_null());
    record.key = of("key").map(|key| key.to_string().into());
    record.value = of("value").map(|value| value.to_string().into());
    Ok(Some(record))
}

/// Passes over a byte order mark.
pub(crate) fn without_mark(mut input: impl Read) -> impl Read {
    let mut first = Vec::new();
    // An error comes again at the next reading.
    let _later = input.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut first).is_err();
    if first == BYTE_ORDER_MARK {
        first.clear();
    }
    std::io::Cursor::new(first).chain(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::csv_rows::rows_of;
    use crate::cli::input::LARGEST_RECORD;

    fn said<T>(result: Result<T, Exit>) -> String {
        match result {
            Err(Exit::Running(text)) => text,
            _ => panic!("it is taken"),
        }
    }

    fn read(text: &'static str, delimiter: Option<&str>) -> Vec<Result<InputEntry, Exit>> {
        lines(text.as_bytes(), LARGEST_RECORD, delimiter.map(str::to_owned), json_line).collect()
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let first = read("\u{feff}{\"a\":1}\n", None).remove(0).unwrap();
        assert_eq!(first, InputEntry::Line { key: None, value: "{\"a\":1}".to_owned() });
    }

    #[test]
    fn a_record_without_an_end_is_refused_with_the_bound() {
        let endless = |begin: &'static str| begin.as_bytes().chain(std::io::repeat(b'a'));
        let line = lines(endless("{}\n{\"a"), 1_000_000, None, json_line).nth(1).unwrap();
        let row = rows_of(endless("a,b\n1,"), b',', 1_000_000).unwrap().next().unwrap();
        for text in [said(line), said(row)] {
            assert!(text.contains("longer than 1000000 bytes"), "{text}");
        }
    }

    #[test]
    fn json_over_several_lines_is_refused_by_line_with_a_way_out() {
        let text = said(read("{\"a\":1}\n\n{\n  \"b\": 2\n}\n", None).remove(1));
        assert!(text.starts_with("line 3: is not a JSON value") && text.contains("`jq -c .`"), "{text}");
    }

    #[test]
    fn an_array_over_several_lines_is_refused_with_its_way_out() {
        for text in ["[\n{\"a\":1},\n{\"a\":2}\n]\n", "{\"a\":1},\n{\"a\":2}\n"] {
            let said = said(read(text, None).remove(0));
            assert!(said.starts_with("line 1: ") && said.contains("`jq -c '.[]'`"), "{said}");
        }
        assert!(read("[{\"a\":1}]\r\n", None).remove(0).is_ok(), "a value may be an array");
    }

    #[test]
    fn a_key_stands_before_the_delimiter() {
        let first = read("k::{\"a\":\"x::y\"}\n", Some("::")).remove(0).unwrap();
        assert_eq!(
            first,
            InputEntry::Line { key: Some("k".to_owned()), value: "{\"a\":\"x::y\"}".to_owned() }
        );
        assert_eq!(said(read("{}\n", Some("::")).remove(0)), "line 1: has no `::` behind a key");
    }
}
