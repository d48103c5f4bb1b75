//! Where reading begins in the middle of the parts of a record.

use std::collections::HashMap;

use sluice_connector_api::{Origin, TopicPartition};

use crate::source::Resumed;

/// By partition the record that is read first, and how many of its parts are stored already.
#[derive(Debug, Default)]
pub(super) struct PartsStored(HashMap<TopicPartition, (i64, u32)>);

impl PartsStored {
    /// Takes what the sink said.
    pub(super) fn note(&mut self, resumed: &[Resumed]) {
        for Resumed { taken, first, parts } in resumed {
            self.0.insert(taken.partition.clone(), (*first, *parts));
        }
    }

    /// Returns how many parts of the record at this place were stored before it was read, which is so but once.
    pub(super) fn take(&mut self, origin: &Origin) -> u32 {
        match self.0.remove(origin.topic_partition()) {
            Some((offset, parts)) if offset == origin.offset() => parts,
            _ => 0,
        }
    }
}
