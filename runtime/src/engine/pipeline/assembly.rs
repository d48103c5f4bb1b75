//! The pipeline of a connector.

use std::sync::Arc;

use super::Pipeline;
use crate::config::connector::Connector;
use crate::engine::pacer::Pacers;
use crate::engine::{Counters, Letters, PipelineSettings};
use crate::source::Source;
use crate::source::budget::Budget;

impl<S: Source> Pipeline<S> {
    /// Puts a pipeline of a connector together, for its task of this number.
    pub fn of(
        connector: &Connector,
        task: usize,
        source: S,
        budget: Budget,
        counters: Arc<Counters>,
        pacers: &Pacers,
    ) -> Self {
        let settings = PipelineSettings::of(connector, pacers);
        let letters = connector.dead_letters.as_ref().map(|queue| {
            let settings = settings.for_letters(queue.limits(), pacers);
            let place = (Arc::clone(&connector.name), task);
            Letters::new(Arc::clone(queue), &settings, &counters, place, connector.sink_name.clone())
        });
        let (chain, sink) = (Arc::clone(&connector.chain), Arc::clone(&connector.sink));
        let pipeline = Self::new(source, chain, sink, settings, budget, counters);
        match letters {
            Some(letters) => pipeline.with_letters(letters),
            None => pipeline,
        }
    }
}
