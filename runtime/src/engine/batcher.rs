//! Which records make the next batch.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::Record;
use tokio::time::Instant;

use super::tracker::Ticket;

/// A record on its way to the sink.
#[derive(Clone, Debug)]
pub struct Item {
    /// Stands for the record read, in the tracker.
    pub ticket: Ticket,
    /// The record as it is to be put.
    pub record: Record,
    /// Its size as the sink measures it, in bytes.
    pub size: usize,
    /// What orders it: two records with the same key never overtake each other. `None`: it is free.
    pub order: Option<u64>,
    /// When it came.
    pub since: Instant,
    /// The record as it was read, where a dead letter queue may want it.
    pub read: Option<Arc<Record>>,
    /// How often it was put.
    pub attempts: u32,
}

/// How large a batch may grow and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Records a batch.
    pub max_records: usize,
    /// Bytes a batch, as the sink measures them.
    pub max_bytes: usize,
    /// How long a record waits for others.
    pub linger: Duration,
}

/// Collects records until they make a batch. Knows no clock: the time is an argument.
#[derive(Debug)]
pub struct Batcher {
    limits: BatchLimits,
    queue: VecDeque<Item>,
}

impl Batcher {
    /// Makes an empty batcher.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, queue: VecDeque::new() }
    }

    /// Adds a record behind all others.
    pub fn push(&mut self, item: Item) {
        self.queue.push_back(item);
    }

    /// Puts records that were taken and not stored back before all others, in their order.
    pub fn give_back(&mut self, items: Vec<Item>) {
        for item in items.into_iter().rev() {
            self.queue.push_front(item);
        }
    }

    /// Drops the records for which `keep` does not hold.
    pub fn retain(&mut self, keep: impl FnMut(&Item) -> bool) {
        self.queue.retain(keep);
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns when the next batch must go even if it is not full; `None` when nothing that is free waits, or
    /// when it may wait for ever.
    pub fn deadline(&self, in_flight: &HashSet<u64>) -> Option<Instant> {
        let free = |item: &&Item| item.order.is_none_or(|order| !in_flight.contains(&order));
        self.queue.iter().find(free).and_then(|first| first.since.checked_add(self.limits.linger))
    }

    /// Takes the next batch, if it is full or a record in it has waited long enough. Passes over records whose
    /// ordering key is in flight, and over the later ones of that key: order holds (invariant 3), and a backlog
    /// still fills whole batches. `flush` takes what there is.
    pub fn take(&mut self, now: Instant, in_flight: &HashSet<u64>, flush: bool) -> Option<Vec<Item>> {
        let chosen = self.choose(in_flight);
        let first = chosen.indices.first().and_then(|index| self.queue.get(*index))?;
        let due = flush || chosen.full || now.duration_since(first.since) >= self.limits.linger;
        due.then(|| self.remove(&chosen.indices))
    }

    fn choose(&self, in_flight: &HashSet<u64>) -> Chosen {
        let mut chosen = Chosen { indices: Vec::new(), full: false };
        let mut passed_over: HashSet<u64> = HashSet::new();
        let mut bytes = 0;
        for (index, item) in self.queue.iter().enumerate() {
            if item.order.is_some_and(|order| in_flight.contains(&order) || passed_over.contains(&order)) {
                passed_over.extend(item.order);
                continue;
            }
            let fits = bytes + item.size <= self.limits.max_bytes || chosen.indices.is_empty();
            if !fits {
                chosen.full = true;
                break;
            }
            bytes += item.size;
            chosen.indices.push(index);
            if chosen.indices.len() >= self.limits.max_records || bytes >= self.limits.max_bytes {
                chosen.full = true;
                break;
            }
        }
        chosen
    }

    /// Takes the items at ascending indices out of the queue, in order.
    fn remove(&mut self, indices: &[usize]) -> Vec<Item> {
        let count = indices.len();
        // The usual case: the batch is the head of the queue.
        if indices.last() == Some(&(count - 1)) {
            return self.queue.drain(..count).collect();
        }
        let mut wanted = indices.iter().copied().peekable();
        let (mut taken, mut left) =
            (Vec::with_capacity(count), VecDeque::with_capacity(self.queue.len() - count));
        for (index, item) in std::mem::take(&mut self.queue).into_iter().enumerate() {
            match wanted.next_if_eq(&index) {
                Some(_) => taken.push(item),
                None => left.push_back(item),
            }
        }
        self.queue = left;
        taken
    }
}

struct Chosen {
    /// Where the records stand in the queue, ascending.
    indices: Vec<usize>,
    /// No further record fits.
    full: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sluice_connector_api::Origin;

    use super::super::tracker::Tracker;
    use super::*;

    const LINGER: Duration = Duration::from_millis(200);

    fn batcher(max_records: usize, max_bytes: usize) -> Batcher {
        Batcher::new(BatchLimits { max_records, max_bytes, linger: LINGER })
    }

    fn item(offset: i64, size: usize, order: Option<u64>, since: Instant) -> Item {
        let record = Record::new(Origin::new("t", 0, offset));
        let mut tracker = Tracker::new();
        tracker.assign(record.origin().topic_partition());
        let ticket = tracker.read(record.origin(), size).unwrap();
        Item { ticket, record, size, order, since, read: None, attempts: 0 }
    }

    fn offsets(batch: Option<Vec<Item>>) -> Vec<i64> {
        batch.unwrap_or_default().iter().map(|item| item.record.origin().offset()).collect()
    }

    #[test]
    fn a_full_batch_goes_at_once_and_a_partial_one_after_its_linger() {
        let now = Instant::now();
        let mut batcher = batcher(2, 100);
        (0..3).for_each(|offset| batcher.push(item(offset, 1, None, now)));
        assert_eq!(offsets(batcher.take(now, &HashSet::new(), false)), [0, 1]);
        assert!(batcher.take(now, &HashSet::new(), false).is_none());
        assert_eq!(batcher.deadline(&HashSet::new()), Some(now + LINGER));
        assert_eq!(offsets(batcher.take(now + LINGER, &HashSet::new(), false)), [2]);
    }

    #[test]
    fn bytes_bound_a_batch_but_a_large_record_goes_alone() {
        let now = Instant::now();
        let mut batcher = batcher(10, 100);
        [60, 60, 300, 10]
            .into_iter()
            .zip(0..)
            .for_each(|(size, offset)| batcher.push(item(offset, size, None, now)));
        assert_eq!(offsets(batcher.take(now, &HashSet::new(), false)), [0]);
        assert_eq!(offsets(batcher.take(now, &HashSet::new(), false)), [1]);
        assert_eq!(offsets(batcher.take(now, &HashSet::new(), false)), [2]);
        assert_eq!(offsets(batcher.take(now, &HashSet::new(), true)), [3]);
    }

    #[test]
    fn a_key_in_flight_is_passed_over_with_its_successors() {
        let now = Instant::now();
        let mut batcher = batcher(2, 100);
        for (offset, order) in [(0, 7), (1, 8), (2, 7), (3, 9)] {
            batcher.push(item(offset, 1, Some(order), now));
        }
        assert_eq!(offsets(batcher.take(now, &HashSet::from([7]), false)), [1, 3]);
        assert_eq!(offsets(batcher.take(now, &HashSet::new(), false)), [0, 2]);
    }

    #[test]
    fn what_is_given_back_goes_first() {
        let now = Instant::now();
        let mut batcher = batcher(10, 100);
        (0..4).for_each(|offset| batcher.push(item(offset, 1, None, now)));
        let mut taken = batcher.take(now, &HashSet::new(), true).unwrap();
        batcher.push(item(4, 1, None, now));
        batcher.give_back(taken.split_off(2));
        assert_eq!(offsets(batcher.take(now, &HashSet::new(), true)), [2, 3, 4]);
    }

    proptest! {
        /// However keys and sizes fall, every record comes out once, the records of one key in the order they
        /// went in, and no batch breaks its limits (invariant 3).
        #[test]
        fn batches_keep_the_order_of_each_key_and_the_limits(
            records in prop::collection::vec((1_usize..60, prop::option::of(0_u64..4)), 0..60),
            blocked in prop::collection::vec(prop::collection::hash_set(0_u64..4, 0..3), 200),
        ) {
            let now = Instant::now();
            let mut batcher = batcher(5, 100);
            for (offset, (size, order)) in (0..).zip(&records) {
                batcher.push(item(offset, *size, *order, now));
            }
            let mut out = Vec::new();
            for in_flight in blocked.into_iter().chain(std::iter::repeat_n(HashSet::new(), 60)) {
                let Some(batch) = batcher.take(now, &in_flight, true) else { continue };
                prop_assert!(batch.len() <= 5);
                prop_assert!(batch.len() == 1 || batch.iter().map(|item| item.size).sum::<usize>() <= 100);
                prop_assert!(batch.iter().all(|item| item.order.is_none_or(|order| !in_flight.contains(&order))));
                out.extend(batch);
            }
            prop_assert_eq!(out.len(), records.len());
            for key in 0..4 {
                let of_key: Vec<_> = out.iter().filter(|item| item.order == Some(key)).map(|item| item.record.origin().offset()).collect();
                prop_assert!(of_key.is_sorted(), "{:?}", of_key);
            }
        }
    }
}
