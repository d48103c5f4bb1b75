//! What the transforms that Kafka Connect has not do with the records that topics hold.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "the tables read better")]

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use sluice_connector_api::{Json, Payload, Record, Registry, SettingsError, Transform, Transformed};
use sluice_plugin_testing::{record, text, tombstone};

fn build(name: &str, settings: Value) -> Result<Box<dyn Transform>, SettingsError> {
    sluice_transforms::register(Registry::new()).transform(name).unwrap().build(settings)
}

fn apply(name: &str, settings: Value, record: Record) -> Result<Vec<Record>, String> {
    let transformed =
        build(name, settings).unwrap().apply(record).map_err(|rejection| rejection.to_string())?;
    Ok(match transformed {
        Transformed::One(record) => vec![record],
        Transformed::Dropped => Vec::new(),
        Transformed::Several(records) => records,
    })
}

/// The key and the value of each record that comes out.
fn shown(name: &str, settings: Value, record: Record) -> Result<Vec<(String, String)>, String> {
    let show = |payload: &Option<Payload>| {
        payload.as_ref().map_or_else(|| "none".to_owned(), |payload| payload.to_display().into_owned())
    };
    Ok(apply(name, settings, record)?.iter().map(|record| (show(&record.key), show(&record.value))).collect())
}

fn json_of(text: &str) -> Payload {
    Payload::Json(Json::from_slice(text.as_bytes()).unwrap())
}

fn value(name: &str, settings: Value, value: &str) -> Result<String, String> {
    let mut out = shown(name, settings, record(7).value(json_of(value)).build())?;
    assert_eq!(out.len(), 1);
    Ok(out.remove(0).1)
}

fn ok(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn err<T>(text: &str) -> Result<T, String> {
    Err(text.to_owned())
}

fn pairs(pairs: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    Ok(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn a_tombstone_passes_unchanged() {
    for (name, settings) in [
        ("parse_json", json!({"field": "a"})),
        ("parse_json", json!({})),
        ("explode", json!({"field": "a"})),
        ("explode", json!({})),
        ("redact", json!({"patterns": ["email"], "fields": ["a"]})),
        ("set", json!({"fields": {"a": "b"}})),
        ("set", json!({"replace": true, "fields": {"a": "b"}})),
        ("decompress", json!({})),
        ("decompress", json!({"field": "a"})),
        ("chunk", json!({})),
        ("unwrap_cdc", json!({})),
    ] {
        assert_eq!(apply(name, settings, tombstone(7)), Ok(vec![tombstone(7)]), "{name}");
    }
}

#[test]
fn json_within_json_is_read_with_its_digits() {
    let source = r#"{"a":"{\"b\":[1.50,1e5]}","n":null,"o":{"p":"[]"},"x":"{","i":7}"#;
    let parse = |settings: Value| {
        value("parse_json", settings, source).map(|out| out.replace(r#""o":{"p":"[]"},"x":"{","#, ""))
    };
    assert_eq!(parse(json!({"field": "a"})), ok(r#"{"a":{"b":[1.50,1e5]},"n":null,"i":7}"#));
    assert!(parse(json!({"field": "o.p", "as": "q"})).unwrap().ends_with(r#""q":[]}"#));
    assert_eq!(parse(json!({"field": "x"})), err("field `x` is not valid JSON"));
    assert!(parse(json!({"field": "x", "on_invalid": "skip"})).is_ok());
    assert_eq!(parse(json!({"field": "n"})), err("field `n` is missing or null"));
    assert!(parse(json!({"field": "m", "on_missing": "skip"})).is_ok());
    assert!(parse(json!({"field": "i"})).unwrap().contains(r#""i":7"#), "it is JSON already");
    let whole = apply("parse_json", json!({}), text(7, "[1.50]")).unwrap();
    assert_eq!(whole[0].value.as_ref().unwrap().to_bytes(), "[1.50]");
    assert_eq!(whole[0].value.as_ref().unwrap().form(), "JSON");
}

#[test]
fn each_item_of_an_array_becomes_a_record() {
    let order = || {
        record(7).key("o-1").header("h", "x").value(json_of(r#"{"id":1,"l":[{"s":"a"},"b",null]}"#)).build()
    };
    assert_eq!(
        shown("explode", json!({"field": "l", "index_field": "n"}), order()),
        pairs(&[
            ("o-1", r#"{"id":1,"l":{"s":"a"},"n":0}"#),
            ("o-1", r#"{"id":1,"l":"b","n":1}"#),
            ("o-1", r#"{"id":1,"l":null,"n":2}"#)
        ])
    );
    assert_eq!(
        shown("explode", json!({"field": "l", "only": true}), order()),
        pairs(&[("o-1", r#"{"s":"a"}"#), ("o-1", "\"b\""), ("o-1", "null")])
    );
    let made = apply("explode", json!({"field": "l"}), order()).unwrap();
    assert!(made.iter().all(|made| made.headers == order().headers && made.origin() == order().origin()));
    assert!(
        apply("explode", json!({"field": "l", "only": true, "index_field": "n"}), order()).is_err(),
        "`b` has no room"
    );
    assert_eq!(
        shown("explode", json!({}), record(7).value(json!([1, 2])).build()),
        pairs(&[("none", "1"), ("none", "2")])
    );
    let of = |text: &str, settings: Value| shown("explode", settings, record(7).value(json_of(text)).build());
    assert_eq!(of(r#"{"l":[]}"#, json!({"field": "l"})), Ok(vec![]));
    assert_eq!(of(r#"{"l":null}"#, json!({"field": "l"})), err("field `l` is missing or null"));
    assert_eq!(
        of(r#"{"l":null}"#, json!({"field": "l", "on_missing": "skip"})),
        pairs(&[("none", r#"{"l":null}"#)])
    );
    assert_eq!(of(r#"{"l":7}"#, json!({"field": "l"})), err("field `l` is a JSON number, not an array"));
}

#[test]
fn an_array_that_would_fill_the_memory_is_rejected() {
    let many = json!({"l": vec![0; 101]});
    let refused = apply("explode", json!({"field": "l", "max_records": 100}), record(7).value(many).build());
    assert_eq!(refused, err("field `l` has 101 items, more than the 100 of `max_records`"));
    let wide = json!({"rest": "x".repeat(100_000), "l": vec![0; 5000]});
    let refused = apply("explode", json!({"field": "l"}), record(7).value(wide).build());
    assert_eq!(refused, err("the records of field `l` would take more than 64 MiB together"));
}

#[test]
fn tombstones_that_would_fill_the_memory_are_not_made() {
    let wide = || record(7).key(&*"k".repeat(100_000));
    let settings = json!({"max_chunks": 10_000});
    for record in [wide().value("short").build(), wide().build()] {
        let refused = apply("chunk", settings.clone(), record).unwrap_err();
        assert!(refused.contains("the tombstones of what is left would take more than 64 MiB"), "{refused}");
    }
}

#[test]
fn what_must_not_be_passed_on_is_taken_out_wherever_it_is() {
    let redact = |settings: Value, text: &str| value("redact", settings, text);
    let source =
        r#"{"a":"to ada@example.com","l":[{"b":"4111 1111 1111 1111"},4111111111111111,true],"n":null}"#;
    assert_eq!(
        redact(json!({"patterns": ["email", "card"], "replacement": "*"}), source),
        ok(r#"{"a":"to *","l":[{"b":"*"},"*",true],"n":null}"#)
    );
    assert_eq!(redact(json!({"patterns": ["key"]}), source), ok(source), "nothing is found");
    assert_eq!(
        redact(json!({"fields": ["l.*.b", "n", "missing"], "regexes": ["to "], "replacement": "-"}), source),
        ok(r#"{"a":"-ada@example.com","l":[{"b":"-"},4111111111111111,true],"n":null}"#)
    );
    let of_text = apply("redact", json!({"patterns": ["email"]}), text(7, "a@b.c")).unwrap();
    assert_eq!(of_text[0].value_text(), Some("[redacted]"));
    let bytes = record(7).bytes(vec![0xff]).build();
    assert!(apply("redact", json!({"patterns": ["email"]}), bytes).is_err());
}

#[test]
fn fields_are_set_with_the_right_types() {
    let settings = json!({"fields": {
        "n": "{{price}}", "s": "{{price}} EUR", "l": "{{tags}}", "o.p": "{{meta}}", "f": 2, "t": true, "z": null, "u": "plain",
        "d": "{{default missing \"none\"}}", "k": "{{@record.key}}", "at": "{{@record.offset}}",
    }});
    let source = r#"{"price":44.50,"tags":["a"],"meta":{"x":1},"o":{"q":0}}"#;
    let out = shown("set", settings, record(42).key("k1").value(json_of(source)).build()).unwrap();
    let expected = r#"{"price":44.50,"tags":["a"],"meta":{"x":1},"o":{"q":0,"p":{"x":1}},"n":44.50,"s":"44.50 EUR","l":["a"],"f":2,"t":true,"z":null,"u":"plain","d":"none","k":"k1","at":42}"#;
    let (ours, expected): (Value, Value) =
        (serde_json::from_str(&out[0].1).unwrap(), serde_json::from_str(expected).unwrap());
    assert_eq!(ours, expected);
    assert_eq!(
        value("set", json!({"fields": {"a": "{{b}}", "b": "{{a}}"}}), r#"{"a":1,"b":2}"#),
        ok(r#"{"a":2,"b":1}"#),
        "all see the record as it came"
    );
    assert_eq!(value("set", json!({"fields": {"a": "{{x}}"}}), "{}"), err("field `x` is missing"));
    let body = json!({"replace": true, "fields": {"text": "{{@record.value}}"}});
    assert_eq!(
        shown("set", body, text(7, "a \"quoted\" line\n")).unwrap()[0].1,
        r#"{"text":"a \"quoted\" line\n"}"#
    );
}

/// As settings come from a connector file, and in what they make.
#[test]
fn what_is_set_is_what_was_written_whatever_its_fields_are_called() {
    let number = json!({"$serde_json::private::Number": "7"});
    let raw = json!({"$serde_json::private::RawValue": "[1]"});
    let tag = json!({"$serde_json::private::Number": "{{n}}"});
    let settings = json!({"fields": {"a": number, "b": [raw], "c": tag}});
    let expected = r#"{"n":1.50,"a":{"$serde_json::private::Number":"7"},"b":[{"$serde_json::private::RawValue":"[1]"}],"c":{"$serde_json::private::Number":1.50}}"#;
    assert_eq!(value("set", settings, r#"{"n":1.50}"#), ok(expected));
    assert!(build("set", json!({"fields": [1]})).is_err());
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_was_compressed_is_as_it_was() {
    let whole = |settings: Value, bytes: Vec<u8>| {
        apply("decompress", settings, record(7).bytes(bytes).build())
            .map(|mut made| made.remove(0).value.clone().unwrap())
    };
    assert_eq!(whole(json!({}), gzipped(b"abc")), Ok(Payload::Bytes("abc".into())));
    assert_eq!(whole(json!({"into": "text"}), gzipped(b"abc")), Ok(Payload::Text("abc".to_owned())));
    assert_eq!(whole(json!({"into": "json"}), gzipped(b"[1]")), Ok(json!([1]).into()));
    let two = [gzipped(b"a"), gzipped(b"b")].concat();
    assert_eq!(whole(json!({}), two), Ok(Payload::Bytes("ab".into())), "several members");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(b"abc").unwrap();
    assert_eq!(whole(json!({"codec": "zlib"}), zlib.finish().unwrap()), Ok(Payload::Bytes("abc".into())));
    assert!(
        whole(json!({}), b"abc".to_vec())
            .unwrap_err()
            .starts_with("the value cannot be decompressed as gzip")
    );
    assert!(whole(json!({"into": "text"}), gzipped(&[0xff])).is_err());
    let bomb = whole(json!({"max_size": "1 MiB"}), gzipped(&vec![0; 64 << 20])).unwrap_err();
    assert_eq!(bomb, "the value is more than the 1048576 bytes of `max_size` once it is decompressed");
}

#[test]
fn a_text_is_cut_and_what_an_older_version_left_is_deleted() {
    let chunk = |value: &str, settings: Value| {
        shown("chunk", settings, record(7).key(json!({"id": 1})).value(value).build())
    };
    let settings = json!({"size": 8, "overlap": 2, "max_chunks": 3});
    assert_eq!(
        chunk("one two three", settings.clone()),
        pairs(&[(r#"{"id":1}#0"#, "one two "), (r#"{"id":1}#1"#, "o three"), (r#"{"id":1}#2"#, "none")])
    );
    let gone = shown("chunk", settings.clone(), record(7).key("k").build());
    assert_eq!(gone, pairs(&[("k#0", "none"), ("k#1", "none"), ("k#2", "none")]));
    assert_eq!(
        chunk(&"x".repeat(21), settings),
        err("the value takes more than the 3 pieces of `max_chunks`")
    );
    let keyless = shown("chunk", json!({"size": 8, "overlap": 2}), text(7, "one two three"));
    assert_eq!(keyless, pairs(&[("none", "one two "), ("none", "o three")]));
    let kept = json!({"size": 8, "overlap": 2, "delete_rest": false, "field": "t", "index_field": "n"});
    let made = shown("chunk", kept, record(7).key("k").value(json!({"t": "short", "a": 1})).build());
    assert_eq!(made, pairs(&[("k#0", r#"{"t":"short","a":1,"n":0}"#)]));
}

fn unwrapped(settings: Value, key: Option<&str>, value: &str) -> Result<Vec<(String, String)>, String> {
    let mut record = record(7).value(json_of(value)).build();
    record.key = key.map(json_of);
    shown("unwrap_cdc", settings, record)
}

#[test]
fn changes_of_debezium_become_rows_and_tombstones() {
    let key = Some(r#"{"id":7}"#);
    let plain = |value: &str| unwrapped(json!({}), key, value);
    let row = (r#"{"id":7}"#, r#"{"id":7,"price":44.50}"#);
    for op in ["c", "u", "r"] {
        let change = format!(r#"{{"before":null,"after":{{"id":7,"price":44.50}},"op":"{op}","ts_ms":1}}"#);
        assert_eq!(plain(&change), pairs(&[row]), "{op}");
        let with_schema = format!(r#"{{"schema":{{"type":"struct"}},"payload":{change}}}"#);
        let key = Some(r#"{"schema":{"type":"struct"},"payload":{"id":7}}"#);
        assert_eq!(unwrapped(json!({}), key, &with_schema), pairs(&[row]), "{op}");
    }
    let delete = r#"{"before":{"id":7,"name":"Ada"},"after":null,"op":"d","ts_ms":1}"#;
    assert_eq!(plain(delete), pairs(&[(r#"{"id":7}"#, "none")]));
    assert_eq!(unwrapped(json!({"key": ["id"]}), None, delete), pairs(&[(r#"{"id":7}"#, "none")]));
    assert!(unwrapped(json!({}), None, delete).unwrap_err().contains("no key to delete by"));
    assert_eq!(unwrapped(json!({"on_delete": "drop"}), key, delete), Ok(vec![]));
    assert_eq!(
        unwrapped(json!({"on_delete": "rewrite"}), key, delete),
        pairs(&[(r#"{"id":7}"#, r#"{"id":7,"name":"Ada","__deleted":"true"}"#)])
    );
    assert_eq!(plain(r#"{"payload":null}"#), pairs(&[(r#"{"id":7}"#, "none")]));
    assert_eq!(plain(r#"{"id":7,"__deleted":"true"}"#), pairs(&[(r#"{"id":7}"#, "none")]));
    assert_eq!(plain(r#"{"id":7,"__deleted":"false"}"#), pairs(&[(r#"{"id":7}"#, r#"{"id":7}"#)]));
    assert_eq!(
        plain(r#"{"after":"{\"_id\":1.50}","op":"c"}"#),
        pairs(&[(r#"{"id":7}"#, r#"{"_id":1.50}"#)]),
        "MongoDB"
    );
}

#[test]
fn what_is_about_no_row_is_dropped_or_rejected_by_choice() {
    let truncate = r#"{"op":"t","source":{"table":"a"}}"#;
    assert!(unwrapped(json!({}), None, truncate).unwrap_err().contains("`on_truncate: drop`"));
    assert_eq!(unwrapped(json!({"on_truncate": "drop"}), None, truncate), Ok(vec![]));
    for control in [r#"{"op":"m","message":{}}"#, r#"{"ts_ms":1}"#, r#"{"ddl":"create table a"}"#] {
        assert_eq!(unwrapped(json!({}), None, control), Ok(vec![]), "{control}");
        assert!(unwrapped(json!({"on_control": "reject"}), None, control).is_err(), "{control}");
    }
    let dms = r#"{"metadata":{"operation":"create-table","record-type":"control"}}"#;
    assert_eq!(unwrapped(json!({"format": "dms"}), None, dms), Ok(vec![]));
    let plain = unwrapped(json!({}), None, r#"{"id":7}"#).unwrap_err();
    assert_eq!(plain, "the value is no envelope of Debezium: it has neither `op` nor `__deleted`");
    assert!(unwrapped(json!({}), None, r#"{"op":"c","after":null}"#).is_err());
    assert!(unwrapped(json!({}), None, r#"{"op":"x"}"#).is_err());
}

#[test]
fn changes_of_other_tools_become_rows_and_tombstones() {
    let dms = |operation: &str| {
        format!(
            r#"{{"data":{{"id":7}},"metadata":{{"operation":"{operation}","record-type":"data","table-name":"people"}}}}"#
        )
    };
    let settings = json!({"format": "dms", "key": ["id"], "add_fields": ["op", "table"]});
    assert_eq!(
        unwrapped(settings.clone(), None, &dms("load")),
        pairs(&[(r#"{"id":7}"#, r#"{"id":7,"__op":"r","__table":"people"}"#)])
    );
    assert_eq!(unwrapped(settings, None, &dms("delete")), pairs(&[(r#"{"id":7}"#, "none")]));
    let maxwell = |kind: &str| {
        format!(r#"{{"database":"shop","table":"people","type":"{kind}","ts":1,"data":{{"id":7}}}}"#)
    };
    let settings = json!({"format": "maxwell", "key": ["id"], "add_fields": ["db", "ts_ms"]});
    assert_eq!(
        unwrapped(settings.clone(), None, &maxwell("update")),
        pairs(&[(r#"{"id":7}"#, r#"{"id":7,"__db":"shop","__ts_ms":1}"#)])
    );
    assert_eq!(unwrapped(settings, None, &maxwell("delete")), pairs(&[(r#"{"id":7}"#, "none")]));
    let canal = |kind: &str| {
        format!(r#"{{"type":"{kind}","pkNames":["id"],"data":[{{"id":"7"}},{{"id":"8"}}],"isDdl":false}}"#)
    };
    let settings = json!({"format": "canal"});
    assert_eq!(
        unwrapped(settings.clone(), None, &canal("INSERT")),
        pairs(&[(r#"{"id":"7"}"#, r#"{"id":"7"}"#), (r#"{"id":"8"}"#, r#"{"id":"8"}"#)])
    );
    assert_eq!(
        unwrapped(settings.clone(), None, &canal("DELETE")),
        pairs(&[(r#"{"id":"7"}"#, "none"), (r#"{"id":"8"}"#, "none")])
    );
    assert_eq!(unwrapped(settings.clone(), None, &canal("ALTER")), Ok(vec![]));
    assert!(unwrapped(settings, None, &canal("TRUNCATE")).is_err());
}

#[test]
fn what_the_envelope_says_goes_into_fields_and_headers() {
    let change =
        r#"{"after":{"id":7},"op":"u","ts_ms":5,"source":{"lsn":9,"table":"t"},"transaction":{"id":"x"}}"#;
    let settings = json!({"add_fields": ["source.lsn", "missing"], "add_headers": ["op", "transaction.id", "ts_ms", "gone"], "prefix": "cdc."});
    let made = apply("unwrap_cdc", settings, record(7).key(json!(7)).value(json_of(change)).build()).unwrap();
    assert_eq!(
        made[0].value.as_ref().unwrap().to_bytes(),
        r#"{"id":7,"cdc.source_lsn":9,"cdc.missing":null}"#
    );
    let mut expected =
        record(7).header("cdc.op", "u").header("cdc.transaction_id", "x").header("cdc.ts_ms", "5").build();
    expected.headers.push("cdc.gone", None);
    assert_eq!(made[0].headers, expected.headers);
}

#[test]
fn settings_that_cannot_work_are_refused_at_their_key() {
    for (name, settings, key) in [
        ("parse_json", json!({"as": "a"}), "as"),
        ("explode", json!({"field": "a..b"}), "field"),
        ("explode", json!({"max_records": 0}), "max_records"),
        ("redact", json!({}), ""),
        ("redact", json!({"regexes": ["a*"]}), "regexes.0"),
        ("redact", json!({"fields": ["a."]}), "fields.0"),
        ("set", json!({"fields": {}}), "fields"),
        ("set", json!({"fields": {"a": {"b": ["{{"]}}}), "fields.a.b.0"),
        ("decompress", json!({"field": "a", "into": "bytes"}), "into"),
        ("chunk", json!({"size": 0}), "size"),
        ("chunk", json!({"size": 10, "overlap": 5}), "overlap"),
        ("chunk", json!({"max_chunks": 0}), "max_chunks"),
        ("chunk", json!({"index_field": "n"}), "index_field"),
        ("unwrap_cdc", json!({"key": [""]}), "key.0"),
    ] {
        let built = build(name, settings.clone());
        assert_eq!(
            built.err().map(|error| error.path().to_owned()).as_deref(),
            Some(key),
            "{name} {settings}"
        );
    }
}

/// Whether two records are the same to it, or nothing where one has nothing to compare.
fn is_same(settings: Value, records: [Record; 2]) -> Option<bool> {
    let [first, second] = records.map(|record| {
        let out = apply("dedupe", settings.clone(), record).unwrap();
        assert_eq!(out.len(), 1, "it drops nothing itself");
        out[0].repeat_keys().first().cloned()
    });
    Some(first?.digest == second?.digest)
}

#[test]
fn dedupe_compares_what_it_is_told_to() {
    let of = |key: &str, value: &str| record(7).key(key).value(json_of(value)).build();
    let fields = json!({"fields": ["id", "a.b"]});
    let one = || of("k", r#"{"id":1,"a":{"b":"x"},"at":1}"#);
    assert_eq!(is_same(fields.clone(), [one(), of("l", r#"{"at":2,"a":{"b":"x"},"id":1}"#)]), Some(true));
    assert_eq!(is_same(fields.clone(), [one(), of("k", r#"{"id":1,"a":{"b":"y"},"at":1}"#)]), Some(false));
    assert_eq!(is_same(fields.clone(), [one(), of("k", r#"{"id":1}"#)]), None, "a field is missing");
    assert_eq!(is_same(fields, [one(), tombstone(7)]), None);
    // What stands in one field is not taken for what stands in two.
    let fields = json!({"fields": ["a", "b"]});
    assert_eq!(
        is_same(fields, [of("k", r#"{"a":"x","b":"yz"}"#), of("k", r#"{"a":"xy","b":"z"}"#)]),
        Some(false)
    );
    assert_eq!(is_same(json!({"of": "key"}), [of("k", "1"), of("k", "2")]), Some(true));
    assert_eq!(is_same(json!({"of": "value"}), [of("k", "1"), of("l", "1")]), Some(true));
    assert_eq!(is_same(json!({"of": "value"}), [of("k", "1"), of("k", "2")]), Some(false));
    assert_eq!(is_same(json!({"of": "key"}), [of("k", "1"), record(7).value("a").build()]), None);
}

#[test]
fn dedupe_that_compares_nothing_is_refused() {
    for (settings, key) in [
        (json!({}), ""),
        (json!({"fields": []}), "fields"),
        (json!({"fields": ["a", "b."]}), "fields.1"),
        (json!({"of": "key", "window": "0s"}), "window"),
        (json!({"of": "key", "max_records": 0}), "max_records"),
    ] {
        let error = build("dedupe", settings.clone()).err().unwrap();
        assert_eq!(error.path(), key, "{settings}");
    }
}
