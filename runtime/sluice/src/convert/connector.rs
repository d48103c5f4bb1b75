//! A whole configuration.

use serde_json::{Map, Value};
use sluice_connector_api::Registry;

use super::errors::errors;
use super::mirror_flow::CLASS;
use super::options::Options;
use super::read::ConnectConfig;
use super::sinks::sink;
use super::source::source;
use super::transforms::transforms;

/// What became of a configuration.
#[derive(Debug)]
pub(super) struct Converted {
    /// The connector's name.
    pub(super) name: String,
    /// The connector file.
    pub(super) file: Value,
    /// What has no counterpart.
    pub(super) missing: Vec<String>,
    /// What `sluice check` has against the file.
    pub(super) refused: Vec<String>,
    /// What is good to know.
    pub(super) remarks: Vec<String>,
    /// The environment variables that stand for secrets.
    pub(super) variables: Vec<String>,
}

/// Settings that are of the worker or of no matter here.
const NO_MATTER: [&str; 6] = [
    "name",
    "config.action.reload",
    "max.retries",
    "key.converter.schemas.cache.size",
    "confluent.license",
    "offset.flush.interval.ms",
];

/// Converts a configuration for a file with this stem, or says why it cannot be: without its sink it would be none.
pub(super) fn convert(
    config: ConnectConfig,
    stem: Option<&str>,
    registry: &Registry,
) -> Result<Converted, String> {
    let name = config.name.or_else(|| stem.map(str::to_owned)).unwrap_or_else(|| "connector".to_owned());
    let mut options = Options::new(config.settings);
    let class = options.take(CLASS).unwrap_or_default();
    let (sink_name, section) = sink(&class, registry, &mut options)?;
    let mut file = Map::new();
    file.insert("source".to_owned(), source(&name, stem, registry, &mut options));
    let mut transforms = transforms(registry, &mut options);
    let is_unwrapped = |step: &Value| step.get("unwrap_cdc").is_some();
    for step in section.transforms {
        // What the configuration unwraps already has no envelope any more.
        if !(is_unwrapped(&step) && transforms.iter().any(is_unwrapped)) {
            transforms.push(step);
        }
    }
    if !transforms.is_empty() {
        file.insert("transforms".to_owned(), transforms.into());
    }
    file.insert(
        "sink".to_owned(),
        Value::Object([(sink_name.to_owned(), section.settings.into())].into_iter().collect()),
    );
    if !section.batch.is_empty() {
        file.insert("batch".to_owned(), section.batch.into());
    }
    if let Some(errors) = errors(&mut options, section.errors) {
        file.insert("errors".to_owned(), errors);
    }
    if let Some(tasks) = options.number("tasks.max").filter(|tasks| *tasks > 1) {
        file.insert("tasks_max".to_owned(), tasks.into());
    }
    options.ignore(&NO_MATTER);
    options.note_left();
    let Options { missing, remarks, variables, .. } = options;
    let variables = variables.into_iter().collect();
    Ok(Converted { name, file: file.into(), missing, refused: Vec::new(), remarks, variables })
}
