//! Records that their sink has taken and holds: each is counted once it is stored, and left for the next reading otherwise. Pure.

use std::collections::VecDeque;

use sluice_connector_api::Timestamp;

/// Offsets of a span, which takes a bit for each.
const WIDTH: i64 = 64;

/// The records of a partition that its sink holds. A bit for each, since an object has millions of them (invariant 7).
#[derive(Debug, Default)]
pub(crate) struct HeldRecords {
    /// In the order of their offsets.
    spans: VecDeque<HeldSpan>,
    /// Records of offsets that have another meaning by now, or of which one more is held: stored once nothing is held.
    before: u64,
}

#[derive(Debug)]
struct HeldSpan {
    /// A multiple of [`WIDTH`].
    start: i64,
    /// A bit for each offset from `start` on.
    held: u64,
    /// The timestamp of the oldest of its records.
    oldest: Option<Timestamp>,
}

/// Records that are stored by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NowStored {
    pub(crate) count: u64,
    /// The timestamp of the oldest of them.
    pub(crate) oldest: Option<Timestamp>,
}

impl HeldRecords {
    /// Takes note of a record that the sink holds.
    pub(crate) fn add(&mut self, offset: i64) {
        let Some(span) = self.span_of(offset) else { return };
        let is_repeat = span.held & bit(offset) != 0;
        span.held |= bit(offset);
        self.before += u64::from(is_repeat);
    }

    /// Takes note of the timestamp of a record that is added next.
    pub(crate) fn note_time(&mut self, offset: i64, timestamp: Timestamp) {
        if let Some(span) = self.span_of(offset)
            && span.oldest.is_none_or(|oldest| timestamp.millis < oldest.millis)
        {
            span.oldest = Some(timestamp);
        }
    }

    fn span_of(&mut self, offset: i64) -> Option<&mut HeldSpan> {
        let start = start_of(offset);
        let index = self.spans.partition_point(|span| span.start < start);
        if self.spans.get(index).is_none_or(|span| span.start != start) {
            self.spans.insert(index, HeldSpan { start, held: 0, oldest: None });
        }
        self.spans.get_mut(index)
    }

    /// Takes out the records before `first`, or all where there is none: they are stored.
    pub(crate) fn take_stored(&mut self, first: Option<i64>) -> Vec<NowStored> {
        let mut stored = Vec::new();
        if first.is_none() && self.before > 0 {
            stored.push(NowStored { count: std::mem::take(&mut self.before), oldest: None });
        }
        while let Some(span) = self.spans.front_mut() {
            let taken = first.map_or(span.held, |first| span.held & below(span.start, first));
            span.held &= !taken;
            if taken != 0 {
                stored.push(NowStored { count: u64::from(taken.count_ones()), oldest: span.oldest });
            }
            if first.is_some_and(|first| start_of(first) <= span.start) {
                break;
            }
            self.spans.pop_front();
        }
        stored
    }

    /// Takes note that the offsets of the partition mean something else from now on. What was held before is stored once nothing
    /// is held any more.
    pub(crate) fn restart(&mut self) {
        self.before = self.count();
        self.spans.clear();
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> u64 {
        self.before + self.spans.iter().map(|span| u64::from(span.held.count_ones())).sum::<u64>()
    }

    /// Returns the offset of each.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = i64> {
        let of_span = |span: &HeldSpan| {
            let (start, held) = (span.start, span.held);
            (start..=start.saturating_add(WIDTH - 1)).filter(move |offset| held & bit(*offset) != 0)
        };
        self.spans.iter().flat_map(of_span)
    }
}

fn start_of(offset: i64) -> i64 {
    offset - offset.rem_euclid(WIDTH)
}

fn bit(offset: i64) -> u64 {
    1 << offset.rem_euclid(WIDTH)
}

/// Returns the bits of a span whose offsets are lower than `first`.
fn below(start: i64, first: i64) -> u64 {
    match first.saturating_sub(start) {
        ..=0 => 0,
        WIDTH.. => u64::MAX,
        within => (1 << within) - 1,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use sluice_connector_api::TimestampType;

    use super::*;

    fn count(stored: &[NowStored]) -> u64 {
        stored.iter().map(|stored| stored.count).sum()
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp { millis, kind: TimestampType::CreateTime }
    }

    #[test]
    fn a_record_is_stored_with_the_oldest_of_its_neighbours() {
        let mut held = HeldRecords::default();
        for (offset, millis) in [(5, 300), (6, 100), (7, 200), (900, 7)] {
            held.note_time(offset, at(millis));
            held.add(offset);
        }
        let stored = held.take_stored(Some(7));
        assert_eq!(stored, [NowStored { count: 2, oldest: Some(at(100)) }]);
        assert_eq!(held.count(), 2);
        assert_eq!(count(&held.take_stored(None)), 2);
        assert_eq!(held.count(), 0);
    }

    #[test]
    fn what_was_held_under_other_offsets_is_stored_once_nothing_is_held() {
        let mut held = HeldRecords::default();
        (900..903).for_each(|offset| held.add(offset));
        held.restart();
        (0..2).for_each(|offset| held.add(offset));
        assert_eq!(count(&held.take_stored(Some(1))), 1);
        assert_eq!(held.count(), 4);
        assert_eq!(count(&held.take_stored(None)), 4);
    }

    proptest! {
        /// Whatever the order and the gaps, what is below the first offset that is held is stored, each record once.
        #[test]
        fn each_record_is_stored_once_and_not_before_its_time(
            steps in prop::collection::vec((0_i64..400, any::<bool>()), 1..60),
        ) {
            let (mut held, mut expected) = (HeldRecords::default(), BTreeSet::new());
            for (offset, stores) in steps {
                if stores {
                    let rest = expected.split_off(&offset);
                    prop_assert_eq!(count(&held.take_stored(Some(offset))), expected.len() as u64);
                    expected = rest;
                } else if expected.insert(offset) {
                    held.add(offset);
                }
                prop_assert!(held.offsets().eq(expected.iter().copied()));
                prop_assert_eq!(held.count(), expected.len() as u64);
            }
            prop_assert_eq!(count(&held.take_stored(None)), expected.len() as u64);
        }
    }
}
