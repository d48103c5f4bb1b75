//! The parts of a connector, each built of its settings, and everything that is wrong with these.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sluice_connector_api::{Converter, HumanDuration, Plugin, Registry, SettingsError, Side, Sink};

use crate::config::interpolate::Follow;
use crate::config::problem::{Position, Problem};
use crate::config::settings::{DEFAULT_KEY_CONVERTER, DEFAULT_VALUE_CONVERTER};
use crate::config::yaml::Node;
use crate::connector::forms::{DeadKey, FormCheck};
use crate::connector::prune::{prune, remove};
use crate::connector::stand_in::StandIns;
use crate::dead_letter::OnTooLarge;
use crate::engine::letters::tolerance::Threshold;
use crate::kafka::KafkaSettings;
use crate::kafka::dead_letter_topic::TopicSink;
use crate::transform::chain::Step;

/// How often a plug-in is built to find one more problem of its settings.
pub(super) const MAX_TRIES: usize = 16;

/// Where properties of librdkafka are, whose names have dots.
const PROPERTIES: &str = "source.kafka.properties.";

/// Where the dead letter queue is.
const QUEUE: &str = "errors.dead_letter_queue";

/// Where its sink is.
pub(super) const LETTERS: &str = "errors.dead_letter_queue.sink";

/// What is needed to build the plug-ins and to say where one refused its settings.
pub(super) struct Parts<'a> {
    pub(super) file: &'a Path,
    pub(super) node: &'a Node,
    pub(super) registry: &'a Registry,
    pub(super) follow: Follow,
    pub(super) problems: Vec<Problem>,
}

impl Parts<'_> {
    /// Says whether something below a path is known to be wrong already.
    fn is_wrong(&self, path: &str) -> bool {
        let (_, node) = self.node.lookup(path);
        self.problems.iter().filter_map(|problem| problem.position).any(|position| node.holds(position))
    }

    /// Says whether a part of the file that is there has something wrong in it.
    pub(super) fn has_problem_in(&self, key: &str) -> bool {
        self.node.get(key).is_some() && self.is_wrong(key)
    }

    /// Builds a plug-in of its settings, and reports all that is wrong with them: what is known to be wrong, or turns out to
    /// be, is taken out, and the rest is tried again, with something in the place of what cannot be missing. What may be
    /// wrong only for that is not reported.
    pub(super) fn settle<T: ?Sized>(
        &mut self,
        path: &str,
        mut settings: Value,
        plugin: &Plugin<T>,
    ) -> Option<Box<T>> {
        let wrong: Vec<Position> = self.problems.iter().filter_map(|problem| problem.position).collect();
        let mut spoilt = self.is_wrong(path) || self.is_key_wrong(path);
        let mut foreign = prune(self.node.lookup(path).1, &mut settings, &wrong);
        let mut taken_out: Vec<String> = Vec::new();
        let mut stand_ins = None;
        for _ in 0..MAX_TRIES {
            let error = match plugin.build(settings.clone()) {
                Ok(built) => return if spoilt { None } else { Some(built) },
                Err(error) => error,
            };
            if let Some(is_fine) = self.is_open(&format!("{path}.{}", error.path()))
                && stand_ins.get_or_insert_with(|| StandIns::new(plugin)).replace(&mut settings, error.path())
            {
                spoilt |= !is_fine;
                continue;
            }
            if spoilt && follows(&error, &foreign) {
                let stand_ins = stand_ins.get_or_insert_with(|| StandIns::new(plugin));
                let filled = stand_ins.fill(&mut settings, &foreign);
                if filled.is_empty() {
                    return None;
                }
                foreign.extend(filled);
                continue;
            }
            // A map that holds nothing any more since all in it was wrong says nothing new.
            let at = settings.pointer(&format!("/{}", error.path().replace('.', "/")));
            let was_within = |gone: &String| gone.starts_with(&format!("{}.", error.path()));
            let is_emptied = at.and_then(Value::as_object).is_some_and(Map::is_empty)
                && (taken_out.iter().any(was_within) || self.is_wrong(&format!("{path}.{}", error.path())));
            if !is_emptied {
                self.problems.push(self.refused(path, &error));
            }
            spoilt = true;
            taken_out.push(error.path().to_owned());
            foreign.push(remove(&mut settings, error.path())?);
        }
        None
    }

    /// Says whether something is missing under a key.
    fn is_key_wrong(&self, path: &str) -> bool {
        let Some((parent, name)) = path.rsplit_once('.') else { return false };
        let key = self.node.lookup(parent).1.entry(name).map(|(key, _)| key.position);
        key.is_some() && self.problems.iter().any(|problem| problem.position == key)
    }

    /// Reports all that is wrong with the source. Where something stands in the way of that, a stand-in is taken for it.
    pub(super) fn check_kafka(&mut self, value: &Value) {
        const PATH: &str = "source.kafka";
        let Some(written) = value.pointer("/source/kafka") else { return };
        let wrong: Vec<Position> = self.problems.iter().filter_map(|problem| problem.position).collect();
        let (mut kafka, is_spoilt) = (written.clone(), self.is_wrong(PATH) || self.is_key_wrong(PATH));
        prune(self.node.lookup(PATH).1, &mut kafka, &wrong);
        let mut stand_ins: Vec<String> = stand_in(&mut kafka);
        let settings = loop {
            let error = match serde_path_to_error::deserialize::<_, KafkaSettings>(&kafka) {
                Ok(settings) => break settings,
                Err(error) => error,
            };
            let at = error.path().to_string();
            if !is_spoilt {
                let error = SettingsError::at(at, error.inner().to_string());
                return self.problems.push(self.refused(PATH, &error));
            }
            // What is wrong in one key hides nothing of the others.
            let key = at.split(['.', '[']).next().unwrap_or_default().to_owned();
            let is_gone = kafka.as_object_mut().is_some_and(|keys| keys.shift_remove(&key).is_some());
            if !is_gone {
                return;
            }
            stand_ins.push(key);
        };
        // What a client is made of is not all there: no more is said than of each key alone.
        let is_whole = ["auth", "tls", "properties"].iter().all(|key| kafka.get(key) == written.get(key));
        for error in settings.problems(is_whole) {
            let key = error.path().split('.').next().unwrap_or_default();
            if !stand_ins.iter().any(|stand_in| stand_in == key) {
                self.problems.push(self.refused(PATH, &error));
            }
        }
    }

    /// Checks that a producer can be made for a dead letter queue that is a topic.
    pub(super) fn check_letter_producer(&mut self, value: &Value) {
        let kafka = value.pointer("/source/kafka").map(KafkaSettings::deserialize).and_then(Result::ok);
        let topic = value.pointer("/errors/dead_letter_queue/topic").and_then(Value::as_str);
        let (Some(kafka), Some(topic)) = (kafka, topic) else { return };
        if self.is_wrong("source.kafka") {
            return;
        }
        if let Err(error) = kafka.validate_producer(TopicSink::new(topic, kafka.access()).access()) {
            self.problems.push(self.refused("source.kafka", &error));
        }
    }

    /// Builds the converter of one side. Where the file names none for the keys and the program has not the default one,
    /// none is needed: it would leave bytes as they are.
    pub(super) fn converter(&mut self, value: &Value, side: Side) -> Option<Box<dyn Converter>> {
        let path = format!("source.{side}");
        let is_written = self.node.get("source").and_then(|source| source.get(side.name())).is_some();
        let (name, settings) = match value.pointer(&format!("/source/{side}")) {
            Some(Value::String(name)) => (name.clone(), Value::Object(Map::new())),
            Some(map) => only_entry(map.clone())?,
            None if side == Side::Key => {
                let default = self.registry.converter(DEFAULT_KEY_CONVERTER).ok()?;
                (default.name().to_owned(), Value::Object(Map::new()))
            }
            None => (DEFAULT_VALUE_CONVERTER.to_owned(), Value::Object(Map::new())),
        };
        match self.registry.converter(&name) {
            Ok(plugin) if is_written => self.settle(&format!("{path}.{name}"), settings, plugin),
            Ok(plugin) => plugin.build(settings).ok(),
            Err(_) if is_written && self.is_wrong(&path) => None,
            Err(error) => {
                self.problems.push(self.problem(&path, &format!("`{path}`: {error}")));
                None
            }
        }
    }

    pub(super) fn sink(&mut self, value: &Value) -> Option<(String, Box<dyn Sink>)> {
        let (name, settings) = only_entry(value.get("sink")?.clone())?;
        let plugin = self.registry.sink(&name).ok()?;
        let sink = self.settle(&format!("sink.{name}"), settings, plugin)?;
        Some((name, sink))
    }

    /// Follows the forms and fields of records from the converters into the sink, and reports the keys that reject all of them.
    /// Returns those that have no effect. Where a part of the way is wrong, nothing is known of the rest.
    pub(super) fn follow_forms(
        &mut self,
        key: Option<&dyn Converter>,
        value: Option<&dyn Converter>,
        steps: &[Step],
        sink: Option<&(String, Box<dyn Sink>)>,
    ) -> Vec<DeadKey> {
        let Some((name, sink)) = sink else { return Vec::new() };
        if self.has_problem_in("source") || self.has_problem_in("transforms") {
            return Vec::new();
        }
        let mut forms = FormCheck::read_by(key, value);
        for (index, step) in steps.iter().enumerate() {
            forms.through(index, step);
        }
        let found = forms.into_sink(&format!("sink.{name}"), &**sink);
        self.refuse_dead(&found.dead);
        found.idle
    }

    pub(super) fn refuse_dead(&mut self, dead: &[DeadKey]) {
        let dead: Vec<_> = dead.iter().map(|(path, error)| self.refused(path, error)).collect();
        self.problems.extend(dead);
    }

    pub(super) fn check_threshold(&mut self, value: &Value) {
        let threshold = value.pointer("/errors/threshold").map(Threshold::deserialize).and_then(Result::ok);
        if threshold.is_some_and(|threshold| threshold.rejected > threshold.of_last) {
            let error = SettingsError::new("is more than `of_last`, so that it is never reached");
            self.problems.push(self.refused("errors.threshold.rejected", &error));
        }
    }

    /// Checks waits that are set against each other: the longest one is not shorter than the first.
    pub(super) fn check_waits(&mut self, value: &Value) {
        let wait = |key: &str| {
            let written = value.pointer(&format!("/errors/{key}"));
            written.map(HumanDuration::deserialize).and_then(Result::ok).map(HumanDuration::get)
        };
        if wait("retry_delay").zip(wait("retry_delay_max")).is_some_and(|(first, longest)| first > longest) {
            let error = SettingsError::new("is less than `retry_delay`, the wait that it bounds");
            self.problems.push(self.refused("errors.retry_delay_max", &error));
        }
    }

    pub(super) fn dead_letters(&mut self, value: &Value) -> Option<Box<dyn Sink>> {
        let queue = value.pointer("/errors/dead_letter_queue").filter(|queue| !queue.is_null())?;
        let sink = self.dead_letter_sink(queue);
        if [QUEUE, "errors.tolerance", "source.kafka"].iter().any(|path| self.is_wrong(path)) {
            return None;
        }
        match dead_letter_topic(value, queue) {
            Ok(topic) => topic.or(sink),
            Err((path, reason)) => {
                let error = SettingsError::new(reason);
                self.problems.push(self.refused(&format!("{QUEUE}{path}"), &error));
                None
            }
        }
    }

    fn dead_letter_sink(&mut self, queue: &Value) -> Option<Box<dyn Sink>> {
        let (name, settings) = only_entry(queue.get("sink")?.clone())?;
        let plugin = self.registry.sink(&name).ok()?;
        let path = format!("{LETTERS}.{name}");
        let sink = self.settle(&path, settings, plugin)?;
        if sink.hold().is_some() {
            let error = SettingsError::new(
                "holds records until more of them come, and a letter has to be stored before its record is done; leave \
                 out what lets its objects outlive a batch",
            );
            self.problems.push(self.refused(&path, &error));
            return None;
        }
        self.refuse_dead(&FormCheck::as_read().into_sink(&path, &*sink).dead);
        Some(sink)
    }

    pub(super) fn steps(&mut self, value: &Value) -> Vec<Step> {
        let transforms = value.get("transforms").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut steps = Vec::with_capacity(transforms.len());
        for (index, value) in transforms.iter().enumerate() {
            steps.extend(self.step(index, value.clone()));
        }
        steps
    }

    fn step(&mut self, index: usize, mut value: Value) -> Option<Step> {
        let path = format!("transforms.{index}");
        let entries = value.as_object_mut()?;
        let (predicate, negate) = (entries.shift_remove("predicate"), entries.shift_remove("negate"));
        let count = entries.len();
        if predicate.is_none() && negate.is_some() {
            let text = format!("`{path}.negate`: turns a `predicate` round, and there is none beside it");
            self.problems.push(self.problem(&format!("{path}.negate"), &text));
        }
        let condition = predicate.map(|predicate| self.condition(&path, predicate, negate));
        if count != 1 {
            if !self.is_wrong(&path) {
                let text = format!("`{path}`: name one transform here, found {count}");
                self.problems.push(self.problem(&path, &text));
            }
            return None;
        }
        let (name, settings) = only_entry(value)?;
        let plugin = self.registry.transform(&name).ok()?;
        let transform = self.settle(&format!("{path}.{name}"), settings, plugin)?;
        let condition = match condition {
            Some(condition) => Some(condition?),
            None => None,
        };
        if condition.is_none()
            && let Err(error) = transform.applies_to_all()
        {
            self.problems.push(self.refused(&format!("{path}.{name}"), &error));
            return None;
        }
        Some(Step { name: plugin.name(), transform, condition })
    }

    /// Places what a plug-in says about its settings at the key, or inside the key's text.
    pub(super) fn refused(&self, path: &str, error: &SettingsError) -> Problem {
        let full = if error.path().is_empty() { path.to_owned() } else { format!("{path}.{}", error.path()) };
        let (key, node) = self.node.lookup(&full);
        let position = match (error.position(), key) {
            (Some((line, column)), _) => node.position_in_text(line, column),
            // A property is named by its key, and what is wrong is as often the name as the value.
            (None, Some(key)) if full.starts_with(PROPERTIES) => key.position,
            (None, _) => node.position,
        };
        let shown = if full.starts_with(PROPERTIES) { PROPERTIES.trim_end_matches('.') } else { &full };
        Problem::at(self.file, position, format!("`{shown}`: {}", redacted(node, error.reason())))
    }

    pub(super) fn problem(&self, path: &str, text: &str) -> Problem {
        Problem::at(self.file, self.node.lookup(path).1.position, text)
    }
}

/// Builds the dead letter queue that is a topic. Where a sink is chosen, and nothing is wrong with the choice, there is none.
fn dead_letter_topic(value: &Value, queue: &Value) -> Result<Option<Box<dyn Sink>>, (&'static str, String)> {
    let refused = |path, reason: &str| Err((path, reason.to_owned()));
    if value.pointer("/errors/tolerance").and_then(Value::as_str) != Some("all") {
        return refused("", "needs `tolerance: all`; without it the connector stops at a rejected record");
    }
    if queue.get("topic").is_some() && queue.get("sink").is_some() {
        return refused("", "more than one is chosen here; keep one");
    }
    let on_too_large = queue.get("on_too_large").map(OnTooLarge::deserialize).and_then(Result::ok);
    if on_too_large.is_some() && queue.get("topic").is_none() {
        return refused(".on_too_large", "is about a `topic`; a sink says itself what it takes");
    }
    let kafka = value.pointer("/source/kafka").map(KafkaSettings::deserialize).and_then(Result::ok);
    match (queue.get("topic").and_then(Value::as_str), kafka) {
        (Some(topic), Some(kafka)) => {
            let topic = kafka.other_topic(topic).map_err(|reason| (".topic", reason))?;
            let sink = TopicSink::new(topic, kafka.access());
            Ok(Some(Box::new(sink.with_on_too_large(on_too_large.unwrap_or_default()))))
        }
        _ if queue.get("sink").is_some() => Ok(None),
        _ => refused("", "names neither a topic nor a sink"),
    }
}

/// Puts something in the place of keys without which there are no settings at all. Returns which.
fn stand_in(kafka: &mut Value) -> Vec<String> {
    let mut stand_ins = Vec::new();
    for (key, value) in [("bootstrap_servers", json!("unknown")), ("topics", json!(["unknown"]))] {
        if let Some(keys) = kafka.as_object_mut().filter(|keys| !keys.contains_key(key)) {
            keys.insert(key.to_owned(), value);
            stand_ins.push(key.to_owned());
        }
    }
    stand_ins
}

/// Says whether an error may well come of settings that are not as the operator wrote them: these were taken out, or
/// something stands in their place.
fn follows(error: &SettingsError, foreign: &[String]) -> bool {
    let (path, reason) = (error.path(), error.reason());
    path.is_empty()
        || reason.starts_with("missing field")
        || path.split(['.', '[']).any(|key| foreign.iter().any(|name| name == key))
        || foreign.iter().any(|name| reason.contains(&format!("`{name}`")))
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
pub(super) fn only_entry(value: Value) -> Option<(String, Value)> {
    match value {
        Value::Object(entries) => entries.into_iter().next(),
        _ => None,
    }
}
