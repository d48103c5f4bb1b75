//! How long to wait before the next try.

use std::time::Duration;

/// Exponential backoff with full jitter: a random part of `base * 2^tries`, no more than `cap`.
///
/// Full jitter spreads the clients of one target best (AWS Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

impl Backoff {
    /// Returns the longest wait after so many failures (from 1).
    pub fn longest(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// Returns the wait after so many failures (from 1), and no less than the target asked for.
    pub fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let jittered = self.longest(failures).mul_f64(fastrand::f64());
        jittered.max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(300), cap: Duration::from_mins(1) };

    #[test]
    fn the_longest_wait_doubles_up_to_the_cap() {
        let seen: Vec<_> = [1, 2, 3, 9, 40].map(|failures| BACKOFF.longest(failures).as_millis()).into();
        assert_eq!(seen, [300, 600, 1200, 60_000, 60_000]);
    }

    #[test]
    fn jitter_takes_any_part_of_it() {
        let waits: Vec<_> = (0..200).map(|_| BACKOFF.wait(2, None)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(600)));
        assert!(waits.iter().any(|wait| *wait < Duration::from_millis(200)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_millis(400)));
    }

    #[test]
    fn the_wait_is_never_shorter_than_the_target_asked_for() {
        let asked = Duration::from_secs(90);
        assert!(BACKOFF.wait(1, Some(asked)) >= asked);
    }
}
