//! `jq`, the transform and the predicate, on whole records.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use serde_json::{Value, json};
use sluice_connector_api::{Json, Payload, Record, Registry, Transformed};
use sluice_plugin_testing::{record, text, tombstone};

fn registry() -> Registry {
    sluice_transforms::register(Registry::new())
}

fn apply(settings: Value, record: Record) -> Result<Vec<Record>, String> {
    let transform = registry().transform("jq").unwrap().build(settings).unwrap();
    match transform.apply(record).map_err(|rejection| rejection.to_string())? {
        Transformed::One(record) => Ok(vec![record]),
        Transformed::Dropped => Ok(Vec::new()),
        Transformed::Several(records) => Ok(records),
    }
}

fn test(program: &str, record: &Record) -> Result<bool, String> {
    let predicate = registry().predicate("jq").unwrap().build(json!({ "program": program })).unwrap();
    predicate.test(record).map_err(|rejection| rejection.to_string())
}

fn order() -> Record {
    let value = Json::from_slice(br#"{"id":7,"price":44.50,"tags":["a","b"]}"#).unwrap();
    record(42).key("k").header("trace", "x").timestamp(5).value(Payload::Json(value)).build()
}

#[test]
fn each_value_that_a_program_makes_becomes_a_record() {
    let values = |program: &str| -> Result<Vec<String>, String> {
        let made = apply(json!({ "program": program }), order())?;
        Ok(made
            .iter()
            .map(|made| {
                made.value.as_ref().map_or("tombstone".to_owned(), |value| value.to_display().into_owned())
            })
            .collect())
    };
    let ok = |values: &[&str]| Ok(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
    assert_eq!(values("{price}"), ok(&[r#"{"price":44.50}"#]));
    assert_eq!(values(".tags[]"), ok(&["a", "b"]), "strings become text");
    assert_eq!(values("empty"), ok(&[]));
    assert_eq!(values("null"), ok(&["tombstone"]));
    assert_eq!(
        values("$record | [.topic, .partition, .offset, .timestamp, .key, .value.id, .headers.trace]"),
        ok(&[r#"["prices",0,42,5,"k",7,"x"]"#])
    );
    assert_eq!(values(".id.x"), Err("the program failed".to_owned()));
    assert_eq!(
        values("range(1e9)"),
        Err("the program makes more than the 1000 records of `max_records`".to_owned())
    );
}

#[test]
fn the_key_may_go_in_and_text_is_a_string() {
    let made = apply(json!({ "program": "{id: .}", "of": "key" }), order()).unwrap();
    assert_eq!((made[0].key.clone(), &made[0].value), (Some(json!({ "id": "k" }).into()), &order().value));
    let made = apply(json!({ "program": "ascii_upcase" }), text(7, "abc")).unwrap();
    assert_eq!(made, [text(7, "ABC")]);
    assert_eq!(apply(json!({ "program": "1" }), tombstone(7)), Ok(vec![tombstone(7)]));
    assert!(apply(json!({ "program": "." }), record(7).bytes(vec![0xff]).build()).is_err());
}

#[test]
fn a_predicate_is_what_the_program_answers_first() {
    for (program, expected) in [
        (".price > 44", true),
        (".price < 44", false),
        (".missing", false),
        ("empty", false),
        ("0", true),
        ("false, true", false),
        ("$record.headers.trace == \"x\"", true),
    ] {
        assert_eq!(test(program, &order()), Ok(expected), "{program}");
    }
    assert_eq!(test(". == null", &tombstone(7)), Ok(true));
    assert_eq!(
        test("until(false; .)", &order()).map_err(|error| error.starts_with("the program takes")),
        Err(true)
    );
}

#[test]
fn what_a_program_says_of_a_record_is_the_detail_and_not_the_reason() {
    let transform = registry().transform("jq").unwrap().build(json!({ "program": "error(.id)" })).unwrap();
    let rejection = transform.apply(record(7).value(json!({ "id": "4111" })).build()).unwrap_err();
    assert_eq!(
        (rejection.to_string().as_str(), rejection.detail()),
        ("the program failed", Some("\"4111\""))
    );
}

#[test]
fn a_mistake_in_a_program_has_its_place() {
    let built = registry().transform("jq").unwrap().build(json!({ "program": ".a\n| nope" }));
    let error = built.err().unwrap();
    assert_eq!((error.path(), error.position()), ("program", Some((2, 3))));
    assert_eq!(error.reason(), "there is no filter `nope`");
}
