//! When each record was produced, and when it came.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Two times for each record, whose ticker tells its number.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// In nanoseconds; none is zero.
    sent: Vec<AtomicU64>,
    came: Vec<AtomicU64>,
}

impl Clock {
    pub(crate) fn new(records: usize) -> Self {
        let none = || (0..records).map(|_| AtomicU64::new(0)).collect();
        // Nothing happens in the first nanosecond.
        Self { start: Instant::now(), sent: none(), came: none() }
    }

    fn now(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.start).as_nanos()).expect("less than centuries").max(1)
    }

    /// Notes that a record is handed to the producer.
    pub(crate) fn sent(&self, number: usize) {
        self.sent[number].store(self.now(Instant::now()), Ordering::Relaxed);
    }

    /// Notes that a sentence came; one that comes again counts once.
    pub(crate) fn came(&self, text: &[u8], at: Instant) {
        let came = number(text).and_then(|number| self.came.get(number));
        if let Some(came) = came {
            came.compare_exchange(0, self.now(at), Ordering::Relaxed, Ordering::Relaxed).ok();
        }
    }

    /// Returns the times from here to there of all records from this one on, in ascending order. Of one that never came there is none.
    pub(crate) fn ways(&self, from: usize) -> Vec<Duration> {
        let both = self.sent.iter().zip(&self.came).skip(from);
        let times = both.map(|(sent, came)| (sent.load(Ordering::Relaxed), came.load(Ordering::Relaxed)));
        let ways =
            times.filter(|(sent, came)| *sent > 0 && *came > 0).map(|(sent, came)| came.saturating_sub(sent));
        let mut ways: Vec<Duration> = ways.map(Duration::from_nanos).collect();
        ways.sort_unstable();
        ways
    }
}

/// Finds the number of a record in its sentence: `N` and eight digits, since no other word has a capital N.
fn number(text: &[u8]) -> Option<usize> {
    let start = text.iter().position(|byte| *byte == b'N')? + 1;
    let digits = text.get(start..start + 8)?;
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| usize::from(*byte - b'0'));
    digits.iter().map(digit).try_fold(0, |number, digit| Some(number * 10 + digit?))
}

/// Returns the value that so much of all stay under, such as 0.99.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (last as f64 * part).round() as usize;
    sorted.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::numbered;

    #[test]
    fn the_clock_finds_the_number_of_a_sentence() {
        assert_eq!(number(numbered(1234).text.as_bytes()), Some(1234));
        assert_eq!(number(b"At noon"), None);
    }

    #[test]
    fn a_way_is_counted_once_and_one_without_end_not_at_all() {
        let clock = Clock::new(3);
        for number in 0..3 {
            clock.sent(number);
        }
        let text = numbered(1).text;
        let later = Instant::now() + Duration::from_secs(1);
        clock.came(text.as_bytes(), later);
        clock.came(text.as_bytes(), later + Duration::from_secs(9));
        let ways = clock.ways(0);
        assert_eq!(ways.len(), 1);
        assert!(ways[0] > Duration::from_millis(900) && ways[0] < Duration::from_secs(2), "{ways:?}");
        assert!(clock.ways(2).is_empty());
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let sorted: Vec<Duration> = (0..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 0.5), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&sorted, 0.99), Some(Duration::from_millis(99)));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
