//! Which records make the next batch.
//!
//! The records of an ordering key wait in one queue, and so do those of a batch key that nothing orders. A queue whose
//! records are in flight stands still. The others are *ready*: for each batch key it is known how old their first
//! records are, and how much they have for a batch. So it costs nothing to see whether a batch is due, however many
//! records wait behind a busy key.

use std::collections::BTreeMap;

use foldhash::HashMap;
use tokio::time::Instant;

use crate::engine::batch::item::Item;
pub use crate::engine::batch::queue::BatchLimits;
use crate::engine::batch::queue::{Batch, Load, QueueKey, RecordQueue};

/// Collects records until they make a batch. Knows no clock: the time is an argument.
#[derive(Debug)]
pub struct Batcher {
    limits: BatchLimits,
    queues: HashMap<QueueKey, RecordQueue>,
    /// The queues that may go, by the batch key of their first records.
    ready: BTreeMap<u64, Ready>,
    /// The number of the next record that comes.
    next: u64,
}

/// The queues that a batch may take from.
#[derive(Debug, Default)]
struct Ready {
    /// By the number of their first record: which queue it is, and since when that record waits.
    firsts: BTreeMap<u64, (QueueKey, Instant)>,
    /// What they have for a batch.
    load: Load,
}

impl Batcher {
    /// Makes an empty batcher.
    pub fn new(limits: BatchLimits) -> Self {
        Self { limits, queues: HashMap::default(), ready: BTreeMap::new(), next: 0 }
    }

    /// Adds a record behind all others.
    pub fn push(&mut self, mut item: Item) {
        item.meta.number = self.next;
        self.next += 1;
        self.change(QueueKey::from_meta(&item.meta), |queue| queue.insert(item));
    }

    /// Puts records that were taken, released and not stored back where they stood.
    pub fn give_back(&mut self, items: impl IntoIterator<Item = Item>) {
        for item in items {
            self.change(QueueKey::from_meta(&item.meta), |queue| queue.insert(item));
        }
    }

    /// Drops the records for which `keep` does not hold.
    pub fn retain(&mut self, mut keep: impl FnMut(&Item) -> bool) {
        let keys: Vec<QueueKey> = self.queues.keys().copied().collect();
        for key in keys {
            self.change(key, |queue| queue.retain(&mut keep));
            self.forget(key);
        }
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queues.values().all(RecordQueue::is_empty)
    }

    /// Returns when the next batch must go even if it is not full; `None` when nothing that is free waits, or
    /// when it may wait for ever.
    pub fn deadline(&self) -> Option<Instant> {
        let deadline = |ready: &Ready| ready.first()?.1.checked_add(self.limits.linger);
        self.ready.values().filter_map(deadline).min()
    }

    /// Takes the next batch, if one is full or a record in it has waited long enough; of several that with the
    /// oldest record. Passes over records whose ordering key is in flight, and over the later ones of that key: order
    /// holds (invariant 3), and a backlog still fills whole batches. Of a batch key that `goes` is true of, it takes what there is.
    ///
    /// Of the records of one thing the batch has the newest, and the older ones wait with that.
    ///
    /// The ordering keys of what is taken are in flight until every record is [released](Self::release).
    pub fn take(&mut self, now: Instant, goes: impl Fn(u64) -> bool) -> Option<Vec<Item>> {
        let batch_key = self.due(now, goes)?;
        let offered = self.ready.get(&batch_key).map_or(0, |ready| ready.load.records);
        let mut batch = Batch::new(batch_key, self.limits, offered);
        while !batch.is_full() {
            let Some((key, until)) = self.oldest(batch_key) else { break };
            self.change(key, |queue| queue.fill(&mut batch, until));
        }
        self.forget(QueueKey::Free(batch_key));
        let items = batch.into_items();
        for (order, records) in orders(&items) {
            self.change(QueueKey::Order(order), |queue| queue.take(records));
        }
        Some(items)
    }

    /// Notes that records that were taken are done, or come back: later ones of their ordering keys may go.
    pub fn release<'a>(&mut self, items: impl IntoIterator<Item = &'a Item>) {
        for (order, records) in orders(items) {
            self.change(QueueKey::Order(order), |queue| queue.release(records));
            self.forget(QueueKey::Order(order));
        }
    }

    /// Returns the batch key whose batch is to go now.
    fn due(&self, now: Instant, goes: impl Fn(u64) -> bool) -> Option<u64> {
        let mut oldest: Option<(u64, u64)> = None;
        for (batch_key, ready) in &self.ready {
            let Some((number, since)) = ready.first() else { continue };
            let is_due = goes(*batch_key)
                || ready.load.fills(self.limits)
                || now.duration_since(since) >= self.limits.linger;
            if is_due && oldest.is_none_or(|(other, _)| number < other) {
                oldest = Some((number, *batch_key));
            }
        }
        oldest.map(|(_, batch_key)| batch_key)
    }

    /// Returns the queue with the oldest record of a batch key, and the number of the first record of the next one.
    fn oldest(&self, batch_key: u64) -> Option<(QueueKey, u64)> {
        let mut firsts = self.ready.get(&batch_key)?.firsts.iter();
        let (_, (key, _)) = firsts.next()?;
        Some((*key, firsts.next().map_or(u64::MAX, |(number, _)| *number)))
    }

    /// Changes a queue, and keeps account of what is ready.
    fn change(&mut self, key: QueueKey, change: impl FnOnce(&mut RecordQueue)) {
        let queue = self.queues.entry(key).or_default();
        let front = |queue: &RecordQueue| queue.ready().map(|first| (first.batch_key, first.number));
        let before = front(queue);
        let offered = queue.offer();
        change(queue);
        let after = front(queue);
        // Where the first record is the same, which it is for most that come, it stands where it stood.
        if before != after
            && let Some((batch_key, number)) = before
            && let Some(ready) = self.ready.get_mut(&batch_key)
        {
            ready.firsts.remove(&number);
            ready.load.subtract(offered);
            if ready.firsts.is_empty() {
                self.ready.remove(&batch_key);
            }
        }
        if let Some(first) = queue.ready() {
            let ready = self.ready.entry(first.batch_key).or_default();
            if before == after {
                ready.load.subtract(offered);
            } else {
                ready.firsts.insert(first.number, (key, first.since));
            }
            ready.load.add(queue.offer());
        }
    }

    /// Forgets a queue that has nothing left.
    fn forget(&mut self, key: QueueKey) {
        if self.queues.get(&key).is_some_and(RecordQueue::is_done) {
            self.queues.remove(&key);
        }
    }
}

/// Returns the ordering keys of records, each with how many of it follow one another: mostly those of a partition do.
fn orders<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<(u64, usize)> {
    let mut runs: Vec<(u64, usize)> = Vec::new();
    for order in items.into_iter().flat_map(Item::each).filter_map(|item| item.meta.order) {
        match runs.last_mut() {
            Some((last, records)) if *last == order => *records += 1,
            _ => runs.push((order, 1)),
        }
    }
    runs
}

impl Ready {
    /// Returns the number of the oldest record, and since when it waits.
    fn first(&self) -> Option<(u64, Instant)> {
        self.firsts.first_key_value().map(|(number, (_, since))| (*number, *since))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};
    use std::time::Duration;

    use proptest::prelude::*;
    use sluice_connector_api::{Origin, Record};

    use super::*;
    use crate::engine::batch::item::Meta;
    use crate::engine::ledger::tracker::Tracker;

    const LINGER: Duration = Duration::from_millis(200);

    fn batcher(max_records: usize, max_bytes: usize) -> Batcher {
        Batcher::new(BatchLimits { max_records, max_bytes, linger: LINGER })
    }

    fn item(offset: i64, size: usize, order: Option<u64>, since: Instant) -> Item {
        let record = Record::new(Origin::new("t", 0, offset));
        let mut tracker = Tracker::new();
        tracker.assign(record.origin().topic_partition());
        let ticket = tracker.read(record.origin(), size).unwrap();
        Item { record, meta: Meta::new(ticket, size, since).with_order(order) }
    }

    /// A record of one byte with a batch key.
    fn of_kind(batch_key: u64, offset: i64, order: Option<u64>, since: Instant) -> Item {
        let mut item = item(offset, 1, order, since);
        item.meta.batch_key = batch_key;
        item
    }

    fn offset(item: &Item) -> i64 {
        item.record.origin().offset()
    }

    fn offsets(batch: Option<Vec<Item>>) -> Vec<i64> {
        batch.unwrap_or_default().iter().map(offset).collect()
    }

    #[test]
    fn a_full_batch_goes_at_once_and_a_partial_one_after_its_linger() {
        let now = Instant::now();
        let mut batcher = batcher(2, 100);
        (0..3).for_each(|offset| batcher.push(item(offset, 1, None, now)));
        assert_eq!(offsets(batcher.take(now, |_| false)), [0, 1]);
        assert!(batcher.take(now, |_| false).is_none());
        assert_eq!(batcher.deadline(), Some(now + LINGER));
        assert_eq!(offsets(batcher.take(now + LINGER, |_| false)), [2]);
        assert_eq!((batcher.deadline(), batcher.is_empty()), (None, true));
    }

    #[test]
    fn bytes_bound_a_batch_but_a_large_record_goes_alone() {
        let now = Instant::now();
        let mut batcher = batcher(10, 100);
        [60, 60, 300, 10]
            .into_iter()
            .zip(0..)
            .for_each(|(size, offset)| batcher.push(item(offset, size, None, now)));
        assert_eq!(offsets(batcher.take(now, |_| false)), [0]);
        assert_eq!(offsets(batcher.take(now, |_| false)), [1]);
        assert_eq!(offsets(batcher.take(now, |_| false)), [2]);
        assert!(batcher.take(now, |_| false).is_none());
        assert_eq!(offsets(batcher.take(now, |_| true)), [3]);
    }

    #[test]
    fn a_key_on_its_way_is_passed_over_with_its_successors() {
        let now = Instant::now();
        let mut batcher = batcher(2, 100);
        for (offset, order) in [(0, 7), (1, 7), (2, 7), (3, 8), (4, 7), (5, 9)] {
            batcher.push(item(offset, 1, Some(order), now));
        }
        let first = batcher.take(now, |_| false).unwrap();
        assert_eq!(offsets(batcher.take(now, |_| false)), [3, 5]);
        assert!(batcher.take(now, |_| true).is_none());
        assert_eq!(batcher.deadline(), None, "nothing that is free waits");
        batcher.release(&first);
        assert_eq!(offsets(batcher.take(now, |_| false)), [2, 4]);
    }

    #[test]
    fn what_is_given_back_goes_first() {
        let now = Instant::now();
        let mut batcher = batcher(10, 100);
        (0..4).for_each(|offset| batcher.push(item(offset, 1, None, now)));
        let mut taken = batcher.take(now, |_| true).unwrap();
        batcher.push(item(4, 1, None, now));
        batcher.give_back(taken.split_off(2).into_iter().rev());
        assert_eq!(offsets(batcher.take(now, |_| true)), [2, 3, 4]);
    }

    #[test]
    fn records_of_different_batch_keys_never_share_a_batch() {
        let now = Instant::now();
        let mut batcher = batcher(10, 100);
        for (offset, kind) in [(0, 1), (1, 0), (2, 1), (3, 0)] {
            batcher.push(of_kind(kind, offset, None, now));
        }
        assert_eq!(
            offsets(batcher.take(now, |_| true)),
            [0, 2],
            "the oldest record says which kind goes first"
        );
        assert_eq!(offsets(batcher.take(now, |_| true)), [1, 3]);
    }

    #[test]
    fn a_full_batch_of_one_kind_goes_while_an_older_record_of_another_lingers() {
        let now = Instant::now();
        let later = now + LINGER / 2;
        let mut batcher = batcher(2, 100);
        batcher.push(of_kind(0, 0, None, now));
        (1..4).for_each(|offset| batcher.push(of_kind(1, offset, None, later)));
        assert_eq!(offsets(batcher.take(later, |_| false)), [1, 2]);
        assert!(batcher.take(later, |_| false).is_none(), "each lingers for itself");
        assert_eq!(batcher.deadline(), Some(now + LINGER));
        assert_eq!(offsets(batcher.take(now + LINGER, |_| false)), [0]);
        assert_eq!(batcher.deadline(), Some(later + LINGER));
        assert_eq!(offsets(batcher.take(later + LINGER, |_| false)), [3]);
    }

    #[test]
    fn a_record_does_not_starve_behind_a_backlog_of_another_kind() {
        let now = Instant::now();
        let mut batcher = batcher(2, 100);
        (0..3).for_each(|offset| batcher.push(of_kind(0, offset, None, now)));
        batcher.push(of_kind(1, 3, None, now));
        (4..9).for_each(|offset| batcher.push(of_kind(0, offset, None, now)));
        let taken: Vec<_> = std::iter::from_fn(|| batcher.take(now + LINGER, |_| false))
            .map(|batch| offsets(Some(batch)))
            .collect();
        assert_eq!(taken, [vec![0, 1], vec![2, 4], vec![3], vec![5, 6], vec![7, 8]]);
    }

    #[test]
    fn a_write_and_a_delete_of_one_key_neither_swap_nor_overlap() {
        let now = Instant::now();
        let (write, delete) = (0, 1);
        let mut batcher = batcher(10, 100);
        for (offset, kind) in [(0, write), (1, delete), (2, write)] {
            batcher.push(of_kind(kind, offset, Some(7), now));
        }
        for expected in 0..3 {
            let batch = batcher.take(now, |_| true).unwrap();
            assert!(batcher.take(now, |_| true).is_none(), "the next one waits for it");
            batcher.release(&batch);
            assert_eq!(offsets(Some(batch)), [expected]);
        }
    }

    /// A record of a thing, whose newest record wins.
    fn of_thing(id: &str, offset: i64, size: usize, order: u64) -> Item {
        let mut item = item(offset, size, Some(order), Instant::now());
        item.meta.set_id(id.to_owned());
        item
    }

    /// The offsets of what is put, each behind those that wait with it.
    fn folded(batch: Option<Vec<Item>>) -> Vec<Vec<i64>> {
        let unfold = |item: Item| item.unfold().map(|item| offset(&item)).collect();
        batch.unwrap_or_default().into_iter().map(unfold).collect()
    }

    #[test]
    fn the_newest_of_a_thing_takes_the_place_of_the_older_ones() {
        let mut batcher = batcher(2, 100);
        for (offset, (id, order)) in (0..).zip([("a", 7), ("b", 8), ("a", 7), ("c", 9), ("a", 7)]) {
            batcher.push(of_thing(id, offset, 1, order));
        }
        let first = batcher.take(Instant::now(), |_| false).unwrap();
        assert_eq!(folded(batcher.take(Instant::now(), |_| true)), [[3]]);
        batcher.release(&first);
        assert_eq!(folded(Some(first)), [vec![0, 2, 4], vec![1]]);
        assert_eq!(batcher.queues.len(), 1, "what waited with the newest is released with it");
    }

    #[test]
    fn things_whose_ids_have_one_hash_are_not_taken_for_each_other() {
        let mut batcher = batcher(10, 100);
        for (offset, id) in (0..).zip(["a", "b", "a", "b", "b"]) {
            batcher.push(of_thing(id, offset, 1, 7));
        }
        assert_eq!(folded(batcher.take(Instant::now(), |_| true)), [vec![0, 2], vec![1, 3, 4]]);
    }

    #[test]
    fn many_records_of_one_thing_make_no_full_batch() {
        let mut batcher = batcher(2, 100);
        (0..5).for_each(|offset| batcher.push(of_thing("a", offset, 60, 7)));
        assert!(batcher.take(Instant::now(), |_| false).is_none(), "one record of 60 bytes would be put");
        batcher.push(of_thing("b", 5, 50, 8));
        let first = batcher.take(Instant::now(), |_| false).unwrap();
        assert_eq!(folded(Some(first)), [[0, 1, 2, 3, 4]]);
        assert_eq!(folded(batcher.take(Instant::now(), |_| true)), [[5]]);
    }

    #[test]
    fn a_newer_record_that_has_no_room_waits_for_its_own_batch() {
        let mut batcher = batcher(10, 100);
        for (offset, (id, size, order)) in (0..).zip([("a", 60, 7), ("b", 30, 8), ("b", 80, 8)]) {
            batcher.push(of_thing(id, offset, size, order));
        }
        let first = batcher.take(Instant::now(), |_| true).unwrap();
        batcher.release(&first);
        assert_eq!(folded(Some(first)), [[0], [1]]);
        assert_eq!(folded(batcher.take(Instant::now(), |_| true)), [[2]]);
    }

    #[test]
    fn what_is_dropped_counts_for_no_batch() {
        let now = Instant::now();
        let mut batcher = batcher(2, 100);
        (0..4).for_each(|offset| batcher.push(of_kind(0, offset, Some(offset.unsigned_abs() % 2), now)));
        batcher.retain(|item| offset(item) == 3);
        assert!(batcher.take(now, |_| false).is_none());
        assert_eq!(offsets(batcher.take(now, |_| true)), [3]);
    }

    /// What a test does to a batcher; batches on their way are picked by an index.
    #[derive(Clone, Debug)]
    enum Step {
        Push(usize, Option<u64>, u64),
        Take,
        Done(prop::sample::Index),
        GiveBack(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (1_usize..60, prop::option::of(0_u64..4), 0_u64..3).prop_map(|(size, order, kind)| Step::Push(size, order, kind)),
            3 => Just(Step::Take),
            2 => any::<prop::sample::Index>().prop_map(Step::Done),
            1 => any::<prop::sample::Index>().prop_map(Step::GiveBack),
        ]
    }

    /// A batcher, and what must be true of it.
    struct Model {
        batcher: Batcher,
        now: Instant,
        pushed: i64,
        waiting: BTreeSet<(i64, Option<u64>)>,
        on_their_way: Vec<Vec<Item>>,
        done: usize,
    }

    impl Model {
        fn step(&mut self, step: &Step) {
            match step {
                Step::Push(size, order, kind) => {
                    let mut item = item(self.pushed, *size, *order, self.now);
                    item.meta.batch_key = *kind;
                    self.waiting.insert((self.pushed, *order));
                    self.pushed += 1;
                    self.batcher.push(item);
                }
                Step::Take => self.take(),
                Step::Done(_) | Step::GiveBack(_) if self.on_their_way.is_empty() => {}
                Step::Done(index) => {
                    let batch = self.on_their_way.swap_remove(index.index(self.on_their_way.len()));
                    self.batcher.release(&batch);
                    self.done += batch.len();
                }
                Step::GiveBack(index) => {
                    let batch = self.on_their_way.swap_remove(index.index(self.on_their_way.len()));
                    self.batcher.release(&batch);
                    self.waiting.extend(batch.iter().map(|item| (offset(item), item.meta.order)));
                    self.batcher.give_back(batch);
                }
            }
        }

        fn take(&mut self) {
            let busy: HashSet<u64> =
                self.on_their_way.iter().flatten().filter_map(|item| item.meta.order).collect();
            let is_free = |(_, order): &&(i64, Option<u64>)| order.is_none_or(|order| !busy.contains(&order));
            let oldest = self.waiting.iter().find(is_free).map(|(offset, _)| *offset);
            let Some(batch) = self.batcher.take(self.now, |_| true) else { return assert_eq!(oldest, None) };
            assert_eq!(Some(offset(&batch[0])), oldest, "the oldest that is free goes first");
            assert!(batch.len() <= 5);
            assert!(batch.len() == 1 || batch.iter().map(|item| item.meta.size).sum::<usize>() <= 100);
            assert!(batch.iter().all(|item| item.meta.batch_key == batch[0].meta.batch_key));
            for item in &batch {
                let order = item.meta.order;
                assert!(order.is_none_or(|order| !busy.contains(&order)));
                let first = self.waiting.iter().find(|waiting| order.is_some() && waiting.1 == order);
                assert!(first.is_none_or(|first| first.0 == offset(item)), "overtaken: {first:?}");
                assert!(self.waiting.remove(&(offset(item), order)), "taken twice");
            }
            self.on_their_way.push(batch);
        }
    }

    proptest! {
        /// However keys, kinds and sizes fall, and whatever comes back, every record comes out once, the records of
        /// one key in the order they went in, and no batch mixes kinds or breaks its limits (invariant 3).
        #[test]
        fn batches_keep_the_order_of_each_key_and_the_limits(steps in prop::collection::vec(step(), 0..200)) {
            let (batcher, now) = (batcher(5, 100), Instant::now());
            let (waiting, on_their_way) = (BTreeSet::new(), Vec::new());
            let mut model = Model { batcher, now, pushed: 0, waiting, on_their_way, done: 0 };
            for step in &steps {
                model.step(step);
            }
            while !model.waiting.is_empty() || !model.on_their_way.is_empty() {
                model.step(&Step::Take);
                let batches = std::mem::take(&mut model.on_their_way);
                for batch in &batches {
                    model.batcher.release(batch);
                }
                model.done += batches.iter().map(Vec::len).sum::<usize>();
            }
            prop_assert_eq!(i64::try_from(model.done), Ok(model.pushed));
            prop_assert!(model.batcher.is_empty() && model.batcher.queues.is_empty() && model.batcher.ready.is_empty());
        }
    }
}
