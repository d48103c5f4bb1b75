//! Converters, by name and by the key that holds their settings.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_connector_api::{
    Converter, ConverterContext, ConverterSettings, NotConverted, Origin, Payload, PayloadForm, PayloadForms,
    Record, Registry, SettingsError, Transformed,
};
use sluice_runtime::connector::load::Connector;

use crate::plug_ins::{Nowhere, load, problems, registry, with_source};

/// Puts a sign before the text, and says which side and topic it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// The sign.
    sign: String,
}

impl Converter for Signed {
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted> {
        let text = String::from_utf8_lossy(&bytes);
        Ok(Some(Payload::Text(format!("{}{text} ({} of {})", self.sign, context.side, context.topic))))
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Text.into()
    }
}

impl ConverterSettings for Signed {
    const NAME: &'static str = "signed";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        if self.sign.is_empty() {
            return Err(SettingsError::at("sign", "a sign is not empty"));
        }
        Ok(Box::new(self))
    }
}

/// Takes a record with a JSON document on both sides through a connector.
fn converted(connector: &Connector) -> (Payload, Payload) {
    let mut record = Record::new(Origin::new("t", 0, 0));
    record.key = Some(Payload::Bytes(Bytes::from_static(b"[1]")));
    record.value = Some(Payload::Bytes(Bytes::from_static(b"[2]")));
    let origin = record.origin().clone();
    let Ok(Transformed::One(mut record)) = connector.chain.apply(&origin, record) else { panic!("rejected") };
    (record.key.take().unwrap(), record.value.take().unwrap())
}

async fn forms(source: &str) -> (&'static str, &'static str) {
    let (key, value) = converted(&load(&with_source(source), &registry()).await.unwrap());
    (key.form(), value.form())
}

#[tokio::test]
async fn a_converter_is_named_by_its_name_or_by_the_key_of_its_settings() {
    assert_eq!(forms("").await, ("bytes", "JSON"), "the defaults");
    assert_eq!(forms("  key: json\n  value: string\n").await, ("JSON", "text"));
    assert_eq!(forms("  key: { string: {} }\n  value: { bytes: }\n").await, ("text", "bytes"));
}

#[tokio::test]
async fn a_converter_of_a_programs_own_gets_its_settings_and_the_context() {
    let registry = registry().with_converter::<Signed>();
    let text = with_source("  key: { signed: { sign: + } }\n  value: { signed: { sign: '-' } }\n");
    let (key, value) = converted(&load(&text, &registry).await.unwrap());
    assert_eq!((key, value), ("+[1] (key of t)".into(), "-[2] (value of t)".into()));
}

#[tokio::test]
async fn what_is_wrong_with_a_converter_is_said_at_its_place() {
    let registry = registry().with_converter::<Signed>();
    let wrong = async |source: &str| load(&with_source(source), &registry).await.unwrap_err().join("\n");
    assert!(
        wrong("  value: { signed: { sign: '' } }\n")
            .await
            .starts_with("c.yaml:3:28: `source.value.signed.sign`: ")
    );
    assert!(wrong("  value: { signed: {} }\n").await.contains("missing key `source.value.signed.sign`"));
    let json = wrong("  value: { json: { a: 1 } }\n").await;
    assert!(json.contains(":20: unknown key `source.value.json.a`; known are: empty_is"), "{json}");
    let bytes = wrong("  value: { bytes: { a: 1 } }\n").await;
    assert!(
        bytes.ends_with(":21: unknown key `source.value.bytes.a`; there are no settings here"),
        "{bytes}"
    );
    assert!(
        wrong("  key: { sgned: {} }\n")
            .await
            .contains("unknown converter `source.key.sgned`; did you mean `signed`?")
    );
    let words = wrong("  value: signed\n").await;
    assert!(words.starts_with("c.yaml:3:10: `source.value`: expected a map or one of `bytes`, "), "{words}");
    // `signed` needs settings.
    assert!(words.contains("`json`") && words.contains("`string`") && !words.contains("one of `signed`"));
    assert!(problems(&with_source("  value: [json]\n")).await.join("\n").contains("found a list"));
}

/// A default that a program does not have is a problem of its own for values; keys stay bytes without a converter.
#[tokio::test]
async fn a_program_without_the_default_converter_has_to_name_one() {
    let registry = Registry::new().with_sink::<Nowhere>().with_converter::<Signed>();
    let wrong = load(&with_source(""), &registry).await.unwrap_err().join("\n");
    assert!(wrong.contains("unknown converter `json`; known are: signed"), "{wrong}");
    let connector = load(&with_source("  value: { signed: { sign: '-' } }\n"), &registry).await.unwrap();
    let (key, value) = converted(&connector);
    assert_eq!((key.form(), value), ("bytes", "-[2] (value of t)".into()));
}
