//! Plug-ins that panic while a file is read: a worker that follows files reads them beside connectors that run.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_connector_api::{
    Converter, ConverterSettings, Failure, FormNeed, Limits, Provider, ProviderSettings, PutError, Record,
    Registry, SettingsError, Sink, SinkSettings,
};

use crate::plug_ins::{load, registry, with_source};

/// Panics where its settings say so.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Upset {
    at: String,
}

impl Upset {
    fn must_not_be_at(&self, place: &str) {
        assert!(self.at != place, "nobody meant this");
    }
}

#[async_trait]
impl Sink for Upset {
    fn limits(&self) -> Limits {
        self.must_not_be_at("limits");
        Limits::default()
    }

    async fn put(&self, _batch: &[Record]) -> Result<(), PutError> {
        Ok(())
    }

    fn needs(&self) -> Vec<FormNeed> {
        self.must_not_be_at("needs");
        Vec::new()
    }
}

impl SinkSettings for Upset {
    const NAME: &'static str = "upset";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        self.must_not_be_at("build");
        Ok(Box::new(self))
    }
}

impl ConverterSettings for Upset {
    const NAME: &'static str = "upset";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        self.must_not_be_at("build");
        Err(SettingsError::new("makes none"))
    }
}

/// Panics behind an await, as the client of a secret store may.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct UpsetStore {}

#[async_trait]
impl Provider for UpsetStore {
    async fn value(&self, _name: &str) -> Result<Option<String>, Failure> {
        tokio::task::yield_now().await;
        panic!("nobody meant this");
    }
}

impl ProviderSettings for UpsetStore {
    const NAME: &'static str = "upset_store";

    fn build(self) -> Result<Box<dyn Provider>, SettingsError> {
        Ok(Box::new(self))
    }
}

fn upset() -> Registry {
    registry().with_sink::<Upset>().with_converter::<Upset>().with_provider::<UpsetStore>()
}

#[tokio::test]
async fn a_plug_in_that_panics_is_a_problem_of_its_file() {
    let sink = |at: &str| {
        format!(
            "source:\n  kafka: {{ bootstrap_servers: a, topics: [t] }}\nsink: {{ upset: {{ at: {at} }} }}\n"
        )
    };
    for text in [
        sink("build"),
        sink("needs"),
        sink("limits"),
        with_source("  value: { upset: { at: build } }\n"),
        sink("\"${upset_store:x}\""),
    ] {
        let problems = load(&text, &upset()).await.err().unwrap_or_default();
        let [problem] = &problems[..] else { panic!("{text}: {problems:?}") };
        let begin = "c.yaml: cannot be checked, since a plug-in panicked at runtime/tests/loading/panics.rs:";
        assert!(problem.starts_with(begin) && problem.contains("nobody meant this"), "{problem}");
    }
    assert!(load(&sink("rest"), &upset()).await.is_ok());
}
