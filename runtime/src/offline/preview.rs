//! What becomes of sample records: the engine's own way from the source to the sink, without a broker or a target.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use sluice_connector_api::{HumanDuration, Origin, Record, RepeatKey, Side, Transformed};
use tokio_util::sync::CancellationToken;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::config::settings::BatchSettings;
use crate::connector::load::Connector;
use crate::engine::Counters;
use crate::offline::given::GivenRecords;
pub use crate::offline::recorder::RecordedPut;
use crate::offline::recorder::RecordingSink;
use crate::offline::rejections::{RejectedRecord, Rejections};
use crate::offline::shown::show;
use crate::pace::pacer::Pacers;
use crate::source::budget::Budget;
use crate::transform::chain::{NotApplied, StageError, records};

/// A record to look at, and why it cannot be read, if so.
pub type Sampled = (Record, Option<StageError>);

/// What became of one sample record.
#[derive(Debug)]
pub struct Previewed {
    /// Where it would have been read.
    pub origin: Origin,
    /// The records after each stage, by the stage's name.
    pub stages: Vec<(String, Vec<Value>)>,
    /// Why it was rejected on its way to the sink, and where.
    pub rejected: Option<String>,
    /// Whether a newer record was put in its place.
    pub superseded: bool,
}

/// What became of all sample records.
#[derive(Debug)]
pub struct Preview {
    /// Each record.
    pub records: Vec<Previewed>,
    /// The puts that the sink would get, in this order.
    pub puts: Vec<RecordedPut>,
    /// The records that the sink would reject, and why.
    pub rejected_by_sink: Vec<(Origin, String)>,
    /// Why the connector would stop, if so.
    pub stopped: Option<String>,
}

impl Preview {
    /// Counts the records that would be rejected, or could not be shown.
    pub fn rejected(&self) -> usize {
        let on_the_way = self.records.iter().filter(|record| record.rejected.is_some()).count();
        let by_sink: BTreeSet<&Origin> = self.rejected_by_sink.iter().map(|(origin, _)| origin).collect();
        on_the_way + by_sink.len()
    }
}

/// Runs a connector's engine on sample records, with its sink's requests noted in place of sent. Batches are those of
/// records that are all at hand, one put after the other.
///
/// A schema that a converter asks for is fetched once; where that fails, the record shows why it could not be read.
pub async fn preview(connector: &Connector, samples: Vec<Sampled>) -> Preview {
    let (mut shown, mut readable) = (Vec::new(), Vec::new());
    let mut keys = Vec::new();
    for (record, unreadable) in samples {
        let (previewed, read, repeat_keys) = look_at(connector, record, unreadable).await;
        shown.push(previewed);
        keys.push(repeat_keys);
        readable.extend(read);
    }
    let mut preview = run(connector, readable).await;
    preview.records = shown;
    note_superseded(&mut preview);
    note_repeats(&mut preview, &keys);
    preview
}

/// Shows a record after each stage, and gives it back unless it cannot be read at all, with what it is known as a repeat by.
async fn look_at(
    connector: &Connector,
    record: Record,
    unreadable: Option<StageError>,
) -> (Previewed, Option<Record>, Vec<RepeatKey>) {
    let mut previewed =
        Previewed { origin: record.origin().clone(), stages: Vec::new(), rejected: None, superseded: false };
    if let Some(error) = unreadable {
        previewed.rejected = Some(rejected_by(&error));
        return (previewed, None, Vec::new());
    }
    let mut keys = Vec::new();
    match changed(connector, record.clone(), &mut previewed.stages).await {
        Ok(Transformed::Dropped) => previewed.stages.push(("dropped on purpose".to_owned(), Vec::new())),
        Ok(out) => keys.extend(records(&out).iter().flat_map(|record| record.repeat_keys().iter().cloned())),
        Err(Unchanged::Rejected(error)) => previewed.rejected = Some(rejected_by(&error)),
        Err(Unchanged::NoSchema(reason)) => {
            previewed.rejected = Some(reason);
            return (previewed, None, Vec::new());
        }
    }
    (previewed, Some(record), keys)
}

fn rejected_by(error: &StageError) -> String {
    format!("rejected by {}: {}", error.stage, error.rejection.in_full())
}

/// Why a record does not come out of the chain.
enum Unchanged {
    Rejected(StageError),
    NoSchema(String),
}

/// Takes a record through the chain.
async fn changed(
    connector: &Connector,
    mut record: Record,
    stages: &mut Vec<(String, Vec<Value>)>,
) -> Result<Transformed, Unchanged> {
    let origin = record.origin().clone();
    let mut side = Side::Key;
    let mut fetched = HashSet::new();
    loop {
        let see = |stage: &str, records: &[Record]| {
            stages.push((stage.to_owned(), records.iter().map(show).collect()));
        };
        let pending = match connector.chain.apply_seen(side, &origin, record, see) {
            Ok(transformed) => return Ok(transformed),
            Err(NotApplied::Rejected(error)) => return Err(Unchanged::Rejected(error)),
            Err(NotApplied::NeedsSchema(pending)) => *pending,
        };
        let cannot = format!("the {} needs the schema `{}`", pending.side, pending.schema);
        let fetching = connector.chain.fetch(pending.side, &pending.schema).await;
        fetching.map_err(|failure| Unchanged::NoSchema(format!("{cannot}: {failure}")))?;
        if !fetched.insert((pending.side.name(), pending.schema)) {
            return Err(Unchanged::NoSchema(format!("{cannot}, though it was fetched")));
        }
        (side, record) = (pending.side, pending.record);
    }
}

/// Runs the engine. All records come at once and no batch waits for more, so that two runs make the same batches.
async fn run(connector: &Connector, records: Vec<Record>) -> Preview {
    let (tolerant, rejections) = Rejections::of(connector);
    let batch = BatchSettings { linger: Some(HumanDuration::millis(0)), ..connector.batch.clone() };
    let (connector, recorder) = RecordingSink::in_place_of_sink(Connector { batch, ..tolerant }, false);
    let budget = Budget::new(usize::MAX);
    let source = GivenRecords::new(records, usize::MAX, budget.clone());
    let counters = Arc::<Counters>::default();
    let pipeline = connector.pipeline(0, source, budget, counters, &Pacers::default());
    // What it would log is what the preview shows.
    let quiet = NoSubscriber::default();
    let result = pipeline.run(CancellationToken::new()).with_subscriber(quiet).await;
    let mut rejected: Vec<RejectedRecord> = rejections.take();
    rejected.retain(|rejected| rejected.by_sink);
    Preview {
        records: Vec::new(),
        puts: recorder.take(),
        rejected_by_sink: rejected
            .into_iter()
            .map(|rejected| (rejected.origin.clone(), rejected.in_full()))
            .collect(),
        stopped: result.err().map(|failed| failed.to_string()),
    }
}

/// Notes the records that came through and that neither a put nor a rejection speaks of. Where the connector stops that
/// says nothing of them.
fn note_superseded(preview: &mut Preview) {
    if preview.stopped.is_some() {
        return;
    }
    let put = preview.puts.iter().flat_map(|put| &put.records);
    let told: HashSet<&Origin> =
        put.chain(preview.rejected_by_sink.iter().map(|(origin, _)| origin)).collect();
    for record in &mut preview.records {
        let came_through = record.stages.last().is_some_and(|(_, records)| !records.is_empty());
        record.superseded = came_through && record.rejected.is_none() && !told.contains(&record.origin);
    }
}

/// Notes of those that were not put which of them repeat one that was.
fn note_repeats(preview: &mut Preview, keys: &[Vec<RepeatKey>]) {
    let mut put = HashMap::new();
    for (record, keys) in preview.records.iter_mut().zip(keys) {
        let partition = record.origin.topic_partition().clone();
        let first = keys.iter().find_map(|key| put.get(&(partition.clone(), key.digest)));
        if !record.superseded {
            for key in keys {
                put.entry((partition.clone(), key.digest)).or_insert_with(|| record.origin.clone());
            }
        } else if let Some(first) = first {
            record.superseded = false;
            record.stages.push((format!("dropped as a repeat of {first}"), Vec::new()));
        }
    }
}
