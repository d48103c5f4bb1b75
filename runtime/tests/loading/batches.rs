//! How long a batch waits, by the connector and by its sink.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_connector_api::{Limits, PutError, Record, SettingsError, Sink, SinkSettings};
use sluice_runtime::pace::pacer::Pacers;

use crate::plug_ins::{load, registry};

/// A sink whose target counts calls.
#[derive(Debug, Deserialize, JsonSchema)]
struct Counted {}

#[async_trait]
impl Sink for Counted {
    fn limits(&self) -> Limits {
        Limits::default().with_linger(Duration::from_millis(70))
    }

    async fn put(&self, _batch: &[Record]) -> Result<(), PutError> {
        Ok(())
    }
}

impl SinkSettings for Counted {
    const NAME: &'static str = "counted";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(self))
    }
}

/// Whether a batch goes at once while nothing is in flight, and how many milliseconds it waits else.
async fn waits(sink: &str, batch: &str) -> (bool, u128) {
    let text = format!(
        "source:\n  kafka: {{ bootstrap_servers: localhost, topics: [t] }}\nsink: {{ {sink}: {{}} }}\n{batch}"
    );
    let connector = load(&text, &registry().with_sink::<Counted>()).await.unwrap();
    let settings = connector.lane_settings(&Pacers::default());
    (settings.at_once, settings.batch.linger.as_millis())
}

#[tokio::test]
async fn a_batch_goes_at_once_unless_the_target_counts_calls_or_the_operator_says_how_long_it_waits() {
    assert_eq!(waits("nowhere", "").await, (true, 200));
    assert_eq!(waits("nowhere", "batch: { max_records: 7 }\n").await, (true, 200));
    assert_eq!(waits("nowhere", "batch: { linger: 200ms }\n").await, (false, 200));
    assert_eq!(waits("nowhere", "batch: { linger: 0ms }\n").await, (false, 0));
    assert_eq!(waits("counted", "").await, (false, 70));
    assert_eq!(waits("counted", "batch: { linger: 5ms }\n").await, (false, 5));
}
