//! Any bytes give a record or a rejection, and never a panic: what `fuzz/` tries for as long as it is let, in seconds.
#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sluice_tests::any_bytes::{self, PRIVATE};

/// Pieces of which JSON is made, and of which it is not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = [
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
    ];
    let private = ["Number", "RawValue"].map(|name| format!("{{\"{PRIVATE}{name}\":\"1,\\\"x\\\":2\"}}"));
    let all: Vec<Vec<u8>> =
        words.iter().map(|word| word.as_bytes().to_vec()).chain(private.map(String::into_bytes)).collect();
    prop_oneof![9 => prop::sample::select(all), 1 => prop::collection::vec(any::<u8>(), 0..4)]
}

/// Documents that are right, of which some bytes are changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let documents: Vec<&[u8]> = vec![
        br#"{"a":1739712345.678,"b":{"c":[1.50,"x",null]},"$serde_json::private::Number":"7"}"#,
        br#"{"a":"9999-12-31T23:59:59.999Z","b":[{"b c":{"d":1E5}}]}"#,
        br#"{"a":"Sun, 16 Feb 2025 13:25:45 +0000"}"#,
        br#"{"eventSource":"aws:kafka","records":{"t-0":[{"offset":15,"timestamp":1545084650987,"key":"YQ==","value":"eyJhIjoxfQ==","headers":[{"h":[104,-1,255]}]}]}}"#,
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn json_is_read_or_refused_and_goes_out_as_it_came_in(bytes in bytes()) {
        any_bytes::json(&bytes);
    }

    #[test]
    fn every_converter_takes_or_rejects_any_bytes(bytes in bytes()) {
        any_bytes::converters(&bytes);
    }

    #[test]
    fn a_template_takes_or_rejects_any_record(bytes in bytes()) {
        any_bytes::template(&bytes);
    }

    #[test]
    fn a_time_is_converted_or_rejected(bytes in bytes()) {
        any_bytes::timestamp(&bytes);
    }

    #[test]
    fn every_transform_takes_or_rejects_any_record(bytes in bytes()) {
        any_bytes::transforms(&bytes);
    }

    #[test]
    fn a_program_of_jq_is_refused_or_runs_within_its_bounds(bytes in bytes()) {
        any_bytes::jq(&bytes);
    }

    #[test]
    fn every_predicate_answers_for_any_record(bytes in bytes()) {
        any_bytes::predicates(&bytes);
    }

    #[test]
    fn an_event_gives_its_records_or_is_refused(bytes in bytes()) {
        any_bytes::lambda_event(&bytes);
    }
}

proptest! {
    // Each builds the schema of all plug-ins anew.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_connector_file_is_loaded_or_its_problems_are_told(bytes in bytes()) {
        any_bytes::connector_file(&bytes);
    }
}
