//! What was stored and committed, by the source's and the sink's own account.

use std::collections::{BTreeMap, HashMap, HashSet};

use sluice_connector_api::{OrderedBy, Record};
use sluice_runtime::source::Offsets;

use crate::support::Entry;
use crate::world::{Case, Kind, PARTITIONS};

/// One thing that a sink may get: a record, or a part of one.
type Thing = (i32, i64, Option<u32>);

pub(crate) struct Ledger {
    topic: Vec<Vec<(Kind, Record)>>,
    ordered_by: OrderedBy,
    max_in_flight: usize,
    max_records: usize,
    /// Partitions that the pipeline has and was not told to give up.
    pub(crate) owned: [bool; PARTITIONS],
    stored: HashSet<Thing>,
    committed: HashMap<usize, i64>,
    /// The ordering keys of the puts in flight.
    in_flight: HashMap<usize, HashSet<String>>,
    /// For each ordering key, when each of its things was put last.
    last_put: HashMap<String, BTreeMap<Thing, usize>>,
    puts: usize,
}

impl Ledger {
    pub(crate) fn new(case: &Case, topic: Vec<Vec<(Kind, Record)>>) -> Self {
        Self {
            topic,
            ordered_by: case.ordered_by,
            max_in_flight: case.max_in_flight,
            max_records: case.max_records,
            owned: [false; PARTITIONS],
            stored: HashSet::new(),
            committed: HashMap::new(),
            in_flight: HashMap::new(),
            last_put: HashMap::new(),
            puts: 0,
        }
    }

    /// The offset that the group would read from next.
    pub(crate) fn committed(&self, partition: usize) -> Option<i64> {
        self.committed.get(&partition).copied()
    }

    pub(crate) fn enter(&mut self, entry: &Entry, tolerant: bool) {
        match entry {
            Entry::Began(put, records) => self.began(*put, records),
            Entry::Ended(put, stored) => {
                self.in_flight.remove(put);
                self.stored.extend(stored.iter().map(thing));
            }
            Entry::Committed(offsets) | Entry::Closed(offsets) => self.commit(offsets, tolerant),
        }
    }

    /// Invariant 3: no two puts in flight share an ordering key, and no put begins whose records may be
    /// somebody else's by now.
    fn began(&mut self, put: usize, records: &[Record]) {
        assert!(records.len() <= self.max_records && !records.is_empty());
        let is_ours = |record: &Record| self.owned[usize::try_from(record.origin().partition()).unwrap()];
        assert!(records.iter().all(is_ours), "put after a revoke: {records:?}");
        let keys: HashSet<_> = records.iter().filter_map(|record| self.order(record)).collect();
        assert!(self.in_flight.values().all(|others| others.is_disjoint(&keys)), "{records:?}");
        self.in_flight.insert(put, keys);
        assert!(self.in_flight.len() <= self.max_in_flight);
        for record in records {
            self.puts += 1;
            if let Some(key) = self.order(record) {
                self.last_put.entry(key).or_default().insert(thing(record), self.puts);
            }
        }
    }

    fn order(&self, record: &Record) -> Option<String> {
        match self.ordered_by {
            OrderedBy::Partition => Some(record.origin().topic_partition().to_string()),
            OrderedBy::Key | OrderedBy::Id => {
                record.key.as_ref().map(|key| key.as_text().unwrap_or_default().to_owned())
            }
        }
    }

    /// Invariants 1 and 9: whatever is below an offset committed is stored, dropped on purpose or tolerated.
    pub(crate) fn commit(&mut self, offsets: &Offsets, tolerant: bool) {
        for (partition, offset) in offsets {
            let number = usize::try_from(partition.partition).unwrap();
            for (kind, record) in &self.topic[number] {
                let is_done = record.origin().offset() >= *offset || self.is_done(*kind, record, tolerant);
                assert!(is_done, "{partition} is committed at {offset}, before {}", record.origin());
            }
            let before = self.committed.insert(number, *offset);
            assert!(before <= Some(*offset), "{partition} went back from {before:?} to {offset}");
        }
    }

    fn is_done(&self, kind: Kind, record: &Record, tolerant: bool) -> bool {
        let (partition, offset) = (record.origin().partition(), record.origin().offset());
        match kind {
            Kind::Dropped => true,
            Kind::Foul | Kind::Bad | Kind::Huge => tolerant,
            Kind::Plain => self.stored.contains(&(partition, offset, None)),
            Kind::Split(parts) => {
                let is_stored = |part| self.stored.contains(&(partition, offset, Some(part)));
                (0..u32::try_from(parts).unwrap()).all(is_stored)
            }
        }
    }

    pub(crate) fn end_of_run(&mut self) {
        assert!(self.in_flight.is_empty(), "a pipeline that ended has nothing in flight");
    }

    /// Checks what must hold when everything was read and the source has ended.
    pub(crate) fn end(&self) {
        for (number, log) in self.topic.iter().enumerate() {
            let last = log.last().map(|(_, record)| record.origin().offset() + 1);
            assert_eq!(self.committed(number).max(last), self.committed(number), "partition {number}");
        }
        // Invariant 3, over all runs: what is newer was put last.
        let is_bad = |thing: &Thing| {
            let of = &self.topic[usize::try_from(thing.0).unwrap()];
            of.iter().any(|(kind, record)| *kind == Kind::Bad && record.origin().offset() == thing.1)
        };
        for (key, last_put) in &self.last_put {
            let puts: Vec<_> = last_put.iter().filter(|(thing, _)| !is_bad(thing)).collect();
            assert!(puts.is_sorted_by_key(|(_, put)| **put), "{key}: {puts:?}");
        }
    }
}

fn thing(record: &Record) -> Thing {
    (record.origin().partition(), record.origin().offset(), record.part())
}
