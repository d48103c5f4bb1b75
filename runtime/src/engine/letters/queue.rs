//! The way to the dead letter queue.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{Limits, Sink};
use tokio::time::Instant;

use crate::engine::batch::batcher::BatchLimits;
use crate::engine::batch::item::Item;
use crate::engine::lane::in_flight::{Lane, Unfit};
use crate::engine::lane::settings::LaneSettings;
use crate::engine::ledger::counters::Counters;
use crate::engine::letters::letter::{Provenance, letter};
use crate::engine::letters::rejected::Rejected;
use crate::pace::pacer::Pacers;
use crate::retry::policy::RetryPolicy;
use crate::transform::chain::Stage;

/// How long a dead letter waits for others.
const LETTER_LINGER: Duration = Duration::from_millis(100);

/// Which task of which connector writes letters, and of which sink.
#[derive(Clone, Debug)]
pub struct LetterSender {
    /// The connector.
    pub connector: Arc<str>,
    /// The task's number, from 0.
    pub task: usize,
    /// The name of the sink that records were meant for.
    pub sink_name: String,
}

/// The way to the dead letter queue: a lane to its sink, with letters made of records at fault.
pub struct DeadLetterQueue {
    pub(super) lane: Lane,
    sender: LetterSender,
}

impl fmt::Debug for DeadLetterQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterQueue").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl DeadLetterQueue {
    /// Makes the way to a queue; `settings` are those of the queue's lane.
    pub fn new(
        sink: Arc<dyn Sink>,
        settings: LaneSettings,
        counters: &Counters,
        sender: LetterSender,
    ) -> Self {
        Self { lane: Lane::new(sink, settings, Arc::clone(&counters.letters)), sender }
    }

    /// Makes the settings of a queue's lane: letters are retried like records, in batches as large as the queue's sink
    /// takes.
    pub fn lane_settings(limits: Limits, retry: RetryPolicy, pacers: &Pacers) -> LaneSettings {
        let batch = BatchLimits {
            max_records: limits.max_records,
            max_bytes: limits.max_batch_bytes,
            linger: LETTER_LINGER,
        };
        LaneSettings::new(limits, batch, retry, pacers)
    }

    /// Puts a record on the way, or says why the queue would never take it. `None` where it was not kept as read.
    pub(super) fn post(&mut self, rejected: &Rejected) -> Option<Result<(), String>> {
        let Rejected { ticket, read, stage, fault, attempts, .. } = rejected;
        let plugin = match stage {
            Stage::KeyConverter | Stage::ValueConverter => "converter",
            Stage::Transformation { name, .. } => name,
            Stage::TaskPut => &self.sender.sink_name,
        };
        let provenance = Provenance {
            connector: &self.sender.connector,
            task: self.sender.task,
            stage,
            plugin,
            fault,
            attempts: *attempts,
        };
        let letter = letter(read.as_ref()?, &provenance);
        let posted = match self.lane.meta_of(*ticket, &letter, Instant::now()) {
            Ok(meta) => {
                self.lane.push(Item { record: letter, meta });
                Ok(())
            }
            Err(Unfit::TooLarge { reason, .. }) => Err(reason),
            Err(Unfit::Unknown(panicked)) => Err(format!("its sink {panicked}")),
        };
        Some(posted)
    }
}
