//! The dead letter queue of a connector: what `sluice check` refuses, and where; and its topic at brokers that create none.

use std::time::Duration;

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Running, Sluice};

/// Checks a file of which only the topics and the errors are of interest. The errors begin in line 8.
#[track_caller]
fn assert_checked(topics: &str, errors: &str, code: i32, expected: &[&str]) {
    let content = format!(
        "source:\n  kafka:\n    bootstrap_servers: localhost:9092\n    topics: {topics}\nsink:\n  blackhole: {{}}\n\
         errors:\n{errors}"
    );
    let folder = Folder::with("c.yaml", content);
    let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(code);
    assert_eq!(checked.lines(), expected, "{checked}");
}

#[track_caller]
fn assert_refused(topics: &str, errors: &str, expected: &[&str]) {
    assert_checked(topics, errors, 2, expected);
}

#[test]
fn a_topic_or_a_sink_is_a_good_queue() {
    for queue in ["{ topic: t2 }", "{ sink: { file: { path: /tmp/letters } } }", ""] {
        let errors = format!("  tolerance: all\n  dead_letter_queue: {queue}\n");
        assert_checked(
            "[t, ^u.*]",
            &errors,
            0,
            &["c.yaml: ok (at least once, idempotent: it stores nothing)"],
        );
    }
}

#[test]
fn a_queue_without_tolerance_is_refused_where_it_stands() {
    for tolerance in ["", "  tolerance: none\n"] {
        let line = 8 + tolerance.lines().count();
        let expected = format!(
            "c.yaml:{line}:22: `errors.dead_letter_queue`: needs `tolerance: all`; without it the connector stops at \
             a rejected record"
        );
        let errors = format!("{tolerance}  dead_letter_queue: {{ topic: d }}\n");
        assert_refused("[t]", &errors, &[&expected]);
    }
}

#[test]
fn a_tolerance_that_is_none_of_the_choices_is_one_problem_not_two() {
    assert_refused(
        "[t]",
        "  tolerance: some\n  dead_letter_queue: { topic: d }\n",
        &["c.yaml:8:14: `errors.tolerance`: expected one of `none`, `all`, found `some`"],
    );
}

#[test]
fn a_topic_that_the_source_reads_is_no_queue_for_it() {
    for (topics, read) in [("[a, d]", "d"), ("[a, \"^d\"]", "^d"), ("[\"^.*\"]", "^.*")] {
        let expected = format!(
            "c.yaml:9:31: `errors.dead_letter_queue.topic`: is read by this connector (`{read}`), which would go \
             round for ever"
        );
        assert_refused(topics, "  tolerance: all\n  dead_letter_queue: { topic: d }\n", &[&expected]);
    }
}

#[test]
fn a_topic_that_could_not_be_is_no_queue() {
    assert_refused(
        "[t]",
        "  tolerance: all\n  dead_letter_queue:\n    topic: \"a b\"\n",
        &[
            "c.yaml:10:12: `errors.dead_letter_queue.topic`: `a b` is not a topic name: only letters, digits, `.`, `_` \
           and `-` are allowed; a pattern begins with `^`",
        ],
    );
    assert_refused(
        "[t]",
        "  tolerance: all\n  dead_letter_queue:\n    topic: ^d\n",
        &["c.yaml:10:12: `errors.dead_letter_queue.topic`: is a pattern; name one topic"],
    );
}

#[test]
fn a_topic_and_a_sink_are_one_queue_too_many_and_neither_is_none() {
    assert_refused(
        "[t]",
        "  tolerance: all\n  dead_letter_queue: { topic: d, sink: { blackhole: {} } }\n",
        &["c.yaml:9:22: `errors.dead_letter_queue`: more than one is chosen here; keep one"],
    );
    assert_refused(
        "[t]",
        "  tolerance: all\n  dead_letter_queue: {}\n",
        &["c.yaml:9:22: `errors.dead_letter_queue`: nothing is chosen here; name a topic or a sink"],
    );
}

#[test]
fn what_becomes_of_a_letter_that_is_too_large_is_said_beside_a_topic() {
    assert_refused(
        "[t]",
        "  tolerance: all\n  dead_letter_queue: { sink: { blackhole: {} }, on_too_large: truncate }\n",
        &[
            "c.yaml:9:63: `errors.dead_letter_queue.on_too_large`: is about a `topic`; a sink says itself what it takes",
        ],
    );
    assert_refused(
        "[t]",
        "  tolerance: all\n  dead_letter_queue: { on_too_large: truncate }\n",
        &[
            "c.yaml:9:38: `errors.dead_letter_queue.on_too_large`: is about a `topic`; a sink says itself what it takes",
        ],
    );
    assert_refused(
        "[t]",
        "  tolerance: all\n  dead_letter_queue: { topic: d, on_too_large: cut }\n",
        &[
            "c.yaml:9:48: `errors.dead_letter_queue.on_too_large`: expected one of `stop`, `truncate`, `headers_only`, found \
             `cut`",
        ],
    );
}

#[test]
fn bad_settings_of_the_queues_sink_are_placed_like_those_of_any_sink() {
    let queue = |sink: &str| format!("  tolerance: all\n  dead_letter_queue:\n    sink:\n      {sink}\n");
    assert_refused(
        "[t]",
        &queue("file: { paht: /tmp/letters }"),
        &[
            "c.yaml:11:7: missing key `errors.dead_letter_queue.sink.file.path`",
            "c.yaml:11:15: unknown key `errors.dead_letter_queue.sink.file.paht`; did you mean `path`?",
        ],
    );
    assert_refused(
        "[t]",
        &queue("fiel: {}"),
        &["c.yaml:11:7: unknown sink `errors.dead_letter_queue.sink.fiel`; did you mean `file`?"],
    );
    assert_refused(
        "[t]",
        &queue("http: { url: nowhere }"),
        &[
            "c.yaml:11:20: `errors.dead_letter_queue.sink.http.url`: expected an address that begins with https:// or http://, found `nowhere`",
        ],
    );
}

#[test]
fn a_threshold_that_no_record_can_reach_is_refused() {
    assert_refused(
        "[t]",
        "  tolerance: all\n  threshold: { rejected: 31, of_last: 30 }\n",
        &["c.yaml:9:26: `errors.threshold.rejected`: is more than `of_last`, so that it is never reached"],
    );
}

/// A broker of `sluice demo`, with records that are no numbers, and a connector that sends them to a topic which is not there.
fn poisoned() -> (EmbeddedKafka, Folder) {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("prices", 1).unwrap();
    let folder = Folder::with("prices.jsonl", "{\"a\": \"x\"}\n{\"a\": \"y\"}\n");
    let produce = Sluice::new(["produce", "--topic=prices", "prices.jsonl"]).current_dir(folder.path());
    produce.env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers()).output().expect_code(0);
    folder.write(
        "c.yaml",
        "source:\n  kafka: { bootstrap_servers: \"${env:KAFKA_BOOTSTRAP_SERVERS}\", topics: [prices] }\ntransforms:\n  - cast: { \
         spec: { a: int32 } }\nsink: { blackhole: {} }\nerrors: { tolerance: all, threshold: off, dead_letter_queue: { topic: letters } }\n",
    );
    (kafka, folder)
}

fn run(kafka: &EmbeddedKafka, folder: &Folder) -> Running {
    let run = Sluice::new(["run", "--listen=none", "c.yaml"]).current_dir(folder.path());
    run.env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers()).spawn()
}

/// The broker of a demo answers nothing that creates topics; it makes one that is asked for.
#[test]
fn letters_find_their_topic_at_brokers_that_create_none() {
    let (kafka, folder) = poisoned();
    let mut daemon = run(&kafka, &folder);
    daemon.wait_for_log("dead letter topic created by asking for it");
    let list = || {
        let list = Sluice::new(["dlq", "list", "--connector=c.yaml"]).current_dir(folder.path());
        list.env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers()).output().expect_code(0).stdout
    };
    daemon.wait_while_running("both letters", || list().lines().count() >= 2);
    daemon.terminate().expect_code(0);
}

/// What a client waits for that makes the topic holds no stop up.
#[test]
fn a_connector_stops_while_the_topic_of_its_letters_is_made() {
    let (kafka, folder) = poisoned();
    let mut daemon = run(&kafka, &folder);
    daemon.wait_for_log("record for the dead letter queue");
    let ended = daemon.terminate().expect_code(0);
    assert!(ended.waited < Duration::from_secs(20), "{ended}");
}

#[test]
fn a_group_that_is_not_there_is_told_so_by_brokers_that_list_none() {
    let (kafka, folder) = poisoned();
    let show = Sluice::new(["offsets", "show", "--group=nope"]).current_dir(folder.path());
    let ended = show.env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers()).output().expect_code(3);
    assert_eq!(ended.stderr, "error: there is no group `nope`");
}
