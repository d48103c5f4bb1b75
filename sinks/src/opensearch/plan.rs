//! The request that a batch makes. Pure.

use sluice_connector_api::{Failure, Record};

use super::action::{ActionKind, ActionRule};

/// A request, and the records that are no part of it.
#[derive(Debug, Default)]
pub(super) struct BulkPlan {
    /// The record of each action, by its index in the batch.
    pub(super) actions: Vec<(usize, ActionKind)>,
    /// Lines of JSON, each ended by a line feed.
    pub(super) body: Vec<u8>,
    pub(super) rejected: Vec<(usize, Failure)>,
}

impl BulkPlan {
    pub(super) fn new(rule: &ActionRule, batch: &[Record]) -> Self {
        let mut plan = Self::default();
        for (index, record) in batch.iter().enumerate() {
            match rule.write(record, &mut plan.body) {
                Ok(Some(kind)) => plan.actions.push((index, kind)),
                Ok(None) => {}
                Err(failure) => plan.rejected.push((index, failure)),
            }
        }
        plan
    }
}
