//! The sink that stores nothing.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    HumanDuration, Limits, PutError, Record, Repetition, SettingsError, Sink, SinkSettings,
};

/// Takes every record and stores nothing.
///
/// It measures what the way to a sink costs, and with a `delay` it plays a slow target. A batch holds up to 500 records
/// and 5MiB.
///
/// ```yaml
/// sink:
///   blackhole:
///     delay: 50ms
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["dev_null", "devnull", "noop", "drop", "discard", "reject"]))]
#[serde(deny_unknown_fields)]
pub struct BlackholeSettings {
    /// How long every put takes, such as `200ms`. Default: `0s`.
    #[serde(default = "no_delay")]
    pub delay: HumanDuration,
}

fn no_delay() -> HumanDuration {
    HumanDuration::secs(0)
}

impl SinkSettings for BlackholeSettings {
    const NAME: &'static str = "blackhole";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(Blackhole { settings: self }))
    }
}

#[derive(Debug)]
struct Blackhole {
    settings: BlackholeSettings,
}

#[async_trait]
impl Sink for Blackhole {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn repetition(&self) -> Repetition {
        Repetition::changes_nothing("it stores nothing")
    }

    async fn put(&self, _batch: &[Record]) -> Result<(), PutError> {
        let delay = self.settings.delay.get();
        // Even a sleep of no time gives up the thread until the clock's next tick, a millisecond away.
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use tokio::time::Instant;

    use crate::built::built;
    use sluice_plugin_testing::{sink_contract, text};

    #[tokio::test]
    async fn keeps_the_contract() {
        sink_contract(&*built("blackhole", json!({}))).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_put_takes_as_long_as_told() {
        let sink = built("blackhole", json!({ "delay": "5s" }));
        let start = Instant::now();
        sink.put(&[text(0, "a")]).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }
}
