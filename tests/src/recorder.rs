//! A sink of the tests' own that remembers what it was given and fails as a test asks it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Failure, Limits, PutError, Record, SettingsError, Sink, SinkSettings};

/// What a put meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// The batch is stored.
    #[default]
    Stores,
    /// A fatal failure.
    Fails,
    /// A panic.
    Panics,
    /// No answer, for ever.
    Hangs,
    /// The batch is stored after a second and a half.
    Dawdles,
}

/// What a sink was given, and how it meets the next put. Sinks of the same topic share one.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    mood: Mood,
    puts: usize,
    stored: Vec<(i32, i64)>,
}

impl Recorder {
    /// Returns the one with this name, made by the first call.
    pub fn named(name: &str) -> Arc<Self> {
        static ALL: Mutex<BTreeMap<String, Arc<Recorder>>> = Mutex::new(BTreeMap::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.to_owned()).or_default())
    }

    /// Sets how puts are met from now on.
    pub fn set(&self, mood: Mood) {
        self.with(|recorded| recorded.mood = mood);
    }

    /// Returns how many puts began.
    pub fn puts(&self) -> usize {
        self.with(|recorded| recorded.puts)
    }

    /// Returns partition and offset of each record stored, in the order stored, each as often as it was.
    pub fn stored(&self) -> Vec<(i32, i64)> {
        self.with(|recorded| recorded.stored.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Recorded) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Remembers what it is given.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecorderSettings {
    /// The name of the [`Recorder`].
    name: String,
}

impl SinkSettings for RecorderSettings {
    const NAME: &'static str = "recorder";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(Recording(Recorder::named(&self.name))))
    }
}

struct Recording(Arc<Recorder>);

#[async_trait]
impl Sink for Recording {
    fn limits(&self) -> Limits {
        Limits::default().with_max_records(10)
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let mood = self.0.with(|recorded| {
            recorded.puts += 1;
            recorded.mood
        });
        if mood == Mood::Dawdles {
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        match mood {
            Mood::Stores | Mood::Dawdles => {
                let place = |record: &Record| (record.origin().partition(), record.origin().offset());
                self.0.with(|recorded| recorded.stored.extend(batch.iter().map(place)));
                Ok(())
            }
            Mood::Fails => Err(PutError::Batch(Failure::fatal("the key to the store is gone"))),
            Mood::Panics => panic!("the sink has a bug"),
            Mood::Hangs => std::future::pending().await,
        }
    }
}
