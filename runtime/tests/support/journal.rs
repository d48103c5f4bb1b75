//! What a scripted source and a scripted sink saw, in order.

use std::sync::{Arc, Mutex};

use sluice_connector_api::Record;
use sluice_runtime::source::Offsets;
use tokio::time::Instant;

/// Something that the source or the sink saw.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A put began; puts are numbered from 0.
    Began(usize, Vec<Record>),
    /// A put ended, and this is what the sink says it stored.
    Ended(usize, Vec<Record>),
    /// A put ended, and this is what the sink accepted, to store it later.
    Accepted(usize, Vec<Record>),
    /// The sink was asked what became of these.
    Asked(Vec<Record>),
    /// The sink said that these are stored, and those not.
    Answered { stored: Vec<Record>, failed: Vec<Record> },
    /// Offsets were committed without waiting.
    Committed(Offsets),
    /// The sink committed offsets, as the source was told.
    CommittedElsewhere(Offsets),
    /// The source was closed with these offsets.
    Closed(Offsets),
}

/// All that the source and the sink of a pipeline saw, in the order they saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<Vec<(Instant, Entry)>>>);

impl Journal {
    pub(crate) fn note(&self, entry: Entry) {
        self.0.lock().unwrap().push((Instant::now(), entry));
    }

    pub(crate) fn entries(&self) -> Vec<(Instant, Entry)> {
        self.0.lock().unwrap().clone()
    }

    /// The records of each put, in the order the puts began.
    pub(crate) fn puts(&self) -> Vec<Vec<Record>> {
        let began = |(_, entry)| match entry {
            Entry::Began(_, records) => Some(records),
            _ => None,
        };
        self.entries().into_iter().filter_map(began).collect()
    }

    /// The records of each confirmation, and when it was asked.
    pub(crate) fn confirmations(&self) -> Vec<(Instant, Vec<Record>)> {
        let asked = |(at, entry)| match entry {
            Entry::Asked(records) => Some((at, records)),
            _ => None,
        };
        self.entries().into_iter().filter_map(asked).collect()
    }

    /// When each put began.
    pub(crate) fn starts(&self) -> Vec<Instant> {
        let began = |(at, entry)| matches!(entry, Entry::Began(..)).then_some(at);
        self.entries().into_iter().filter_map(began).collect()
    }

    /// Every record that the sink says it stored, in that order.
    pub(crate) fn stored(&self) -> Vec<Record> {
        let ended = |(_, entry)| match entry {
            Entry::Ended(_, stored) | Entry::Answered { stored, .. } => stored,
            _ => Vec::new(),
        };
        self.entries().into_iter().flat_map(ended).collect()
    }

    /// Every offset that the sink committed, as the source was told.
    pub(crate) fn committed_elsewhere(&self) -> Offsets {
        let told = |(_, entry)| match entry {
            Entry::CommittedElsewhere(offsets) => offsets,
            _ => Vec::new(),
        };
        self.entries().into_iter().flat_map(told).collect()
    }

    /// Every offset committed for a partition, at last also by the close.
    pub(crate) fn commits(&self, partition: i32) -> Vec<i64> {
        let committed = |(_, entry)| match entry {
            Entry::Committed(offsets) | Entry::Closed(offsets) => offsets,
            _ => Vec::new(),
        };
        let all = self.entries().into_iter().flat_map(committed);
        all.filter(|(of, _)| of.partition == partition).map(|(_, offset)| offset).collect()
    }
}
