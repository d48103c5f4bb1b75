//! Mistakes that people make, and the sentence that leads out of each.

use std::time::{Duration, Instant};

use crate::plug_ins::problems;

const SOURCE: &str = "source:\n  kafka: { bootstrap_servers: localhost, topics: [t] }\n";
const SINK: &str = "sink: { nowhere: {} }\n";

/// Checks that one thing is said of a file, and that it begins like this.
async fn assert_said(text: &str, expected: &str) {
    let said = problems(text).await;
    assert_eq!(said.len(), 1, "{text}\n{said:?}");
    assert!(said.iter().all(|said| said.starts_with(expected)), "{text}\n{said:?}");
}

#[tokio::test]
async fn a_time_without_a_unit_gets_one() {
    assert_said(
        &format!("{SOURCE}{SINK}batch: {{ linger: 500 }}\n"),
        "c.yaml:4:18: `batch.linger`: give a unit, such as 500ms, found the number `500`",
    )
    .await;
    assert_said(
        &format!("{SOURCE}{SINK}batch: {{ linger: soon }}\n"),
        "c.yaml:4:18: `batch.linger`: expected a time with its unit, such as 200ms, 5s or 1h 30m, found `soon`",
    )
    .await;
}

#[tokio::test]
async fn a_size_that_is_none_is_told_in_a_sentence() {
    let text = format!("{SOURCE}{SINK}buffer_memory: much\n");
    assert_said(&text, "c.yaml:4:16: `buffer_memory`: expected a size in bytes, such as 64MiB").await;
}

#[tokio::test]
async fn a_plug_in_is_named_by_the_key_that_holds_its_settings() {
    let way = "the key that holds its settings names it: write `nowhere: { ... }` instead of `type: nowhere`";
    assert_said(&format!("{SOURCE}sink: {{ type: nowhere }}\n"), &format!("c.yaml:3:9: `sink.type`: {way}"))
        .await;
    assert_said(
        &format!("{SOURCE}sink:\n  type: nowhere\n  url: x\n"),
        &format!("c.yaml:4:3: `sink.type`: {way}"),
    )
    .await;
    assert_said(
        &format!("{SOURCE}transforms: [{{ name: template, text: a }}]\n{SINK}"),
        "c.yaml:3:16: `transforms.0.name`: the key that holds its settings names it: write `template: { ... }`",
    )
    .await;
}

#[tokio::test]
async fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
    let cases = [
        (
            format!("source:\n  kafka: {{ bootstrap_servers: localhost, topics: [t], value: json }}\n{SINK}"),
            "c.yaml:2:55: unknown key `source.kafka.value`; it belongs beside `kafka`, not within it",
        ),
        (
            format!(
                "{SOURCE}transforms:\n  - template:\n      text: a\n      predicate: {{ has_header_key: {{ name: h }} }}\n{SINK}"
            ),
            "c.yaml:6:7: unknown key `transforms.0.template.predicate`; it belongs beside `template`, not within it",
        ),
        (
            format!("{SOURCE}{SINK}linger: 5ms\n"),
            "c.yaml:4:1: unknown key `linger`; it belongs under `batch`",
        ),
        (
            format!("{SOURCE}{SINK}tolerance: all\n"),
            "c.yaml:4:1: unknown key `tolerance`; it belongs under `errors`",
        ),
        (
            format!("{SOURCE}{SINK}batch: {{ tasks_max: 2 }}\n"),
            "c.yaml:4:10: unknown key `batch.tasks_max`; it belongs at the top, beside `batch`",
        ),
    ];
    for (text, expected) in cases {
        assert_said(&text, expected).await;
    }
}

#[tokio::test]
async fn what_is_wrong_in_a_combined_predicate_is_told_at_its_place() {
    let with = |predicate: &str| {
        format!(
            "{SOURCE}transforms:\n  - filter: {{}}\n    predicate:\n      all:\n        - {predicate}\n{SINK}"
        )
    };
    assert_said(
        &with("record_is_tombstoned: {}"),
        "c.yaml:7:11: unknown predicate `transforms.0.predicate.all.0.record_is_tombstoned`; did you mean `record_is_tombstone`?",
    )
    .await;
    assert_said(
        &with("not: { topic_name_matches: { pattern: '(' } }"),
        "c.yaml:7:49: `transforms.0.predicate.all.0.not.topic_name_matches.pattern`: invalid regular expression: unclosed group",
    )
    .await;
    assert_eq!(
        problems(&with("any: [ { not: { record_is_tombstone: {} } } ]")).await.len(),
        1,
        "three levels deep"
    );
    assert_eq!(problems(&with("any: [ { record_is_tombstone: {} } ]")).await, [""; 0]);
}

#[tokio::test]
async fn what_is_written_for_kafka_connect_is_said_to_be_so_and_not_shown() {
    for text in [
        "name=prices\nconnector.class=io.example.HttpSink\nhttp.auth.password=hunter2\n",
        "{\"name\": \"prices\", \"config\": {\"connector.class\": \"x\", \"password\": \"hunter2\"}}",
        "connector.class: x\npassword: hunter2\n",
    ] {
        assert_said(text, "c.yaml: this configures a connector of Kafka Connect").await;
        assert!(!problems(text).await.join("").contains("hunter2"));
    }
    let text = "first line of something\nthat holds hunter2 and is no connector\n";
    assert!(!problems(text).await.join("").contains("hunter2"), "no file is shown");
}

#[tokio::test]
async fn what_has_to_be_quoted_is_said_at_its_place() {
    let text = format!("{SOURCE}transforms:\n  - template:\n      text: {{{{id}}}} of {{{{b}}}}\n{SINK}");
    assert_said(&text, "c.yaml:5:13: quote the value here: \"{{...\"").await;
    let text = "source:\n  kafka: { bootstrap_servers: ${env:B}, topics: [t] }\nsink: { nowhere: {} }\n";
    assert_said(text, "c.yaml:2:31: quote the value here: \"${...\"").await;
}

/// A mistake that the schema finds does not hide one that the plug-in finds, nor one of these another.
#[tokio::test]
async fn all_mistakes_of_a_plug_in_are_told_at_once() {
    let text = format!(
        "{SOURCE}transforms:\n  - timestamp: {{ field: a, from: '%Q%', to: '%!', time_zone: Nowhere, az: b }}\n{SINK}"
    );
    let said = problems(&text).await;
    for key in ["timestamp.az`", "timestamp.from`", "timestamp.time_zone`"] {
        assert!(said.iter().any(|said| said.contains(key)), "{key}: {said:?}");
    }
    let text = "source:\n  kafka: { bootstrap_servers: localhost, topics: [t], properties: { group.id: x }, gruop: y }\n\
                sink: { nowhere: {} }\n";
    let said = problems(text).await;
    assert_eq!(said.len(), 2, "{said:?}");
}

/// A key without which there are no settings is stood in for, so that it hides nothing of the others.
#[tokio::test]
async fn a_mistake_in_a_key_that_must_be_there_hides_none_of_the_others() {
    let wrong = |transform: &str| format!("{SOURCE}transforms:\n  - {transform}\n{SINK}");
    for (transform, keys) in [
        ("timestamp: { field: a, from: [], to: rfc3339, time_zone: Nowhere }", &["from", "time_zone"][..]),
        ("timestamp: { field: a, from: '%Q%', to: '%K', time_zone: Nowhere }", &["from", "to", "time_zone"]),
        ("timestamp: { field: a, time_zone: Nowhere }", &["from", "to", "time_zone"]),
        ("regex_router: { regex: '(', replacement: '$9' }", &["regex"]),
        ("template: { text: [a], delimiters: ['<<', '<<'] }", &["text", "delimiters"]),
    ] {
        let said = problems(&wrong(transform)).await;
        for key in keys {
            assert!(said.iter().any(|said| said.contains(&format!(".{key}`"))), "{key}: {said:?}");
        }
        assert_eq!(said.len(), keys.len(), "{said:?}");
    }
}

#[tokio::test]
async fn a_mistake_in_the_queue_hides_none_in_the_settings_of_its_sink() {
    let queue = "errors: { dead_letter_queue: { sink: { nowhere: { a: 1 } }, on_too_large: stop } }\n";
    let said = problems(&format!("{SOURCE}{SINK}{queue}")).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said.iter().all(|said| said.contains("`errors.dead_letter_queue.sink.nowhere.a`")), "{said:?}");
}

/// What is missing only because something else is wrong is not reported.
#[tokio::test]
async fn one_mistake_is_told_once() {
    let text = format!(
        "{SOURCE}transforms: [{{ timestamp: {{ field: [a], from: rfc3339, to: rfc3339 }} }}]\n{SINK}"
    );
    assert_said(&text, "c.yaml:3:36: `transforms.0.timestamp.field`: expected text, found a list").await;
    let text = format!("{SOURCE}transforms: [{{ timestamp: {{ field: a, to: rfc3339 }} }}]\n{SINK}");
    assert_said(&text, "c.yaml:3:16: missing key `transforms.0.timestamp.from`").await;
}

#[tokio::test]
async fn anchors_aliases_and_merge_keys_may_be_used() {
    let text = "source:\n  kafka: &kafka { bootstrap_servers: localhost, topics: [t] }\n\
                sink: { nowhere: {} }\nerrors: &errors { tolerance: all }\nbatch: { linger: &wait 5ms }\n";
    assert_eq!(problems(text).await, [""; 0]);
    let merged = "source:\n  kafka:\n    <<: { bootstrap_servers: localhost }\n    topics: [t]\nsink: { nowhere: {} }\n";
    assert_eq!(problems(merged).await, [""; 0]);
}

/// Whatever is wrong with a large file, it is said soon.
#[tokio::test]
async fn a_file_with_very_many_keys_is_checked_soon() {
    for (few, many) in files_of_keys(3_000).iter().zip(files_of_keys(60_000)) {
        let (of_few, _) = time_to_check(few).await;
        let (of_many, problems) = time_to_check(&many).await;
        assert!((1..=220).contains(&problems), "{problems}");
        // An optimised build takes a tenth of it. A busy machine takes longer over both.
        let soon = Duration::from_secs(5).max(of_few * 60);
        assert!(of_many < soon, "{of_many:?}, and {of_few:?} for a twentieth of the keys");
    }
}

async fn time_to_check(text: &str) -> (Duration, usize) {
    let begun = Instant::now();
    let said = problems(text).await;
    (begun.elapsed(), said.len())
}

/// Files with so many keys where there is none of these names.
fn files_of_keys(count: usize) -> [String; 4] {
    let keys = |value: &str| {
        let lines: Vec<_> = (0..count).map(|number| format!("  key{number}: {value}\n")).collect();
        lines.concat()
    };
    let properties = "source:\n  kafka: { bootstrap_servers: localhost, topics: [t] }\n";
    [
        format!("{properties}sink: {{ nowhere: {{}} }}\nbatch:\n{}", keys("1")),
        format!("{properties}batch:\n{}sink: {{ nowhere: {{}} }}\n", keys("[1]")),
        format!(
            "source:\n  kafka:\n    bootstrap_servers: localhost\n    topics: [t]\n    properties:\n{}sink: {{ nowhere: {{}} }}\n",
            keys("[1]").replace("  key", "      key")
        ),
        format!("{}sink: {{ nowhere: {{}} }}\n{properties}", keys("1").replace("  key", "key")),
    ]
}

#[tokio::test]
async fn a_file_that_is_too_deep_is_refused() {
    assert_said(&format!("{}a\n", "- ".repeat(10_000)), "c.yaml:1:").await;
}
