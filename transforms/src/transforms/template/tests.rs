//! Tests of the whole transform: templates in, text or reasons out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_connector_api::{
    Json, Origin, Payload, Record, Registry, SettingsError, Timestamp, TimestampType, Transform, Transformed,
};

fn build(settings: Value) -> Result<Box<dyn Transform>, SettingsError> {
    crate::register(Registry::new()).transform("template").unwrap().build(settings)
}

fn record(value: Option<Payload>) -> Record {
    let mut record = Record::new(Origin::new("prices", 3, 42));
    record.value = value;
    record
}

fn apply(transform: &dyn Transform, record: Record) -> Result<String, String> {
    match transform.apply(record).map_err(|rejection| rejection.to_string())? {
        Transformed::One(record) => Ok(record.value_text().unwrap().to_owned()),
        other => panic!("{other:?}"),
    }
}

/// Prints a template with a value that is written as JSON.
fn print(text: &str, value: &str) -> Result<String, String> {
    let value = Payload::Json(Json::parse(value.to_owned().into()).unwrap());
    apply(&*build(json!({ "text": text })).unwrap(), record(Some(value)))
}

fn printed(text: &str, value: &str) -> String {
    print(text, value).unwrap()
}

fn refused(text: &str, value: &str) -> String {
    print(text, value).unwrap_err()
}

fn print_delimited(text: &str, value: Value) -> Result<String, String> {
    let settings = json!({"text": text, "delimiters": ["<<", ">>"]});
    apply(&*build(settings).unwrap(), record(Some(Payload::from(value))))
}

/// Returns the reason and the place of a build error.
fn fault(settings: Value) -> (String, Option<(usize, usize)>) {
    let error = build(settings).err().unwrap();
    assert_eq!(error.path(), "text");
    (error.reason().to_owned(), error.position())
}

fn fault_of(text: &str) -> (String, (usize, usize)) {
    let (reason, position) = fault(json!({ "text": text }));
    (reason, position.unwrap())
}

#[test]
fn the_sample_reads_as_it_always_did() {
    let registry = crate::register(Registry::new());
    let time = json!({"field": "timestamp", "from": "unix_seconds", "to": "%Y-%m-%d %H:%M:%S", "as": "ts"});
    let time = registry.transform("timestamp").unwrap().build(time).unwrap();
    let text = "At <<ts>> the price of <<ticker>> is <<price>>.";
    let template = build(json!({"text": text, "delimiters": ["<<", ">>"]})).unwrap();
    let prices = [
        ("OOOO", "$44.50"),
        ("ZVZZT", "$3,413.23"),
        ("ZNTRX", "$22.34"),
        ("ZNRXX", "$208.76"),
        ("NTEST", "$0.45"),
        ("ZBZX", "$36.23"),
        ("ZEXIT", "$942.34"),
        ("ZIEXT", "$870.23"),
        ("ZTEST", "$23.75"),
        ("ZVV", "$2,802.86"),
        ("ZXIET", "$63.00"),
        ("ZAZZT", "$18.86"),
        ("ZBZZT", "$998.26"),
        ("ZCZZT", "$72.34"),
        ("ZVZZC", "$90.32"),
        ("ZWZZT", "$698.24"),
        ("ZXZZT", "$932.32"),
    ];
    for (ticker, price) in prices {
        let value = format!(r#"{{"ticker":"{ticker}","price":"{price}","timestamp":1739712345.678}}"#);
        let value = Payload::Json(Json::parse(value.into()).unwrap());
        let Transformed::One(timed) = time.apply(record(Some(value))).unwrap() else { panic!("one record") };
        let expected = format!("At 2025-02-16 13:25:45 the price of {ticker} is {price}.");
        assert_eq!(apply(&*template, timed), Ok(expected));
    }
}

#[test]
fn the_origin_the_key_and_the_headers_stay() {
    let mut before = record(Some(Payload::from(json!({"a": 1}))));
    before.key = Some(Payload::from("k"));
    before.headers.push("h", None);
    let mut after = before.clone();
    after.value = Some(Payload::from("1"));
    assert_eq!(build(json!({"text": "{{a}}"})).unwrap().apply(before), Ok(after.into()));
}

#[test]
fn a_tombstone_passes() {
    let tombstone = record(None);
    let template = build(json!({"text": "{{@record.key}} {{price}}"})).unwrap();
    assert_eq!(template.apply(tombstone.clone()), Ok(tombstone.into()));
}

#[test]
fn a_text_may_be_a_field_beside_the_others() {
    let applied = |target: &str, value: Payload| {
        let template = build(json!({"text": "{{a}}{{default b '?'}}", "as": target})).unwrap();
        match template.apply(record(Some(value))).map_err(|rejection| rejection.to_string())? {
            Transformed::One(record) => Ok(record.value.as_ref().unwrap().as_json().unwrap().clone()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(applied("text", json!({"a": 1}).into()), Ok(json!({"a": 1, "text": "1?"})));
    assert_eq!(applied("a", json!({"a": 1}).into()), Ok(json!({"a": "1?"})));
    assert_eq!(
        applied("document.text", json!({"a": 1}).into()),
        Ok(json!({"a": 1, "document": {"text": "1?"}}))
    );
    assert_eq!(
        applied("a.b", json!({"a": "x"}).into()),
        Err("field `a.b` cannot be written: a JSON string has no `b`".to_owned())
    );
    assert_eq!(build(json!({"text": "x", "as": "a..b"})).err().unwrap().path(), "as");
}

#[test]
fn a_text_becomes_a_field_of_an_object_alone() {
    let print =
        |value: Payload| apply(&*build(json!({"text": "x", "as": "t"})).unwrap(), record(Some(value)));
    assert_eq!(
        print(json!([1]).into()).unwrap_err(),
        "the value is a JSON array, but the template transform needs an object with `t`"
    );
    assert!(print("text".into()).unwrap_err().ends_with("set `value: json` under `source`"));
    let tombstone = record(None);
    let template = build(json!({"text": "x", "as": "t"})).unwrap();
    assert_eq!(template.apply(tombstone.clone()), Ok(tombstone.into()));
}

#[test]
fn nothing_is_escaped() {
    let text = r#"<&> ' " $ ` = \ {{a}}"#;
    let value = r#"{"a":"<&> ' \" $ ` = \\ {{b}}"}"#;
    assert_eq!(printed(text, value), r#"<&> ' " $ ` = \ <&> ' " $ ` = \ {{b}}"#);
    assert_eq!(printed("{{#if a}}{{a}}{{/if}}{{{a}}}{{&a}}", r#"{"a":"<"}"#), "<<<");
}

#[test]
fn numbers_print_as_they_were_written() {
    let value = r#"{"a":1.10,"b":123456789012345678901234567890,"c":-0.0,"d":1E-3,"e":[1.50]}"#;
    let expected = "1.10 123456789012345678901234567890 -0.0 1E-3";
    assert_eq!(printed("{{a}} {{b}} {{c}} {{d}}", value), expected);
    assert_eq!(printed("{{#if a}}{{a}} {{b}} {{c}} {{d}}{{/if}}", value), expected);
    assert_eq!(printed("{{#each e}}{{this}}{{/each}}{{json e}}", value), "1.50[1.50]");
    assert_eq!(printed("{{a}}{{#if a}}{{a}}{{/if}}", r#"{"a":1e3}"#), "1e31e3");
}

#[test]
fn a_field_that_would_be_blank_is_named() {
    // The second of each pair goes through Handlebars.
    for (text, value, reason) in [
        ("{{price}}", "{}", "field `price` is missing"),
        ("{{price}}{{#if a}}{{/if}}", "{}", "field `price` is missing"),
        ("{{price}}", r#"{"price":null}"#, "field `price` is null"),
        ("{{price}}{{#if a}}{{/if}}", r#"{"price":null}"#, "field `price` is null"),
        ("{{quote.price}}", r#"{"quote":{}}"#, "field `quote.price` is missing"),
        ("{{quote.price}}", "{}", "field `quote.price` is missing"),
        ("{{quote.price}}", r#"{"quote":"x"}"#, "field `quote.price` is missing"),
        ("{{#if quote}}{{quote.price}}{{/if}}", r#"{"quote":"x"}"#, "field `quote.price` is missing"),
        ("{{#each a}}{{b}}{{/each}}", r#"{"a":[{"b":1},{}]}"#, "field `b` is missing, at `a.1`"),
        ("{{#each a}}{{b}}{{/each}}", r#"{"a":[{"b":null}]}"#, "field `b` is null, at `a.0`"),
        ("{{#each a}}{{../c}}{{/each}}", r#"{"a":[1]}"#, "field `../c` is missing, at `a.0`"),
        ("{{#each a as |x|}}{{x.b}}{{/each}}", r#"{"a":[{}]}"#, "field `x.b` is missing, at `a.0`"),
        ("{{#each a}}{{x}}{{/each}}", "{}", "field `a` is missing"),
        ("{{#each a}}{{x}}{{/each}}", r#"{"a":null}"#, "field `a` is null"),
        (
            "{{#each a}}{{x}}{{/each}}",
            r#"{"a":"x"}"#,
            "field `a` is a JSON string, not an array or an object",
        ),
        ("{{#with a}}{{x}}{{/with}}", "{}", "field `a` is missing"),
        ("{{#with a}}x{{/with}}", r#"{"a":""}"#, r#"field `a` is "", which is empty"#),
        ("{{lookup a \"b\"}}", r#"{"a":{}}"#, "`lookup a \"b\"` is null"),
        ("{{json a}}", "{}", "field `a` is missing"),
        ("{{len a}}", "{}", "field `a` is missing"),
        ("{{len a}}", r#"{"a":5}"#, "field `a` is a JSON number, not an array or an object"),
        ("{{#if (eq a 1)}}x{{/if}}", "{}", "field `a` is missing"),
        ("{{#if (gt a 1)}}x{{/if}}", r#"{"a":null}"#, "field `a` is null"),
        ("{{default a b}}", "{}", "`default a b` is missing"),
    ] {
        assert_eq!(refused(text, value), reason, "{text}");
    }
}

#[test]
fn what_has_no_text_is_refused() {
    let object = "field `q` is a JSON object, which only the helper `json` can print";
    assert_eq!(refused("{{q}}", r#"{"q":{"a":1}}"#), object);
    assert_eq!(refused("{{#if q}}{{q}}{{/if}}", r#"{"q":{"a":1}}"#), object);
    assert_eq!(refused("{{q}}", r#"{"q":[]}"#), object.replace("object", "array"));
    assert_eq!(printed("{{json (lookup q 0)}}", r#"{"q":{}}"#), "null");
    assert_eq!(printed("{{json q}}", r#"{"q":{"b":[1.0,null],"a":"x"}}"#), r#"{"b":[1.0,null],"a":"x"}"#);
}

#[test]
fn a_name_that_is_asked_of_an_array_is_refused() {
    let reason = "field `price` is asked of a JSON array, whose items are numbered";
    assert_eq!(refused("{{q.price}}", r#"{"q":[1]}"#), reason);
    assert_eq!(refused("{{#if q}}{{q.price}}{{/if}}", r#"{"q":[1]}"#), reason);
    assert_eq!(printed("{{q.1}} {{q.[0]}}", r#"{"q":[1,2]}"#), "2 1");
}

#[test]
fn a_condition_accepts_a_missing_field() {
    let text = "{{#if price}}{{price}}{{else}}none{{/if}}";
    assert_eq!(printed(text, "{}"), "none");
    assert_eq!(printed(text, r#"{"price":null}"#), "none");
    assert_eq!(printed(text, r#"{"price":7}"#), "7");
    assert_eq!(printed("{{#unless a.b}}none{{/unless}}", "{}"), "none");
    assert_eq!(printed("{{#if (not (and a b))}}none{{/if}}", "{}"), "none");
    assert_eq!(printed("{{#each a}}x{{else}}none{{/each}}", "{}"), "none");
    assert_eq!(printed("{{#with a}}x{{else}}none{{/with}}", "{}"), "none");
    assert_eq!(printed("{{#if n includeZero=true}}zero{{/if}}", r#"{"n":0}"#), "zero");
}

#[test]
fn a_default_takes_the_place_of_what_is_missing_or_null() {
    let text = r#"{{default a.b "n/a"}}"#;
    assert_eq!(printed(text, "{}"), "n/a");
    assert_eq!(printed(text, r#"{"a":{"b":null}}"#), "n/a");
    assert_eq!(printed(text, r#"{"a":{"b":0}}"#), "0");
    assert_eq!(printed("{{default a (default b 'c')}}", "{}"), "c");
    assert_eq!(printed("{{default (lookup a k) 'none'}}", "{}"), "none");
}

#[test]
fn blocks_nest() {
    let value = r#"{"n":"N","a":[{"b":[1,2],"c":"x"},{"b":[3],"c":"y"}],"o":{"p":1,"q":2}}"#;
    let text =
        "{{#each a}}{{@index}}{{c}}{{#each b}}{{this}}{{../c}}{{../../n}}{{@root.n}}{{/each}};{{/each}}";
    assert_eq!(printed(text, value), "0x1xNN2xNN;1y3yNN;");
    assert_eq!(
        printed("{{#each o}}{{@key}}={{this}}{{#unless @last}},{{/unless}}{{/each}}", value),
        "p=1,q=2"
    );
    assert_eq!(printed("{{#each a as |item i|}}{{i}}{{item.c}}{{/each}}", value), "0x1y");
    assert_eq!(printed("{{#with o}}{{p}}{{@root.n}}{{../n}}{{/with}}", value), "1NN");
    assert_eq!(printed("{{#each (lookup a.0 'b')}}{{this}}{{/each}}", value), "12");
    assert_eq!(printed("{{#if x}}1{{else if n}}2{{else}}3{{/if}}", value), "2");
    assert_eq!(printed("{{len a}}{{len o}}", value), "22");
    assert_eq!(printed("{{#if (eq n 'N')}}yes{{/if}} {{#gt a.0.b.1 1}}more{{/gt}}", value), "yes more");
}

#[test]
fn a_field_may_have_the_name_of_a_helper() {
    let value = r#"{"len":1,"default":2,"json":3,"if":4,"log":5}"#;
    assert_eq!(printed("{{len}}{{default}}{{json}}{{if}}{{log}}", value), "12345");
    assert_eq!(printed("{{#if len}}{{len}}{{default}}{{/if}}", value), "12");
}

#[test]
fn the_record_is_reachable_everywhere() {
    let mut record = record(Some(Payload::from(json!({"a": [1], "record": "mine", "value": "too"}))));
    record.key = Some(Payload::Bytes(Bytes::from_static(b"OOOO")));
    record.target_topic = Some("routed".to_owned());
    record.timestamp = Some(Timestamp { millis: 1_739_712_345_678, kind: TimestampType::CreateTime });
    record.headers.push("trace id", Some("old".into()));
    record.headers.push("trace id", Some("new".into()));
    record.headers.push("empty", None);
    let print = |text: &str| apply(&*build(json!({ "text": text })).unwrap(), record.clone());

    let all =
        "{{@record.key}} {{@record.topic}} {{@record.partition}} {{@record.offset}} {{@record.timestamp}}";
    assert_eq!(print(all).unwrap(), "OOOO routed 3 42 1739712345678");
    assert_eq!(print("{{#each a}}{{this}}{{@record.offset}}{{/each}}").unwrap(), "142");
    assert_eq!(print("{{@record.headers.[trace id]}}").unwrap(), "new");
    assert_eq!(print("{{lookup @record.headers 'trace id'}}").unwrap(), "new");
    assert_eq!(print("{{json @record.headers}}").unwrap(), r#"{"trace id":"new","empty":null}"#);
    assert_eq!(
        print("{{record}} {{value}} {{@root.record}}").unwrap(),
        "mine too mine",
        "no name is reserved"
    );
    assert_eq!(print("{{json @record.value}}").unwrap(), r#"{"a":[1],"record":"mine","value":"too"}"#);
    assert_eq!(print("{{@record.headers.none}}").unwrap_err(), "field `@record.headers.none` is missing");
    assert_eq!(print("{{@record.headers.empty}}").unwrap_err(), "field `@record.headers.empty` is null");
    assert_eq!(print("{{default @record.headers.none 'x'}}").unwrap(), "x");
}

#[test]
fn what_the_record_lacks_is_refused() {
    let print =
        |text: &str| apply(&*build(json!({ "text": text })).unwrap(), record(Some(Payload::from("x"))));
    assert_eq!(print("{{@record.key}}").unwrap_err(), "field `@record.key` is missing");
    assert_eq!(print("{{@record.timestamp}}").unwrap_err(), "field `@record.timestamp` is missing");
}

#[test]
fn a_json_key_has_fields() {
    let mut record = record(Some(Payload::from("x")));
    record.key = Some(Payload::from(json!({"id": 7})));
    assert_eq!(apply(&*build(json!({"text": "{{@record.key.id}}"})).unwrap(), record), Ok("7".to_owned()));
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_are_used() {
    let bytes = || Some(Payload::Bytes(Bytes::from_static(b"\xff")));
    let mut record = record(bytes());
    record.key = bytes();
    let print = |text: &str| apply(&*build(json!({ "text": text })).unwrap(), record.clone());
    assert_eq!(print("{{@record.key}}").unwrap_err(), "`@record.key` is bytes that are not valid UTF-8 text");
    assert_eq!(
        print("{{@record.value}}").unwrap_err(),
        "`@record.value` is bytes that are not valid UTF-8 text"
    );
    assert_eq!(print("{{@record.offset}}").unwrap(), "42");
}

#[test]
fn a_text_is_reachable_as_a_whole() {
    let print =
        |value: Payload| apply(&*build(json!({"text": "<{{@record.value}}>"})).unwrap(), record(Some(value)));
    assert_eq!(print(Payload::from("hello")).unwrap(), "<hello>");
    assert_eq!(print(Payload::Bytes(Bytes::from_static(b"hello"))).unwrap(), "<hello>");
    assert_eq!(print(Payload::from(json!("hello"))).unwrap(), "<hello>");
}

#[test]
fn fields_need_an_object() {
    let print =
        |text: &str, value: Payload| apply(&*build(json!({ "text": text })).unwrap(), record(Some(value)));
    let array = "the value is a JSON array, but the template needs an object with `price`";
    assert_eq!(print("{{price}}", json!([1]).into()).unwrap_err(), array);
    assert_eq!(print("{{#if price}}{{/if}}", json!([1]).into()).unwrap_err(), array);
    let text =
        "the value is text, but the template needs an object with `price`; set `value: json` under `source`";
    assert_eq!(print("{{@record.offset}} {{price.x}}", "x".into()).unwrap_err(), text);
    let bytes = print("{{price}}", Payload::Bytes(Bytes::new())).unwrap_err();
    assert_eq!(bytes, text.replace("is text", "is bytes"));
    assert_eq!(print("{{#each this}}{{a}};{{/each}}", json!([{"a": 1}, {"a": 2}]).into()).unwrap(), "1;2;");
    assert_eq!(print("always", json!([1]).into()).unwrap(), "always");
}

#[test]
fn errors_are_found_when_a_template_is_built() {
    assert_eq!(fault_of("Hello {{name"), ("a tag is not closed".to_owned(), (1, 7)));
    assert_eq!(fault_of("a\n{{#if x}}b"), ("the block `if` is not closed".to_owned(), (2, 1)));
    assert_eq!(fault_of("a\n {{#if x}}b{{/each}}"), ("`/each` closes the block `if`".to_owned(), (2, 12)));
    let filter =
        "; there are no filters: a helper stands before what it takes, as in `{{default name \"none\"}}`";
    assert_eq!(fault_of("ą {{a | b}}"), (format!("a tag cannot go on with `| b}}}}`{filter}"), (1, 7)));
    assert!(fault_of("{{.a}}").0.ends_with("; a field is written without a dot before it"));
    let path = "`$.a` is a JSONPath; a field is written without `$.` before it".to_owned();
    assert_eq!(fault_of("x {{$.a}}"), (path, (1, 5)));
    assert_eq!(fault_of("{{}}"), ("a tag cannot go on with `}}`".to_owned(), (1, 3)));
    assert_eq!(fault_of("{{> p}}"), ("partials (`>`) are not available".to_owned(), (1, 1)));
    assert_eq!(fault_of("x {{#> p}}y{{/p}}").0, "partials (`>`) are not available");
    let decorator = "decorators and inline partials (`*`) are not available".to_owned();
    assert_eq!(fault_of("x {{*inline}}"), (decorator.clone(), (1, 3)));
    assert_eq!(fault_of("x{{#*inline \"p\"}}y{{/inline}}"), (decorator, (1, 2)));
    assert_eq!(fault_of("{{default a}}"), ("`default` takes 2 arguments, not 1".to_owned(), (1, 1)));
    assert_eq!(fault_of("{{#if}}x{{/if}}").0, "`if` takes 1 argument, not 0");
    assert_eq!(fault_of("{{if a}}").0, "`if` is a block: it starts with # and ends with /if");
    assert_eq!(fault_of("{{#json a}}{{/json}}").0, "`json` is no block: it is written without #");
    assert_eq!(fault_of("{{json a b=1}}").0, "`json` takes no `b=`");
    assert_eq!(fault_of("{{../a}}").0, "`../a` leads out of the value");
    assert_eq!(fault_of("{{#each a}}{{../../a}}{{/each}}").0, "`../../a` leads out of the value");
    assert_eq!(fault_of("{{@index}}").0, "`@index` is known inside `each` only");
    assert_eq!(fault_of("{{#each a}}{{@key.x}}{{/each}}").0, "`@key.x`: `@key` has no fields");
    assert!(fault_of("{{@recorded}}").0.starts_with("unknown `@recorded`; known are: @record, "));
    assert!(
        fault_of("{{@record}}").0.starts_with("unknown `@record`; known under `@record` are: key, value, ")
    );
    assert!(fault_of("{{@record.topic.x}}").0.starts_with("unknown `@record.topic.x`; known under "));
}

#[test]
fn an_unknown_helper_is_an_error_of_the_template() {
    for (text, place) in [
        ("{{upper x}}", (1, 1)),
        ("a\n  {{#if a}}\n  {{upper x}}{{/if}}", (3, 3)),
        ("{{#if a}}1{{else if b}}{{upper x}}{{/if}}", (1, 24)),
        ("{{len (upper x)}}", (1, 1)),
        ("{{#each a}}{{#if (upper x)}}{{/if}}{{/each}}", (1, 12)),
        ("{{! c }}b{{#upper}}x{{/upper}}", (1, 10)),
        ("{{#if a}}1{{/if}} {{#if b}}2{{else}}{{#with c}}{{upper d}}{{/with}}{{/if}}", (1, 48)),
    ] {
        let (reason, found) = fault_of(text);
        assert!(reason.starts_with("unknown helper `upper`; known are: and, default, "), "{reason}");
        assert_eq!(found, place, "{text}");
    }
    assert!(fault_of("{{log a}}").0.starts_with("unknown helper `log`"), "a record is no log line");
}

#[test]
fn other_delimiters_leave_the_rest_alone() {
    let value = json!({"a": "A", "x": true, "list": [1, 2]});
    let print = |text: &str| print_delimited(text, value.clone()).unwrap();
    assert_eq!(print("<<a>>"), "A");
    assert_eq!(print(r"{{a}} \{{ \ \\ }} } { {{{<<a>>}}} \<<a>>\"), r"{{a}} \{{ \ \\ }} } { {{{A}}} \A\");
    assert_eq!(print("<<#if x>>yes<<else>>no<</if>>"), "yes");
    assert_eq!(print("<<#each list>>{<<this>>}<</each>>"), "{1}{2}");
    assert_eq!(print("a <<~a~>> \n b"), "aAb");
    assert_eq!(print("a<<! {{x}} -- \" >>b<<!-- <<a>> }} -->>c"), "abc");
    assert_eq!(print("< > <a> <<{a}>> <<&a>>"), "< > <a> A A");
    assert_eq!(print("{{{{raw}}}}<<a>>{{{{/raw}}}}"), "{{{{raw}}}}A{{{{/raw}}}}");
    assert_eq!(print("\u{100000}{<<a>>\u{100001}\\"), "\u{100000}{A\u{100001}\\");
}

#[test]
fn delimiters_may_be_any_two_texts() {
    for [open, close] in
        [["${", "}"], ["%", "$"], ["(", ")"], ["{{{", "}}}"], ["{{", ">>"], ["<", "<<"], ["ą", "ę"]]
    {
        let text = format!("a{open}a{close}b");
        let template = build(json!({"text": text, "delimiters": [open, close]})).unwrap();
        assert_eq!(apply(&*template, record(Some(json!({"a": 1}).into()))), Ok("a1b".to_owned()), "{open}");
    }
}

#[test]
fn errors_between_other_delimiters_keep_their_place() {
    let fault = |text: &str| fault(json!({"text": text, "delimiters": ["<<", ">>"]}));
    assert_eq!(fault("a\nb <<c"), ("`<<` is not closed".to_owned(), Some((2, 3))));
    assert_eq!(fault("a <<! c"), ("`<<` is not closed".to_owned(), Some((1, 3))));
    assert_eq!(fault("a <<  >>"), ("`<<` opens an empty tag".to_owned(), Some((1, 3))));
    assert_eq!(fault("x\n{ <<#if a>>b"), ("the block `if` is not closed".to_owned(), Some((2, 3))));
    let (reason, at) = fault("{\\ą <<a>> <<a | b>>");
    assert!(reason.starts_with("a tag cannot go on with `| b>>`; there are no filters"), "{reason}");
    assert_eq!(at, Some((1, 15)));
    assert_eq!(fault("{\\ą <<a>> <<upper x>>").1, Some((1, 11)));
    assert_eq!(fault("<<#if a>>\n <<upper c>>\n<</if>>").1, Some((2, 2)));
    assert_eq!(fault("<<> p>>").0, "partials (`>`) are not available");
    let wide =
        build(json!({"text": "[[[[a]]]] [[[[upper b]]]]", "delimiters": ["[[[[", "]]]]"]})).err().unwrap();
    assert_eq!(wide.position(), Some((1, 11)));
}

#[test]
fn a_tag_cannot_bring_in_another() {
    let fault = |text: &str| fault(json!({"text": text, "delimiters": ["<<", ">>"]})).0;
    assert_eq!(fault("<<a}} {{b>>"), "`<<` opens a tag that holds `{{` or `}}`");
    assert_eq!(fault("<<{{raw}}>>"), "`<<` opens a tag that holds `{{` or `}}`");
    let open = "`<<` opens a tag with a quote or bracket that is not closed";
    assert_eq!(fault("<<default a \">> and <<b\">>"), open);
    assert_eq!(fault("<<default a '\\'>> and <<b>>"), open);
    assert_eq!(fault("<<a.[b>> and <<c]>>"), open);
    assert!(fault("<<{a>>}").starts_with("a tag cannot go on with"));
    assert!(fault("<<a>>{<<{a>>").starts_with("a tag cannot"));
}

#[test]
fn delimiters_that_cannot_be_told_are_refused() {
    let path = |delimiters: Value| {
        let error = build(json!({"text": "x", "delimiters": delimiters})).err().unwrap();
        error.path().to_owned()
    };
    assert_eq!(path(json!(["", ">>"])), "delimiters.0");
    assert_eq!(path(json!(["<<", "> >"])), "delimiters.1");
    assert_eq!(path(json!(["%%", "%%"])), "delimiters");
    assert!(path(json!(["<<"])).starts_with("delimiters"));
}

proptest! {
    #[test]
    fn literal_text_between_other_delimiters_comes_out_as_it_went_in(
        before in "([{}\\\\ \n]|[^<>])*",
        after in "([{}\\\\ ]|[^<>])*",
    ) {
        let text = format!("{before}<<a>>{after}");
        let expected = format!("{before}{{{{A}}}}{after}");
        prop_assert_eq!(print_delimited(&text, json!({"a": "{{A}}"})), Ok(expected));
    }

    #[test]
    fn a_template_is_built_or_refused_at_a_place_within_it(
        pieces in prop::collection::vec(prop_oneof![
            "(\\{\\{|\\}\\}|<<|>>|#if a|/if|else|#each|/each|a|b c|~|\\\\|\\[|\"|\n| |!|--|>|\\*|@|\\.|\\{|&|ą)"
        ], 0..16),
        delimiters in prop_oneof![Just(["{{", "}}"]), Just(["<<", ">>"])],
    ) {
        let text = pieces.concat();
        if let Err(error) = build(json!({"text": text, "delimiters": delimiters})) {
            let (line, column) = error.position().unwrap();
            let found = text.split('\n').nth(line - 1).map(|line| line.chars().count() + 1);
            prop_assert!(found.is_some_and(|end| column <= end), "{error:?}");
        }
    }
}
