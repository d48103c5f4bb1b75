//! Connector files of the tests' own.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory for connector files and what else a command is given. It is removed with its value.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// Makes an empty directory.
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("sluice-test-").tempdir().expect("a directory"))
    }

    /// Makes a directory with one file.
    pub fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        folder.write(name, content);
        folder
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// Returns the directory's path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

const KNOWLEDGE_BASE: &str = "  bedrock_kb:
    knowledge_base_id: ${env:KBID}
    data_source_id: ${env:DSID}
    calls_per_second: 1000
";

/// A connector from a topic into the local knowledge base, which writes `record <n>` for `{"n":…}`, unless it is given
/// another sink. A group of its forgets a dead member after a second, waits between tries are short, and calls are
/// hardly paced.
#[derive(Clone, Debug)]
pub struct ConnectorText {
    topic: String,
    group: String,
    key: &'static str,
    value: &'static str,
    transforms: String,
    sink: String,
    max_records: usize,
    tolerance: &'static str,
    dead_letter_queue: Option<String>,
    commit_interval: &'static str,
    retry_delay: &'static str,
    properties: Vec<(&'static str, String)>,
}

impl ConnectorText {
    /// Reads this topic with a group of the same name.
    pub fn new(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            group: topic.to_owned(),
            key: "bytes",
            value: "json",
            transforms: "  - template: { text: \"record {{n}}\" }\n".to_owned(),
            sink: KNOWLEDGE_BASE.to_owned(),
            max_records: 10,
            tolerance: "none",
            dead_letter_queue: None,
            commit_interval: "200ms",
            retry_delay: "20ms",
            properties: vec![
                ("session.timeout.ms", "1000".to_owned()),
                ("heartbeat.interval.ms", "200".to_owned()),
                ("reconnect.backoff.max.ms", "200".to_owned()),
            ],
        }
    }

    /// Reads keys like this.
    #[must_use]
    pub fn key(mut self, converter: &'static str) -> Self {
        self.key = converter;
        self
    }

    /// Reads values like this.
    #[must_use]
    pub fn value(mut self, converter: &'static str) -> Self {
        self.value = converter;
        self
    }

    /// Replaces the transforms: lines of YAML, indented by two.
    #[must_use]
    pub fn transforms(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.transforms);
        self
    }

    /// Replaces the sink: lines of YAML, indented by two.
    #[must_use]
    pub fn sink(mut self, lines: impl Into<String>) -> Self {
        self.sink = lines.into();
        self
    }

    /// Puts so many records at once; otherwise 10.
    #[must_use]
    pub fn max_records(mut self, records: usize) -> Self {
        self.max_records = records;
        self
    }

    /// Skips records at fault.
    #[must_use]
    pub fn tolerant(mut self) -> Self {
        self.tolerance = "all";
        self
    }

    /// Sends records at fault to this queue: its settings, on one line of YAML.
    #[must_use]
    pub fn dead_letter_queue(mut self, settings: impl Into<String>) -> Self {
        self.dead_letter_queue = Some(settings.into());
        self.tolerant()
    }

    /// Commits this often.
    #[must_use]
    pub fn commit_interval(mut self, interval: &'static str) -> Self {
        self.commit_interval = interval;
        self
    }

    /// Sets a property of librdkafka.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.properties.retain(|(other, _)| *other != name);
        self.properties.push((name, value.into()));
        self
    }

    /// Takes out every property of librdkafka.
    #[must_use]
    pub fn without_properties(mut self) -> Self {
        self.properties.clear();
        self
    }

    /// Returns the file's text.
    pub fn text(&self) -> String {
        let Self { topic, group, key, value, transforms, sink, tolerance, .. } = self;
        let Self { max_records, commit_interval, retry_delay, .. } = self;
        let queue = self.dead_letter_queue.as_ref();
        let queue = queue.map(|settings| format!("  dead_letter_queue: {settings}\n")).unwrap_or_default();
        let mut lines = String::new();
        for (name, value) in &self.properties {
            writeln!(lines, "      {name}: {value}").expect("a string takes it");
        }
        format!(
            "\
source:
  kafka:
    bootstrap_servers: ${{env:KAFKA_BOOTSTRAP_SERVERS}}
    topics: [{topic}]
    group: {group}
    commit_interval: {commit_interval}
    properties:
{lines}  key: {key}
  value: {value}
transforms:
{transforms}sink:
{sink}batch:
  max_records: {max_records}
  linger: 20ms
errors:
  tolerance: {tolerance}
{queue}  retry_delay: {retry_delay}
  retry_delay_max: 200ms
"
        )
    }
}
