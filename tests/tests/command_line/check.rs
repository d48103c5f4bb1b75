//! `sluice check`: each class of bad file, with the exact lines that it gets.

use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Exited, Sluice};

/// A good file up to its transforms.
const SOURCE: &str = "source:\n  kafka:\n    bootstrap_servers: localhost:9092\n    topics: [t]\n";
const SINK: &str = "sink:\n  blackhole: {}\n";

/// Checks what is in the folder, from within it.
fn check(folder: &Folder) -> Exited {
    Sluice::new(["check", "."]).current_dir(folder.path()).output()
}

/// Checks a file `c.yaml`, and that `run` refuses it alike without reaching for anything.
#[track_caller]
fn assert_refused(content: impl AsRef<[u8]>, expected: &[&str]) {
    let folder = Folder::with("c.yaml", content);
    let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(2);
    assert_eq!(checked.lines(), expected, "{checked}");
    assert_eq!(checked.stderr, "", "{checked}");
    let ran = Sluice::new(["run", "c.yaml"]).current_dir(folder.path()).output().expect_code(2);
    assert_eq!(ran.stderr.lines().collect::<Vec<_>>(), expected, "{ran}");
    assert_eq!(ran.stdout, "", "{ran}");
}

fn with_transform(transform: &str) -> String {
    format!("{SOURCE}transforms:\n{transform}{SINK}")
}

#[test]
fn a_good_file_is_said_to_be_good() {
    let folder = Folder::with("c.yaml", format!("{SOURCE}{SINK}"));
    let checked = check(&folder).expect_code(0);
    assert_eq!(
        (checked.lines(), checked.stderr.as_str()),
        (vec!["./c.yaml: ok (at least once, idempotent: it stores nothing)"], "")
    );
}

/// A letter has to be stored before its record is committed.
#[test]
fn a_dead_letter_queue_is_no_sink_that_holds_records() {
    let queue = |objects: &str| {
        format!(
            "errors:\n  tolerance: all\n  dead_letter_queue:\n    sink:\n      s3: {{ bucket: letters{objects} }}\n"
        )
    };
    let refused = "c.yaml:11:11: `errors.dead_letter_queue.sink.s3`: holds records until more of them come, and a letter has \
                   to be stored before its record is done; leave out what lets its objects outlive a batch";
    assert_refused(format!("{SOURCE}{SINK}{}", queue(", objects: {}")), &[refused]);
    let folder = Folder::with("c.yaml", format!("{SOURCE}{SINK}{}", queue("")));
    check(&folder).expect_code(0);
}

/// That nothing is left in a map follows from what is wrong in it.
#[test]
fn a_map_in_which_all_is_wrong_is_named_once() {
    let value = "  value: { avro: { registry: { url: \"http://r\" } } }\n";
    assert_refused(
        format!("{SOURCE}{value}{SINK}"),
        &["c.yaml:5:32: unknown key `source.value.avro.registry.url`; known are: confluent, apicurio, glue"],
    );
}

#[test]
fn a_guarantee_that_does_not_hold_is_refused_where_it_stands() {
    for (sink, reason) in [
        ("blackhole: {}", "the sink `blackhole`: it does not store offsets together with the data"),
        (
            "http: { url: \"https://a.example\" }",
            "the sink `http`: it does not store offsets together with the data",
        ),
    ] {
        let text = format!("guarantee: exactly_once\n{SOURCE}sink:\n  {sink}\n");
        assert_refused(
            &text,
            &[&format!("c.yaml:1:12: `guarantee`: exactly once does not hold with {reason}")],
        );
    }
    assert_refused(
        format!("guarantee: exactly_twice\n{SOURCE}{SINK}"),
        &[
            "c.yaml:1:12: `guarantee`: expected one of `exactly_once`, `at_least_once`, found `exactly_twice`; did you mean `exactly_once`?",
        ],
    );
    let folder = Folder::with("c.yaml", format!("guarantee: at_least_once\n{SOURCE}{SINK}"));
    check(&folder).expect_code(0);
}

#[test]
fn each_sink_says_what_a_second_put_does() {
    let sinks = [
        (
            "http: { url: \"https://a.example\" }",
            "at least once: the request is sent again, and what that does is up to the target",
        ),
        ("file: { path: out }", "at least once: each record becomes a line more"),
    ];
    for (sink, guarantee) in sinks {
        let folder = Folder::with("c.yaml", format!("{SOURCE}sink:\n  {sink}\n"));
        assert_eq!(check(&folder).expect_code(0).lines(), [format!("./c.yaml: ok ({guarantee})")]);
    }
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_good_one() {
    assert_refused(
        format!("{SOURCE}    gruop: g\n{SINK}"),
        &["c.yaml:5:5: unknown key `source.kafka.gruop`; did you mean `group`?"],
    );
}

#[test]
fn a_key_unlike_all_gets_the_list_of_good_ones() {
    assert_refused(
        format!("{SOURCE}{SINK}batch: {{ zzz: 1 }}\n"),
        &["c.yaml:7:10: unknown key `batch.zzz`; known are: max_records, max_bytes, linger"],
    );
}

#[test]
fn a_key_under_the_wrong_parent_is_unknown_there() {
    assert_refused(
        format!("{SOURCE}  topics: [t]\n{SINK}"),
        &["c.yaml:5:3: unknown key `source.topics`; it belongs under `source.kafka`"],
    );
}

#[test]
fn wrong_types_are_all_named_with_what_was_expected() {
    assert_refused(
        "source:\n  kafka:\n    bootstrap_servers: a:1\n    topics: t\nsink:\n  blackhole: {}\n\
         batch:\n  max_records: many\nbuffer_memory: []\n",
        &[
            "c.yaml:4:13: `source.kafka.topics`: expected a list, found `t`; write `[t]`",
            "c.yaml:8:16: `batch.max_records`: expected a whole number, found `many`",
            "c.yaml:9:16: `buffer_memory`: expected a whole number or text, found a list",
        ],
    );
}

#[test]
fn a_word_that_is_no_choice_gets_the_list_of_choices() {
    assert_refused(
        format!("{SOURCE}    auto_offset_reset: first\n{SINK}errors: {{ tolerance: some }}\n"),
        &[
            "c.yaml:5:24: `source.kafka.auto_offset_reset`: expected one of `earliest`, `latest`, found `first`; did you mean `earliest`?",
            "c.yaml:8:22: `errors.tolerance`: expected one of `none`, `all`, found `some`",
        ],
    );
}

#[test]
fn a_missing_environment_variable_is_named() {
    assert_refused(
        "source:\n  kafka:\n    bootstrap_servers: ${env:NOT_SET}\n    topics: [t]\nsink:\n  blackhole: {}\n",
        &["c.yaml:3:24: environment variable `NOT_SET` is not set; set it, or give a default: \
           `${env:NOT_SET:-default}`"],
    );
}

#[test]
fn a_missing_file_of_a_value_is_named() {
    assert_refused(
        "source:\n  kafka:\n    bootstrap_servers: ${file:/no/such}\n    topics: [t]\nsink:\n  blackhole: {}\n",
        &["c.yaml:3:24: cannot read `/no/such`: No such file or directory (os error 2)"],
    );
}

#[test]
fn a_bad_template_is_placed_within_a_quoted_text() {
    assert_refused(
        with_transform("  - template:\n      text: \"At {{ts}} the {{nosuch x}}\"\n"),
        &[
            "c.yaml:7:28: `transforms.0.template.text`: unknown helper `nosuch`; known are: and, default, each, \
           eq, gt, gte, if, json, len, lookup, lt, lte, ne, not, or, raw, unless, with",
        ],
    );
}

#[test]
fn a_bad_template_is_placed_within_a_block() {
    assert_refused(
        with_transform("  - template:\n      text: |\n        At {{ts}}\n        the {{#if price}} x\n"),
        &["c.yaml:9:13: `transforms.0.template.text`: the block `if` is not closed"],
    );
}

#[test]
fn a_bad_template_is_placed_with_delimiters_of_its_own() {
    assert_refused(
        with_transform("  - template:\n      text: a <<b>> << c\n      delimiters: [\"<<\", \">>\"]\n"),
        &["c.yaml:7:21: `transforms.0.template.text`: `<<` is not closed"],
    );
}

#[test]
fn unknown_plug_ins_are_named_with_the_nearest_good_one() {
    assert_refused(
        format!(
            "{SOURCE}transforms:\n  - tempalte: {{ text: x }}\n  - predicate: {{ topic_matches: {{}} }}\n    \
             template: {{ text: x }}\nsink:\n  bedrock: {{}}\n"
        ),
        &[
            "c.yaml:6:5: unknown transform `transforms.0.tempalte`; did you mean `template`?",
            "c.yaml:7:18: unknown predicate `transforms.1.predicate.topic_matches`; did you mean \
             `topic_name_matches`?",
            "c.yaml:10:3: unknown sink `sink.bedrock`; did you mean `bedrock_kb`?",
        ],
    );
}

#[test]
fn no_sink_two_sinks_and_two_transforms_in_one_step_are_refused() {
    assert_refused(
        format!("{SOURCE}sink:\n"),
        &["c.yaml:5:5: `sink`: nothing is chosen here; name one plug-in"],
    );
    assert_refused(
        format!("{SOURCE}sink:\n  blackhole: {{}}\n  stdout: {{}}\n"),
        &["c.yaml:6:3: `sink`: more than one is chosen here; keep one"],
    );
    assert_refused(
        with_transform(
            "  - template: { text: x }\n    timestamp: { field: a, from: unix_seconds, to: unix_millis }\n",
        ),
        &["c.yaml:6:5: `transforms.0`: name one transform here, found 2"],
    );
}

#[test]
fn two_connectors_of_one_name_are_refused() {
    let folder = Folder::with("a.yaml", format!("{SOURCE}{SINK}"));
    folder.write("a.yml", format!("{SOURCE}{SINK}"));
    let expected = "./a.yml: a second connector named `a`, the first is ./a.yaml; rename one file";
    let checked = check(&folder).expect_code(2);
    assert!(checked.stdout.contains(expected) || checked.stderr.contains(expected), "{checked}");
    let ran = Sluice::new(["run", "."]).current_dir(folder.path()).output().expect_code(2);
    assert_eq!(ran.stderr, expected, "{ran}");
}

#[test]
fn tabs_are_named() {
    assert_refused("source:\n\tkafka:\n", &["c.yaml:2:1: a tab indents this line; YAML wants spaces"]);
}

#[test]
fn duplicate_keys_are_refused_with_both_lines() {
    assert_refused(
        format!("{SOURCE}{SINK}source: {{}}\n"),
        &["c.yaml:7:1: duplicate key `source`, first at line 1"],
    );
}

#[test]
fn tags_and_second_documents_are_refused() {
    assert_refused(
        "source: !kafka\n  topics: [t]\n",
        &["c.yaml:1:9: found a tag (`!name`), which is not supported; write the value out"],
    );
    assert_refused("a: 1\n---\nb: 2\n", &["c.yaml:3:1: found a second document; use one file per connector"]);
}

#[test]
fn an_empty_directory_is_refused() {
    let folder = Folder::new();
    let expected = ".: no connector here; a connector is a file that ends in .yaml or .yml";
    for command in ["check", "run"] {
        let ended = Sluice::new([command, "."]).current_dir(folder.path()).output().expect_code(2);
        assert_eq!(format!("{}{}", ended.stdout, ended.stderr), expected, "{ended}");
    }
}

#[test]
fn a_path_that_does_not_exist_is_refused() {
    let ended = Sluice::new(["run", "/no/such"]).output().expect_code(2);
    assert_eq!(
        ended.stderr,
        "/no/such: cannot read it: there is no such file or directory; name a connector file, or a directory of them"
    );
}

#[test]
fn an_empty_file_misses_what_a_connector_must_have() {
    for content in ["", "# nothing\n"] {
        let way_out = "; `sluice new SINK` writes a file to begin with";
        let missing = |key: &str| format!("c.yaml:1:1: missing key `{key}`{way_out}");
        assert_refused(content, &[&missing("sink"), &missing("source")]);
    }
}

#[test]
fn missing_keys_are_named_where_they_are_missing() {
    assert_refused(
        "source:\n  kafka:\n    topics: []\nsink:\n  bedrock_kb:\n    knowledge_base_id: KB12345678\n",
        &[
            "c.yaml:2:3: missing key `source.kafka.bootstrap_servers`",
            "c.yaml:3:13: `source.kafka.topics`: needs at least 1",
            "c.yaml:5:3: missing key `sink.bedrock_kb.data_source_id`",
        ],
    );
}

#[test]
fn what_is_no_yaml_is_refused_with_a_place() {
    assert_refused(
        "{\"source\": [}\n",
        &["c.yaml:1:13: not valid YAML: while parsing a node, did not find expected node content"],
    );
    let keys = "its keys are `source`, `sink`";
    assert_refused(
        "hello world\n",
        &[&format!("c.yaml:1:1: the file: expected a map, found `hello world`; {keys}")],
    );
    let as_a_map = "write it without dashes and brackets, as `name: value`";
    assert_refused(
        "- a\n- b\n",
        &[&format!("c.yaml:1:1: the file: expected a map, found a list; {as_a_map}")],
    );
    assert_refused(b"\xff\xfe\x00", &["c.yaml: the file is UTF-16; save it as UTF-8"]);
}

#[test]
fn a_property_that_would_lose_records_is_refused_with_the_reason() {
    assert_refused(
        format!("{SOURCE}    properties:\n      enable.auto.commit: true\n{SINK}"),
        &[
            "c.yaml:6:7: `source.kafka.properties`: `enable.auto.commit` cannot be set: offsets are committed \
           when their records are done, and never before",
        ],
    );
}

#[test]
fn what_librdkafka_makes_no_consumer_of_is_refused_at_its_key_all_at_once() {
    assert_refused(
        "source:\n  kafka:\n    bootstrap_servers: \"kafka://localhost:9092\"\n    topics: [t]\n    \
         properties: { session.timeout.ms: 10s, partition.assignment.strategy: \"range,cooperative-sticky\" }\n  \
         value: string\nsink: { stdout: {} }\n",
        &[
            "c.yaml:3:24: `source.kafka.bootstrap_servers`: begins with the scheme `kafka://`, which no broker has; \
             write `localhost:9092`",
            "c.yaml:5:19: `source.kafka.properties`: `session.timeout.ms` takes a plain number of milliseconds, such as \
             10000",
            "c.yaml:5:44: `source.kafka.properties`: librdkafka makes no consumer of this: All \
             partition.assignment.strategy (range,cooperative-sticky) assignors must have the same protocol type, \
             online migration between assignors with different protocol types is not supported",
        ],
    );
}

#[test]
fn a_mistake_elsewhere_in_the_source_does_not_hide_those_in_its_properties() {
    let folder = Folder::with(
        "c.yaml",
        format!(
            "source:\n  kafka:\n    topics: 5\n    gruop: g\n    properties: {{ fetch.wait.max.ms: 5s }}\n{SINK}"
        ),
    );
    let checked = check(&folder).expect_code(2);
    for said in [
        "missing key `source.kafka.bootstrap_servers`",
        "`source.kafka.topics`",
        "gruop",
        "fetch.wait.max.ms",
    ] {
        assert!(checked.stdout.contains(said), "{said}: {checked}");
    }
    assert_eq!(checked.lines().len(), 4, "{checked}");
}

#[test]
fn a_value_from_the_environment_that_librdkafka_quotes_is_blanked() {
    let folder = Folder::with(
        "c.yaml",
        format!("{SOURCE}    properties:\n      partition.assignment.strategy: ${{env:STRATEGY}}\n{SINK}"),
    );
    let check = Sluice::new(["check", "."]).current_dir(folder.path()).env("STRATEGY", "hunter2");
    let checked = check.output().expect_code(2);
    assert!(checked.stdout.contains("Unsupported partition.assignment.strategy: [redacted]"), "{checked}");
}

#[test]
fn a_producer_that_cannot_be_made_is_refused_where_letters_go_to_a_topic() {
    let properties = format!("{SOURCE}    properties:\n      max.in.flight: 10\n{SINK}");
    check(&Folder::with("c.yaml", &properties)).expect_code(0);
    assert_refused(
        format!("{properties}errors:\n  tolerance: all\n  dead_letter_queue: {{ topic: dlq }}\n"),
        &[
            "c.yaml:6:7: `source.kafka.properties`: librdkafka makes no producer of this: `max.in.flight` must be set <= 5 \
           when `enable.idempotence` is true",
        ],
    );
}

#[test]
fn what_works_but_hardly_as_it_is_meant_is_a_warning() {
    let folder = Folder::with(
        "c.yaml",
        format!(
            "source:\n  kafka:\n    bootstrap_servers: b-1.demo.abc.c2.kafka.eu-central-1.amazonaws.com:9098\n    \
             topics: [t]\n{SINK}batch: {{ max_bytes: 100MB, max_records: 501 }}\n"
        ),
    );
    let checked = check(&folder).expect_code(0);
    let expected = [
        "./c.yaml:3:24: warning: `source.kafka.bootstrap_servers`: \
         `b-1.demo.abc.c2.kafka.eu-central-1.amazonaws.com:9098` lets in clients with IAM only; add to `source.kafka`",
        "    auth:",
        "      msk_iam: {}",
        "./c.yaml:7:21: warning: `batch.max_bytes`: the sink `blackhole` takes no more than 5MiB at once, and that is \
         what is put",
        "./c.yaml:7:41: warning: `batch.max_records`: the sink `blackhole` takes no more than 500 records at once, and \
         that is what is put",
        "./c.yaml: ok (at least once, idempotent: it stores nothing)",
    ];
    assert_eq!(checked.lines(), expected, "{checked}");
}

/// The warnings for a connector with these transforms and this sink.
fn warnings_of(transforms: &str, sink: &str) -> Vec<String> {
    let text = format!("{SOURCE}  value: json\ntransforms: [{transforms}]\nsink: {{ {sink} }}\n");
    let checked = check(&Folder::with("c.yaml", text)).expect_code(0);
    checked.lines().into_iter().filter(|line| line.contains("warning")).map(str::to_owned).collect()
}

#[test]
fn tombstones_that_nothing_is_deleted_by_are_a_warning() {
    let knowledge_base = |more: &str| {
        format!(
            "bedrock_kb: {{ knowledge_base_id: KB12345678, data_source_id: DS12345678, document_id: key, content: {{ template: x }}{more} }}"
        )
    };
    let row = "http: { url: \"http://localhost/\" }";
    let (chunk, rows) = ("{ chunk: { field: text } }", "{ unwrap_cdc: {} }");
    for (transforms, sink, says) in [
        (chunk, &*knowledge_base(""), "`bedrock_kb` rejects tombstones; set `on_null: delete` there"),
        (
            chunk,
            &knowledge_base(", on_null: ignore"),
            "`bedrock_kb` lets tombstones pass without a trace; set `on_null",
        ),
        (
            chunk,
            "file: { path: /tmp/x, format: raw }",
            "`file` rejects tombstones; set `format: json_lines` there",
        ),
        (rows, row, "`http` rejects tombstones; set `on_null: delete` there"),
    ] {
        let [warning] = &warnings_of(transforms, sink)[..] else {
            panic!("{transforms} {sink}: no warning alone")
        };
        assert!(warning.contains(says), "{warning}");
    }
    let [warning] = &warnings_of(chunk, &knowledge_base(""))[..] else { panic!("a warning") };
    assert!(
        warning.starts_with("./c.yaml:6:23: warning: `transforms.0.chunk.delete_rest`: makes a tombstone"),
        "{warning}"
    );
    assert!(
        warning.ends_with("`delete_rest: false` makes none, and leaves such pieces in the target"),
        "{warning}"
    );
    for (transforms, sink) in [
        (chunk, &*knowledge_base(", on_null: delete")),
        ("{ chunk: { field: text, delete_rest: false } }", &knowledge_base("")),
        ("{ unwrap_cdc: { on_delete: drop } }", row),
        ("{ unwrap_cdc: {} }, { filter: {}, predicate: { record_is_tombstone: {} } }", row),
        (rows, "http: { url: \"http://localhost/{{@record.key}}\", on_null: delete }"),
        (rows, "file: { path: /tmp/x }"),
        (rows, "blackhole: {}"),
    ] {
        assert_eq!(warnings_of(transforms, sink), [""; 0], "{transforms} {sink}");
    }
}

#[test]
fn a_mistake_that_the_schema_finds_does_not_hide_one_that_the_sink_finds() {
    let folder =
        Folder::with("c.yaml", format!("{SOURCE}sink:\n  http: {{ method: DELETE, url: \"http://\" }}\n"));
    let checked = check(&folder).expect_code(2);
    for key in ["`sink.http.method`", "`sink.http.url`"] {
        assert!(checked.stdout.contains(key), "{key}: {checked}");
    }
}

#[test]
fn a_topic_name_that_kafka_would_refuse_is_refused_here() {
    assert_refused(
        "source:\n  kafka:\n    bootstrap_servers: a:1\n    topics: [t, \"a b\"]\nsink:\n  blackhole: {}\n",
        &[
            "c.yaml:4:17: `source.kafka.topics.1`: `a b` is not a topic name: only letters, digits, `.`, `_` and `-` \
           are allowed; a pattern begins with `^`",
        ],
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_matter() {
    let text = format!("\u{feff}{SOURCE}{SINK}").replace('\n', "\r\n");
    let folder = Folder::with("c.yaml", text);
    check(&folder).expect_code(0);
}

#[test]
fn several_problems_in_several_files_are_told_at_once_and_good_files_are_said_to_be_good() {
    let folder = Folder::with("a.yaml", format!("{SOURCE}    gruop: g\nsink:\n  blackhoel: {{}}\n"));
    folder.write("b.yaml", format!("{SOURCE}{SINK}"));
    folder.write("c.yml", "source:\n\tkafka:\n");
    folder.write(".hidden.yaml", "no");
    folder.write("README.md", "no");
    let checked = check(&folder).expect_code(2);
    let expected = [
        "./a.yaml:5:5: unknown key `source.kafka.gruop`; did you mean `group`?",
        "./a.yaml:7:3: unknown sink `sink.blackhoel`; did you mean `blackhole`?",
        "./b.yaml: ok (at least once, idempotent: it stores nothing)",
        "./c.yml:2:1: a tab indents this line; YAML wants spaces",
    ];
    assert_eq!(checked.lines(), expected, "{checked}");
}

#[test]
fn a_bad_key_does_not_hide_a_bad_template_in_the_same_file() {
    let checked = check(&Folder::with(
        "c.yaml",
        format!("{SOURCE}    gruop: g\ntransforms:\n  - template: {{ text: \"{{{{\" }}\n{SINK}"),
    ));
    let checked = checked.expect_code(2);
    assert_eq!(checked.lines().len(), 2, "{checked}");
}

#[test]
fn two_files_of_one_name_do_not_hide_what_is_wrong_in_a_third() {
    let folder = Folder::with("a.yaml", format!("{SOURCE}{SINK}"));
    folder.write("a.yml", format!("{SOURCE}{SINK}"));
    folder.write("b.yaml", format!("{SOURCE}    gruop: g\n{SINK}"));
    let checked = check(&folder).expect_code(2);
    let said = format!("{}\n{}", checked.stdout, checked.stderr);
    assert!(said.contains("a second connector named `a`") && said.contains("gruop"), "{checked}");
}

/// What a secret store has is not known where nobody asks it: something that fits is taken for it, wherever a text can stand.
#[test]
fn what_a_secret_store_has_may_stand_wherever_a_text_can() {
    let kafka = "source: { kafka: { bootstrap_servers: localhost, topics: [t] }, value: json }\n";
    for rest in [
        "sink: { http: { url: '${aws_param:/url}' } }\n",
        "sink: { http: { url: 'https://${aws_param:/host}/v1', method: '${aws_param:/method}', request_timeout: '${aws_param:/timeout}' } }\n",
        "sink: { postgres: { url: '${aws_secret:db}', table: prices, mode: '${aws_param:/mode}' } }\n",
        "sink: { http: { url: https://a.example, auth: { bearer: { token: '${aws_secret:token}' } } } }\n",
        "sink: { blackhole: {} }\nbatch: { max_records: '${aws_param:/n}', linger: '${aws_param:/linger}' }\n",
        "sink: { blackhole: {} }\nerrors: { tolerance: '${aws_param:/tolerance}' }\ntasks_max: '${aws_param:/tasks}'\n",
        "transforms: [{ timestamp: { field: a, from: '${aws_param:/from}', to: rfc3339 } }]\nsink: { blackhole: {} }\n",
    ] {
        let folder = Folder::with("c.yaml", format!("{kafka}{rest}"));
        let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output();
        assert_eq!((checked.code, checked.stdout.contains("c.yaml: ok")), (Some(0), true), "{rest}{checked}");
    }
    let map = "sink: { http: { url: https://a.example, auth: { bearer: '${aws_secret:token}' } } }\n";
    let folder = Folder::with("c.yaml", format!("{kafka}{map}"));
    let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(2);
    assert!(checked.stdout.contains("`sink.http.auth.bearer`: "), "{checked}");
}
