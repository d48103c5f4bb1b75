//! What the engine runs, made of a connector.

use std::sync::Arc;

use sluice_connector_api::ByteSize;

use crate::connector::load::Connector;
use crate::engine::batch::batcher::BatchLimits;
use crate::engine::lane::settings::{PipelineSettings, confirm_pacer};
use crate::engine::{Counters, Letters, Pipeline};
use crate::pace::pacer::Pacers;
use crate::retry::backoff::Backoff;
use crate::source::Source;
use crate::source::budget::Budget;

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
        let settings = self.pipeline_settings(pacers);
        let letters = self.dead_letters.as_ref().map(|queue| {
            let settings = settings.for_letters(queue.limits(), pacers);
            let place = (Arc::clone(&self.name), task);
            Letters::new(Arc::clone(queue), &settings, &counters, place, self.sink_name.clone())
        });
        let (chain, sink) = (Arc::clone(&self.chain), Arc::clone(&self.sink));
        let pipeline = Pipeline::new(source, chain, sink, settings, budget, counters);
        match letters {
            Some(letters) => pipeline.with_letters(letters),
            None => pipeline,
        }
    }

    /// Returns the operator's settings, bounded by what the sink can take.
    pub fn pipeline_settings(&self, pacers: &Pacers) -> PipelineSettings {
        let limits = self.sink.limits();
        let batch = &self.batch;
        let at_most = |set: Option<usize>, limit: usize| set.map_or(limit, |set| set.min(limit)).max(1);
        PipelineSettings {
            batch: BatchLimits {
                max_records: at_most(batch.max_records, limits.max_records),
                max_bytes: at_most(batch.max_bytes.map(ByteSize::bytes), limits.max_batch_bytes),
                linger: batch.linger.get(),
            },
            pacer: limits.pace.as_ref().map(|pace| pacers.of(pace)),
            confirm_pacer: confirm_pacer(&limits, pacers),
            limits,
            tolerance: self.errors.tolerance,
            threshold: self.errors.threshold,
            backoff: self.backoff(),
            retry_timeout: self.errors.retry_timeout.get(),
            commit_interval: self.source.kafka.commit_interval.get(),
        }
    }

    /// Returns the waits between tries of a put.
    pub fn backoff(&self) -> Backoff {
        Backoff { base: self.errors.retry_delay.get(), cap: self.errors.retry_delay_max.get() }
    }
}
