//! What came of a case. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::key_of;
use crate::target::Arrival;

/// A record as it was written to the topic.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) number: usize,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// It belongs into the dead letter queue.
    pub(super) poison: bool,
}

/// A moment after which records may come again: a crash.
#[derive(Clone, Debug)]
pub(super) struct Crash {
    /// What the group had committed, by partition.
    pub(super) committed: Vec<Option<i64>>,
    /// What had arrived; only that can come *again*.
    pub(super) arrived: BTreeSet<usize>,
}

impl Crash {
    /// Says whether the record had to be read again after it.
    fn excuses(&self, sent: &Sent) -> bool {
        let partition = usize::try_from(sent.partition).expect("a partition");
        let committed = self.committed[partition].unwrap_or(0);
        sent.offset >= committed && (sent.poison || self.arrived.contains(&sent.number))
    }
}

/// All that is known in the end.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) sent: Vec<Sent>,
    pub(super) arrivals: Vec<Arrival>,
    /// Partition and offset of the record that each letter in the queue is of.
    pub(super) letters: Vec<(i32, i64)>,
    pub(super) crashes: Vec<Crash>,
    /// How often the target left its sender in the dark about a record.
    pub(super) excuses: BTreeMap<usize, usize>,
    /// How often partitions went in good order: by a stop, or by a rebalance.
    pub(super) handovers: usize,
    /// Nothing is a reason to store a record again. A letter may come again all the same.
    pub(super) is_exactly_once: bool,
    /// Of the records of a key in a batch the newest is put, and those that it supersedes are not, poison or no poison.
    pub(super) newest_wins: bool,
}

/// What came of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Neither at the target nor, if it belongs there, in the queue.
    pub(super) lost: Vec<String>,
    /// Arrivals and letters beyond the first of a record.
    pub(super) duplicates: usize,
    /// Those that nothing explains.
    pub(super) unexplained: Vec<String>,
    /// By key: a first arrival behind that of a newer record, or an older record that came last.
    pub(super) out_of_order: Vec<String>,
}

impl Evidence {
    pub(super) fn judge(&self) -> Judgement {
        let arrived = count(self.arrivals.iter().map(|arrival| arrival.number));
        let lettered = count(self.letters.iter().copied());
        let ahead = self.ahead();
        let mut judgement = Judgement { out_of_order: out_of_order(&self.arrivals), ..Judgement::default() };
        for sent in &self.sent {
            let name = format!("record {} ({}-{})", sent.number, sent.partition, sent.offset);
            let times = if sent.poison {
                lettered.get(&(sent.partition, sent.offset))
            } else {
                arrived.get(&sent.number)
            };
            let Some(times) = times.copied() else {
                if !(sent.poison && self.newest_wins && self.is_superseded(sent)) {
                    judgement.lost.push(name);
                }
                continue;
            };
            judgement.duplicates += times - 1;
            let handovers = if ahead.contains(&sent.number) { self.handovers } else { 0 };
            let is_once = self.is_exactly_once && !sent.poison;
            let excuses = if is_once { 0 } else { self.excuses(sent) + handovers };
            if times - 1 > excuses {
                judgement.unexplained.push(format!("{name} came {times} times"));
            }
        }
        judgement
    }

    /// Says whether a newer record of its key was sent.
    fn is_superseded(&self, sent: &Sent) -> bool {
        let key = key_of(sent.number);
        self.sent.iter().any(|other| other.number > sent.number && key_of(other.number) == key)
    }

    fn excuses(&self, sent: &Sent) -> usize {
        let crashes = self.crashes.iter().filter(|crash| crash.excuses(sent)).count();
        crashes + self.excuses.get(&sent.number).copied().unwrap_or(0)
    }

    /// Returns the records that arrived ahead of an older one of their partition, whose key is another. A partition
    /// goes over at its oldest record that is not done: what is ahead of that one comes again.
    fn ahead(&self) -> BTreeSet<usize> {
        let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
        for (place, arrival) in self.arrivals.iter().enumerate() {
            first.entry(arrival.number).or_insert(place);
            last.insert(arrival.number, place);
        }
        let place = |places: &BTreeMap<usize, usize>, sent: &Sent| places.get(&sent.number).copied();
        let mut latest: BTreeMap<i32, usize> = BTreeMap::new();
        let mut ahead = BTreeSet::new();
        // Within a partition, numbers grow with offsets.
        for sent in self.sent.iter().filter(|sent| !sent.poison) {
            let latest = latest.entry(sent.partition).or_default();
            if place(&first, sent).is_some_and(|first| first < *latest) {
                ahead.insert(sent.number);
            }
            *latest = place(&last, sent).unwrap_or(usize::MAX).max(*latest);
        }
        ahead
    }

    /// Returns the records below an offset committed that had not arrived: what a crash would lose now.
    pub(super) fn committed_early(&self, crash: &Crash) -> Vec<String> {
        let is_early = |sent: &&Sent| {
            let partition = usize::try_from(sent.partition).expect("a partition");
            let is_committed = crash.committed[partition].is_some_and(|offset| sent.offset < offset);
            is_committed && !sent.poison && !crash.arrived.contains(&sent.number)
        };
        let early = self.sent.iter().filter(is_early);
        early.map(|sent| format!("record {} ({}-{})", sent.number, sent.partition, sent.offset)).collect()
    }
}

fn count<T: Ord>(things: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    things.for_each(|thing| *counts.entry(thing).or_default() += 1);
    counts
}

fn out_of_order(arrivals: &[Arrival]) -> Vec<String> {
    let mut by_key: BTreeMap<&str, Vec<&Arrival>> = BTreeMap::new();
    for arrival in arrivals {
        by_key.entry(&arrival.key).or_default().push(arrival);
    }
    by_key.into_iter().flat_map(|(key, arrivals)| turned(key, &arrivals)).collect()
}

/// Returns the pairs of neighbours among the records of a key that came in the wrong order.
fn turned(key: &str, arrivals: &[&Arrival]) -> Vec<String> {
    let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
    for (place, arrival) in arrivals.iter().enumerate() {
        last.insert(arrival.number, place);
        if !arrival.early {
            first.entry(arrival.number).or_insert(place);
        }
    }
    let neighbours = |places: &BTreeMap<usize, usize>| {
        let pairs: Vec<_> =
            places.iter().zip(places.iter().skip(1)).map(|(a, b)| (*a.0, *a.1, *b.0, *b.1)).collect();
        pairs.into_iter().filter(|(_, older, _, newer)| older > newer)
    };
    let first = neighbours(&first).map(|(older, _, newer, _)| format!("{key}: {newer} came before {older}"));
    let last =
        neighbours(&last).map(|(older, _, newer, _)| format!("{key}: {older} came last, over {newer}"));
    first.chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: usize, poison: bool) -> Sent {
        Sent { number, partition: 0, offset: i64::try_from(number).unwrap(), poison }
    }

    fn evidence(arrivals: &[usize]) -> Evidence {
        let arrival =
            |number: &usize| Arrival { key: format!("key-{}", number % 2), number: *number, early: false };
        Evidence {
            sent: (0..6).map(|number| sent(number, false)).collect(),
            arrivals: arrivals.iter().map(arrival).collect(),
            ..Evidence::default()
        }
    }

    #[test]
    fn what_did_not_arrive_is_lost() {
        assert_eq!(evidence(&[0, 1, 2, 4, 5]).judge().lost, ["record 3 (0-3)"]);
        assert_eq!(
            evidence(&[1, 0, 2, 3, 5, 4]).judge(),
            Judgement::default(),
            "keys do not wait for each other"
        );
    }

    #[test]
    fn a_poisoned_record_belongs_into_the_queue() {
        let mut evidence = evidence(&[0, 1, 2, 3, 4, 5]);
        evidence.sent[3].poison = true;
        assert_eq!(evidence.judge().lost, ["record 3 (0-3)"]);
        evidence.letters = vec![(0, 3)];
        assert_eq!(evidence.judge(), Judgement::default());
        evidence.letters.push((0, 3));
        assert_eq!(evidence.judge().unexplained, ["record 3 (0-3) came 2 times"]);
        evidence.crashes = vec![Crash { committed: vec![Some(3)], arrived: (0..3).collect() }];
        assert_eq!(evidence.judge(), Judgement { duplicates: 1, ..Judgement::default() });
    }

    #[test]
    fn a_duplicate_needs_an_explanation() {
        let mut evidence = evidence(&[0, 1, 2, 3, 2, 3, 4, 5]);
        assert_eq!((evidence.judge().duplicates, evidence.judge().unexplained.len()), (2, 2));
        evidence.crashes = vec![Crash { committed: vec![Some(3)], arrived: (0..4).collect() }];
        assert_eq!(evidence.judge().unexplained, ["record 2 (0-2) came 2 times"]);
        evidence.excuses = BTreeMap::from([(2, 1)]);
        assert_eq!(evidence.judge(), Judgement { duplicates: 2, ..Judgement::default() });
    }

    #[test]
    fn where_the_newest_wins_poison_may_be_superseded_and_nothing_else_may() {
        let mut evidence = evidence(&[0, 1, 2, 3, 4]);
        evidence.newest_wins = true;
        // The first three share a key, and so do the others.
        evidence.sent[1].poison = true;
        assert_eq!(evidence.judge().lost, ["record 5 (0-5)"]);
        evidence.sent[5].poison = true;
        assert_eq!(evidence.judge().lost, ["record 5 (0-5)"], "the newest of its key is no other's");
    }

    #[test]
    fn nothing_explains_a_duplicate_where_each_record_is_stored_once() {
        let mut evidence = evidence(&[0, 1, 2, 3, 2, 4, 5]);
        evidence.crashes = vec![Crash { committed: vec![Some(2)], arrived: (0..4).collect() }];
        evidence.excuses = BTreeMap::from([(2, 1)]);
        assert_eq!(evidence.judge().unexplained, Vec::<String>::new());
        evidence.is_exactly_once = true;
        assert_eq!(evidence.judge().unexplained, ["record 2 (0-2) came 2 times"]);
    }

    #[test]
    fn a_handover_explains_what_was_ahead_of_an_older_record_and_nothing_else() {
        let mut evidence = evidence(&[0, 2, 1, 0, 2, 3, 4, 5]);
        evidence.handovers = 1;
        assert_eq!(evidence.judge().unexplained, ["record 0 (0-0) came 2 times"]);
        evidence.handovers = 0;
        assert_eq!(evidence.judge().unexplained.len(), 2);
    }

    #[test]
    fn a_handover_explains_what_was_ahead_of_a_record_that_came_again() {
        let mut evidence = evidence(&[0, 2, 1, 4, 2, 3, 4, 5]);
        evidence.handovers = 1;
        assert_eq!(evidence.judge(), Judgement { duplicates: 2, ..Judgement::default() });
    }

    #[test]
    fn order_is_that_of_the_first_arrivals_and_of_the_last() {
        assert_eq!(
            evidence(&[0, 1, 4, 2, 3, 5]).judge().out_of_order,
            ["key-0: 4 came before 2", "key-0: 2 came last, over 4"]
        );
        assert_eq!(evidence(&[0, 1, 2, 4, 3, 5, 2]).judge().out_of_order, ["key-0: 2 came last, over 4"]);
        assert!(evidence(&[0, 1, 2, 4, 3, 5, 2, 4]).judge().out_of_order.is_empty(), "both came again");
    }

    #[test]
    fn what_the_target_took_early_has_to_come_again() {
        let mut evidence = evidence(&[0, 1, 4, 2, 4, 3, 5]);
        evidence.arrivals[2].early = true;
        assert!(evidence.judge().out_of_order.is_empty());
        evidence.arrivals.remove(4);
        assert_eq!(evidence.judge().out_of_order, ["key-0: 2 came last, over 4"]);
    }

    #[test]
    fn a_commit_before_the_arrival_is_seen_at_once() {
        let crash = Crash { committed: vec![Some(3)], arrived: BTreeSet::from([0, 1]) };
        assert_eq!(evidence(&[0, 1]).committed_early(&crash), ["record 2 (0-2)"]);
    }
}
