//! Records that are put together, what to do with them after a put that failed, and what became of them.

use std::collections::HashSet;

use sluice_connector_api::{Failure, FailureKind, Record, TopicPartition};

use crate::engine::batch::item::{Item, Meta};
use crate::engine::lane::fault::RecordFault;
use crate::engine::lane::progress::Stands;
use crate::retry::policy::Retries;

/// Why a lane cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The reason.
    pub reason: String,
    /// The set-up is at fault, and no outage: another try would end alike.
    pub is_fatal: bool,
}

impl Stop {
    pub(super) fn fatal(reason: String) -> Self {
        Self { reason, is_fatal: true }
    }
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self { reason, is_fatal: false }
    }
}

/// What became of each record of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Stored for good, or accepted where the sink confirms later.
    pub stored: Vec<Item>,
    /// At fault, with the reason.
    pub rejected: Vec<(Item, RecordFault)>,
    /// Not stored and not at fault, in the order read: for another time.
    pub not_done: Vec<Item>,
    /// Why the connector cannot go on, if so.
    pub stop: Option<Stop>,
    /// How far the sink has the partitions of the batch now, where it stores that.
    pub stands: Option<Stands>,
}

impl Outcome {
    /// Returns all records of the batch, but for older ones that wait with a newer one.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.stored.iter().chain(self.rejected.iter().map(|(item, _)| item)).chain(&self.not_done)
    }

    /// Returns the partitions of the records that are stored, one for each.
    pub(super) fn stored_partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.stored.iter().map(|item| item.record.origin().topic_partition())
    }

    /// Says whether nothing more may be put.
    pub(super) fn holds_back(&self) -> bool {
        self.stands.is_some() && !self.rejected.is_empty()
    }

    /// Takes a record at fault. Older ones that would have been superseded are to be put after all.
    pub fn reject(&mut self, mut item: Item, fault: RecordFault) {
        self.not_done.append(&mut item.meta.take_older());
        self.rejected.push((item, fault));
    }
}

/// What is to be done after a put.
pub(super) enum Next {
    Done,
    Halves(PutGroup, PutGroup),
    Rest(PutGroup),
    Again(PutGroup, Failure),
    Stop(PutGroup, String),
}

/// Records that are put together, beside what the engine knows of them.
pub(super) struct PutGroup {
    pub(super) records: Vec<Record>,
    pub(super) metas: Vec<Meta>,
    pub(super) retries: Retries,
}

impl PutGroup {
    pub(super) fn new(items: Vec<Item>) -> Self {
        let since = items.iter().filter_map(|item| item.meta.failing_since()).min();
        let (records, metas) = items.into_iter().map(|Item { record, meta }| (record, meta)).unzip();
        Self { records, metas, retries: Retries { failures: 0, since } }
    }

    pub(super) fn into_items(self) -> Vec<Item> {
        let mut items = Vec::with_capacity(self.records.len());
        for (record, mut meta) in self.records.into_iter().zip(self.metas) {
            meta.set_failing_since(self.retries.since);
            items.push(Item { record, meta });
        }
        items
    }

    /// Deals with a failure of the whole group. A rejected group is narrowed until the record at fault stands
    /// alone (invariant 9).
    pub(super) fn failed(mut self, failure: Failure, outcome: &mut Outcome) -> Next {
        match failure.kind() {
            FailureKind::Retriable => Next::Again(self, failure),
            FailureKind::Fatal => Next::Stop(self, failure.to_string()),
            FailureKind::Rejected if self.records.len() > 1 => {
                let half = self.records.len() / 2;
                let (records, metas) = (self.records.split_off(half), self.metas.split_off(half));
                Next::Halves(self, Self { records, metas, retries: Retries::default() })
            }
            FailureKind::Rejected => {
                for item in self.into_items() {
                    outcome.reject(item, RecordFault::from(&failure));
                }
                Next::Done
            }
        }
    }

    /// Deals with failures of some records where nothing of the group was stored for it. What stands before the first record
    /// at fault is put without it, and then it stands alone.
    pub(super) fn failed_as_one(mut self, failures: Vec<(usize, Failure)>, outcome: &mut Outcome) -> Next {
        let mut first = None;
        let mut worst: Option<Failure> = None;
        for (index, failure) in failures {
            if index >= self.records.len() {
                return Next::Stop(self, unknown_index(index, &failure));
            }
            if failure.kind() == FailureKind::Rejected {
                first = Some(first.map_or(index, |first: usize| first.min(index)));
            }
            worst = Some(worse(worst, failure));
        }
        match (worst, first) {
            (Some(failure), Some(first)) if failure.kind() == FailureKind::Rejected && first > 0 => {
                let (records, metas) = (self.records.split_off(first), self.metas.split_off(first));
                Next::Halves(self, Self { records, metas, retries: Retries::default() })
            }
            (Some(failure), Some(_)) if failure.kind() == FailureKind::Rejected => {
                let rest = (self.records.split_off(1), self.metas.split_off(1));
                for item in self.into_items() {
                    outcome.reject(item, RecordFault::from(&failure));
                }
                Next::Rest(Self { records: rest.0, metas: rest.1, retries: Retries::default() })
            }
            (Some(failure), _) => self.failed(failure, outcome),
            (None, _) => {
                Next::Again(self, Failure::retriable("the sink says of no record why it is not stored"))
            }
        }
    }

    /// Deals with failures of some records; the others are stored. Of those, the later ones that share an
    /// ordering key with a record that is tried again are put again behind it, or they would be overwritten by
    /// what is older.
    pub(super) fn failed_in_part(self, failures: Vec<(usize, Failure)>, outcome: &mut Outcome) -> Next {
        let retries = self.retries;
        let mut by_index: Vec<Option<Failure>> = self.records.iter().map(|_| None).collect();
        for (index, failure) in failures {
            match by_index.get_mut(index) {
                Some(known) => *known = Some(worse(known.take(), failure)),
                None => {
                    return Next::Stop(self, unknown_index(index, &failure));
                }
            }
        }
        let mut again = Vec::new();
        let mut overtaken: HashSet<u64> = HashSet::new();
        let mut worst: Option<Failure> = None;
        for (item, failure) in self.into_items().into_iter().zip(by_index) {
            match failure {
                Some(failure) if failure.kind() == FailureKind::Rejected => {
                    outcome.reject(item, RecordFault::from(&failure));
                }
                Some(failure) => {
                    overtaken.extend(item.meta.order);
                    again.push(item);
                    worst = Some(worse(worst, failure));
                }
                None if item.meta.order.is_some_and(|order| overtaken.contains(&order)) => again.push(item),
                None => outcome.stored.push(item),
            }
        }
        let group = Self { retries, ..Self::new(again) };
        match worst {
            None => Next::Done,
            Some(failure) if failure.kind() == FailureKind::Fatal => Next::Stop(group, failure.to_string()),
            Some(failure) => Next::Again(group, failure),
        }
    }
}

fn unknown_index(index: usize, failure: &Failure) -> String {
    format!("the sink named record {index}, which was not in the batch: {failure}")
}

/// Fatal beats retriable, that beats rejected, and a longer wait a shorter one.
pub(super) fn worse(one: Option<Failure>, other: Failure) -> Failure {
    let rank = |failure: &Failure| {
        let kind = match failure.kind() {
            FailureKind::Rejected => 0,
            FailureKind::Retriable => 1,
            FailureKind::Fatal => 2,
        };
        (kind, failure.wait())
    };
    match one {
        Some(one) if rank(&one) >= rank(&other) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluice_connector_api::Origin;
    use tokio::time::Instant;

    use super::*;
    use crate::engine::ledger::tracker::Tracker;

    /// A group of records with these ordering keys, at offsets from 0.
    fn group(orders: &[Option<u64>]) -> PutGroup {
        let mut tracker = Tracker::new();
        let item = |(offset, order): (i64, &Option<u64>)| {
            let record = Record::new(Origin::new("t", 0, offset));
            tracker.assign(record.origin().topic_partition());
            let ticket = tracker.read(record.origin(), 1).unwrap();
            Item { record, meta: Meta::new(ticket, 1, Instant::now()).with_order(*order) }
        };
        PutGroup::new((0..).zip(orders).map(item).collect())
    }

    fn offsets<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<i64> {
        records.into_iter().map(|record| record.origin().offset()).collect()
    }

    fn stored(outcome: &Outcome) -> Vec<i64> {
        offsets(outcome.stored.iter().map(|item| &item.record))
    }

    #[test]
    fn a_rejected_group_is_cut_in_halves_and_a_rejected_record_is_not() {
        let mut outcome = Outcome::default();
        let next = group(&[None; 5]).failed(Failure::rejected("bad"), &mut outcome);
        let Next::Halves(first, second) = next else { panic!("no halves") };
        assert_eq!((offsets(&first.records), offsets(&second.records)), (vec![0, 1], vec![2, 3, 4]));
        assert!(matches!(group(&[None]).failed(Failure::rejected("bad"), &mut outcome), Next::Done));
        assert_eq!(outcome.rejected.len(), 1);
    }

    #[test]
    fn the_successors_of_what_is_tried_again_are_tried_again_with_it() {
        let mut outcome = Outcome::default();
        let failures = vec![(1, Failure::retriable("busy")), (4, Failure::rejected("bad"))];
        let keys = [Some(7), Some(7), Some(8), Some(7), Some(8), Some(8), None];
        let Next::Again(again, _) = group(&keys).failed_in_part(failures, &mut outcome) else { panic!() };
        assert_eq!(offsets(&again.records), [1, 3]);
        assert_eq!(stored(&outcome), [0, 2, 5, 6], "a rejected record holds nothing back");
    }

    #[test]
    fn a_fatal_failure_of_one_record_stops_with_all_that_is_not_stored() {
        let mut outcome = Outcome::default();
        let failures = vec![(2, Failure::fatal("no rights")), (0, Failure::retriable("busy"))];
        let next = group(&[None; 4]).failed_in_part(failures, &mut outcome);
        let Next::Stop(left, reason) = next else { panic!("no stop") };
        assert_eq!((offsets(&left.records), reason.as_str()), (vec![0, 2], "no rights"));
        assert_eq!(stored(&outcome), [1, 3]);
    }

    #[test]
    fn the_worst_failure_decides() {
        let retriable = || Failure::retriable("busy");
        let long = || retriable().retry_after(Duration::from_secs(9));
        let pairs = [
            (retriable(), Failure::fatal("no rights"), "no rights"),
            (Failure::fatal("no rights"), long(), "no rights"),
            (Failure::rejected("bad"), retriable(), "busy"),
            (retriable(), Failure::rejected("bad"), "busy"),
        ];
        for (one, other, worst) in pairs {
            assert_eq!(worse(Some(one), other).to_string(), worst);
        }
        assert_eq!(worse(Some(long()), retriable()).wait(), Some(Duration::from_secs(9)));
        assert_eq!(worse(Some(retriable()), long()).wait(), Some(Duration::from_secs(9)));
    }
}
