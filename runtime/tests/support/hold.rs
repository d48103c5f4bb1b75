//! What a scripted sink holds past its puts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sluice_connector_api::{Failure, Hold, OpenPartition, Record, StoreReach, TopicPartition};
use tokio::time::Instant;

use super::journal::{Entry, Journal};

/// When what is held is complete, and what storing it comes to.
#[derive(Default)]
pub(crate) struct HoldScript {
    /// So many records of a partition make one thing.
    pub(crate) complete: usize,
    /// What is held for so long is due.
    pub(crate) interval: Option<Duration>,
    /// Panics within a put, with its lock in hand: every call from then on panics, too.
    pub(crate) upset: bool,
    /// What storing fails with, one failure after the other.
    pub(crate) failures: VecDeque<Failure>,
}

/// Holds the records of puts until so many of a partition came.
pub(crate) struct ScriptedHold {
    script: Mutex<HoldScript>,
    open: Mutex<Vec<(Instant, Record)>>,
    reaches: Arc<Mutex<Vec<StoreReach>>>,
    journal: Journal,
}

impl ScriptedHold {
    pub(crate) fn new(script: HoldScript, reaches: Arc<Mutex<Vec<StoreReach>>>, journal: Journal) -> Self {
        Self { script: Mutex::new(script), open: Mutex::default(), reaches, journal }
    }

    /// Takes records of a put.
    pub(crate) fn take(&self, records: &[Record]) {
        let mut open = self.open.lock().unwrap();
        assert!(!self.script.lock().unwrap().upset, "the script says so");
        open.extend(records.iter().map(|record| (Instant::now(), record.clone())));
        let complete = self.script.lock().unwrap().complete;
        for record in records {
            let partition = record.origin().topic_partition();
            if open.iter().filter(|(_, held)| held.origin().topic_partition() == partition).count()
                >= complete
            {
                self.store_of(&mut open, |held| held.origin().topic_partition() == partition);
            }
        }
    }

    fn store_of(&self, open: &mut Vec<(Instant, Record)>, is_meant: impl Fn(&Record) -> bool) {
        let stored: Vec<_> = open.extract_if(.., |(_, record)| is_meant(record)).collect();
        self.journal.note(Entry::Ended(usize::MAX, stored.into_iter().map(|(_, record)| record).collect()));
    }
}

#[async_trait]
impl Hold for ScriptedHold {
    fn open(&self) -> Vec<OpenPartition> {
        let mut found: Vec<OpenPartition> = Vec::new();
        for (_, record) in self.open.lock().unwrap().iter() {
            let (partition, offset) = (record.origin().topic_partition(), record.origin().offset());
            match found.iter_mut().find(|open| open.partition == *partition) {
                Some(open) => {
                    open.first = open.first.min(offset);
                    open.bytes += record.size();
                }
                None => found.push(OpenPartition::new(partition.clone(), offset, record.size())),
            }
        }
        found
    }

    fn due(&self) -> Option<Duration> {
        let oldest = self.open.lock().unwrap().iter().map(|(since, _)| *since).min()?;
        Some((oldest + self.script.lock().unwrap().interval?).saturating_duration_since(Instant::now()))
    }

    async fn store(&self, partitions: &[TopicPartition], reach: StoreReach) -> Result<(), Failure> {
        self.reaches.lock().unwrap().push(reach);
        if let Some(failure) = self.script.lock().unwrap().failures.pop_front() {
            return Err(failure);
        }
        let is_meant = |record: &Record| partitions.contains(record.origin().topic_partition());
        self.store_of(&mut self.open.lock().unwrap(), is_meant);
        Ok(())
    }

    fn forget(&self, partitions: &[TopicPartition]) {
        let is_gone = |record: &Record| partitions.contains(record.origin().topic_partition());
        self.open.lock().unwrap().retain(|(_, record)| !is_gone(record));
    }
}
