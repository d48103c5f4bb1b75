//! Repeats: records that are dropped since the same was stored a short while ago.
//!
//! Best effort, and never at the price of a record: what is remembered of a partition is bounded in time and number, it holds
//! only what was stored, and it ends with the assignment. A record that is read a second time is no repeat of itself, since
//! nobody knows whether its first put counted.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use sluice_connector_api::{Origin, Record, RepeatKey, TopicPartition};
use tokio::time::Instant;

use crate::engine::ledger::counters::Verdict;
use crate::engine::ledger::tracker::Ticket;

type Digest = [u8; 32];

/// What a record is to those before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// None of them is the same: it goes on.
    New,
    /// The same was stored: it is dropped.
    Repeat,
    /// The same is on its way, and decides about both.
    Waits,
}

/// A record that waits for the same one that is on its way.
#[derive(Debug)]
pub(super) struct WaitingRepeat {
    pub(super) ticket: Ticket,
    pub(super) origin: Origin,
    /// As it was read, where a policy may want it.
    pub(super) read: Option<Arc<Record>>,
}

/// What was stored, and what is on its way.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    partitions: HashMap<TopicPartition, Known>,
    on_the_way: HashMap<Ticket, OnTheWay>,
}

/// What is known of a partition.
#[derive(Debug, Default)]
struct Known {
    /// The records on their way, by what makes others the same.
    on_the_way: HashMap<Digest, (Ticket, i64)>,
    stored: HashMap<Digest, Stored>,
    /// The stored ones by their numbers, the oldest first.
    order: VecDeque<(u64, Digest)>,
    last: u64,
}

#[derive(Debug)]
struct Stored {
    offset: i64,
    until: Instant,
    number: u64,
}

/// A record that others may repeat, until all of it is done.
#[derive(Debug)]
struct OnTheWay {
    partition: TopicPartition,
    offset: i64,
    keys: Vec<RepeatKey>,
    waiting: Vec<WaitingRepeat>,
}

impl Repeats {
    /// Looks whether a record, or a part of one, is the same as one before it, and remembers it if it is not.
    pub(super) fn look(
        &mut self,
        ticket: Ticket,
        record: &Record,
        read: Option<&Arc<Record>>,
        now: Instant,
    ) -> Likeness {
        let keys = record.repeat_keys();
        if keys.is_empty() {
            return Likeness::New;
        }
        let (partition, offset) = (record.origin().topic_partition(), record.origin().offset());
        let known = self.partitions.entry(partition.clone()).or_default();
        if keys.iter().any(|key| known.is_stored(&key.digest, offset, now)) {
            return Likeness::Repeat;
        }
        let same = keys.iter().find_map(|key| known.on_the_way.get(&key.digest));
        if let Some((first, _)) = same.filter(|(_, other)| *other != offset)
            && let Some(first) = self.on_the_way.get_mut(first)
        {
            let origin = record.origin().clone();
            first.waiting.push(WaitingRepeat { ticket, origin, read: read.cloned() });
            return Likeness::Waits;
        }
        for key in keys {
            known.on_the_way.insert(key.digest, (ticket, offset));
        }
        let fresh = || OnTheWay {
            partition: partition.clone(),
            offset,
            keys: Vec::with_capacity(keys.len()),
            waiting: Vec::new(),
        };
        self.on_the_way.entry(ticket).or_insert_with(fresh).keys.extend_from_slice(keys);
        Likeness::New
    }

    /// All of a record is done. Returns what waited for it. The clock is asked for those alone that others may repeat.
    pub(super) fn done(
        &mut self,
        ticket: Ticket,
        verdict: Verdict,
        clock: impl FnOnce() -> Instant,
    ) -> Vec<WaitingRepeat> {
        let Some(gone) = self.take(ticket) else { return Vec::new() };
        if matches!(verdict, Verdict::Delivered | Verdict::Superseded)
            && let Some(known) = self.partitions.get_mut(&gone.partition)
        {
            let now = clock();
            for key in &gone.keys {
                known.store(key, gone.offset, now);
            }
        }
        gone.waiting
    }

    /// A record is at fault, or a part of it: whatever comes later is tried for itself. Returns what waited for it.
    pub(super) fn rejected(&mut self, ticket: Ticket) -> Vec<WaitingRepeat> {
        self.take(ticket).map(|gone| gone.waiting).unwrap_or_default()
    }

    fn take(&mut self, ticket: Ticket) -> Option<OnTheWay> {
        let gone = self.on_the_way.remove(&ticket)?;
        if let Some(known) = self.partitions.get_mut(&gone.partition) {
            for key in &gone.keys {
                if known.on_the_way.get(&key.digest).is_some_and(|(other, _)| *other == ticket) {
                    known.on_the_way.remove(&key.digest);
                }
            }
        }
        Some(gone)
    }

    /// Forgets partitions that went.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        if self.partitions.is_empty() {
            return;
        }
        let gone: HashSet<&TopicPartition> = partitions.iter().collect();
        self.partitions.retain(|partition, _| !gone.contains(partition));
        self.on_the_way.retain(|_, one| !gone.contains(&one.partition));
    }

    /// Forgets what was stored of a partition whose offsets mean something else now.
    pub(super) fn forget_stored(&mut self, partition: &TopicPartition) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.stored.clear();
            known.order.clear();
        }
    }
}

impl Known {
    fn is_stored(&self, digest: &Digest, offset: i64, now: Instant) -> bool {
        self.stored.get(digest).is_some_and(|stored| stored.until > now && stored.offset != offset)
    }

    fn store(&mut self, key: &RepeatKey, offset: i64, now: Instant) {
        self.last += 1;
        let number = self.last;
        // A clock that is asked for a time so far ahead may have none.
        let until = now.checked_add(key.window).unwrap_or(now);
        self.stored.insert(key.digest, Stored { offset, until, number });
        self.order.push_back((number, key.digest));
        while let Some((number, digest)) = self.order.front() {
            let stored = self.stored.get(digest).filter(|stored| stored.number == *number);
            let is_due = stored.is_none_or(|stored| stored.until <= now);
            if !is_due && self.order.len() <= key.max_records {
                break;
            }
            if stored.is_some() {
                self.stored.remove(digest);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(of: u8) -> RepeatKey {
        RepeatKey { digest: [of; 32], window: Duration::from_secs(10), max_records: 3 }
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number_and_time() {
        let (mut known, now) = (Known::default(), Instant::now());
        for number in 0..100 {
            known.store(&key(number), i64::from(number), now);
            assert!(known.stored.len() <= 3 && known.order.len() <= 3);
        }
        let kept: Vec<_> = (0..100).filter(|number| known.is_stored(&[*number; 32], -1, now)).collect();
        assert_eq!(kept, [97, 98, 99]);
        let later = now + Duration::from_secs(10);
        assert!(!known.is_stored(&[99; 32], -1, later));
        known.store(&key(1), 100, later);
        assert_eq!((known.stored.len(), known.order.len()), (1, 1), "the others are forgotten");
    }

    #[test]
    fn one_that_is_stored_again_and_again_takes_no_more_room() {
        let (mut known, now) = (Known::default(), Instant::now());
        for offset in 0..1000 {
            known.store(&key(7), offset, now);
        }
        assert_eq!(known.stored.len(), 1);
        assert!(known.order.len() <= 1, "{}", known.order.len());
    }
}
