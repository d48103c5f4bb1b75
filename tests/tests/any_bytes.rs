//! Any bytes give a record or a rejection, and never a panic: what `fuzz/` tries for as long as it is let, in seconds.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use sluice_tests::any_bytes::{self, PRIVATE};
use sluice_tests::process::peak_memory;
use sluice_tests::requirement::tell;
use sluice_tests::sluice::root;

/// Pieces of which JSON, templates, programs of jq, events and envelopes are made, and of which none is.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0024",
    "\\ud83d",
    "\\ude00",
    " ",
    "\n",
    "null",
    "true",
    "false",
    "NaN",
    "-Infinity",
    "0",
    "-0",
    "1E5",
    "1e999999999",
    "9007199254740993",
    "253402300799999",
    "\"a\"",
    "\"b\"",
    "\"a\":",
    "\"b\":{\"c\":",
    "9999-12-31T23:59:59.999Z",
    "+02:00",
    "%Y",
    "%z",
    "%s",
    "{{",
    "}}",
    "{{#each a}}",
    "{{/each}}",
    "{{a}}",
    ".[]",
    ".a",
    "..",
    "|",
    "repeat(",
    "range(9)",
    "def f: ",
    "; f",
    "\u{feff}",
    "\0",
    "\"offset\":",
    "\"records\":",
    "\"t-0\":",
    "\"value\":\"eyJhIjoxfQ==\"",
    "\"headers\":[{\"h\":[1,-1]}]",
    "9223372036854775807",
    "9223372036854775806",
    "-9223372036854775808",
    "18446744073709551616",
    ",",
    "\"schema\":{\"type\":\"struct\",\"fields\":[",
    "{\"field\":\"a\",\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"99\"}}",
    "\"payload\":",
];

/// Pieces of which JSON is made, and of which it is not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let private = ["Number", "RawValue"].map(|name| format!("{{\"{PRIVATE}{name}\":\"1,\\\"x\\\":2\"}}"));
    let all: Vec<Vec<u8>> =
        WORDS.iter().map(|word| word.as_bytes().to_vec()).chain(private.map(String::into_bytes)).collect();
    prop_oneof![9 => prop::sample::select(all), 1 => prop::collection::vec(any::<u8>(), 0..4)]
}

/// Documents that are right, of which some bytes are changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let documents: Vec<&[u8]> = vec![
        br#"{"a":1739712345.678,"b":{"c":[1.50,"x",null]},"$serde_json::private::Number":"7"}"#,
        br#"{"a":"9999-12-31T23:59:59.999Z","b":[{"b c":{"d":1E5}}]}"#,
        br#"{"a":"Sun, 16 Feb 2025 13:25:45 +0000"}"#,
        br#"{"eventSource":"aws:kafka","records":{"t-0":[{"offset":15,"timestamp":1545084650987,"key":"YQ==","value":"eyJhIjoxfQ==","headers":[{"h":[104,-1,255]}]}]}}"#,
        br#"{"schema":{"type":"struct","fields":[{"field":"a","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},{"field":"b","type":"int64","name":"io.debezium.time.NanoTimestamp"}]},"payload":{"a":"EWI=","b":1739712345678000000}}"#,
        br#"{"offset":9223372036854775806,"partition":2147483647,"timestamp":-9223372036854775808,"value":{"a":1},"headers":[{"name":"h","value":null}]}"#,
        b"orders,3,42,\x00\x00\x00\x00\x07\x0e\x04\x11\x62\xe8\xdc\xc0\xc0\x82\x67",
        b"\x02\x0e\x02\x02k\x04\x11\x62\x00\x02\xe8\xdc\xc0\xc0\x82\x67\x00\x02\x00\x00\x00\x00",
        b"\x08\x07\x12\x0c\x0a\x01k\x11\x00\x00\x00\x00\x00\x00\xf8\x3f\x1a\x02\x08\x01\x22\x01e\x32\x06\x08\x80\x92\xb8\xc3\x98",
        b"\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08\x02\x0e\x00\x00\x00",
        b"tests:\n  - name: a\n    records:\n      - { value: { a: 1 }, offset: 7 }\n    expect:\n      rejected: [{ record: 1, reason: x }]\n",
        b"source:\n  kafka: { bootstrap_servers: localhost:9092, topics: [t] }\n  value: json\ntransforms:\n  - timestamp: { field: a, from: unix_seconds, to: '%F' }\n  - template: { text: \"{{a}} ${env:X:-y}\" }\nsink:\n  file: { path: /dev/null }\n",
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(documents), changes).prop_map(|(document, changes)| {
        let mut document = document.to_vec();
        for (at, byte) in changes {
            let at = at.index(document.len());
            document[at] = byte;
        }
        document
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat()),
        damaged(),
    ]
}

/// Values that no connector has, or that mean something to YAML, to a template, to jq, to a regular expression or to a
/// reference.
const VALUES: &[&str] = &[
    "",
    "~",
    "{}",
    "[]",
    "-1",
    "0",
    "1e999999",
    "9223372036854775808",
    "18446744073709551615",
    "0.1e-400",
    "0x7fffffffffffffff",
    "99999999999h",
    "100y",
    "99999999TiB",
    "1.5",
    "true",
    "yes",
    "2026-11-29",
    "${env:",
    "${env:X",
    "${env:A:-${env:B:-}}",
    "${file:/dev/zero}",
    "${file:/dev/null}",
    "${vault:x}",
    "$${env:A}",
    "${",
    "&a [*a]",
    "*a",
    "&a { <<: *a }",
    "!!binary aGk=",
    "!<tag:x> y",
    "? a",
    "- - - -",
    "|\n  x",
    ">-",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "'\u{feff}'",
    "%YAML 9.9",
    "--- x",
    "...",
    "\t",
    "\u{202e}",
    "\u{2028}",
    "{{#each a}}",
    "{{a",
    "{{@record.key.id}}",
    "{{{a}}}",
    "^(((((",
    "(?P<",
    "[a-",
    "^.*",
    "(a*)*$",
    "[.[]|..]",
    "def f: f; f",
    "$serde_json::private::Number",
    "{ $serde_json::private::RawValue: \"{}\" }",
    "___figment_relative_metadata_path",
    "http://[::1",
    "http://a:99999",
    "https://u:p@h/%zz?{{a}}",
    "postgres://%zz@/",
    "localhost:99999",
    "[localhost:1, localhost:2]",
    "%Q",
    "%Y%Y%Y%Y",
    "arn:aws:::",
    "{ all: [ { not: { all: [] } } ] }",
];

/// A change of a text.
#[derive(Clone, Debug)]
enum Edit {
    Drop(prop::sample::Index),
    Repeat(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Shift(prop::sample::Index, usize),
    Value(prop::sample::Index, &'static str),
    Key(prop::sample::Index, &'static str),
    Put(prop::sample::Index, char),
    Cut(prop::sample::Index),
}

impl Edit {
    fn any() -> impl Strategy<Value = Self> {
        let at = any::<prop::sample::Index>;
        let value = || prop::sample::select(VALUES);
        prop_oneof![
            1 => at().prop_map(Self::Drop),
            1 => at().prop_map(Self::Repeat),
            1 => (at(), at()).prop_map(|(one, other)| Self::Swap(one, other)),
            1 => (at(), 0_usize..9).prop_map(|(at, margin)| Self::Shift(at, margin)),
            4 => (at(), value()).prop_map(|(at, value)| Self::Value(at, value)),
            1 => (at(), value()).prop_map(|(at, value)| Self::Key(at, value)),
            2 => (at(), any::<char>()).prop_map(|(at, char)| Self::Put(at, char)),
            1 => (at(), prop::sample::select(vec!['{', '}', '[', ']', ':', '"', '\'', '&', '*', '!', '|', '#', '$', '\t']))
                .prop_map(|(at, char)| Self::Put(at, char)),
            1 => at().prop_map(Self::Cut),
        ]
    }

    fn of(&self, text: &str) -> String {
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let count = lines.len();
        match self {
            Self::Drop(at) => drop(lines.remove(at.index(count))),
            Self::Repeat(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
            Self::Swap(one, other) => lines.swap(one.index(count), other.index(count)),
            Self::Shift(at, margin) => {
                let line = &mut lines[at.index(count)];
                *line = format!("{}{}", " ".repeat(*margin), line.trim_start());
            }
            Self::Value(at, value) => {
                let line = &mut lines[at.index(count)];
                let key = line.split_once(": ").map_or(line.as_str(), |(key, _)| key).trim_end_matches(':');
                *line = format!("{key}: {value}");
            }
            Self::Key(at, key) => {
                let line = &mut lines[at.index(count)];
                let margin = line.len() - line.trim_start().len();
                *line = format!(
                    "{}{key}: {}",
                    " ".repeat(margin),
                    line.split_once(": ").map_or("", |(_, value)| value)
                );
            }
            Self::Put(at, char) => {
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                let (before, behind) = text.split_at(places[at.index(places.len())]);
                return format!("{before}{char}{behind}");
            }
            Self::Cut(at) => lines.truncate(at.index(count) + 1),
        }
        lines.join("\n")
    }
}

/// Connector files that are right: those that are shipped.
fn shipped() -> Vec<String> {
    fn find(folder: &Path, found: &mut Vec<String>) {
        let entries = fs::read_dir(folder).into_iter().flatten();
        for entry in entries.map_while(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                find(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                found.extend(fs::read_to_string(path));
            }
        }
    }
    let mut found = Vec::new();
    find(&root().join("connectors.d"), &mut found);
    assert!(found.len() > 5);
    found.sort();
    found
}

/// Texts of connectors with changes, as of somebody who errs or means harm; some within one another without end.
fn connector_files() -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec(Edit::any(), 1..6);
    let changed = (prop::sample::select(shipped()), edits)
        .prop_map(|(text, edits)| edits.iter().fold(text, |text, edit| edit.of(&text)).into_bytes());
    let piece = prop::sample::select(vec![
        "{a: ",
        "[",
        "- ",
        "a:\n ",
        "? ",
        "!x ",
        "&a ",
        "'",
        "\"\\",
        "{{",
        "${env:A:-",
    ]);
    let nested = (prop::sample::select(shipped()), any::<prop::sample::Index>(), piece, 1_usize..20_000)
        .prop_map(|(text, at, piece, times)| {
            let lines: Vec<&str> = text.lines().collect();
            let at = at.index(lines.len());
            let key = lines[at].split_once(':').map_or("a", |(key, _)| key);
            [&lines[..at], &[&format!("{key}: {}", piece.repeat(times))], &lines[at + 1..]]
                .concat()
                .join("\n")
                .into_bytes()
        });
    prop_oneof![19 => changed, 1 => nested]
}

/// What a case may take on a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(20);

/// Tries so many cases, or as many as `PROPTEST_CASES` says, and tells what they took where that says so.
fn tries(few: u32, holds: fn(&[u8])) {
    tries_of(bytes(), few, holds);
}

fn tries_of(inputs: impl Strategy<Value = Vec<u8>>, few: u32, holds: fn(&[u8])) {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let config = ProptestConfig::with_cases(asked.unwrap_or(few));
    let mut runner = TestRunner::new(ProptestConfig { failure_persistence: None, ..config });
    let (begun, longest) = (Instant::now(), Cell::new(Duration::ZERO));
    let tried = runner.run(&inputs, |bytes| {
        let begun = Instant::now();
        holds(&bytes);
        longest.set(longest.get().max(begun.elapsed()));
        prop_assert!(begun.elapsed() < LONGEST, "it took {:?}", begun.elapsed());
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
    if let Some(cases) = asked {
        let test = thread::current().name().unwrap_or_default().to_owned();
        let (all, longest, memory) = (begun.elapsed(), longest.get(), peak_memory(std::process::id()));
        tell(&format!(
            "{test}: {cases} cases in {all:.0?}, the longest {longest:.1?}; {memory:.0} MiB so far\n"
        ));
    }
}

#[test]
fn json_is_read_or_refused_and_goes_out_as_it_came_in() {
    tries(512, any_bytes::json);
}

#[test]
fn every_converter_takes_or_rejects_any_bytes() {
    tries(512, any_bytes::converters);
}

#[test]
fn every_converter_by_a_schema_takes_or_rejects_any_bytes() {
    tries(512, any_bytes::schema_converters);
}

#[test]
fn a_template_takes_or_rejects_any_record() {
    tries(512, any_bytes::template);
}

#[test]
fn a_time_is_converted_or_rejected() {
    tries(512, any_bytes::timestamp);
}

#[test]
fn every_transform_takes_or_rejects_any_record() {
    tries(512, any_bytes::transforms);
}

#[test]
fn a_program_of_jq_is_refused_or_runs_within_its_bounds() {
    tries(512, any_bytes::jq);
}

#[test]
fn every_predicate_answers_for_any_record() {
    tries(512, any_bytes::predicates);
}

#[test]
fn an_event_gives_its_records_or_is_refused() {
    tries(512, any_bytes::lambda_event);
}

#[test]
fn sample_records_are_read_or_the_line_is_named() {
    tries(512, any_bytes::samples);
}

#[test]
fn a_dead_letter_says_where_its_record_was_read_or_does_not() {
    tries(512, any_bytes::letters);
}

/// Each builds the schema of all plug-ins anew, so that it is few.
#[test]
fn a_connector_file_is_loaded_or_its_problems_are_told() {
    tries(64, any_bytes::connector_file);
}

/// Files as people have them, and what becomes of these by a mistake.
#[test]
fn a_connector_file_that_was_changed_is_loaded_or_its_problems_are_told() {
    tries_of(connector_files(), 64, any_bytes::connector_file);
}
