//! What a file of tests holds, `NAME.test.yaml` beside the connector `NAME.yaml`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sluice_connector_api::{AnyJson, BoxError, Record};

use crate::config::problem::{Position, Problem};
use crate::config::schema::schema_of;
use crate::config::text_file::{TextFile, read_text};
use crate::config::validate::validate;
use crate::config::yaml::{Content, Node};
use crate::offline::sample::{Places, SampleRecord};

/// The tests of one connector.
#[derive(Debug)]
pub struct Suite {
    /// The file that they stand in.
    pub file: PathBuf,
    /// The connector's file.
    pub connector: PathBuf,
    /// The tests, in the order written.
    pub cases: Vec<TestCase>,
}

/// One test.
#[derive(Debug)]
pub struct TestCase {
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub place: CasePlace,
    /// The records that are read.
    pub records: Vec<SampleRecord>,
    /// What is expected of them.
    pub expect: Expectation,
}

/// Where a test stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CasePlace {
    /// Its first key.
    pub begin: Position,
    /// The key `expect`, if it has one.
    pub expect: Option<Position>,
}

/// What is expected of records. What is left out is not compared; but a record may be rejected only where it says so.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expectation {
    /// The records that come out of the transforms, as `sluice preview` shows them.
    pub records: Option<Vec<AnyJson>>,
    /// The requests that the sink sends, as `sluice preview` shows them.
    pub requests: Option<Vec<AnyJson>>,
    /// The records that are rejected.
    pub rejected: Vec<ExpectedRejection>,
}

/// A record that is to be rejected.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRejection {
    /// Which of the records, from 1.
    pub record: usize,
    /// What stands in the reason.
    #[serde(default)]
    pub reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenSuite {
    tests: Vec<WrittenCase>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    name: String,
    #[schemars(with = "Vec<WrittenRecord>")]
    records: Vec<AnyJson>,
    #[serde(default)]
    expect: Expectation,
}

/// What a record is written as, which [`SampleRecord`] reads.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "it is there for its schema")]
struct WrittenRecord {
    key: Option<Value>,
    value: Option<Value>,
    headers: Option<Value>,
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<i64>,
}

impl Suite {
    /// Returns the file with the tests of a connector.
    pub fn of_connector(connector: &Path) -> PathBuf {
        connector.with_extension("test.yaml")
    }

    /// Reads a file of tests, or says everything that is wrong with it.
    pub fn read(file: &Path) -> Result<Self, Vec<Problem>> {
        let text = read_text(file, TextFile::Tests).map_err(|problem| vec![problem])?;
        Self::parse(file, &text)
    }

    /// Does what [`Suite::read`] does with a text that stands for the file's.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        let node = Node::parse(text).map_err(|error| vec![Problem::at(file, error.position, error.text)])?;
        if matches!(node.content, Content::List(_)) {
            let text = "the tests of a file stand below `tests:`, each beginning with `- name:`";
            return Err(vec![Problem::at(file, node.position, text)]);
        }
        let (value, problems) = validate(file, &node, &schema_of::<WrittenSuite>());
        if !problems.is_empty() {
            return Err(problems);
        }
        let written: WrittenSuite = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string().replace(['[', ']'], ".");
            let node = node.find(path.split('.').filter(|part| !part.is_empty()));
            vec![Problem::at(file, node.position, format!("`{}`: {}", error.path(), error.inner()))]
        })?;
        let connector = connector_of(file).ok_or_else(|| {
            let text = "has no connector beside it: the tests of `NAME.yaml` are those in `NAME.test.yaml`";
            vec![Problem::of_file(file, text)]
        })?;
        let (mut cases, mut problems) = (Vec::new(), Vec::new());
        for (index, case) in written.tests.into_iter().enumerate() {
            match case.read(file, node.find(["tests", &index.to_string()])) {
                Ok(case) => cases.push(case),
                Err(problem) => problems.push(problem),
            }
        }
        if cases.is_empty() && problems.is_empty() {
            problems.push(Problem::of_file(file, "holds no test"));
        }
        if problems.is_empty() { Ok(Self { file: file.to_owned(), connector, cases }) } else { Err(problems) }
    }
}

/// Finds the connector beside a file of tests.
fn connector_of(file: &Path) -> Option<PathBuf> {
    // `NAME.test.yaml` without both of its extensions.
    let stem = file.with_extension("").with_extension("");
    ["yaml", "yml"].into_iter().map(|extension| with_extension(&stem, extension)).find(|path| path.is_file())
}

/// Adds an extension; the name may hold dots.
fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

impl WrittenCase {
    fn read(self, file: &Path, node: &Node) -> Result<TestCase, Problem> {
        let mut records = Vec::new();
        for (index, record) in self.records.into_iter().enumerate() {
            let place = node.find(["records", &index.to_string()]).position;
            let record = SampleRecord::from_json(record.value().to_string().as_bytes());
            let record = record.map_err(|error| Problem::at(file, place, error.to_string()))?;
            records.push(record);
        }
        let count = records.len();
        if let Some(wrong) = self.expect.rejected.iter().find(|one| !(1..=count).contains(&one.record)) {
            let text = format!("`rejected` names record {}, and there are {count}", wrong.record);
            return Err(Problem::at(file, node.find(["expect", "rejected"]).position, text));
        }
        Ok(TestCase { name: self.name, place: place_of(node), records, expect: self.expect })
    }
}

fn place_of(node: &Node) -> CasePlace {
    let first = match &node.content {
        Content::Map(entries) => entries.first().map(|(key, _)| key.position),
        Content::Scalar(_) | Content::List(_) => None,
    };
    let begin = first.unwrap_or(node.position);
    CasePlace { begin, expect: node.entry("expect").map(|(key, _)| key.position) }
}

impl TestCase {
    /// Returns the records with the places where they are read; those that name no topic are of this one.
    pub fn placed(&self, topic: &str) -> Result<Vec<Record>, BoxError> {
        let mut places = Places::new(topic);
        self.records.iter().cloned().map(|record| places.place(record)).collect()
    }
}
