//! What becomes of a connector file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use sluice_connector_api::{ByteSize, Converter, Registry, SettingsError, Side, Sink};

use crate::config::interpolate::{Follow, interpolate};
use crate::config::problem::Problem;
use crate::config::schema::connector_schema;
use crate::config::settings::{
    BatchSettings, ConnectorFile, DEFAULT_KEY_CONVERTER, DEFAULT_VALUE_CONVERTER, ErrorSettings,
    SourceSettings,
};
use crate::config::validate::validate;
use crate::config::yaml::Node;
use crate::connector::definition::Definition;
use crate::connector::forms::{DeadKey, FormCheck};
use crate::engine::letters::tolerance::Threshold;
use crate::kafka::KafkaSettings;
use crate::kafka::dead_letter_topic::TopicSink;
use crate::transform::chain::{Chain, Condition, Step};

/// A connector that is ready to run. Loading it opened nothing yet.
#[derive(Clone)]
pub struct Connector {
    /// Its name: the file's stem.
    pub name: Arc<str>,
    /// The file it came from.
    pub file: PathBuf,
    /// All of its settings, to tell it from another version of itself.
    pub definition: Definition,
    /// Where records come from.
    pub source: SourceSettings,
    /// What happens to each record.
    pub chain: Arc<Chain>,
    /// The key that picked the sink.
    pub sink_name: String,
    /// Where records go.
    pub sink: Arc<dyn Sink>,
    /// Where rejected records go.
    pub dead_letters: Option<Arc<dyn Sink>>,
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
    pub async fn load(file: &Path, registry: &Registry, follow: Follow) -> Result<Self, Vec<Problem>> {
        Self::parse(file, &read(file)?, registry, follow).await
    }

    /// Does what [`Connector::load`] does with a text that stands for the file's.
    pub async fn parse(
        file: &Path,
        source: &str,
        registry: &Registry,
        follow: Follow,
    ) -> Result<Self, Vec<Problem>> {
        let node =
            Node::parse(source).map_err(|error| vec![Problem::at(file, error.position, error.text)])?;
        Self::of(file, node, registry, follow).await
    }

    /// Checks and builds the connector in a file that is parsed already.
    pub(crate) async fn of(
        file: &Path,
        mut node: Node,
        registry: &Registry,
        follow: Follow,
    ) -> Result<Self, Vec<Problem>> {
        let (value, problems) = checked(file, &mut node, registry, follow).await;
        Loading { file, node: &node, registry, problems }.build(value)
    }
}

/// Reads a connector file for the sake of its sink: returns its name, and its settings with all references resolved.
pub async fn sink_of(
    file: &Path,
    registry: &Registry,
    follow: Follow,
) -> Result<(String, Value), Vec<Problem>> {
    let source = read(file)?;
    let mut node =
        Node::parse(&source).map_err(|error| vec![Problem::at(file, error.position, error.text)])?;
    let (value, problems) = checked(file, &mut node, registry, follow).await;
    let sink = value.get("sink").cloned().and_then(only_entry);
    sink.filter(|_| problems.is_empty()).ok_or(problems)
}

fn read(file: &Path) -> Result<String, Vec<Problem>> {
    std::fs::read_to_string(file)
        .map_err(|error| vec![Problem::of_file(file, format!("cannot read the file: {error}"))])
}

/// Resolves references, and checks the result against the schema.
async fn checked(file: &Path, node: &mut Node, registry: &Registry, follow: Follow) -> (Value, Vec<Problem>) {
    let schema = connector_schema(registry);
    let mut problems = interpolate(file, node, &schema, registry, follow).await;
    let (value, more) = validate(file, node, &schema);
    // A value that could not be resolved is one problem, not two.
    problems.extend(more.into_iter().filter(|problem| !is_among(problem, &problems)).collect::<Vec<_>>());
    (value, problems)
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
        let [key, converter] = [Side::Key, Side::Value].map(|side| self.converter(&value, side));
        let steps = self.steps(&value);
        let sink = self.sink(&value);
        let dead_letters = self.dead_letters(&value);
        self.check_threshold(&value);
        if let Some((name, sink)) = &sink
            && !self.has_problem_in("source")
            && !self.has_problem_in("transforms")
        {
            let mut forms = FormCheck::read_by(key.as_deref(), converter.as_deref());
            for (index, step) in steps.iter().enumerate() {
                forms.through(index, step);
            }
            self.refuse_dead(&forms.into_sink(&format!("sink.{name}"), &**sink));
        }
        let (Some((sink_name, sink)), true) = (sink, self.problems.is_empty()) else {
            self.problems.sort();
            return Err(self.problems);
        };
        let definition = Definition::new(&value);
        let file: ConnectorFile = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string().replace(['[', ']'], ".");
            vec![self.problem(&path, &error.inner().to_string())]
        })?;
        Ok(Connector {
            name: name_of(self.file).into(),
            file: self.file.to_owned(),
            definition,
            chain: Arc::new(Chain::new(key, converter, steps)),
            source: file.source,
            sink_name,
            sink: sink.into(),
            dead_letters: dead_letters.map(Arc::from),
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

    /// Says whether a part of the file that is there has something wrong in it.
    fn has_problem_in(&self, key: &str) -> bool {
        self.node.get(key).is_some() && self.is_wrong(key)
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

    /// Builds the converter of one side. Where the file names none for the keys and the program has not the default one,
    /// none is needed: it would leave bytes as they are.
    fn converter(&mut self, value: &Value, side: Side) -> Option<Box<dyn Converter>> {
        let path = format!("source.{side}");
        if self.is_wrong(&path)
            && self.node.get("source").and_then(|source| source.get(side.name())).is_some()
        {
            return None;
        }
        let (name, settings) = match value.pointer(&format!("/source/{side}")) {
            Some(Value::String(name)) => (name.clone(), Value::Object(Map::new())),
            Some(map) => only_entry(map.clone())?,
            None if side == Side::Key => {
                let default = self.registry.converter(DEFAULT_KEY_CONVERTER).ok()?;
                (default.name().to_owned(), Value::Object(Map::new()))
            }
            None => (DEFAULT_VALUE_CONVERTER.to_owned(), Value::Object(Map::new())),
        };
        let built = match self.registry.converter(&name) {
            Ok(plugin) => {
                plugin.build(settings).map_err(|error| self.refused(&format!("{path}.{name}"), &error))
            }
            Err(error) => Err(self.problem(&path, &format!("`{path}`: {error}"))),
        };
        built.map_err(|problem| self.problems.push(problem)).ok()
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

    fn refuse_dead(&mut self, dead: &[DeadKey]) {
        let dead: Vec<_> = dead.iter().map(|(path, error)| self.refused(path, error)).collect();
        self.problems.extend(dead);
    }

    fn check_threshold(&mut self, value: &Value) {
        let threshold = value.pointer("/errors/threshold").map(Threshold::deserialize).and_then(Result::ok);
        if threshold.is_some_and(|threshold| threshold.rejected > threshold.of_last) {
            let error = SettingsError::new("is more than `of_last`, so that it is never reached");
            self.problems.push(self.refused("errors.threshold.rejected", &error));
        }
    }

    fn dead_letters(&mut self, value: &Value) -> Option<Box<dyn Sink>> {
        const PATH: &str = "errors.dead_letter_queue";
        let queue = value.pointer("/errors/dead_letter_queue").filter(|queue| !queue.is_null())?;
        if [PATH, "errors.tolerance", "source.kafka"].iter().any(|path| self.is_wrong(path)) {
            return None;
        }
        let built = self.dead_letter_sink(value, queue);
        built.map_err(|(path, error)| self.problems.push(self.refused(&format!("{PATH}{path}"), &error))).ok()
    }

    fn dead_letter_sink(
        &self,
        value: &Value,
        queue: &Value,
    ) -> Result<Box<dyn Sink>, (String, SettingsError)> {
        let refuse = |path: &str, reason: &str| (path.to_owned(), SettingsError::new(reason));
        if value.pointer("/errors/tolerance").and_then(Value::as_str) != Some("all") {
            return Err(refuse(
                "",
                "needs `tolerance: all`; without it the connector stops at a rejected record",
            ));
        }
        let kafka = value.pointer("/source/kafka").map(KafkaSettings::deserialize).and_then(Result::ok);
        if let (Some(topic), Some(kafka)) = (queue.get("topic").and_then(Value::as_str), kafka) {
            let topic = kafka.other_topic(topic).map_err(|reason| refuse(".topic", &reason))?;
            return Ok(Box::new(TopicSink::new(topic, kafka.access())));
        }
        let (name, settings) = queue
            .get("sink")
            .cloned()
            .and_then(only_entry)
            .ok_or_else(|| refuse("", "names neither a topic nor a sink"))?;
        let plugin = self.registry.sink(&name).map_err(|error| refuse(".sink", &error.to_string()))?;
        let sink = plugin.build(settings).map_err(|error| (format!(".sink.{name}"), error))?;
        match FormCheck::as_read().into_sink(&format!(".sink.{name}"), &*sink).into_iter().next() {
            Some(dead) => Err(dead),
            None => Ok(sink),
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
        let entries = value.as_object().map_or(0, Map::len);
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
        Ok(Condition {
            name: plugin.name(),
            predicate,
            negate: negate.and_then(|negate| negate.as_bool()).unwrap_or(false),
        })
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
