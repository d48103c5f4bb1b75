//! Templates in, text or reasons out; and that both ways to print give the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_connector_api::{Json, Origin, Payload, Record, Timestamp, TimestampType};

use crate::compile::compile;
use crate::delimited::TemplateSource;
use crate::template::CompiledText;
use crate::{RecordName, Template, TemplateWriter};

fn parsed(text: &str) -> Template {
    Template::new("text", text).unwrap()
}

fn tombstone() -> Record {
    Record::new(Origin::new("prices", 0, 7))
}

fn with_value(value: impl Into<Payload>) -> Record {
    let mut record = tombstone();
    record.value = Some(value.into());
    record
}

fn render(text: &str, record: &Record) -> Result<String, String> {
    parsed(text).render(record).map_err(|reason| reason.to_string())
}

/// Prints by Handlebars, although a plain template might do.
fn reference(text: &str, record: &Record) -> Result<String, String> {
    let (template, _) = compile(&TemplateSource::plain(text)).unwrap();
    let reference = Template { program: CompiledText::Handlebars(template), ..parsed(text) };
    reference.render(record).map_err(|reason| reason.to_string())
}

fn is_plain(text: &str) -> bool {
    matches!(parsed(text).program, CompiledText::Plain(_))
}

#[test]
fn a_template_that_is_nested_too_deep_is_refused_at_its_place() {
    let blocks = |count: usize| format!("{}x{}", "{{#if a}}".repeat(count), "{{/if}}".repeat(count));
    let calls =
        |count: usize| format!("{{{{#if {}a{}}}}}x{{{{/if}}}}", "(not ".repeat(count), ")".repeat(count));
    let branches = |count: usize| format!("{{{{#if a}}}}x{}{{{{/if}}}}", "{{else if a}}x".repeat(count));
    let lists =
        |count: usize| format!("{{{{#if (eq a {}{})}}}}x{{{{/if}}}}", "[".repeat(count), "]".repeat(count));
    let record = with_value(json!({ "a": true }));
    assert_eq!(render(&blocks(64), &record).as_deref(), Ok("x"));
    assert_eq!(render(&calls(62), &record).as_deref(), Ok("x"));
    assert_eq!(render(&branches(63), &record).as_deref(), Ok("x"));
    assert_eq!(render(&branches(63), &with_value(json!({ "a": false }))).as_deref(), Ok(""));
    for text in [
        blocks(65),
        blocks(100_000),
        calls(65),
        calls(100_000),
        branches(64),
        branches(100_000),
        lists(100_000),
    ] {
        let error = Template::new("text", &text).unwrap_err();
        assert_eq!(error.reason(), "the template is nested deeper than 64 levels here");
    }
    assert_eq!(render(&"{{#if a}}x{{/if}}".repeat(1000), &record), Ok("x".repeat(1000)));
}

#[test]
fn numbers_are_compared_by_what_they_are() {
    let printed = |text: &str, value: &str| {
        let record = with_value(Payload::Json(Json::parse(value.to_owned().into()).unwrap()));
        render(text, &record).unwrap()
    };
    let comparisons = "{{eq a b}} {{ne a b}} {{lt a b}} {{lte a b}} {{gt a b}} {{gte a b}}";
    let (same, less, greater) = (
        "true false false true false true",
        "false true true true false false",
        "false true false false true true",
    );
    for (value, expected) in [
        (r#"{"a":0.0,"b":0}"#, same),
        (r#"{"a":1e2,"b":100}"#, same),
        (r#"{"a":1.50,"b":1.5}"#, same),
        (r#"{"a":-0,"b":0}"#, same),
        (r#"{"a":9007199254740993,"b":9007199254740992}"#, greater),
        (r#"{"a":9007199254740992,"b":9007199254740993.0}"#, less),
        (r#"{"a":123456789012345678901234567890,"b":123456789012345678901234567891}"#, less),
        (r#"{"a":1e999999999,"b":1e999999998}"#, greater),
        (r#"{"a":-1e999999999,"b":0}"#, less),
        (r#"{"a":0.1,"b":0.10000000000000000001}"#, less),
        (r#"{"a":"b","b":"a"}"#, greater),
        (r#"{"a":[1.0,{"x":2}],"b":[1,{"x":2.0}]}"#, "true false false false false false"),
    ] {
        assert_eq!(printed(comparisons, value), expected, "{value}");
        let block = "{{#eq a b}}same{{else}}other{{/eq}}{{#if (gte a b)}} not less{{/if}}";
        let is_not_less = if expected.ends_with("true") { " not less" } else { "" };
        let word = if expected.starts_with("true") { "same" } else { "other" };
        assert_eq!(printed(block, value), format!("{word}{is_not_less}"), "{value}");
    }
    assert_eq!(printed("{{#if (eq a 100)}}x{{/if}}", r#"{"a":1E2}"#), "x");
    assert_eq!(printed("{{lt a 1e3}} {{eq a 1E2}} {{gt a -1.5e-3}}", r#"{"a":100}"#), "true true true");
    assert_eq!(printed("{{eq a '5'}} {{gt a '4.9'}}", r#"{"a":5}"#), "false true");
}

#[test]
fn plain_templates_do_without_handlebars() {
    for text in [
        "",
        " ",
        "a",
        "{{a}} {{this.b}}, {{c.d.[e f]}}{{! x }}{{{g}}}",
        "{{@record.key}} {{@record.key.id}} {{@record.value}} {{@record.value.a}} {{@root.a}}",
        "{{@record.topic}} {{@record.partition}} {{@record.offset}} {{@record.timestamp}} {{@record.headers.[a b]}}",
    ] {
        assert!(is_plain(text), "{text}");
    }
    for text in ["{{this}}", "{{len a}}", "{{#if a}}{{/if}}", "{{default a 'b'}}", "{{json @record.headers}}"]
    {
        assert!(!is_plain(text), "{text}");
    }
}

#[test]
fn tags_name_fields_and_parts_of_the_record() {
    let mut record = with_value(json!({ "a": { "b c": [1.10, true] }, "n": null, "topic": "mine" }));
    record.key = Some(json!({ "id": "k" }).into());
    record.headers.push("trace", Some("t-1".into()));
    let template = "{{a.[b c].0}} {{a.[b c].1}} {{topic}} {{@record.topic}} {{@record.partition}} \
                    {{@record.offset}} {{@record.key.id}} {{@record.headers.trace}} {{@record.value.topic}}";
    assert_eq!(render(template, &record).unwrap(), "1.1 true mine prices 0 7 k t-1 mine");
    for (tag, why) in [
        ("{{n}}", "field `n` is null"),
        ("{{a}}", "field `a` is a JSON object, which only the helper `json` can print"),
        ("{{none}}", "field `none` is missing"),
        ("{{@record.timestamp}}", "field `@record.timestamp` is missing"),
        ("{{@record.headers.x}}", "field `@record.headers.x` is missing"),
    ] {
        assert_eq!(render(tag, &record).unwrap_err(), why);
    }
}

#[test]
fn a_text_is_named_as_a_whole_and_has_no_fields() {
    assert_eq!(render("{{@record.value}}", &with_value("hi")).unwrap(), "hi");
    for text in ["{{id}}", "{{@record.value.id}}", "{{#if id}}a{{/if}}", "{{default id 'a'}}"] {
        let why =
            "the value is text, but the template needs an object with `id`; set `value: json` under `source`";
        assert_eq!(render(text, &with_value("hi")).unwrap_err(), why, "{text}");
    }
    let mut keyed = tombstone();
    keyed.key = Some(Payload::Bytes(Bytes::from_static(b"k")));
    for text in ["{{@record.key.id}}", "{{default @record.key.id 'a'}}"] {
        let why =
            "the key is bytes, but the template needs an object with `id`; set `key: json` under `source`";
        assert_eq!(render(text, &keyed).unwrap_err(), why, "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_named_before_all_else() {
    let mut record = tombstone();
    record.key = Some(Payload::Bytes(Bytes::from_static(b"\x80")));
    let why = Err("`@record.key` is bytes that are not valid UTF-8 text".to_owned());
    assert_eq!(render("{{a}}{{@record.key}}", &record), why);
    assert_eq!(reference("{{a}}{{@record.key}}", &record), why);
}

#[test]
fn a_tombstone_has_no_fields_and_everything_else() {
    assert_eq!(render("{{id}}", &tombstone()).unwrap_err(), "field `id` is missing");
    assert_eq!(render("{{default id 'none'}} {{@record.offset}}", &tombstone()).unwrap(), "none 7");
    assert_eq!(render("{{#if id}}a{{else}}b{{/if}}", &tombstone()).unwrap(), "b");
    assert_eq!(render("{{@record.value}}", &tombstone()).unwrap_err(), "field `@record.value` is missing");
}

#[test]
fn what_is_absent_is_told_from_what_is_no_text() {
    let record = with_value(json!({ "a": 1, "n": null, "o": {}, "l": [] }));
    let present = |text| parsed(text).render_present(&record).map_err(|reason| reason.to_string());
    assert_eq!(present("a{{a}}"), Ok(Some("a1".to_owned())));
    for text in [
        "{{a}}{{none}}",
        "{{n}}",
        "{{o}}{{none}}",
        "{{@record.key}}",
        "{{@record.headers.h}}",
        "{{l.first}}",
        "{{#if a}}{{none}}{{/if}}",
        "{{#each none}}{{this}}{{/each}}",
        "{{default none n}}",
    ] {
        assert_eq!(present(text), Ok(None), "{text}");
    }
    let object = Err("field `o` is a JSON object, which only the helper `json` can print".to_owned());
    assert_eq!(present("{{o}}"), object);
    assert_eq!(present("{{#if a}}{{o}}{{/if}}"), object);
    assert_eq!(present("{{default n 'x'}}"), Ok(Some("x".to_owned())));
    assert!(
        parsed("{{a}}").render_present(&with_value("text")).is_err(),
        "a text is not an object without the field"
    );
    let scalars = [json!(null), json!(7), json!("x")];
    for value in scalars {
        assert_eq!(
            parsed("{{a}}").render_present(&with_value(value)).unwrap(),
            None,
            "a scalar has no fields"
        );
    }
}

#[test]
fn an_array_is_asked_by_index() {
    let record = with_value(json!([{ "a": 1 }, 2]));
    assert_eq!(render("{{[0].a}} {{#if [1]}}{{[1]}}{{/if}}", &record).unwrap(), "1 2");
    assert_eq!(render("{{[2]}}", &record).unwrap_err(), "field `[2]` is missing");
}

#[test]
fn a_tag_that_is_an_array_has_items_and_no_other_has() {
    let record = with_value(json!({ "a": ["x", null, 1.50], "s": "x", "d": [[]] }));
    let items = |text| {
        let items = parsed(text).items(&record);
        items.map(|items| items.map_err(|reason| reason.to_string()))
    };
    assert_eq!(items("{{a}}"), Some(Ok(vec!["x", "1.5"])));
    assert_eq!(items("{{s}}"), None);
    assert_eq!(items("{{a}}{{a}}"), None);
    let why = "an item of field `d` is a JSON array, which only the helper `json` can print";
    assert_eq!(items("{{d}}"), Some(Err(why.to_owned())));
    assert!(
        parsed("{{a}}").is_one_tag() && !parsed("{{a}},").is_one_tag() && !parsed("{{len a}}").is_one_tag()
    );
}

#[test]
fn what_a_template_reads_is_known() {
    let uses = |text| -> Vec<(RecordName, String)> {
        parsed(text).uses().iter().map(|each| (each.name.clone(), each.written.clone())).collect()
    };
    assert_eq!(uses("{{! {{a}} }}text"), []);
    assert_eq!(
        uses("{{a.b}}{{default @record.key.id 'x'}}{{#if @record.headers.h}}{{@record.offset}}{{/if}}"),
        [
            (RecordName::Value, "a.b".to_owned()),
            (RecordName::Key, "@record.key.id".to_owned()),
            (RecordName::Header("h".to_owned()), "@record.headers.h".to_owned()),
            (RecordName::Offset, "@record.offset".to_owned()),
        ]
    );
    assert_eq!(
        uses("{{#each @record.headers}}{{@key}}={{this}}{{/each}}"),
        [(RecordName::Headers, "@record.headers".to_owned())]
    );
    assert!(!parsed("{{#with @record.key}}{{id}}{{/with}}").reads_value());
    assert!(parsed("{{#each @record.headers}}{{../a}}{{/each}}").reads_value());
    let template = parsed("a{{! c }}b{{x}}c{{#if y}}d{{else}}e{{/if}}");
    assert_eq!(template.start(), "ab");
    assert_eq!(template.literals().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    assert!(template.has_tags() && !parsed("a{{! c }}").has_tags());
}

/// Marks what records say, and takes no `!`.
#[derive(Default)]
struct Marked(String);

impl TemplateWriter for Marked {
    fn literal(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn value(&mut self, text: &str) -> Result<(), String> {
        self.0.extend(["<", text, ">"]);
        if text == "!" { Err("is shouted".to_owned()) } else { Ok(()) }
    }
}

#[test]
fn a_writer_tells_what_the_author_wrote_from_what_a_record_says() {
    let record = with_value(json!({ "a": "x", "b": ["1", "2"], "c": "!" }));
    let write = |text| {
        let mut marked = Marked::default();
        parsed(text).write(&record, &mut marked).map(|()| marked.0).map_err(|reason| reason.to_string())
    };
    assert_eq!(write("/{{a}}/z").unwrap(), "/<x>/z");
    let nested = "/{{#each b}}{{this}}-{{/each}}{{#if a}}q{{a}}{{/if}}{{default none 'd'}}{{json b}}";
    assert_eq!(write(nested).unwrap(), "/<1>-<2>-q<x><d><[\"1\",\"2\"]>");
    assert_eq!(write("{{c}}").unwrap_err(), "field `c` is shouted");
    assert_eq!(write("{{#if a}}{{c}}{{/if}}").unwrap_err(), "field `c` is shouted");
}

#[test]
fn an_error_does_not_quote_what_stands_behind_the_tag() {
    for text in ["/{{id}/hunter2", "/{{id/hunter2}", "/{{id|x}}/hunter2"] {
        let error = Template::new("url", text).unwrap_err();
        assert_eq!(error.path(), "url");
        assert!(!error.reason().contains("hunter2"), "{error}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let number = "-?[1-9][0-9]{0,20}(\\.[0-9]{1,5})?([eE][-+]?[0-9]{1,2})?";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(|digits| serde_json::from_str(&digits).unwrap()),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[abc]", inner, 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    let payload = || {
        prop_oneof![
            any_json().prop_map(Payload::from),
            any_json().prop_map(|json| Payload::Json(Json::parse(json.to_string().into()).unwrap())),
            ".{0,4}".prop_map(|text| Payload::from(&*text)),
            prop::collection::vec(any::<u8>(), 0..3).prop_map(|bytes| Payload::Bytes(bytes.into())),
        ]
    };
    let fields = (any_json(), any_json())
        .prop_map(|(a, b)| Payload::Json(Json::parse(json!({ "a": a, "b": b }).to_string().into()).unwrap()));
    let value = prop::option::of(prop_oneof![4 => fields, 1 => payload()]);
    let header = prop::option::of(prop::collection::vec(any::<u8>(), 0..2));
    let headers = prop::collection::vec((prop_oneof![Just("a"), Just("b")], header), 0..3);
    (value, prop::option::of(payload()), headers, prop::option::of(any::<i64>())).prop_map(
        |(value, key, headers, millis)| {
            let mut record = tombstone();
            record.value = value;
            record.key = key;
            record.timestamp = millis.map(|millis| Timestamp { millis, kind: TimestampType::CreateTime });
            for (name, value) in headers {
                record.headers.push(name, value.map(Bytes::from));
            }
            record
        },
    )
}

fn any_plain_template() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("a"),
        Just("b"),
        Just("c"),
        Just("0"),
        Just("1"),
        Just("01"),
        Just("[a]"),
        Just("[0]"),
        Just("this")
    ];
    let names = prop::collection::vec(name, 1..4).prop_map(|names| names.join("."));
    let of_record = prop_oneof![
        Just("@record.key"),
        Just("@record.value"),
        Just("@record.topic"),
        Just("@record.partition"),
        Just("@record.offset"),
        Just("@record.timestamp"),
        Just("@record.headers.a"),
        Just("@record.key.a"),
        Just("@record.key.[0].b"),
        Just("@record.value.a"),
        Just("@root.b"),
    ];
    let path = prop_oneof![3 => names, 2 => of_record.prop_map(str::to_owned)];
    let tag = (path, "[~]?", "[~ \n]?").prop_map(|(path, left, right)| match right.as_str() {
        "~" => format!("{{{{{left}{path}~}}}}"),
        blank => format!("{{{{{left}{blank}{path}}}}}"),
    });
    let text = "[^{\\\\]{0,10}";
    prop::collection::vec(prop_oneof![tag, text.prop_map(String::from), Just("{{! c }}".to_owned())], 0..6)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn plain_templates_print_what_handlebars_prints(text in any_plain_template(), record in any_record()) {
        prop_assume!(is_plain(&text));
        prop_assert_eq!(render(&text, &record), reference(&text, &record));
    }
}
