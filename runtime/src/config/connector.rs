//! One connector file: its settings, and what becomes of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{ByteSize, HumanDuration, Registry, SettingsError, Sink};

use super::interpolate::{Lookup, interpolate};
use super::problem::Problem;
use super::schema::connector_schema;
use super::validate::validate;
use super::yaml::Node;
use crate::chain::{Chain, Condition, Step};
use crate::converter::Converter;
use crate::source::kafka::KafkaSettings;

/// A connector: it reads topics, changes each record, and puts batches into a sink. The file's stem is its
/// name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorFile {
    /// Where records come from.
    pub source: SourceSettings,
    /// What happens to each record, in this order.
    #[serde(default)]
    pub transforms: Vec<Value>,
    /// Where records go: one sink, named by the key that holds its settings.
    pub sink: Value,
    /// How records are put together for the sink.
    #[serde(default)]
    pub batch: BatchSettings,
    /// What happens when something fails.
    #[serde(default)]
    pub errors: ErrorSettings,
    /// How many consumers read side by side; more than partitions is of no use. Default 1.
    #[serde(default = "default_tasks_max")]
    #[schemars(range(min = 1, max = 1000))]
    pub tasks_max: usize,
    /// The most bytes of records that are read and not done: prefetched, in batches, in flight and waiting for
    /// a retry. Reading pauses above it. Default 64MiB.
    #[serde(default = "default_buffer_memory")]
    pub buffer_memory: ByteSize,
}

/// Where records come from, and how their bytes are read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// Apache Kafka, or anything that speaks its protocol.
    pub kafka: KafkaSettings,
    /// How keys are read. Default: `bytes`, which never fails.
    #[serde(default = "default_key_converter")]
    pub key: Converter,
    /// How values are read. Default: `json`.
    #[serde(default = "default_value_converter")]
    pub value: Converter,
}

/// How records are put together for the sink.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchSettings {
    /// Records a batch. Default and upper bound: what the sink can take.
    #[schemars(range(min = 1))]
    pub max_records: Option<usize>,
    /// Bytes a batch, as the sink measures them. Default and upper bound: what the sink can take.
    pub max_bytes: Option<ByteSize>,
    /// How long a record waits for others before a batch that is not full is put. Default 200ms.
    pub linger: HumanDuration,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self { max_records: None, max_bytes: None, linger: HumanDuration::millis(200) }
    }
}

/// What happens when something fails.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorSettings {
    /// What a record at fault does: `none` stops the connector at it, with its offset uncommitted; `all` skips
    /// it with a log line and a count. Default `none`. An outage is never held against a record.
    pub tolerance: Tolerance,
    /// The wait after the first failure of a put; it doubles with every further one, and a random part of it is
    /// taken (full jitter). Default 300ms.
    pub retry_delay: HumanDuration,
    /// The longest such wait. Default 60s.
    pub retry_delay_max: HumanDuration,
    /// How long a batch is tried before the connector fails, keeps its offsets and is restarted. Default 5m.
    pub retry_timeout: HumanDuration,
}

impl Default for ErrorSettings {
    fn default() -> Self {
        Self {
            tolerance: Tolerance::None,
            retry_delay: HumanDuration::millis(300),
            retry_delay_max: HumanDuration::secs(60),
            retry_timeout: HumanDuration::secs(300),
        }
    }
}

/// What a record at fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// Stops the connector at it; nothing is lost.
    None,
    /// Is skipped, logged and counted.
    All,
}

fn default_buffer_memory() -> ByteSize {
    ByteSize::mib(64)
}

fn default_tasks_max() -> usize {
    1
}

fn default_key_converter() -> Converter {
    Converter::Bytes
}

fn default_value_converter() -> Converter {
    Converter::Json
}

/// A connector that is ready to run. Loading it opened nothing yet.
#[derive(Clone)]
pub struct Connector {
    /// Its name: the file's stem.
    pub name: Arc<str>,
    /// The file it came from.
    pub file: PathBuf,
    /// Where records come from.
    pub source: SourceSettings,
    /// What happens to each record.
    pub chain: Arc<Chain>,
    /// The key that picked the sink.
    pub sink_name: String,
    /// Where records go.
    pub sink: Arc<dyn Sink>,
    /// How records are put together.
    pub batch: BatchSettings,
    /// What happens when something fails.
    pub errors: ErrorSettings,
    /// How many consumers read side by side.
    pub tasks_max: usize,
    /// The most bytes of records that are read and not done.
    pub buffer_memory: ByteSize,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("name", &self.name)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Connector {
    /// Reads, checks and builds the connector in a file, or reports everything that is wrong with it.
    pub fn load(file: &Path, registry: &Registry, lookup: &dyn Lookup) -> Result<Self, Vec<Problem>> {
        let source = std::fs::read_to_string(file)
            .map_err(|error| vec![Problem::of_file(file, format!("cannot read the file: {error}"))])?;
        Self::parse(file, &source, registry, lookup)
    }

    /// Does what [`Connector::load`] does with a text that stands for the file's.
    pub fn parse(
        file: &Path,
        source: &str,
        registry: &Registry,
        lookup: &dyn Lookup,
    ) -> Result<Self, Vec<Problem>> {
        let mut node =
            Node::parse(source).map_err(|error| vec![Problem::at(file, error.position, error.text)])?;
        let mut problems = interpolate(file, &mut node, lookup);
        let (value, more) = validate(file, &node, &connector_schema(registry));
        // A value that could not be resolved is one problem, not two.
        problems.extend(more.into_iter().filter(|problem| !is_among(problem, &problems)).collect::<Vec<_>>());
        Loading { file, node: &node, registry, problems }.build(value)
    }
}

fn is_among(problem: &Problem, others: &[Problem]) -> bool {
    problem.position.is_some() && others.iter().any(|other| other.position == problem.position)
}

/// What is needed to build the plug-ins and to say where one refused its settings.
struct Loading<'a> {
    file: &'a Path,
    node: &'a Node,
    registry: &'a Registry,
    problems: Vec<Problem>,
}

impl Loading<'_> {
    /// Builds every plug-in whose settings are in order, also where others are not: so all problems show at once.
    fn build(mut self, value: Value) -> Result<Connector, Vec<Problem>> {
        self.check_kafka(&value);
        let steps = self.steps(&value);
        let sink = self.sink(&value);
        let (Some((sink_name, sink)), true) = (sink, self.problems.is_empty()) else {
            self.problems.sort();
            return Err(self.problems);
        };
        let file: ConnectorFile = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string().replace(['[', ']'], ".");
            vec![self.problem(&path, &error.inner().to_string())]
        })?;
        Ok(Connector {
            name: name_of(self.file).into(),
            file: self.file.to_owned(),
            chain: Arc::new(Chain::new(file.source.key, file.source.value, steps)),
            source: file.source,
            sink_name,
            sink: sink.into(),
            batch: file.batch,
            errors: file.errors,
            tasks_max: file.tasks_max,
            buffer_memory: file.buffer_memory,
        })
    }

    /// Says whether something below a path is known to be wrong already.
    fn is_wrong(&self, path: &str) -> bool {
        let node = self.node.find(path.split('.'));
        self.problems.iter().filter_map(|problem| problem.position).any(|position| node.holds(position))
    }

    fn check_kafka(&mut self, value: &Value) {
        let Some(kafka) = value.pointer("/source/kafka").filter(|_| !self.is_wrong("source.kafka")) else {
            return;
        };
        let read = serde_path_to_error::deserialize::<_, KafkaSettings>(kafka);
        let checked = match read {
            Ok(settings) => settings.validate(),
            Err(error) => Err(SettingsError::at(error.path().to_string(), error.inner().to_string())),
        };
        if let Err(error) = checked {
            self.problems.push(self.refused("source.kafka", &error));
        }
    }

    fn sink(&mut self, value: &Value) -> Option<(String, Box<dyn Sink>)> {
        let (name, settings) = only_entry(value.get("sink").filter(|_| !self.is_wrong("sink"))?.clone())?;
        let plugin = self.registry.sink(&name).map_err(|error| SettingsError::new(error.to_string()));
        match plugin.and_then(|plugin| plugin.build(settings)) {
            Ok(sink) => Some((name, sink)),
            Err(error) => {
                self.problems.push(self.refused(&format!("sink.{name}"), &error));
                None
            }
        }
    }

    fn steps(&mut self, value: &Value) -> Vec<Step> {
        let transforms = value.get("transforms").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut steps = Vec::with_capacity(transforms.len());
        for (index, value) in transforms.iter().enumerate() {
            if self.is_wrong(&format!("transforms.{index}")) {
                continue;
            }
            match self.step(index, value.clone()) {
                Ok(step) => steps.push(step),
                Err(problem) => self.problems.push(problem),
            }
        }
        steps
    }

    fn step(&self, index: usize, mut value: Value) -> Result<Step, Problem> {
        let path = format!("transforms.{index}");
        let entries = value.as_object_mut();
        let (predicate, negate) = match entries {
            Some(entries) => (entries.shift_remove("predicate"), entries.shift_remove("negate")),
            None => (None, None),
        };
        let condition = predicate.map(|predicate| self.condition(&path, predicate, negate)).transpose()?;
        let entries = value.as_object().map_or(0, serde_json::Map::len);
        let (1, Some((name, settings))) = (entries, only_entry(value)) else {
            return Err(self.problem(&path, &format!("`{path}`: name one transform here, found {entries}")));
        };
        let plugin =
            self.registry.transform(&name).map_err(|error| self.problem(&path, &error.to_string()))?;
        let transform =
            plugin.build(settings).map_err(|error| self.refused(&format!("{path}.{name}"), &error))?;
        Ok(Step { name: plugin.name(), transform, condition })
    }

    fn condition(&self, path: &str, predicate: Value, negate: Option<Value>) -> Result<Condition, Problem> {
        let path = format!("{path}.predicate");
        let (name, settings) =
            only_entry(predicate).ok_or_else(|| self.problem(&path, "name one predicate here"))?;
        let plugin =
            self.registry.predicate(&name).map_err(|error| self.problem(&path, &error.to_string()))?;
        let predicate =
            plugin.build(settings).map_err(|error| self.refused(&format!("{path}.{name}"), &error))?;
        Ok(Condition { predicate, negate: negate.and_then(|negate| negate.as_bool()).unwrap_or(false) })
    }

    /// Places what a plug-in says about its settings at the key, or inside the key's text.
    fn refused(&self, path: &str, error: &SettingsError) -> Problem {
        let full = if error.path().is_empty() { path.to_owned() } else { format!("{path}.{}", error.path()) };
        let node = self.node.find(full.split('.'));
        let position =
            error.position().map_or(node.position, |(line, column)| node.position_in_text(line, column));
        Problem::at(self.file, position, format!("`{full}`: {}", redacted(node, error.reason())))
    }

    fn problem(&self, path: &str, text: &str) -> Problem {
        Problem::at(self.file, self.node.find(path.split('.')).position, text)
    }
}

/// Blanks what came from the environment or a file in a text about a value (invariant 8).
fn redacted(node: &Node, text: &str) -> String {
    let mut text = text.to_owned();
    node.clone().for_each_scalar(&mut |_, scalar| {
        if scalar.interpolated && !scalar.text.is_empty() {
            text = text.replace(&scalar.text, "[redacted]");
        }
    });
    text
}

/// Takes a map of one entry apart. The schema has seen to it that there is just one.
fn only_entry(value: Value) -> Option<(String, Value)> {
    match value {
        Value::Object(entries) => entries.into_iter().next(),
        _ => None,
    }
}

/// Returns the name of the connector in a file.
pub fn name_of(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
