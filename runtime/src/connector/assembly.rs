//! What the engine runs, made of a connector.

use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{ByteSize, HumanDuration};

use crate::connector::first_look::FirstLook;
use crate::connector::load::Connector;
use crate::engine::batch::batcher::BatchLimits;
use crate::engine::lane::settings::LaneSettings;
use crate::engine::letters::tolerance::FaultSettings;
use crate::engine::{Counters, DeadLetterQueue, LetterSender, Pipeline, PipelineSettings, Window};
use crate::pace::pacer::Pacers;
use crate::retry::backoff::Backoff;
use crate::retry::policy::RetryPolicy;
use crate::source::Source;
use crate::source::budget::Budget;

/// How long a record waits for others while a put is in flight, where neither the operator nor the sink says so.
const WHILE_IN_FLIGHT: Duration = Duration::from_millis(200);

impl Connector {
    /// Puts the pipeline of one task together; tasks are numbered from 0.
    pub fn pipeline<S: Source>(
        &self,
        task: usize,
        source: S,
        budget: Budget,
        counters: Arc<Counters>,
        pacers: &Pacers,
    ) -> Pipeline<S> {
        let settings = PipelineSettings {
            lane: self.lane_settings(pacers),
            faults: self.fault_settings(),
            commit_interval: self.source.kafka.commit_interval.get(),
        };
        let queue = self.dead_letter_queue(task, &counters, pacers);
        let (chain, sink) = (Arc::clone(&self.chain), Arc::clone(&self.sink));
        let pipeline = Pipeline::new(source, chain, sink, settings, budget, counters);
        match queue {
            Some(queue) => pipeline.with_letters(queue),
            None => pipeline,
        }
    }

    /// Has the target, and the dead letter queue, looked at before the first put. The look belongs to the connector that is returned, whose tasks share
    /// it.
    pub fn looking_first(mut self) -> (Self, Arc<FirstLook>) {
        let look = Arc::new(FirstLook::new(self.sink, self.dead_letters.clone(), self.blanks.clone()));
        self.sink = Arc::<FirstLook>::clone(&look);
        (self, look)
    }

    fn dead_letter_queue(
        &self,
        task: usize,
        counters: &Counters,
        pacers: &Pacers,
    ) -> Option<DeadLetterQueue> {
        let sink = self.dead_letters.as_ref()?;
        let settings = DeadLetterQueue::lane_settings(sink.limits(), self.retry_policy(), pacers)
            .with_confirmation_of(&**sink, pacers)
            .with_blanks(self.blanks.clone());
        let connector = Arc::clone(&self.name);
        let sender = LetterSender { connector, task, sink_name: self.sink_name.clone() };
        Some(DeadLetterQueue::new(Arc::clone(sink), settings, counters, sender))
    }

    /// Returns the most records that a put may have; none where only their bytes count.
    pub fn batch_max_records(&self) -> Option<usize> {
        Some(at_most(self.batch.max_records, self.sink.limits().max_records))
            .filter(|most| *most < usize::MAX)
    }

    /// Returns the operator's settings for the way to the sink, bounded by what the sink can take.
    pub fn lane_settings(&self, pacers: &Pacers) -> LaneSettings {
        let limits = self.sink.limits();
        let linger = self.batch.linger.map(HumanDuration::get).or(limits.linger);
        let batch = BatchLimits {
            max_records: at_most(self.batch.max_records, limits.max_records),
            max_bytes: at_most(self.batch.max_bytes.map(ByteSize::bytes), limits.max_batch_bytes),
            linger: linger.unwrap_or(WHILE_IN_FLIGHT),
        };
        LaneSettings::new(limits, batch, self.retry_policy(), pacers)
            .with_batches_at_once(linger.is_none())
            .with_confirmation_of(&*self.sink, pacers)
            .with_blanks(self.blanks.clone())
            .with_tap(self.tap.clone())
    }

    /// Makes the window over the records last done, which outlives a task that is restarted.
    pub fn window(&self) -> Window {
        Window::new(self.errors.threshold.get())
    }

    fn fault_settings(&self) -> FaultSettings {
        FaultSettings { tolerance: self.errors.tolerance, threshold: self.errors.threshold.get() }
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            backoff: self.backoff(),
            timeout: self.errors.retry_timeout.get(),
            retry_after_max: self.errors.retry_after_max.get(),
        }
    }

    /// Returns the waits between tries of a put.
    pub fn backoff(&self) -> Backoff {
        Backoff { base: self.errors.retry_delay.get(), cap: self.errors.retry_delay_max.get() }
    }
}

/// What the operator set, or the sink's limit where that is less or nothing was set.
fn at_most(set: Option<usize>, limit: usize) -> usize {
    set.map_or(limit, |set| set.min(limit)).max(1)
}
