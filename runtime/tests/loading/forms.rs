//! Files in which every record would be rejected for its form are refused at the key that asks for another.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_connector_api::{
    FormNeed, Limits, PayloadForm, PutError, Record, Registry, SettingsError, Side, Sink, SinkSettings,
};

use crate::plug_ins::{load, registry};

/// Takes text alone, or reads a field of the key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Picky {
    /// A field of the key.
    key_field: Option<String>,
}

#[async_trait]
impl Sink for Picky {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn put(&self, _batch: &[Record]) -> Result<(), PutError> {
        Ok(())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let (key, what) = (self.key_field.as_ref(), SettingsError::new("takes text"));
        match key {
            Some(_) => {
                let why = SettingsError::at("key_field", "reads a field of the key");
                vec![FormNeed::new(Side::Key, PayloadForm::Json, why)]
            }
            None => vec![FormNeed::new(Side::Value, PayloadForm::Text | PayloadForm::Bytes, what)],
        }
    }
}

impl SinkSettings for Picky {
    const NAME: &'static str = "picky";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self))
    }
}

fn with_picky() -> Registry {
    registry().with_sink::<Picky>()
}

const FIELD: &str = "{ template: { text: \"{{a}}\" } }";
const BESIDE: &str = "{ template: { text: \"{{a}}\", as: b } }";
const KEY_FIELD: &str = "{ template: { text: \"{{@record.key.id}}\" } }";
const WHOLE: &str = "{ template: { text: \"{{@record.value}}\" } }";
const TIME: &str = "{ timestamp: { field: t, from: unix_millis, to: rfc3339 } }";
const SOME_FIELD: &str = "{ template: { text: \"{{a}}\" }, predicate: { has_header_key: { name: h } } }";

/// Returns what is wrong with a connector that has these converters, transforms and sink.
async fn dead(source: &str, transforms: &[&str], sink: &str) -> Vec<String> {
    let kafka = "kafka: { bootstrap_servers: localhost, topics: [t] }";
    let transforms = transforms.join(", ");
    let text =
        format!("source: {{ {kafka}, {source} }}\ntransforms: [{transforms}]\nsink: {{ {sink}: {{}} }}\n");
    load(&text, &with_picky()).await.err().unwrap_or_default()
}

#[tokio::test]
async fn what_needs_json_is_refused_on_text_and_bytes() {
    for (source, form) in [("value: string", "text"), ("value: bytes", "bytes")] {
        for (transform, key, column) in
            [(FIELD, "template.text", 34), (BESIDE, "template.text", 34), (TIME, "timestamp.field", 36)]
        {
            let problems = dead(source, &[transform], "nowhere").await;
            let first = problems.first().unwrap();
            let place = format!("c.yaml:2:{column}: `transforms.0.{key}`: reads the field");
            assert!(first.starts_with(&place), "{first}");
            let why = format!(
                "but the value is {form} here, and every record would be rejected; set `source.value: json`"
            );
            assert!(first.ends_with(&why), "{first}");
        }
        assert_eq!(dead(source, &[WHOLE], "nowhere").await, [""; 0], "the whole value is no field");
    }
}

#[tokio::test]
async fn what_a_template_took_away_is_missed_behind_it() {
    let problems = dead("value: json", &[FIELD, TIME], "nowhere").await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    let first = problems.first().unwrap();
    assert!(first.contains("`transforms.1.timestamp.field`: reads the field `t` of the value"), "{first}");
    assert!(first.contains("the value is text here"), "{first}");
    assert!(first.contains("`template` (transform 1) makes it so"), "{first}");
    assert_eq!(dead("value: json", &[TIME, FIELD], "nowhere").await, [""; 0]);
    assert_eq!(dead("value: json", &[BESIDE, TIME, FIELD], "picky").await, [""; 0]);
}

/// A predicate leaves some records as they were: what lies behind may take either form.
#[tokio::test]
async fn behind_a_predicate_either_form_may_come() {
    assert_eq!(dead("value: json", &[SOME_FIELD, TIME], "nowhere").await, [""; 0]);
    assert_eq!(dead("value: json", &[SOME_FIELD], "picky").await, [""; 0]);
    assert_eq!(dead("value: string", &[SOME_FIELD], "nowhere").await.len(), 1, "none to which it applies");
}

#[tokio::test]
async fn the_key_has_a_form_of_its_own() {
    let first = dead("key: bytes", &[KEY_FIELD], "nowhere").await.remove(0);
    assert!(
        first.contains("`transforms.0.template.text`: reads the field `id` of the key, but the key is bytes")
    );
    assert!(first.ends_with("set `source.key: json`"), "{first}");
    assert_eq!(dead("key: json", &[KEY_FIELD], "nowhere").await, [""; 0]);
    assert_eq!(dead("key: string, value: json", &[FIELD, KEY_FIELD], "nowhere").await.len(), 1);
}

#[tokio::test]
async fn a_sink_is_the_last_to_say_what_it_takes() {
    let first = dead("value: json", &[], "picky").await.remove(0);
    assert!(
        first.starts_with("c.yaml:3:16: `sink.picky`: takes text, but the value is JSON here"),
        "{first}"
    );
    assert_eq!(dead("value: json", &[FIELD], "picky").await, [""; 0]);
    for converter in ["string", "bytes"] {
        assert_eq!(dead(&format!("value: {converter}"), &[], "picky").await, [""; 0]);
    }
}

/// The queue gets records as they were read, whatever the converters make of them.
#[tokio::test]
async fn a_queue_that_takes_no_bytes_is_refused() {
    let of = async |settings: &str| {
        let text = format!(
            "source: {{ kafka: {{ bootstrap_servers: localhost, topics: [t] }}, key: json }}\nsink: {{ nowhere: {{}} }}\n\
             errors: {{ tolerance: all, dead_letter_queue: {{ sink: {{ picky: {settings} }} }} }}\n"
        );
        load(&text, &with_picky()).await.err().unwrap_or_default()
    };
    assert_eq!(of("{}").await, [""; 0]);
    let first = of("{ key_field: id }").await.remove(0);
    assert!(
        first.contains("`errors.dead_letter_queue.sink.picky.key_field`: reads a field of the key"),
        "{first}"
    );
    assert!(first.ends_with("the queue gets records as they were read"), "{first}");
}

/// A problem elsewhere does not hide a dead key, and one that makes forms unknown does.
#[tokio::test]
async fn dead_keys_are_reported_beside_other_problems() {
    let text = "source: { kafka: { bootstrap_servers: localhost, topics: [t] }, value: string }\n\
                transforms: [{ template: { text: \"{{a}}\" } }]\nsink: { nowhere: {} }\ntasks_max: 0\n";
    assert_eq!(load(text, &registry()).await.unwrap_err().len(), 2);
    let unknown = dead("value: jsno", &[FIELD], "nowhere").await;
    assert_eq!(unknown.len(), 1, "{unknown:?}");
}

/// Of combined predicates the first is always asked.
#[tokio::test]
async fn what_a_combined_predicate_needs_is_named_where_it_stands() {
    let all = "{ filter: {}, predicate: { all: [ { not: { field_value: { field: a } } }, { record_is_tombstone: {} } ] } }";
    let first = dead("value: string", &[all], "nowhere").await.remove(0);
    assert!(
        first.contains(
            "`transforms.0.predicate.all.0.not.field_value.field`: reads the field `a` of the value"
        ),
        "{first}"
    );
    assert_eq!(dead("value: json", &[all], "nowhere").await, [""; 0]);
}
