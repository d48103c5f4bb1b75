//! So many records per second, evenly spaced.

use std::time::{Duration, Instant};

/// Spaces records evenly.
#[derive(Clone, Debug)]
pub(crate) struct EvenPace {
    interval: Duration,
    last: Option<Instant>,
}

impl EvenPace {
    /// Up to which lateness is made up for: that of a busy machine is, that of an input that comes slowly is not.
    const CATCH_UP: Duration = Duration::from_millis(100);

    /// Reads records per second.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=1e6).contains(rate));
        let rate = rate.ok_or("records per second are a number from 0.001 to 1000000")?;
        Ok(Self { interval: Duration::from_secs_f64(1.0 / rate), last: None })
    }

    /// Returns when the next record is due; the first one is at once.
    pub(crate) fn next(&mut self, now: Instant) -> Instant {
        let earliest = now.checked_sub(Self::CATCH_UP).unwrap_or(now);
        let due = self.last.map_or(now, |last| earliest.max(last + self.interval));
        self.last = Some(due);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn records_are_evenly_spaced_whatever_sending_takes() {
        let (mut pace, began) = (EvenPace::read("50").unwrap(), Instant::now());
        let due: Vec<_> = [0, 3, 35, 60].map(|now| pace.next(began + millis(now)) - began).into();
        assert_eq!(due, [0, 20, 40, 60].map(millis));
    }

    #[test]
    fn what_a_slow_input_missed_is_not_sent_in_a_burst() {
        let (mut pace, began) = (EvenPace::read("50").unwrap(), Instant::now());
        let due: Vec<_> = [0, 5000, 5000].map(|now| pace.next(began + millis(now)) - began).into();
        assert_eq!(due, [0, 4900, 4920].map(millis));
    }

    #[test]
    fn a_rate_is_a_number_above_0() {
        for bad in ["0", "-5", "nan", "inf", "1e-9", "fast", ""] {
            assert!(EvenPace::read(bad).unwrap_err().contains("from 0.001 to 1000000"), "{bad}");
        }
        assert_eq!(EvenPace::read("0.5").unwrap().interval, millis(2000));
    }
}
