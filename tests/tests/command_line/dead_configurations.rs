//! `sluice check` on connectors in which every record would be rejected, or a key has no effect: each row has a file, the
//! position of the fault, and words of what is said. Beside them stand files that look alike, and work.

use sluice_tests::connector::Folder;
use sluice_tests::sluice::Sluice;

/// What every file begins with: two lines. The third is the first of a row.
const HEAD: &str = "source:\n  kafka: { bootstrap_servers: \"localhost:9092\", topics: [t] }\n";

/// A file behind its head, where the fault is, and words of what is said of it.
type Row = (&'static str, &'static str, &'static [&'static str]);

/// Files in which every record would be rejected.
const DEAD: &[Row] = &[
    // A number where an object has to be.
    (
        "  value: integer\ntransforms:\n  - replace_field: { exclude: [a] }\nsink: { blackhole: {} }\n",
        "5:20",
        &[
            "replace_field`: changes fields of the value, but the value is a number here",
            "set `source.value: json`",
        ],
    ),
    (
        "  value: long\nsink: { http: { url: \"https://h/{{id}}\" } }\n",
        "4:22",
        &["`sink.http.url`: reads the field `id` of the value, but the value is a number here"],
    ),
    (
        "  value: double\nsink: { opensearch: { urls: [\"http://h\"] } }\n",
        "4:21",
        &["writes the value as a document, which is a JSON object, but the value is a number here"],
    ),
    (
        "  value: json\ntransforms:\n  - cast: { spec: int64 }\n  - value_to_key: { fields: [id] }\nsink: { blackhole: {} }\n",
        "6:29",
        &["the value is a number here", "`cast` (transform 1) makes it so; move it behind this one"],
    ),
    (
        "  key: long\nsink:\n  postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: record_key, key_columns: [a, b] }\n",
        "5:67",
        &[
            "`sink.postgres.key`: takes the fields of a JSON key as columns, but the key is a number here",
            "name the one column",
        ],
    ),
    (
        "  key: long\nsink:\n  postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: record_key }\n",
        "5:67",
        &["takes the fields of a JSON key", "the key is a number here"],
    ),
    (
        "  key: string\nsink:\n  postgres: { url: \"postgres://h/d\", table: \"{{@record.key.kind}}\", tables: [a, b] }\n",
        "5:45",
        &["`sink.postgres.table`: reads the field `kind` of the key, but the key is text here"],
    ),
    // A field that an earlier transform left out.
    (
        "transforms:\n  - replace_field: { include: [id, after.id] }\n  - timestamp: { field: at, from: unix_millis, to: rfc3339 }\nsink: { blackhole: {} }\n",
        "5:25",
        &[
            "`transforms.1.timestamp.field`: reads the field `at` of the value, but `replace_field` (transform 1) leaves no such field",
            "keep it there, or move this one before that one",
        ],
    ),
    (
        "transforms:\n  - replace_field: { include: [after.id] }\n  - timestamp: { field: after.at, from: unix_millis, to: rfc3339 }\nsink: { blackhole: {} }\n",
        "5:25",
        &["reads the field `after.at` of the value, but `replace_field` (transform 1) leaves no such field"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [after.at] }\n  - value_to_key: { fields: [id, after.at] }\nsink: { blackhole: {} }\n",
        "5:34",
        &["`transforms.1.value_to_key.fields.1`", "`replace_field` (transform 1) leaves no such field"],
    ),
    (
        "transforms:\n  - replace_field: { renames: { id: order_id } }\n  - template: { text: \"{{id}}\" }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `id` of the value, but `replace_field` (transform 1)"],
    ),
    (
        "transforms:\n  - replace_field: { renames: { customer.id: number } }\n  - template: { text: \"{{customer.id}}\", as: t }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `customer.id` of the value, but `replace_field` (transform 1)"],
    ),
    // A template with a block needs what stands outside of it.
    (
        "transforms:\n  - replace_field: { exclude: [name] }\n  - template: { text: \"{{name}} {{#if city}}in {{city}}{{/if}}\" }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `name` of the value, but `replace_field` (transform 1)"],
    ),
    (
        "transforms:\n  - replace_field: { include: [after.id] }\n  - extract_field: { field: after }\n  - timestamp: { field: at, from: rfc3339, to: unix_millis }\nsink: { blackhole: {} }\n",
        "6:25",
        &["reads the field `at` of the value, but `replace_field` (transform 1)"],
    ),
    (
        "transforms:\n  - hoist_field: { field: row }\n  - template: { text: \"{{id}}\" }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `id` of the value, but `hoist_field` (transform 1) leaves no such field"],
    ),
    (
        "transforms:\n  - replace_field: { include: [id] }\n  - hoist_field: { field: row }\n  - template: { text: \"{{row.name}}\" }\nsink: { blackhole: {} }\n",
        "6:23",
        &["reads the field `row.name` of the value, but `replace_field` (transform 1)"],
    ),
    (
        "transforms:\n  - flatten: { delimiter: _ }\n  - template: { text: \"{{address.city}}\" }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `address.city` of the value, but `flatten` (transform 1)"],
    ),
    (
        "transforms:\n  - unwrap_cdc: {}\n  - template: { text: \"{{after.name}}\" }\nsink: { stdout: {} }\n",
        "5:23",
        &["reads the field `after.name` of the value, but `unwrap_cdc` (transform 1)"],
    ),
    (
        "transforms:\n  - set: { fields: { a: 1 }, replace: true }\n  - parse_json: { field: b }\nsink: { blackhole: {} }\n",
        "5:26",
        &["reads the field `b` of the value, but `set` (transform 1)"],
    ),
    (
        "transforms:\n  - set: { fields: { a: 1 }, replace: true }\n  - explode: { field: lines }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `lines` of the value, but `set` (transform 1)"],
    ),
    (
        "transforms:\n  - set: { fields: { a: 1 }, replace: true }\n  - chunk: { field: text }\nsink: { file: { path: f } }\n",
        "5:21",
        &["reads the field `text` of the value, but `set` (transform 1)"],
    ),
    (
        "transforms:\n  - set: { fields: { a: 1 }, replace: true }\n  - decompress: { field: z, codec: gzip }\nsink: { blackhole: {} }\n",
        "5:26",
        &["reads the field `z` of the value, but `set` (transform 1)"],
    ),
    (
        "transforms:\n  - template: { text: \"{{a}}\", as: b }\n  - template: { text: \"{{b.c}}\" }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `b.c` of the value, but `template` (transform 1)"],
    ),
    (
        "transforms:\n  - header_from: { fields: [tenant], headers: [tenant], operation: move }\n  - template: { text: \"{{tenant}}\" }\nsink: { blackhole: {} }\n",
        "5:23",
        &["reads the field `tenant` of the value, but `header_from` (transform 1)"],
    ),
    // A header that was dropped.
    (
        "transforms:\n  - drop_headers: { headers: [trace] }\nsink: { http: { url: \"https://h/x\", headers: { x-trace: \"{{@record.headers.trace}}\" } } }\n",
        "5:57",
        &["reads the header `trace`, but `drop_headers` (transform 1) leaves no such header"],
    ),
    // A key that a transform made.
    (
        "transforms:\n  - value_to_key: { fields: [id] }\nsink:\n  postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: record_key, key_columns: [id, region] }\n",
        "6:97",
        &[
            "`sink.postgres.key_columns.1`: reads the field `region` of the key, but `value_to_key` (transform 1)",
        ],
    ),
    (
        "transforms:\n  - value_to_key: { fields: [id] }\nsink: { opensearch: { urls: [\"http://h\"], document_id: { template: \"{{@record.key.number}}\" } } }\n",
        "5:68",
        &[
            "`sink.opensearch.document_id.template`: reads the field `number` of the key, but `value_to_key` (transform 1)",
        ],
    ),
    // Tags of a sink.
    (
        "transforms:\n  - replace_field: { exclude: [region] }\nsink: { opensearch: { urls: [\"http://h\"], index: \"prices-{{region}}\" } }\n",
        "5:50",
        &[
            "`sink.opensearch.index`: reads the field `region` of the value, but `replace_field` (transform 1)",
        ],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [region] }\nsink: { opensearch: { urls: [\"http://h\"], routing: \"{{region}}\" } }\n",
        "5:52",
        &["`sink.opensearch.routing`"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [kind] }\nsink: { kafka: { bootstrap_servers: h, topic: \"out-{{kind}}\" } }\n",
        "5:47",
        &["`sink.kafka.topic`: reads the field `kind` of the value"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [id] }\nsink:\n  postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: fields, key_columns: [id] }\n",
        "6:88",
        &[
            "`sink.postgres.key_columns",
            "reads the field `id` of the value, but `replace_field` (transform 1)",
        ],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [path] }\nsink: { bedrock_kb: { knowledge_base_id: ABCDEFGHIJ, data_source_id: KLMNOPQRST, content: { template: \"{{path}}\" } } }\n",
        "5:103",
        &["`sink.bedrock_kb.content.template`"],
    ),
];

/// Files in which a field is never what a key needs.
const MISFITS: &[Row] = &[
    // What an attribute of a document is made of.
    (
        "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: \"%d/%m/%Y\" }\nsink:\n  bedrock_kb:\n    knowledge_base_id: KB12345678\n    data_source_id: DS12345678\n    content: { template: \"{{a}}\" }\n    metadata: { attributes: { at: { number: \"{{at}}\" } } }\n",
        "10:45",
        &[
            "reads the field `at` of the value, which has to be a number, but `timestamp` (transform 1) makes it text of another form",
            "mend one of the two",
        ],
    ),
    (
        "transforms:\n  - cast: { spec: { new: int32 } }\nsink:\n  bedrock_kb:\n    knowledge_base_id: KB12345678\n    data_source_id: DS12345678\n    content: { template: \"{{a}}\" }\n    metadata: { attributes: { new: { boolean: \"{{new}}\" } } }\n",
        "10:47",
        &["which has to be `true` or `false`, but `cast` (transform 1) makes it a number"],
    ),
    // Text, where JSON has to be: what is said leads back to it.
    (
        "transforms:\n  - template: { text: '{\"total\": {{total}}}' }\nsink: { opensearch: { urls: [\"http://h\"] } }\n",
        "5:21",
        &["`template` (transform 1) makes it so; make JSON of a text with the transform `parse_json`"],
    ),
    (
        "transforms:\n  - template: { text: '{\"total\": {{total}}}' }\nsink: { s3: { bucket: bbb, format: parquet } }\n",
        "5:36",
        &["make JSON of a text with the transform `parse_json`, or choose `json_lines` or `raw`"],
    ),
    // A field that an earlier transform made something else.
    (
        "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: rfc3339 }\n  - timestamp: { field: at, from: unix_seconds, to: rfc3339 }\nsink: { blackhole: {} }\n",
        "5:25",
        &[
            "`transforms.1.timestamp.field`: reads the field `at` of the value, which has to be a time in `unix_seconds`, but `timestamp` \
             (transform 1) makes it text of another form, and every record would be rejected",
            "move this one before that one",
        ],
    ),
    (
        "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: \"%d.%m.%Y\", as: day }\n  - timestamp: { field: day, from: rfc3339, to: unix_millis }\nsink: { blackhole: {} }\n",
        "5:25",
        &["a time in `rfc3339`, but `timestamp` (transform 1) makes it text of another form"],
    ),
    (
        "transforms:\n  - timestamp: { field: at, from: rfc3339, to: unix_millis }\n  - timestamp: { field: at, from: rfc3339, to: unix_millis, on_missing: skip }\nsink: { blackhole: {} }\n",
        "5:25",
        &["makes it a number of another form"],
    ),
    (
        "  value: string\ntransforms:\n  - timestamp: { from: unix_seconds, to: rfc3339 }\n  - timestamp: { from: unix_seconds, to: rfc3339 }\nsink: { blackhole: {} }\n",
        "6:24",
        &["`transforms.1.timestamp.from`: reads the value, which has to be a time in `unix_seconds`"],
    ),
    (
        "transforms:\n  - set: { fields: { a: { x: 1 } } }\n  - cast: { spec: { a: int32 } }\nsink: { blackhole: {} }\n",
        "5:24",
        &[
            "`transforms.1.cast.spec.a`: casts the field `a` of the value, which has to be what can become int32, but `set` (transform 1) \
             makes it an array or an object",
        ],
    ),
    (
        "transforms:\n  - set: { fields: { a.b: 1 } }\n  - replace_field: { renames: { a: c } }\n  - cast: { spec: { c: string } }\nsink: { blackhole: {} }\n",
        "6:24",
        &["casts the field `c`"],
    ),
    (
        "transforms:\n  - set: { fields: { state: new } }\n  - cast: { spec: { state: int64 } }\nsink: { blackhole: {} }\n",
        "5:28",
        &["what can become int64, but `set` (transform 1) makes it text of another form"],
    ),
    (
        "transforms:\n  - redact: { fields: [card] }\n  - cast: { spec: \"card:int64\" }\nsink: { blackhole: {} }\n",
        "5:19",
        &[
            "casts the field `card` of the value, which has to be what can become int64, but `redact` (transform 1)",
        ],
    ),
    (
        "transforms:\n  - cast: { spec: { n: boolean } }\n  - timestamp: { field: n, from: unix_millis, to: rfc3339 }\nsink: { blackhole: {} }\n",
        "5:25",
        &["but `cast` (transform 1) makes it a boolean"],
    ),
    (
        "transforms:\n  - cast: { spec: { tags: string } }\n  - explode: { field: tags }\nsink: { blackhole: {} }\n",
        "5:23",
        &["which has to be an array, but `cast` (transform 1) makes it text"],
    ),
    (
        "transforms:\n  - template: { text: \"{{a}}\", as: t }\n  - explode: { field: t }\nsink: { blackhole: {} }\n",
        "5:23",
        &["which has to be an array, but `template` (transform 1) makes it text"],
    ),
    (
        "transforms:\n  - insert_field: { offset_field: n }\n  - chunk: { field: n, size: 100 }\nsink: { file: { path: f } }\n",
        "5:21",
        &["which has to be text, but `insert_field` (transform 1) makes it a number"],
    ),
    (
        "transforms:\n  - cast: { spec: { z: int32 } }\n  - decompress: { field: z }\nsink: { blackhole: {} }\n",
        "5:26",
        &["which has to be text in base64, but `cast` (transform 1) makes it a number"],
    ),
    (
        "transforms:\n  - cast: { spec: { n: boolean } }\n  - mask_field: { fields: [n], replacement: hidden }\nsink: { blackhole: {} }\n",
        "5:28",
        &["which has to be text for this replacement, but `cast` (transform 1) makes it a boolean"],
    ),
    (
        "transforms:\n  - cast: { spec: { n: string } }\n  - extract_field: { field: n }\n  - explode: {}\nsink: { blackhole: {} }\n",
        "6:14",
        &["which has to be an array"],
    ),
];

/// Files in which a text is taken as it is that looks as if it were meant otherwise.
const LITERAL: &[Row] = &[
    (
        "transforms:\n  - timestamp: { field: at, from: dd.mm.yyyy, to: rfc3339 }\nsink: { stdout: {} }\n",
        "4:35",
        &[
            "`transforms.0.timestamp.from`: no time can be read with `dd.mm.yyyy`, which has minutes and no hours; months are `%m`, in Java's notation `MM`",
        ],
    ),
    ("sink: { file: { path: out-%Y-%m-%d.jsonl } }\n", "3:23", &["`sink.file.path`", "looks like a date"]),
    ("sink: { file: { path: ~/out.jsonl } }\n", "3:23", &["write `${env:HOME}` for yours"]),
    (
        "sink: { postgres: { url: \"postgres://h/d\", table: \"events_{topic}\" } }\n",
        "3:51",
        &["`sink.postgres.table`: looks like a template", "a tag is written `{{field}}`"],
    ),
    (
        "sink: { opensearch: { urls: [\"http://h\"], index: \"shop-%{+YYYY.MM.dd}\" } }\n",
        "3:50",
        &["`sink.opensearch.index`: looks like a date", "`index_date`"],
    ),
    (
        "sink: { opensearch: { urls: [\"http://h\"], alias: shop } }\n",
        "3:43",
        &["unknown key `sink.opensearch.alias`", "index template"],
    ),
    (
        "sink: { s3: { bucket: archive, region: eu-west-3, prefix: \"a/%Y/\" } }\n",
        "3:59",
        &["`sink.s3.prefix`", "`objects.path`"],
    ),
];

/// Files in which a key has no effect.
const IDLE: &[Row] = &[
    // A field of the value, as other tools name it.
    (
        "transforms:\n  - template: { text: \"{{value.price.eur}}\" }\nsink: { stdout: {} }\n",
        "4:23",
        &[
            "reads `value.price.eur`, a field within one that is called `value`",
            "the record's value itself is `price.eur` alone",
        ],
    ),
    (
        "transforms:\n  - filter: {}\n    predicate: { field_value: { field: value.status, equals: paid } }\nsink: { stdout: {} }\n",
        "5:40",
        &["a field of the record's value itself is `status` alone"],
    ),
    (
        "sink: { http: { url: \"https://h/{{value.id}}\" } }\n",
        "3:22",
        &["`sink.http.url`: reads `value.id`", "is `id` alone"],
    ),
    (
        "sink: { http: { url: \"https://h/{id}/x\" } }\n",
        "3:22",
        &["`sink.http.url`: a part of the path in single braces, or behind a colon, is sent as it is"],
    ),
    ("sink: { http: { url: \"https://h/:id\" } }\n", "3:22", &["a tag is written `{{field}}`"]),
    (
        "sink: { http: { url: \"https://h/x\", auth: { bearer: { token: $TOKEN } } } }\n",
        "3:62",
        &["this is taken as it is; the environment variable is `${env:TOKEN}`"],
    ),
    (
        "transforms:\n  - template: { text: \"all the same\" }\nsink: { stdout: {} }\n",
        "4:23",
        &["`transforms.0.template.text`: has no tag, so that every record gets the same text"],
    ),
    (
        "transforms:\n  - template: { text: \"{% if a %}{{a}}{% endif %}\" }\nsink: { stdout: {} }\n",
        "4:23",
        &["is taken as text; a block is `{{#if name}}...{{/if}}`"],
    ),
    (
        "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: \"%Y-%M-%d\" }\nsink: { stdout: {} }\n",
        "4:53",
        &["`transforms.0.timestamp.to`: has minutes and no hours; months are `%m`"],
    ),
    (
        "transforms:\n  - drop_headers: { headers: [trace] }\n  - filter: {}\n    predicate: { has_header_key: { name: trace } }\nsink: { blackhole: {} }\n",
        "6:42",
        &[
            "`transforms.1.predicate.has_header_key.name`: reads the header `trace`, but `drop_headers` (transform 1)",
        ],
    ),
    (
        "transforms:\n  - replace_field: { include: [id] }\n  - cast: { spec: { price: number } }\nsink: { blackhole: {} }\n",
        "5:28",
        &[
            "`transforms.1.cast.spec.price`: reads the field `price` of the value, but `replace_field` (transform 1) leaves no such field, so \
        that this has no effect",
        ],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [cost] }\n  - mask_field: { fields: [card, cost.net] }\nsink: { blackhole: {} }\n",
        "5:34",
        &["`transforms.1.mask_field.fields.1`", "`cost.net`"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [cost] }\n  - redact: { fields: [cost] }\nsink: { blackhole: {} }\n",
        "5:24",
        &["`cost`"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [cost] }\n  - replace_field: { renames: { cost: price } }\nsink: { blackhole: {} }\n",
        "5:39",
        &["`cost`"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [cost] }\n  - timestamp: { field: cost, from: rfc3339, to: unix_millis, on_missing: skip }\nsink: { blackhole: {} }\n",
        "5:25",
        &["`cost`"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [cost] }\n  - filter: {}\n    predicate: { field_value: { field: cost, greater_than: 3 } }\nsink: { blackhole: {} }\n",
        "6:40",
        &["`cost`"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [cost] }\nsink: { s3: { bucket: archive, region: eu-west-3, format: csv, columns: [id, cost] } }\n",
        "5:78",
        &["`sink.s3.columns.1`", "`cost`"],
    ),
    (
        "transforms:\n  - replace_field: { exclude: [city] }\nsink: { bedrock_kb: { knowledge_base_id: ABCDEFGHIJ, data_source_id: KLMNOPQRST, content: { template: \"{{name}}\" }, metadata: { attributes: { city: { string: \"{{city}}\" } } } } }\n",
        "5:159",
        &["`sink.bedrock_kb.metadata.attributes.city.string`", "has no effect"],
    ),
    (
        "transforms:\n  - unwrap_cdc: { key: [id] }\nsink: { stdout: {} }\n",
        "4:24",
        &["`transforms.0.unwrap_cdc.key`: makes the key here, when the producer has chosen the partition"],
    ),
    (
        "transforms:\n  - cast: { spec: { n: string } }\n  - filter: {}\n    predicate: { field_value: { field: n, greater_than: 3 } }\nsink: { blackhole: {} }\n",
        "6:40",
        &[
            "`transforms.1.predicate.field_value.field`: reads the field `n` of the value, which has to be a number to compare with, but \
             `cast` (transform 1) makes it text, so that this never holds",
        ],
    ),
    (
        "transforms:\n  - cast: { spec: { n: int32 } }\n  - filter: {}\n    predicate: { not: { field_value: { field: n, in: [\"1\", \"2\"] } } }\nsink: { blackhole: {} }\n",
        "6:47",
        &[
            "which has to be text to compare with, but `cast` (transform 1) makes it a number, so that this never holds",
        ],
    ),
    (
        "transforms:\n  - set: { fields: { state: new } }\n  - filter: {}\n    predicate: { field_value: { field: state, equals: deleted } }\nsink: { blackhole: {} }\n",
        "6:40",
        &["makes it text of another form, so that this never holds"],
    ),
];

/// Files that look alike, and of which nothing is said.
const ALIVE: &[&str] = &[
    "transforms:\n  - template: { text: '{\"total\": {{total}}}' }\n  - parse_json: {}\nsink: { opensearch: { urls: [\"http://h\"] } }\n",
    "  key: json\n  value: json\ntransforms:\n  - template: { text: \"{{value}} {{values.a}} {{@record.key.value.a}}\" }\nsink: { stdout: {} }\n",
    "transforms:\n  - hoist_field: { field: value }\n  - template: { text: \"{{value.price}}\" }\nsink: { stdout: {} }\n",
    "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: \"%Y\" }\nsink:\n  bedrock_kb:\n    knowledge_base_id: KB12345678\n    data_source_id: DS12345678\n    content: { template: \"{{a}}\" }\n    metadata: { attributes: { at: { number: \"{{at}}\" }, of: { number: \"1{{at}}\" } } }\n",
    "  value: integer\ntransforms:\n  - hoist_field: { field: n }\n  - replace_field: { renames: { n: m } }\nsink: { blackhole: {} }\n",
    "  key: long\nsink:\n  postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: record_key, key_columns: [a], value_column: v }\n",
    "  value: long\nsink: { kafka: { bootstrap_servers: h, topic: \"n-{{@record.topic}}\" } }\n",
    "transforms:\n  - replace_field: { include: [after.id, at] }\n  - timestamp: { field: at, from: unix_millis, to: rfc3339 }\n  - template: { text: \"{{after.id}} {{at}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - replace_field: { exclude: [id] }\n    predicate: { has_header_key: { name: h } }\n  - template: { text: \"{{id}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - replace_field: { exclude: [city] }\n  - template: { text: \"{{name}} {{#if city}}in {{city}}{{/if}}{{default city 'nowhere'}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - flatten: {}\n  - timestamp: { field: \"[after.at]\", from: unix_millis, to: rfc3339 }\nsink: { blackhole: {} }\n",
    "transforms:\n  - flatten: {}\n  - template: { text: \"{{tags.0}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - extract_field: { field: after }\n  - timestamp: { field: at, from: unix_millis, to: rfc3339 }\nsink: { blackhole: {} }\n",
    "transforms:\n  - replace_field: { renames: { a: b, b: a } }\n  - template: { text: \"{{a}}{{b}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - set: { fields: { a: { b: 1 } }, replace: true }\n  - template: { text: \"{{a.b}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - parse_json: { field: detail }\n  - template: { text: \"{{detail.price}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - replace_field: { include: [id] }\n  - jq: { program: \"{x: 1}\" }\n  - template: { text: \"{{x}}\", as: y }\nsink: { blackhole: {} }\n",
    "transforms:\n  - drop_headers: { headers: [h] }\n  - insert_header: { header: h, value_literal: x }\n  - template: { text: \"{{@record.headers.h}}\" }\nsink: { blackhole: {} }\n",
    "  key: bytes\ntransforms:\n  - unwrap_cdc: { format: canal }\n  - template: { text: \"{{name}} {{@record.key.id}}\" }\nsink: { stdout: {} }\n",
    "transforms:\n  - value_to_key: { fields: [customer.id] }\nsink:\n  postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: record_key, key_columns: [id] }\n",
    "transforms:\n  - value_to_key: { fields: [id] }\n  - extract_field: { field: id, of: key }\nsink:\n  postgres: { url: \"postgres://h/d\", table: t, mode: upsert, key: record_key, key_columns: [number] }\n",
    "transforms:\n  - explode: { field: lines, only: true }\n  - template: { text: \"{{sku}}\" }\nsink: { blackhole: {} }\n",
    "transforms:\n  - replace_field: { exclude: [cost] }\n  - filter: {}\n    predicate: { field_value: { field: cost, exists: false } }\n    negate: true\nsink: { blackhole: {} }\n",
    "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: unix_millis }\n  - timestamp: { field: at, from: unix_millis, to: rfc3339 }\n  - timestamp: { field: at, from: rfc3339, to: \"%Y%m%d\" }\n  - timestamp: { field: at, from: \"%Y%m%d\", to: unix_seconds }\nsink: { blackhole: {} }\n",
    "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: rfc3339, as: iso }\n  - timestamp: { field: at, from: unix_seconds, to: rfc3339 }\nsink: { blackhole: {} }\n",
    "transforms:\n  - timestamp: { field: a, from: unix_seconds, to: rfc3339, as: b, on_missing: skip }\n  - timestamp: { field: b, from: unix_seconds, to: rfc3339 }\nsink: { blackhole: {} }\n",
    "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: \"%d/%m/%Y\" }\n  - timestamp: { field: at, from: \"%m/%d/%Y\", to: rfc3339 }\nsink: { blackhole: {} }\n",
    "transforms:\n  - timestamp: { field: at, from: unix_seconds, to: rfc3339 }\n    predicate: { has_header_key: { name: h } }\n  - timestamp: { field: at, from: unix_seconds, to: rfc3339 }\nsink: { blackhole: {} }\n",
    "transforms:\n  - set: { fields: { a: { x: 1 } } }\n  - cast: { spec: { a.x: string } }\n  - cast: { spec: { \"a.*\": int32 } }\nsink: { blackhole: {} }\n",
    "transforms:\n  - set: { fields: { a: { x: text } } }\n  - mask_field: { fields: [\"a.*\"] }\n  - jq: { program: . }\n  - cast: { spec: { a.x: int32 } }\nsink: { blackhole: {} }\n",
    "transforms:\n  - cast: { spec: { n: string } }\n  - cast: { spec: { n: number } }\n  - filter: {}\n    predicate: { field_value: { field: n, greater_than: 3 } }\nsink: { blackhole: {} }\n",
    "transforms:\n  - set: { fields: { n: \"{{m}}\", d: \"5\", e: null } }\n  - explode: { field: n }\n  - cast: { spec: { d: int32, e: int32 } }\nsink: { blackhole: {} }\n",
    "transforms:\n  - cast: { spec: { n: string } }\n  - parse_json: { field: n }\n  - explode: { field: n }\nsink: { blackhole: {} }\n",
    "transforms:\n  - cast: { spec: { \"*\": string } }\n  - cast: { spec: { n: int32 } }\nsink: { blackhole: {} }\n",
    "transforms:\n  - cast: { spec: { n: string } }\n  - unwrap_cdc: {}\n  - filter: {}\n    predicate: { field_value: { field: n, greater_than: 3 } }\nsink: { stdout: {} }\n",
    "transforms:\n  - cast: { spec: { a: string } }\n  - replace_field: { renames: { a: b, b: a } }\n  - explode: { field: a }\nsink: { blackhole: {} }\n",
    "transforms:\n  - replace_field: { exclude: [a.0] }\n  - template: { text: \"{{a.0}}\" }\nsink: { blackhole: {} }\n",
];

/// Checks files all at once. Returns what is said of each.
fn said<'a>(files: impl Iterator<Item = &'a str>) -> Vec<Vec<String>> {
    let folder = Folder::new();
    let mut names = Vec::new();
    for (index, file) in files.enumerate() {
        let name = format!("c{index:02}.yaml");
        folder.write(&name, format!("{HEAD}{file}"));
        names.push(name);
    }
    let checked = Sluice::new(["check"].into_iter().chain(names.iter().map(String::as_str)));
    let checked = checked.current_dir(folder.path()).output();
    let all = format!("{}\n{}", checked.stdout, checked.stderr);
    let of = |name: &String| -> Vec<String> {
        let lines = all.lines().filter_map(|line| line.strip_prefix("./").unwrap_or(line).strip_prefix(name));
        let said = lines.filter_map(|line| line.strip_prefix(':')).map(str::to_owned);
        said.filter(|line| !line.trim().starts_with("ok")).collect()
    };
    names.iter().map(of).collect()
}

/// Checks that one thing is said of each row, at its place and in its words.
fn assert_rows(rows: &[Row], is_warning: bool) {
    let said = said(rows.iter().map(|(file, ..)| *file));
    let mut wrong = Vec::new();
    for ((file, place, words), said) in rows.iter().zip(said) {
        let is_row = |line: &String| {
            let is_there = line.starts_with(&format!("{place}: "));
            is_there
                && line.contains(": warning: ") == is_warning
                && words.iter().all(|word| line.contains(word))
        };
        if said.len() != 1 || !said.iter().all(is_row) {
            wrong.push(format!("{file}wanted at {place}: {words:?}\nsaid: {said:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_in_which_every_record_would_be_rejected_is_refused_at_its_place() {
    assert_rows(DEAD, false);
    assert_rows(MISFITS, false);
}

#[test]
fn a_text_that_looks_as_if_it_were_meant_otherwise_is_refused() {
    assert_rows(LITERAL, false);
}

#[test]
fn a_key_without_effect_is_a_warning_at_its_place() {
    assert_rows(IDLE, true);
}

#[test]
fn nothing_is_said_of_files_that_look_alike() {
    for (file, said) in ALIVE.iter().zip(said(ALIVE.iter().copied())) {
        assert_eq!(said, [""; 0], "{file}");
    }
}
