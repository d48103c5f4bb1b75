//! What was stored and committed, by the source's and the sink's own account.

use std::collections::{BTreeMap, HashMap, HashSet};

use sluice_connector_api::{Order, Record};
use sluice_runtime::source::Offsets;

use crate::support::Entry;
use crate::world::{Case, Kind, PARTITIONS};

/// One thing that a sink may get: a record, or a part of one.
type Thing = (i32, i64, Option<u32>);

pub(crate) struct Witness {
    topic: Vec<Vec<(Kind, Record)>>,
    ordered_by: Order,
    max_in_flight: usize,
    max_records: usize,
    /// Partitions that the pipeline has and was not told to give up.
    pub(crate) owned: [bool; PARTITIONS],
    newest_wins: bool,
    stored: HashSet<Thing>,
    /// The newest that was stored of each id.
    newest: HashMap<String, Thing>,
    /// What is accepted and neither stored nor failed yet, with its ordering key.
    unconfirmed: HashMap<Thing, String>,
    /// For each thing, what it shared a put with.
    neighbours: HashMap<Thing, HashSet<Thing>>,
    /// For each partition how often it went, by the puts in flight and now: what a late put accepts does not count.
    began_in: HashMap<usize, [usize; PARTITIONS]>,
    left: [usize; PARTITIONS],
    committed: HashMap<usize, i64>,
    /// The ordering keys of the puts in flight.
    in_flight: HashMap<usize, HashSet<String>>,
    /// For each ordering key, when each of its things was put last.
    last_put: HashMap<String, BTreeMap<Thing, usize>>,
    puts: usize,
}

impl Witness {
    pub(crate) fn new(case: &Case, topic: Vec<Vec<(Kind, Record)>>) -> Self {
        Self {
            topic,
            ordered_by: case.ordered_by,
            max_in_flight: case.max_in_flight,
            max_records: case.max_records,
            owned: [false; PARTITIONS],
            newest_wins: case.newest_wins && matches!(case.ordered_by, Order::Id { .. }),
            stored: HashSet::new(),
            newest: HashMap::new(),
            unconfirmed: HashMap::new(),
            neighbours: HashMap::new(),
            began_in: HashMap::new(),
            left: [0; PARTITIONS],
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
                self.store(stored);
            }
            Entry::Accepted(put, records) => {
                self.in_flight.remove(put);
                let left = self.began_in.remove(put).unwrap();
                let ours = |record: &&Record| {
                    let partition = usize::try_from(record.origin().partition()).unwrap();
                    left[partition] == self.left[partition]
                };
                let keyed = |record: &Record| Some((thing(record), self.order(record)?));
                let accepted: Vec<_> = records.iter().filter(ours).filter_map(keyed).collect();
                self.unconfirmed.extend(accepted);
            }
            Entry::Asked(records) => assert!(!records.is_empty() && records.len() <= 10),
            Entry::Answered { stored, failed } => {
                self.store(stored);
                stored.iter().chain(failed).for_each(|record| drop(self.unconfirmed.remove(&thing(record))));
            }
            Entry::Committed(offsets) | Entry::Closed(offsets) => self.commit(offsets, tolerant),
            Entry::CommittedElsewhere(_) => panic!("no sink of these keeps offsets"),
        }
    }

    fn store(&mut self, stored: &[Record]) {
        for record in stored {
            self.stored.insert(thing(record));
            if let Some(id) = &record.key {
                let newest = self.newest.entry(id.to_display().into_owned()).or_insert_with(|| thing(record));
                *newest = thing(record).max(*newest);
            }
        }
    }

    /// Forgets what was accepted of a partition that goes.
    pub(crate) fn leave(&mut self, partition: usize) {
        self.left[partition] += 1;
        self.unconfirmed.retain(|thing, _| usize::try_from(thing.0).unwrap() != partition);
    }

    /// Invariant 3: no two puts in flight share an ordering key, nothing is put while something earlier of its key is
    /// accepted and may be lost, and no put begins whose records may be somebody else's by now.
    fn began(&mut self, put: usize, records: &[Record]) {
        assert!(records.len() <= self.max_records && !records.is_empty());
        let is_ours = |record: &Record| self.owned[usize::try_from(record.origin().partition()).unwrap()];
        assert!(records.iter().all(is_ours), "put after a revoke: {records:?}");
        let keys: HashSet<_> = records.iter().filter_map(|record| self.order(record)).collect();
        assert!(self.in_flight.values().all(|others| others.is_disjoint(&keys)), "{records:?}");
        self.in_flight.insert(put, keys);
        self.began_in.insert(put, self.left);
        for record in records {
            let neighbours = self.neighbours.entry(thing(record)).or_default();
            neighbours.extend(records.iter().map(thing));
        }
        assert!(records.iter().all(|record| self.newest_wins || self.is_next(record)), "{records:?}");
        assert!(self.in_flight.len() <= self.max_in_flight);
        for record in records {
            self.puts += 1;
            if let Some(key) = self.order(record) {
                self.last_put.entry(key).or_default().insert(thing(record), self.puts);
            }
        }
    }

    /// Says whether what is earlier of its key, and was never put together with it, is known to be stored.
    fn is_next(&self, record: &Record) -> bool {
        let (this, order) = (thing(record), self.order(record));
        let earlier = self
            .unconfirmed
            .iter()
            .filter(|(other, key)| other.0 == this.0 && **other < this && Some(*key) == order.as_ref());
        earlier.map(|(other, _)| other).all(|other| self.neighbours[&this].contains(other))
    }

    fn order(&self, record: &Record) -> Option<String> {
        match self.ordered_by {
            Order::Partition => Some(record.origin().topic_partition().to_string()),
            Order::KeyOrPartition if record.key.is_none() => {
                Some(record.origin().topic_partition().to_string())
            }
            Order::Key | Order::KeyOrPartition | Order::Id { .. } => {
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
            Kind::Foul | Kind::Huge => tolerant,
            // The sink does not see one at fault that is superseded.
            Kind::Bad if tolerant => true,
            Kind::Bad | Kind::Plain => self.is_stored(record, (partition, offset, None)),
            Kind::Split(parts) => {
                let is_stored = |part| self.is_stored(record, (partition, offset, Some(part)));
                (0..u32::try_from(parts).unwrap()).all(is_stored)
            }
        }
    }

    /// Says whether a thing is stored, or something newer that supersedes it.
    fn is_stored(&self, record: &Record, thing: Thing) -> bool {
        let id = record.key.as_ref().filter(|_| self.newest_wins).map(|key| key.to_display());
        let newest = id.and_then(|id| self.newest.get(&*id));
        self.stored.contains(&thing) || newest.is_some_and(|newest| *newest > thing)
    }

    pub(crate) fn end_of_run(&mut self) {
        (0..PARTITIONS).for_each(|partition| self.leave(partition));
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
            // One that is superseded when it is read again is not put again.
            let behind = if self.newest_wins { puts.len().saturating_sub(1) } else { 0 };
            let newest = puts.last().map(|(_, put)| **put);
            assert!(puts.iter().all(|(_, put)| Some(**put) <= newest), "{key}: {puts:?}");
            assert!(puts[behind..].is_sorted_by_key(|(_, put)| **put), "{key}: {puts:?}");
        }
    }
}

fn thing(record: &Record) -> Thing {
    (record.origin().partition(), record.origin().offset(), record.part())
}
