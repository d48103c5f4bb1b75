//! `sluice check` on the mistakes that people make: each has a sentence at its place that leads out, all of a file are told
//! at once, and none shows a secret.

use sluice_tests::connector::Folder;
use sluice_tests::sluice::Sluice;

const SOURCE: &str = "source:\n  kafka: { bootstrap_servers: \"localhost:9092\", topics: [orders] }\n";
const SINK: &str = "sink: { stdout: {} }\n";

/// Checks a file `c.yaml` that is refused, and returns what is said of it.
fn said(content: impl AsRef<[u8]>) -> Vec<String> {
    let folder = Folder::with("c.yaml", content);
    let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(2);
    checked.lines().into_iter().map(str::to_owned).collect()
}

/// Sees that each of these is said of a file, and nothing else.
#[track_caller]
fn assert_said(content: impl AsRef<[u8]>, expected: &[&str]) {
    let said = said(&content);
    assert!(!said.concat().contains("hunter2"), "{said:#?}");
    let text = String::from_utf8_lossy(content.as_ref());
    assert_eq!(said.len(), expected.len(), "{text}\n{said:#?}");
    for part in expected {
        assert!(said.iter().any(|said| said.contains(part)), "{part}\nis not in\n{said:#?}");
    }
}

fn with_sink(settings: &str) -> String {
    format!("{SOURCE}  key: string\n  value: json\nsink:\n  {settings}\n")
}

fn with_transform(item: &str) -> String {
    format!("{SOURCE}transforms:\n  - {item}\n{SINK}")
}

#[test]
fn a_key_has_another_name_elsewhere() {
    for (settings, expected) in [
        (
            "postgres: { url: \"postgres://h/d\", table: t, pk: id }",
            "unknown key `sink.postgres.pk`; did you mean `key`?",
        ),
        (
            "postgres: { url: \"postgres://h/d\", table: t, host: h }",
            "`sink.postgres.host`; did you mean `url`?",
        ),
        (
            "opensearch: { urls: [\"http://h\"], index: i, id: x }",
            "`sink.opensearch.id`; did you mean `document_id`?",
        ),
        (
            "opensearch: { urls: [\"http://h\"], index: i, action: x }",
            "`sink.opensearch.action`; did you mean `write`?",
        ),
        (
            "opensearch: { urls: [\"http://h\"], index: i, username: x }",
            "it belongs under `sink.opensearch.auth.basic`",
        ),
        ("http: { url: \"https://h\", timeout: 5s }", "did you mean `connect_timeout` or `request_timeout`?"),
        ("s3: { bucket: bbb, rotate_interval: 1h }", "`sink.s3.rotate_interval`; did you mean `objects`?"),
        (
            "kafka: { bootstrap.servers: a, bootstrap_servers: \"b:1\", topic: t }",
            "did you mean `bootstrap_servers`?",
        ),
        ("elasticsearch: {}", "unknown sink `sink.elasticsearch`; did you mean `opensearch`?"),
        ("S3: { bucket: bbb }", "unknown sink `sink.S3`; did you mean `s3`?"),
        ("io.example.HttpSinkConnector: {}", "did you mean `http`?"),
        ("type: jdbc", "write `postgres: { ... }` instead of `type: jdbc`"),
    ] {
        assert_said(with_sink(settings), &[expected]);
    }
}

#[test]
fn a_predicate_or_transform_has_another_name_elsewhere() {
    for (item, expected) in [
        (
            "{ filter: {}, condition: { record_is_tombstone: {} } }",
            "`transforms.0.condition`; did you mean `predicate`?",
        ),
        (
            "{ filter: {}, predicate: { and: [] } }",
            "unknown predicate `transforms.0.predicate.and`; did you mean `all`?",
        ),
        ("{ filter: {}, predicate: { tombstone: {} } }", "did you mean `record_is_tombstone`?"),
        ("{ filter: {}, predicate: { RecordIsTombstone: {} } }", "did you mean `record_is_tombstone`?"),
        ("{ \"ReplaceField$Value\": { exclude: [a] } }", "did you mean `replace_field`?"),
        ("{ org.apache.kafka.connect.transforms.Cast$Value: {} }", "did you mean `cast`?"),
        ("{ filter: {}, predicate: record_is_tombstone }", "write `record_is_tombstone: {}`"),
        (
            "{ filter: {}, predicate: [ { record_is_tombstone: {} } ] }",
            "found a list; write it without dashes",
        ),
        (
            "{ timestamp: { field: a, from: unix_millis, to: rfc3339, zone: UTC } }",
            "did you mean `time_zone`?",
        ),
    ] {
        assert_said(with_transform(item), &[expected]);
    }
}

#[test]
fn a_plug_in_that_is_named_as_a_word_is_told_how_it_is_named() {
    assert_said(
        format!("{SOURCE}sink: stdout\n"),
        &["c.yaml:3:7: `sink`: expected a map, found `stdout`; write `stdout: {}`"],
    );
    assert_said(
        format!("{SOURCE}sink: postgresql\n"),
        &["found `postgresql`; write `postgres:`, and its settings below it"],
    );
    assert_said(format!("{SOURCE}  key: text\n{SINK}"), &["c.yaml:3:8: `source.key`: "]);
    assert!(
        said(format!("{SOURCE}  key: text\n{SINK}"))
            .concat()
            .ends_with("found `text`; did you mean `string`?")
    );
    assert!(
        said(format!("{SOURCE}  value: JSON\n{SINK}"))
            .concat()
            .ends_with("found `JSON`; did you mean `json`?")
    );
    let class = "org.apache.kafka.connect.storage.StringConverter";
    assert!(said(format!("{SOURCE}  key: {class}\n{SINK}")).concat().ends_with("did you mean `string`?"));
}

#[test]
fn what_is_not_indented_enough_is_told_where_it_belongs() {
    assert_said(
        "source:\n  kafka:\n  bootstrap_servers: a\n  topics: [b]\ntransforms:\n- template:\n  text: x\nsink:\n  file:\n  path: /x\n",
        &[
            "c.yaml:2:3: missing key `source.kafka.bootstrap_servers`",
            "c.yaml:2:3: missing key `source.kafka.topics`",
            "c.yaml:3:3: unknown key `source.bootstrap_servers`; it belongs under `source.kafka`",
            "c.yaml:4:3: unknown key `source.topics`; it belongs under `source.kafka`",
            "c.yaml:6:3: missing key `transforms.0.template.text`",
            "c.yaml:7:3: unknown transform `transforms.0.text`; it belongs under `transforms.0.template`",
            "c.yaml:9:3: missing key `sink.file.path`",
            "c.yaml:10:3: unknown sink `sink.path`; it belongs under `sink.file`",
        ],
    );
    assert_said(
        format!("{SOURCE}sink:\n  stdout: {{}}\n  batch: {{ linger: 1s }}\n"),
        &["c.yaml:5:3: unknown sink `sink.batch`; it belongs at the top, beside `sink`"],
    );
}

#[test]
fn a_value_of_another_type_is_told_how_it_is_written() {
    assert_said(
        "source:\n  kafka: { bootstrap_servers: [a, b], topics: orders }\ntransforms:\n  filter: {}\nsink: { http: { url: \
         \"https://h\", headers: [a], batch: true } }\n",
        &[
            "c.yaml:2:31: `source.kafka.bootstrap_servers`: expected text, found a list; write one text",
            "c.yaml:2:47: `source.kafka.topics`: expected a list, found `orders`; write `[orders]`",
            "c.yaml:4:3: `transforms`: expected a list, found a map; begin each of its items with `- `",
            "`sink.http.headers`: expected a map, found a list; write it without dashes and brackets, as `name: value`",
            "`sink.http.batch`: expected a map, found the boolean `true`; write `{ format: ... }`",
        ],
    );
    assert_said(
        "source:\n  kafka: { bootstrap_servers: a, topics: [~, on, 010, 22:22] }\nsink: { stdout: {} }\n",
        &[
            "c.yaml:2:43: `source.kafka.topics.0`: expected text, found nothing; `~` without quotes is nothing; quote it",
        ],
    );
    assert_said(
        with_transform("{ filter: {}, predicate: { field_value: { field: a, equals: [1, 2] } } }"),
        &["`transforms.0.predicate.field_value.equals`: expected "],
    );
}

/// Checks that of each file something is said with these words in it.
fn assert_words<const N: usize>(rows: [(String, &str); N]) {
    for (file, expected) in rows {
        let said = said(&file).concat();
        assert!(said.contains(expected), "{file}wanted: {expected}\nsaid: {said}");
    }
}

/// Each of these was said without the word that leads out.
#[test]
fn what_is_written_in_another_way_elsewhere_is_told_the_way_here() {
    assert_words([
        (
            format!("{SOURCE}  value: {{ avro: {{ registry: \"http://h:8081\" }} }}\n{SINK}"),
            "`source.value.avro.registry`: expected a map, found a text that is not shown; write `{ confluent: { urls: [",
        ),
        (
            format!("{SOURCE}{SINK}errors: {{ tolerance: all, dead_letter_queue: letters }}\n"),
            "`errors.dead_letter_queue`: expected a map, found a text that is not shown; write `{ topic: NAME }`",
        ),
        (
            with_transform("{ filter: {}, predicate: \"price > 3\" }"),
            "it has one key, which names it, with its settings below; known are: ",
        ),
        (with_transform("{ filter: {}, predicate: \"price > 3\" }"), "field_value"),
        (
            with_transform("timestamp: { field: a, format: yyyy, target_type: unix }"),
            "the format that the field has is `from`, and the one to write is `to`",
        ),
        (format!("{SOURCE}  value: debezium\n{SINK}"), "found `debezium`; did you mean `json`?"),
        (with_transform("jq: .a"), "`transforms.0.jq`: expected a map, found `.a`; write `{ program: ... }`"),
        (with_transform("drop_field: { fields: [a] }"), "did you mean `replace_field`?"),
        (with_transform("ExtractNewRecordState: {}"), "did you mean `unwrap_cdc`?"),
        (with_transform("TimestampConverter: {}"), "did you mean `timestamp`?"),
        (
            with_transform("timestamp: { field: $.a, from: rfc3339, to: unix_millis }"),
            "`$.a` is a JSONPath; write `a`",
        ),
        (
            with_transform("template: { text: \"{{a | upper}}\" }"),
            "there are no filters: a helper stands before what it takes",
        ),
        (with_transform("template: { text: \"{{.a}}\" }"), "a field is written without a dot before it"),
    ]);
}

#[test]
fn a_name_or_a_place_of_another_tool_is_told_the_way_here() {
    let with_topics =
        |topics: &str| format!("source:\n  kafka: {{ bootstrap_servers: a, topics: [{topics}] }}\n{SINK}");
    assert_words([
        (format!("{SOURCE}stdout: {{}}\n"), "unknown key `stdout`; it belongs under `sink`"),
        (
            format!("{SOURCE}{SINK}template: {{ text: \"{{{{a}}}}\" }}\n"),
            "unknown key `template`; it is an item of the list `transforms`: write `- template:` there",
        ),
        (String::new(), "missing key `sink`; `sluice new SINK` writes a file to begin with"),
        (
            with_topics("\"orders.*\""),
            "`orders.*` is not a topic name; a pattern is a regular expression: write `^orders\\..*`",
        ),
        (
            with_sink("s3: { bucket: \"s3://archive\", region: eu-west-3 }"),
            "expected the name of a bucket alone",
        ),
        (
            with_sink(
                "bedrock_kb: { knowledge_base_id: \"arn:aws:bedrock:x:1:knowledge-base/ABCDEFGHIJ\", data_source_id: KLMNOPQRST }",
            ),
            "expected an id of 10 letters and digits, which is the end of an ARN",
        ),
        (with_sink("sqs: { queue_url: \"arn:aws:sqs:eu-west-1:1:q\" }"), "`aws sqs get-queue-url` tells it"),
        (
            with_sink("postgres: { url: \"postgres://h/d\", table: t, delete: true }"),
            "did you mean `on_null`?",
        ),
    ]);
}

#[test]
fn the_name_of_a_connector_is_that_of_its_file() {
    assert_said(
        format!("name: prices\n{SOURCE}{SINK}"),
        &[
            "c.yaml:1:1: unknown key `name`; the name of a connector is that of its file, without `.yaml`; leave this out",
        ],
    );
}

#[test]
fn what_is_no_yaml_is_told_in_words_of_the_file() {
    for (content, expected) in [
        ("a: { id: @record.key }\n", "c.yaml:1:10: a value cannot begin with `@`; put it in quotes"),
        ("a: [*]\n", "c.yaml:1:5: a value cannot begin with `*`; put it in quotes"),
        ("a: %Y\n", "c.yaml:1:4: a value cannot begin with `%`; put it in quotes"),
        (
            "a:\n  b:\n    c: 1\n   d: 2\n",
            "c.yaml:4:4: this line is indented by 3, and those above it by 0 or 2 or 4",
        ),
        ("a:\n  topics:[b]\n  c: 1\n", "c.yaml:2:9: a space is missing behind `topics:`"),
        ("a: \"C:\\docs\"\n", "c.yaml:1:4: in double quotes a backslash begins an escape"),
        ("a: b: c\n", "c.yaml:1:4: a value with `: ` in it has to be put in quotes"),
    ] {
        assert_said(content, &[expected]);
    }
    assert_said(b"a: 1\nb: \xe9\n", &["c.yaml:2:4: a byte that is not UTF-8; save the file as UTF-8"]);
    assert_said(b"\xff\xfea\0:\0", &["c.yaml: the file is UTF-16; save it as UTF-8"]);
    assert_said(
        format!("{SOURCE}source: {{}}\nsink: {{ stdot: {{}} }}\nsink: {{}}\n"),
        &[
            "c.yaml:3:1: duplicate key `source`, first at line 1",
            "c.yaml:4:9: unknown sink `sink.stdot`; did you mean `stdout`?",
            "c.yaml:5:1: duplicate key `sink`, first at line 4",
        ],
    );
}

#[test]
fn a_space_that_is_none_is_found() {
    let text = format!("source:\n\u{a0} kafka: {{ bootstrap_servers: a, topics: [b] }}\n{SINK}");
    assert_said(text, &["missing key `source.kafka`", "there is a space in it that is none of ASCII's"]);
}

#[test]
fn a_file_with_a_mark_and_line_ends_of_windows_is_as_good_as_any() {
    let text = format!("\u{feff}{SOURCE}{SINK}").replace('\n', "\r\n");
    let folder = Folder::with("c.yaml", text);
    Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(0);
}

#[test]
fn a_reference_of_another_tool_is_told_the_way() {
    let http =
        |header: &str| with_sink(&format!("http: {{ url: \"https://h\", headers: {{ a: '{header}' }} }}"));
    for (written, expected) in [
        ("${env :HOME}", "write `${env:HOME}`"),
        ("${aws_secret}", "write `${aws_secret:NAME}`"),
        ("${env:NO_SUCH_ONE:x}", "a default is written `${env:NO_SUCH_ONE:-x}`"),
        ("${env:NO_SUCH_ONE-x}", "a default is written `${env:NO_SUCH_ONE:-x}`"),
        (
            "${file:/etc/hostname:password}",
            "a file holds one value here, without keys; write `${file:/etc/hostname}`",
        ),
        ("${TOKEN}", "write `${env:TOKEN}`"),
        ("${vault:secret/data#key}", "`${vault:...}` is no reference"),
    ] {
        assert_said(http(written), &[expected]);
    }
    for servers in ["$KAFKA", "%KAFKA%:9092"] {
        assert_said(
            format!("source:\n  kafka: {{ bootstrap_servers: \"{servers}\", topics: [a] }}\n{SINK}"),
            &["a reference is written `${env:NAME}`"],
        );
    }
}

/// Who writes a password in the wrong place has written a password.
#[test]
fn no_secret_is_shown_wherever_it_stands() {
    let kafka = |settings: &str| {
        format!("source:\n  kafka: {{ bootstrap_servers: a, topics: [b], {settings} }}\n{SINK}")
    };
    let http = |settings: &str| with_sink(&format!("http: {{ url: \"https://h\", {settings} }}"));
    for content in [
        kafka("auth: hunter2"),
        kafka("auth: { plain: hunter2 }"),
        kafka("auth: { scram: { username: a, password: [hunter2], mechanism: x } }"),
        kafka("properties: \"sasl.password=hunter2\""),
        kafka("properties: { sasl.password = \"hunter2\" }"),
        kafka("properties: { sasl.password: \"a${hunter2\" }"),
        kafka("properties: { sasl.password: \"a${hunter2}\" }"),
        http("auth: { basic: \"a:hunter2\" }"),
        http("auth: { bearer: hunter2 }"),
        http("headers: \"Authorization: Bearer hunter2\""),
        http("headers: { Authorization: [\"Bearer hunter2\"] }"),
        http("headers: { a: \"Bearer ${hunter2\" }"),
        http("method: \"password=hunter2\""),
        with_sink("http: { url: \"https//a:hunter2@h\" }"),
        with_sink("http: \"https://a:hunter2@h\""),
        format!("{SOURCE}sink: \"postgres://a:hunter2@h/d\"\n"),
        with_sink("postgres: { url: \"postgres//a:hunter2@h/d\", table: t }"),
        with_sink("opensearch: { urls: \"https://a:hunter2@h\", index: i }"),
        format!("{SOURCE}  value: {{ avro: {{ registry: \"https://a:hunter2@h\" }} }}\n{SINK}"),
    ] {
        let said = said(&content);
        assert!(!said.is_empty() && !said.concat().contains("hunter2"), "{content}\n{said:#?}");
    }
}

#[test]
fn an_object_of_columns_and_a_row_are_made_of_json() {
    let of_text = |sink: &str| format!("{SOURCE}  value: string\nsink:\n  {sink}\n");
    for format in ["csv", "parquet"] {
        assert_said(
            of_text(&format!("s3: {{ bucket: bbb, format: {format} }}")),
            &[
                "`sink.s3.format`: writes the fields of a JSON object as columns, but the value is text here, and every record \
               would be rejected; set `source.value: json`, or make JSON of a text with the transform `parse_json`, or choose \
               `json_lines` or `raw`",
            ],
        );
    }
    assert_said(
        format!(
            "{SOURCE}sink:\n  postgres: {{ url: \"postgres://h/d\", table: t, mode: upsert, key: record_key }}\n"
        ),
        &[
            "c.yaml:4:67: `sink.postgres.key`: takes the fields of a JSON key as columns, but the key is bytes here",
        ],
    );
    assert_said(
        of_text("opensearch: { urls: [\"http://h\"], index: i }"),
        &["every record would be rejected; set `source.value: json`"],
    );
}

/// What a transform took away is missed where it stands, as the form of a value is.
#[test]
fn a_field_that_a_transform_took_away_is_missed_where_it_is_read() {
    let chain = |transforms: &str, sink: &str| {
        format!("{SOURCE}transforms:\n  - replace_field: {{ exclude: [id] }}\n{transforms}sink:\n  {sink}\n")
    };
    let gone = "but `replace_field` (transform 1) leaves no such field, and every record would be rejected; keep it there";
    let http = "http: { url: \"https://h/{{id}}\" }";
    assert_said(
        chain("", http),
        &[&format!("c.yaml:6:16: `sink.http.url`: reads the field `id` of the value, {gone}")],
    );
    assert_said(
        chain("", "opensearch: { urls: [\"http://h\"], index: i, document_id: { template: \"{{id}}\" } }"),
        &[&format!("`sink.opensearch.document_id.template`: reads the field `id` of the value, {gone}")],
    );
    assert_said(
        chain(
            "",
            "postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: fields, key_columns: [id] }",
        ),
        &[&format!("`sink.postgres.key_columns`: reads the field `id` of the value, {gone}")],
    );
    assert_said(
        chain("  - timestamp: { field: id, from: unix_millis, to: rfc3339 }\n", "stdout: {}"),
        &[&format!(
            "`transforms.1.timestamp.field`: reads the field `id` of the value, {gone}, or move this one before that one"
        )],
    );
    // It is put there again, may be there still, or need not be.
    for transforms in [
        "  - set: { fields: { id: \"{{name}}\" } }\n",
        "  - replace_field: { renames: { name: id } }\n",
        "  - jq: { program: \".id = 1\" }\n",
    ] {
        let folder = Folder::with("c.yaml", chain(transforms, http));
        Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(0);
    }
    let conditional =
        chain("", http).replace("[id] }\n", "[id] }\n    predicate: { has_header_key: { name: x } }\n");
    let optional = chain("", "http: { url: \"https://h/{{default id 'none'}}\" }");
    for content in [conditional, optional] {
        let folder = Folder::with("c.yaml", content);
        Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(0);
    }
}

#[test]
fn a_path_with_an_escape_in_it_is_refused() {
    assert_said(
        format!("{SOURCE}sink: {{ file: {{ path: \"C:\\new\\table.txt\" }} }}\n"),
        &["`sink.file.path`: has the character '\\n' in it; in double quotes a backslash begins an escape"],
    );
}

#[test]
fn a_mechanism_that_is_not_built_in_leads_to_those_that_are() {
    assert_said(
        format!(
            "source:\n  kafka: {{ bootstrap_servers: a, topics: [b], properties: {{ security.protocol: SASL_SSL }} }}\n{SINK}"
        ),
        &["set another one, or say who the client is under `auth`"],
    );
}

/// Every key that holds an address is held to the same, whatever plug-in it is of.
#[test]
fn an_address_that_is_none_is_refused_wherever_it_stands() {
    let s3 =
        |url: &str| with_sink(&format!("s3: {{ bucket: bbb, region: eu-west-1, endpoint_url: \"{url}\" }}"));
    let registry = |url: &str| {
        format!(
            "{SOURCE}  value: {{ avro: {{ registry: {{ confluent: {{ urls: [\"{url}\"] }} }} }} }}\n{SINK}"
        )
    };
    let search = |url: &str| with_sink(&format!("opensearch: {{ urls: [\"{url}\"], index: i }}"));
    let http = |url: &str| with_sink(&format!("http: {{ url: \"{url}\" }}"));
    let token = |url: &str| {
        with_sink(&format!(
            "http: {{ url: \"https://h\", auth: {{ oauth2: {{ token_url: \"{url}\", client_id: a, client_secret: b }} }} }}"
        ))
    };
    let queue = |url: &str| with_sink(&format!("sqs: {{ queue_url: \"{url}\", region: eu-west-1 }}"));
    let kb = |url: &str| {
        with_sink(&format!(
            "bedrock_kb: {{ knowledge_base_id: KB12345678, data_source_id: DS12345678, region: eu-west-1, endpoint_url: \"{url}\" }}"
        ))
    };
    for write in [&s3 as &dyn Fn(&str) -> String, &registry, &search, &http, &token, &queue, &kb] {
        for (url, expected) in [
            ("http://h:0/x", "no port from 1 to 65535"),
            ("http://a,b:80/", "has a `,` in it"),
            ("http://$HOST/", "a reference is written `${env:NAME}`"),
            ("http://me:hunter2@h/", "holds no"),
        ] {
            assert_said(write(url), &[expected]);
        }
        let said = said(write("h:80"));
        assert_eq!(said.len(), 1, "{said:?}");
    }
}

#[test]
fn the_address_of_a_database_that_is_none_is_refused() {
    let database = |url: &str| with_sink(&format!("postgres: {{ url: \"{url}\", table: t }}"));
    for (url, expected) in [
        ("jdbc:postgresql://h/d", "without `jdbc:`"),
        ("postgres://u:p@ss@h/d", "write it `%40`"),
        ("postgres://u@a b/d", "has a space in it"),
    ] {
        assert_said(database(url), &[expected]);
    }
}

#[test]
fn brokers_of_a_sink_are_held_to_what_those_of_the_source_are() {
    let brokers =
        |servers: &str| with_sink(&format!("kafka: {{ bootstrap_servers: \"{servers}\", topic: copy }}"));
    let letters = |servers: &str| {
        format!(
            "{SOURCE}{SINK}errors: {{ tolerance: all, dead_letter_queue: {{ sink: {{ kafka: {{ bootstrap_servers: \"{servers}\", \
             topic: letters }} }} }} }}\n"
        )
    };
    for (servers, expected) in [
        ("kafka://h:9092", "write `h:9092`"),
        ("a:9092;b:9092", "separate brokers with commas"),
        ("a:9092 b:9092", "separate brokers with commas"),
        ("h:kafka", "from 1 to 65535"),
        (" , ", "name at least one broker"),
        ("$KAFKA:9092", "`${env:NAME}`"),
        ("me:hunter2@h:9092", "under `auth`"),
    ] {
        assert_said(brokers(servers), &[expected]);
        assert_said(letters(servers), &[expected]);
    }
}

/// The brokers of a sink are told from its port what the source is told from its own.
#[test]
fn a_port_that_asks_who_the_client_is_warns_for_a_sink_too() {
    let folder = Folder::with(
        "c.yaml",
        with_sink(
            "kafka: { bootstrap_servers: \"b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com:9098\", topic: copy }",
        ),
    );
    let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(0);
    assert!(
        checked.stdout.contains("add to `sink.kafka`\n    auth:\n      msk_iam: {}"),
        "{}",
        checked.stdout
    );
}

#[test]
fn a_word_that_others_have_leads_to_ours() {
    let kafka =
        |more: &str| format!("source:\n  kafka: {{ bootstrap_servers: a, topics: [b], {more} }}\n{SINK}");
    for (content, expected) in [
        (kafka("auto_offset_reset: beginning"), "found `beginning`; did you mean `earliest`?"),
        (kafka("auto_offset_reset: Latest"), "found `Latest`; did you mean `latest`?"),
        (
            kafka("auth: { scram: { username: a, password: b, mechanism: SCRAM-SHA-512 } }"),
            "found `SCRAM-SHA-512`; did you mean `sha_512`?",
        ),
        (with_sink("http: { url: \"https://h\", method: post }"), "found `post`; did you mean `POST`?"),
        (
            with_sink("http: { url: \"https://h\", batch: { format: json } }"),
            "found `json`; did you mean `json_array` or `json_lines`?",
        ),
        (with_transform("cast: { spec: { a: int } }"), "it is `int32` or `int64` here"),
        (with_transform("cast: { spec: { a: Boolean } }"), "did you mean `boolean`?"),
        (with_transform("timestamp: { field: a, from: iso8601, to: unix_millis }"), "it is `rfc3339` here"),
        (with_transform("timestamp: { field: a, from: epoch, to: rfc3339 }"), "it is `unix_seconds`, or"),
    ] {
        assert_said(content, &[expected]);
    }
}

#[test]
fn what_is_done_otherwise_here_is_told_how() {
    for (content, expected) in [
        (with_sink("http: { url: \"https://h\", body: x }"), "the body is the value of the record"),
        (with_sink("http: { url: \"https://h\", retry: 3 }"), "`errors.retry_timeout` here"),
        (
            with_sink("opensearch: { urls: [\"http://h\"], index: i, flush_interval: 5s }"),
            "`batch.linger` here",
        ),
        (
            with_sink("http: { url: \"https://h\", tls: { insecure_skip_verify: true } }"),
            "certificates are always verified",
        ),
        (with_sink("http: { url: \"https://h\", tls: true }"), "expected a map, found the boolean `true`"),
        (with_sink("s3: { bucket: bbb, access_key_id: a }"), "come from AWS's usual places"),
        (with_transform("filter: { condition: x }"), "says a `predicate` beside it"),
        (with_transform("filter: {}"), "drops every record; say which under `predicate` beside it"),
        (
            with_transform("{ cast: { spec: { a: number } }, negate: true }"),
            "`transforms.0.negate`: turns a `predicate` round, and there is none beside it",
        ),
        (
            format!(
                "{SOURCE}{SINK}errors: {{ tolerance: all, dead_letter_queue: {{ topic: a, replication_factor: 1 }} }}\n"
            ),
            "`sluice topics create` makes it otherwise",
        ),
        (
            format!("{SOURCE}{SINK}errors: {{ retry_delay: 1m, retry_delay_max: 1s }}\n"),
            "`errors.retry_delay_max`: is less than `retry_delay`",
        ),
        (format!("{SOURCE}{SINK}tasks_max: \"2\"\n"), "found `2`; write it without quotes"),
        (format!("{SOURCE}transforms:\n{SINK}"), "write its value behind the colon, or leave the key out"),
        (
            with_sink("postgres: { url: \"postgres://u@h/d\", table: t, auto_create: yes }"),
            "found `yes`; write `true`, without quotes",
        ),
        (
            "source:\n  kafka: { bootstrap_servers: a, topics: [b], tls: true }\nsink: { stdout: {} }\n"
                .to_owned(),
            "write `{ enabled: true }`",
        ),
        ("[INPUT]\n  Name kafka\n".to_owned(), "this is not YAML but has sections in brackets"),
    ] {
        assert_said(content, &[expected]);
    }
}

/// Keys of other tools in the settings of a sink, and what is said of each.
const KEYS: &[(&str, &[(&str, &str)])] = &[
    (
        "http: { url: \"https://h\", ",
        &[
            ("content_type: a/b", "write it under `headers`"),
            (
                "auth: { bearer: \"${env:TOKEN:-x}\" }",
                "from the environment or a file; write `{ token: ... }`",
            ),
            ("basic_auth: {}", "did you mean `auth`?"),
            ("body_template: x", "the body is the value of the record"),
        ],
    ),
    (
        "opensearch: { urls: [\"http://h\"], ",
        &[
            (
                "api_key: x",
                "write `auth: { header: { name: authorization, value: \"ApiKey ${env:API_KEY}\" } }`",
            ),
            ("logstash_format: true", "did you mean `index_date`?"),
            ("id_key: x", "did you mean `document_id`?"),
            ("schema.ignore: true", "indices have no types any more"),
            ("connection.password: x", "did you mean `auth`?"),
        ],
    ),
    (
        "postgres: { url: \"postgres://h/d\", table: t, ",
        &[
            ("fields.whitelist: a", "`replace_field` leaves fields out and renames them"),
            ("quote.identifiers: never", "names are taken as they are written"),
            ("sync_mode: append", "did you mean `mode`?"),
        ],
    ),
    (
        "s3: { bucket: bbb, ",
        &[
            ("rotate.interval.ms: 60000", "did you mean `objects`?"),
            ("path.format: x", "did you mean `objects`?"),
            ("acl: private", "objects get what the bucket has by default"),
            ("format.class: x", "did you mean `format`?"),
            ("profile: x", "come from AWS's usual places"),
        ],
    ),
    (
        "kafka: { bootstrap_servers: \"b:1\", topic: u, ",
        &[
            ("key: id", "the transform `value_to_key` makes it of fields of the value"),
            ("headers: { a: b }", "the transforms `insert_header` and `drop_headers` change them"),
            ("acks: all", "every replica in sync has a record before it counts as stored"),
            ("compression: lz4", "write `properties: { compression.type: lz4 }`"),
            ("value: json", "JSON as its text"),
            ("rack_id: a", "properties of the client stand under `sink.kafka.properties`"),
        ],
    ),
    ("file: { path: /a, ", &[("codec: lines", "did you mean `format`?")]),
];

/// Keys and words as Kafka Connect, Bento, Vector, Logstash and Fluent Bit have them.
#[test]
fn a_key_of_another_tool_leads_to_what_is_done_here() {
    for (sink, keys) in KEYS {
        for (key, expected) in *keys {
            assert_said(with_sink(&format!("{sink}{key} }}")), &[expected]);
        }
    }
    for (key, expected) in [
        ("codec: json", "how values are read says `source.value`"),
        ("key.converter: x", "how keys are read says `source.key`"),
        ("start_from_oldest: true", "did you mean `auto_offset_reset`?"),
        ("enable.auto.commit: false", "offsets are committed when their records are stored"),
        ("num_consumers: 4", "says `tasks_max`"),
    ] {
        let source =
            format!("source:\n  kafka: {{ bootstrap_servers: \"b:1\", topics: [a], {key} }}\n{SINK}");
        assert_said(source, &[expected]);
    }
    for (part, expected) in [
        ("errors: { deadletterqueue.topic.name: d }\n", "did you mean `dead_letter_queue`?"),
        ("batch: { timeout_secs: 5 }\n", "did you mean `linger`?"),
        ("logger: { level: INFO }\n", "it stands in `sluice.yaml`, or is an option of `sluice run`"),
        ("cache_resources: []\n", "a connector has no resources to share"),
    ] {
        assert_said(format!("{SOURCE}{SINK}{part}"), &[expected]);
    }
}

#[test]
fn a_step_of_another_tool_leads_to_the_transform_that_does_it() {
    for (item, expected) in [
        ("mapping: root = this", "did you mean `jq`?"),
        ("remap: { source: .a = 1 }", "did you mean `jq`?"),
        ("mutate: { rename: { a: b } }", "did you mean `replace_field`?"),
        ("unarchive: { format: json_array }", "did you mean `explode`?"),
        ("explode: items", "write `{ field: NAME }`"),
        ("filter: .a == 1", "to which records it applies says a `predicate` beside it"),
        ("parse_json: { field: a, target: b }", "did you mean `as`?"),
        ("insert_field: { field: a, static_field: b, static_value: c }", "did you mean `static_field`?"),
        ("insert_field: { value: a, static_field: b, static_value: c }", "did you mean `static_value`?"),
        ("dedupe: { key: id }", "did you mean `fields`?"),
        ("dedupe: { fields: [id], ttl: 1h }", "did you mean `window`?"),
        ("{ filter: {}, predicate: { field_value: { field: a, gt: 1 } } }", "did you mean `greater_than`?"),
        (
            "{ filter: {}, predicate: { field_value: { field: a, op: eq } } }",
            "what is asked is the key itself",
        ),
    ] {
        assert_said(with_transform(item), &[expected]);
    }
}

/// A word that another part of the file has a place for, too, is no value of that place.
#[test]
fn a_name_of_ones_own_is_not_taken_for_another_part_of_the_file() {
    let sink = "bedrock_kb: { knowledge_base_id: KB12345678, data_source_id: DS12345678, content: value, ";
    for (more, expected) in [
        ("metadata: { source: web }", "names of your own stand under `sink.bedrock_kb.metadata.attributes`"),
        ("metadata: { price: price }", "names of your own stand under `sink.bedrock_kb.metadata.attributes`"),
        ("document_id: order", "a field of the value is `{ template: \"{{NAME}}\" }`"),
    ] {
        assert_said(with_sink(&format!("{sink}{more} }}")), &[expected]);
    }
}

#[test]
fn a_whole_file_of_another_tool_is_told_part_by_part() {
    assert_said(
        "input:\n  kafka: {}\npipeline:\n  processors: []\noutput:\n  http_client: {}\n",
        &[
            "missing key `sink`",
            "missing key `source`",
            "unknown key `input`; did you mean `source`?",
            "unknown key `pipeline`; did you mean `transforms`?",
            "unknown key `output`; did you mean `sink`?",
        ],
    );
}

#[test]
fn a_whole_number_may_be_written_with_an_exponent() {
    let folder =
        Folder::with("c.yaml", format!("{SOURCE}{SINK}batch: {{ max_records: 1e3 }}\ntasks_max: 2.0\n"));
    Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(0);
}

#[test]
fn a_size_without_a_unit_that_holds_no_record_is_warned_of() {
    let folder =
        Folder::with("c.yaml", format!("{SOURCE}{SINK}batch: {{ max_bytes: 5 }}\nbuffer_memory: 64\n"));
    let checked = Sluice::new(["check", "c.yaml"]).current_dir(folder.path()).output().expect_code(0);
    for part in
        ["`buffer_memory`: 64 bytes hold hardly a record", "`batch.max_bytes`: 5 bytes hold hardly a record"]
    {
        assert!(checked.stdout.contains(part), "{}", checked.stdout);
    }
}

/// A key that stands in for another one that is wrong says nothing new.
#[test]
fn what_is_empty_only_since_all_in_it_was_wrong_is_not_told() {
    assert_said(
        with_sink("opensearch: { urls: [\"http://h\"], index: i, document_id: { template: \"{{\" } }"),
        &["`sink.opensearch.document_id.template`: a tag is not closed"],
    );
}

/// A mistake in one part of the source hides none in its properties.
#[test]
fn what_is_missing_in_auth_hides_no_property_that_is_refused() {
    assert_said(
        format!(
            "source:\n  kafka: {{ bootstrap_servers: a, topics: [b], auth: {{ scram: {{ username: a }} }}, properties: {{ \
             group.id: x, no.such.property: y }} }}\n{SINK}"
        ),
        &[
            "missing key `source.kafka.auth.scram.password`",
            "`group.id` cannot be set: use `group`",
            "librdkafka has no property `no.such.property`",
        ],
    );
}

/// One file for each, all of them checked at once.
#[test]
fn a_number_a_size_or_a_duration_beyond_all_bounds_is_refused_with_its_key_and_the_bound() {
    const HTTP: &str = "sink: { http: { url: \"http://a:1\"";
    const S3: &str = "sink: { s3: { bucket: abc, region: eu-west-1, objects: { interval: 1h";
    let blackhole = "\nsink: { blackhole: {} }";
    let settings = [
        ("buffer_memory", format!("buffer_memory: SIZE{blackhole}")),
        ("tasks_max", format!("tasks_max: COUNT{blackhole}")),
        ("batch.max_records", format!("batch: {{ max_records: COUNT }}{blackhole}")),
        ("batch.max_bytes", format!("batch: {{ max_bytes: SIZE }}{blackhole}")),
        ("batch.linger", format!("batch: {{ linger: TIME }}{blackhole}")),
        ("errors.retry_timeout", format!("errors: {{ retry_timeout: TIME }}{blackhole}")),
        (
            "errors.threshold.of_last",
            format!("errors: {{ tolerance: all, threshold: {{ rejected: 1, of_last: COUNT }} }}{blackhole}"),
        ),
        (
            "transforms.0.chunk.size",
            format!("transforms: [ {{ chunk: {{ field: a, size: COUNT }} }} ]{blackhole}"),
        ),
        (
            "transforms.0.dedupe.window",
            format!("transforms: [ {{ dedupe: {{ fields: [a], window: TIME }} }} ]{blackhole}"),
        ),
        ("sink.http.request_timeout", format!("{HTTP}, request_timeout: TIME }} }}")),
        ("sink.http.max_in_flight", format!("{HTTP}, max_in_flight: COUNT }} }}")),
        ("sink.s3.objects.max_records", format!("{S3}, max_records: COUNT }} }} }}")),
        ("sink.s3.objects.max_bytes", format!("{S3}, max_bytes: SIZE }} }} }}")),
    ];
    let values = [
        ("COUNT", &["1e30", "18446744073709551615", "99999999999999999999999999"][..], "is at most "),
        (
            "SIZE",
            &["1e30", "99999999TiB", "18446744073709551615", "\"99999999999999999999999999\""],
            "is at most ",
        ),
        (
            "TIME",
            &["99999999999d", "18446744073709551615s", "99999999999999999999999999ms"],
            "is longer than 100 years",
        ),
    ];
    let (folder, mut expected) = (Folder::new(), Vec::new());
    for (key, text) in &settings {
        for (kind, values, bound) in values {
            for value in values.iter().filter(|_| text.contains(kind)) {
                let name = format!("c{}.yaml", expected.len());
                let source = "source: { kafka: { bootstrap_servers: \"b:1\", topics: [t] } }";
                folder.write(&name, format!("{source}\n{}\n", text.replace(kind, value)));
                expected.push((name, *key, bound));
            }
        }
    }
    let checked = Sluice::new(["check".as_ref(), folder.path()]).output().expect_code(2);
    for (name, key, bound) in expected {
        let lines: Vec<_> =
            checked.stdout.lines().filter(|line| line.contains(&format!("/{name}:"))).collect();
        let [line] = lines[..] else { panic!("{name}: {lines:?}\n{checked}") };
        assert!(line.contains(&format!(": `{key}`: ")) && line.contains(bound), "{line}");
    }
}
