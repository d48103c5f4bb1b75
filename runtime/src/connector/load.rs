//! What becomes of a connector file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sluice_connector_api::{Blanks, ByteSize, Registry, SettingsError, Side, Sink};

use crate::config::flat::{FlatConfig, flatten};
use crate::config::foreign::foreign;
use crate::config::interpolate::{Follow, Interpolated, Referred, interpolate, referred};
use crate::config::problem::Problem;
use crate::config::secrets::secrets;
use crate::config::settings::{BatchSettings, ErrorSettings, GuaranteeSetting, SourceSettings, TargetState};
use crate::config::shared_schema::ConnectorSchema;
use crate::config::text_file::{TextFile, read_text};
use crate::config::yaml::{Node, YamlError};
use crate::connector::definition::Definition;
use crate::connector::parts::{LETTERS, Parts, only_entry};
use crate::connector::tombstones::made_in_vain;
use crate::guard;
use crate::shown::keep_from_log;
use crate::tap::TapPoint;
use crate::transform::chain::{Chain, Step};

/// A connector that is ready to run. Loading it opened nothing yet.
#[derive(Clone)]
pub struct Connector {
    /// Its name: the file's stem.
    pub name: Arc<str>,
    /// The file it came from.
    pub file: PathBuf,
    /// All of its settings but its state, to tell it from another version of itself.
    pub definition: Definition,
    /// Its file as a flat map, with references as they are written and secrets blanked.
    pub written: Arc<FlatConfig>,
    /// What its file says that it is meant to be.
    pub state: TargetState,
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
    /// What is to become of its records when it is killed, if its file says that.
    pub guarantee: Option<GuaranteeSetting>,
    /// How many consumers read side by side.
    pub tasks_max: usize,
    /// The most bytes of records that are read and not done.
    pub buffer_memory: ByteSize,
    /// The secrets of its file, which are blanked wherever somebody else's text is shown.
    pub blanks: Blanks,
    /// Where whoever wants to see its records stands.
    pub tap: TapPoint,
    /// What works, but hardly as it is meant.
    pub warnings: Vec<Problem>,
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
        let (node, duplicates) = parse_all(file, source)?;
        let loaded = Self::of(file, node, registry, follow).await;
        if duplicates.is_empty() {
            return loaded;
        }
        let mut problems = duplicates;
        problems.extend(loaded.err().unwrap_or_default());
        problems.sort();
        Err(problems)
    }

    /// Checks and builds the connector in a file that is parsed already. A plug-in that panics meanwhile is a problem of the
    /// file: it must not end whoever reads it, such as a worker that runs others.
    pub(crate) async fn of(
        file: &Path,
        node: Node,
        registry: &Registry,
        follow: Follow,
    ) -> Result<Self, Vec<Problem>> {
        let built = guard::wait_for(Self::built(file, node, registry, follow)).await;
        built.unwrap_or_else(|panicked| {
            let text =
                format!("cannot be checked, since a plug-in {panicked}; that is a mistake in the plug-in");
            Err(vec![Problem::of_file(file, text)])
        })
    }

    async fn built(
        file: &Path,
        mut node: Node,
        registry: &Registry,
        follow: Follow,
    ) -> Result<Self, Vec<Problem>> {
        let schema = ConnectorSchema::for_file(registry, &node);
        let written = flatten(&node, schema.value(), registry);
        let Checked { value, problems, blanks } = checked(file, &mut node, &schema, registry, follow).await;
        keep_from_log(&blanks);
        build(Parts { file, node: &node, registry, follow, problems }, value, written, blanks)
    }
}

/// Reads a connector file for the sake of its sink: returns its name, and its settings with all references resolved.
pub async fn sink_of(
    file: &Path,
    registry: &Registry,
    follow: Follow,
) -> Result<(String, Value), Vec<Problem>> {
    let mut node = parse(file, &read(file)?)?;
    let schema = ConnectorSchema::for_file(registry, &node);
    let Checked { value, problems, blanks } = checked(file, &mut node, &schema, registry, follow).await;
    keep_from_log(&blanks);
    let sink = value.get("sink").cloned().and_then(only_entry);
    sink.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Returns what the references in a connector file speak of, such as the files of secrets. Where it cannot be read that is
/// nothing.
pub(crate) fn referred_in(file: &Path, registry: &Registry) -> Referred {
    let node = read(file).and_then(|source| parse(file, &source));
    let Ok(mut node) = node else { return Referred::default() };
    let schema = ConnectorSchema::for_file(registry, &node);
    referred(&mut node, schema.value(), registry)
}

fn read(file: &Path) -> Result<String, Vec<Problem>> {
    read_text(file, TextFile::Connector).map_err(|problem| vec![problem])
}

/// Reads YAML; what configures something else is not looked into. Beside it stands what is wrong with keys that stand twice.
fn parse_all(file: &Path, source: &str) -> Result<(Node, Vec<Problem>), Vec<Problem>> {
    if let Some(problem) = foreign(file, source) {
        return Err(vec![problem]);
    }
    let place = |error: YamlError| Problem::at(file, error.position, error.text);
    let (node, duplicates) = Node::parse_with_duplicates(source).map_err(|error| vec![place(error)])?;
    Ok((node, duplicates.into_iter().map(place).collect()))
}

/// Reads YAML in which no key stands twice.
fn parse(file: &Path, source: &str) -> Result<Node, Vec<Problem>> {
    let (node, duplicates) = parse_all(file, source)?;
    if duplicates.is_empty() { Ok(node) } else { Err(duplicates) }
}

/// A file that was checked against the schema.
struct Checked {
    value: Value,
    problems: Vec<Problem>,
    blanks: Blanks,
}

/// Resolves references, and checks the result against the schema.
async fn checked(
    file: &Path,
    node: &mut Node,
    schema: &ConnectorSchema,
    registry: &Registry,
    follow: Follow,
) -> Checked {
    let Interpolated { mut problems, resolved } =
        interpolate(file, node, schema.value(), registry, follow).await;
    let blanks = secrets(&name_of(file), node, schema.value(), &resolved);
    let (value, more) = match schema.validate(file, node) {
        (value, problems) if problems.is_empty() => (value, problems),
        _ => ConnectorSchema::of(registry).validate(file, node),
    };
    // A value that could not be resolved is one problem, not two.
    problems.extend(more.into_iter().filter(|problem| !is_among(problem, &problems)).collect::<Vec<_>>());
    Checked { value, problems, blanks }
}

fn is_among(problem: &Problem, others: &[Problem]) -> bool {
    problem.position.is_some() && others.iter().any(|other| other.position == problem.position)
}

/// Builds every plug-in whose settings are in order, also where others are not: so all problems show at once.
fn build(
    mut parts: Parts<'_>,
    value: Value,
    written: FlatConfig,
    blanks: Blanks,
) -> Result<Connector, Vec<Problem>> {
    parts.check_kafka(&value);
    let [key, converter] = [Side::Key, Side::Value].map(|side| parts.converter(&value, side));
    let steps = parts.steps(&value);
    let sink = parts.sink(&value);
    let dead_letters = parts.dead_letters(&value);
    parts.check_letter_producer(&value);
    parts.check_threshold(&value);
    parts.check_waits(&value);
    let idle = parts.follow_forms(key.as_deref(), converter.as_deref(), &steps, sink.as_ref());
    if let Some((name, sink)) = &sink {
        parts.check_guarantee(&value, name, &**sink);
        parts.meet_source(&value, &format!("sink.{name}"), &**sink);
    }
    let letters = value.pointer("/errors/dead_letter_queue/sink").cloned().and_then(only_entry);
    let letters = letters.map(|(name, _)| name).zip(dead_letters.as_ref());
    if let Some((name, sink)) = &letters {
        parts.meet_source(&value, &format!("{LETTERS}.{name}"), &***sink);
    }
    let (Some((sink_name, sink)), true) = (sink, parts.problems.is_empty()) else {
        parts.problems.sort();
        return Err(parts.problems);
    };
    let definition = Definition::new(&value);
    let file = parts.file_of(value)?;
    let mut of_plug_ins = made_in_vain(&steps, &sink_name, &sink.on_tombstone());
    of_plug_ins.extend(idle);
    of_plug_ins.extend(warned_of_steps(&steps));
    of_plug_ins.extend(warned_of("sink", &sink_name, &*sink));
    of_plug_ins.extend(letters.iter().flat_map(|(name, sink)| warned_of(LETTERS, name, &***sink)));
    let warnings = parts.warnings(&file, &sink_name, &sink.limits(), &of_plug_ins);
    Ok(Connector {
        name: name_of(parts.file).into(),
        file: parts.file.to_owned(),
        definition,
        written: Arc::new(written),
        state: file.state,
        chain: Arc::new(Chain::new(key, converter, steps).with_blanks(blanks.clone())),
        source: file.source,
        sink_name,
        sink: sink.into(),
        dead_letters: dead_letters.map(Arc::from),
        batch: file.batch,
        errors: file.errors,
        guarantee: file.guarantee,
        tasks_max: file.tasks_max,
        buffer_memory: file.buffer_memory,
        blanks,
        tap: TapPoint::default(),
        warnings,
    })
}

/// Returns what transforms say of themselves, at the keys of the file.
fn warned_of_steps(steps: &[Step]) -> Vec<(String, SettingsError)> {
    let mut warned = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let path = format!("transforms.{index}.{}", step.name);
        warned.extend(step.transform.warnings().into_iter().map(|warning| (path.clone(), warning)));
    }
    warned
}

/// Returns what a sink says of itself, at the keys of the file: it is the one of this name under a key.
fn warned_of(key: &str, name: &str, sink: &dyn Sink) -> Vec<(String, SettingsError)> {
    sink.warnings().into_iter().map(|warning| (format!("{key}.{name}"), warning)).collect()
}

/// Returns the name of the connector in a file.
pub fn name_of(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
