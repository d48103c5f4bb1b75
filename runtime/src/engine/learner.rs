//! How a rate is learned. Knows no clock: the time is an argument.
//!
//! Two things are certain of a target that throttles a call: the rate was too much, and since the last call that it
//! took there has not been time for another. So a throttled call sets the rate below both, as far as they are known to
//! be right, and calls that are taken bring it back along TCP CUBIC's curve: quickly at first, slowly near where it was
//! too much, and past it faster and faster, so that a limit that was raised is found again.

use std::time::Duration;

use tokio::time::Instant;

/// What is left of the rate that was too much, when a call is throttled after others were taken.
const CUT: f64 = 0.93;
/// What is left of it when hardly any call was taken before: the limit is far below.
const CUT_AGAIN: f64 = 0.6;
/// So many calls taken are hardly any.
const FEW: f64 = 3.0;
/// Calls until the rate is back where it was too much. With [`CUT`] this uses 94 % and more of any limit, at 4 % of
/// throttled calls: other values were tried in the simulation that the tests below are.
const CALLS_TO_RECOVER: f64 = 20.0;
/// How steep the curve is past the rate that was too much.
const STEEPNESS: f64 = 0.12;
/// So many times [`CALLS_TO_RECOVER`] past it, the limit is taken for raised ...
const RAISED: f64 = 1.2;
/// ... and the rate grows by this with each call.
const GROWTH: f64 = 1.5;
/// A target counts evenly, so a throttled call came only a little too early: this part of an interval.
const TOO_EARLY: f64 = 0.3;
/// From so many calls taken on, how many came through in the time says more than how close they were.
const TELLING: f64 = 8.0;
/// What is believed of the closeness then; the rest, of how many came through.
const CLOSENESS: f64 = 0.7;
/// The least: a call in a minute.
const MIN_RATE: f64 = 1.0 / 60.0;

/// A learned rate.
#[derive(Debug)]
pub(super) struct Learner {
    /// Calls a second that are never exceeded.
    ceiling: f64,
    rate: f64,
    /// The rate that was too much when the last call was throttled, and what was left of it.
    too_much: f64,
    low: f64,
    /// Calls that were taken since then.
    taken: f64,
    last_sent: Option<Instant>,
    last_taken_sent: Option<Instant>,
    last_throttled_sent: Option<Instant>,
    /// When to try again what was throttled, if nothing was sent since.
    again_at: Option<Instant>,
    /// When the rate was last cut: calls made before then say nothing about the new rate.
    cut_at: Option<Instant>,
}

impl Learner {
    pub(super) fn new(ceiling: f64) -> Self {
        let ceiling = ceiling.max(MIN_RATE);
        Self {
            ceiling,
            rate: ceiling,
            too_much: ceiling,
            low: ceiling,
            taken: CALLS_TO_RECOVER,
            last_sent: None,
            last_taken_sent: None,
            last_throttled_sent: None,
            again_at: None,
            cut_at: None,
        }
    }

    /// Returns the rate in calls a second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Returns when the next call may go; `None` where it may at once.
    pub(super) fn due(&self) -> Option<Instant> {
        self.again_at.or_else(|| Some(self.last_sent? + interval(self.rate)))
    }

    /// Takes note of a call that goes out.
    pub(super) fn sent(&mut self, now: Instant) {
        self.last_sent = Some(now);
        self.again_at = None;
    }

    /// Takes note of a call that went out at `sent` and was not throttled.
    pub(super) fn taken(&mut self, sent: Instant) {
        self.taken += 1.0;
        self.last_taken_sent = self.last_taken_sent.max(Some(sent));
        let off = self.taken / CALLS_TO_RECOVER - 1.0;
        let rate = if off < 0.0 {
            self.too_much + (self.too_much - self.low) * off.powi(3)
        } else if off <= RAISED {
            self.too_much * (1.0 + STEEPNESS * off.powi(3))
        } else {
            self.rate * GROWTH
        };
        self.rate = rate.clamp(MIN_RATE, self.ceiling);
    }

    /// Takes note of a throttled call that went out at `sent`.
    pub(super) fn throttled(&mut self, sent: Instant, now: Instant) {
        if self.cut_at.is_some_and(|cut_at| sent <= cut_at) {
            return;
        }
        let blind = self.taken < FEW;
        self.too_much = self.estimate(sent);
        self.low = (self.too_much * if blind { CUT_AGAIN } else { CUT }).max(MIN_RATE);
        self.rate = self.low;
        self.taken = 0.0;
        self.cut_at = Some(now);
        self.last_throttled_sent = Some(sent);
        if self.last_sent.is_none_or(|last| last <= sent) {
            let part = if blind { 1.0 } else { TOO_EARLY };
            self.again_at = Some(sent + interval(self.rate).mul_f64(part));
        }
    }

    /// Returns what the target takes at most, as a call that was throttled tells.
    fn estimate(&self, sent: Instant) -> f64 {
        let since = |earlier: Option<Instant>| {
            let seconds = sent.duration_since(earlier?).as_secs_f64();
            (seconds > 0.0).then_some(seconds)
        };
        let close = since(self.last_taken_sent).map_or(self.rate, |gap| self.rate.min(1.0 / gap));
        match since(self.last_throttled_sent) {
            Some(seconds) if self.taken >= TELLING => {
                let through = close.min(self.taken / seconds);
                through + (close - through) * CLOSENESS
            }
            _ => close,
        }
    }
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that takes so many calls a second and holds so many tokens, with calls in flight to it.
    struct World {
        learner: Learner,
        limit: f64,
        burst: f64,
        tokens: f64,
        filled: Instant,
        now: Instant,
        /// When each call under way is answered, when it went out, and whether it was taken.
        in_flight: Vec<(Instant, Instant, bool)>,
    }

    #[derive(Default)]
    struct Seen {
        taken: f64,
        throttled: f64,
        seconds: f64,
    }

    const LATENCY: Duration = Duration::from_millis(70);
    const PLACES: usize = 4;

    impl World {
        fn new(ceiling: f64, limit: f64, burst: f64) -> Self {
            let (learner, now) = (Learner::new(ceiling), Instant::now());
            Self { learner, limit, burst, tokens: burst, filled: now, now, in_flight: Vec::new() }
        }

        fn takes(&mut self) -> bool {
            let since = self.now.duration_since(self.filled).as_secs_f64();
            self.tokens = (self.tokens + since * self.limit).min(self.burst);
            self.filled = self.now;
            let takes = self.tokens >= 1.0 - 1e-9;
            self.tokens -= f64::from(u8::from(takes));
            takes
        }

        /// Lets the next thing happen: a call goes out, or one is answered.
        fn step(&mut self) -> Option<bool> {
            let due = self.learner.due().unwrap_or(self.now).max(self.now);
            let answer = self.in_flight.first().copied();
            if let Some((at, sent, taken)) =
                answer.filter(|(at, ..)| *at <= due || self.in_flight.len() == PLACES)
            {
                self.in_flight.remove(0);
                self.now = self.now.max(at);
                if taken {
                    self.learner.taken(sent);
                } else {
                    self.learner.throttled(sent, self.now);
                }
                return None;
            }
            self.now = due;
            let taken = self.takes();
            self.learner.sent(self.now);
            self.in_flight.push((self.now + LATENCY, self.now, taken));
            Some(taken)
        }

        fn until_taken(&mut self, calls: f64) -> Seen {
            let (begun, mut seen) = (self.now, Seen::default());
            while seen.taken < calls {
                match self.step() {
                    Some(true) => seen.taken += 1.0,
                    Some(false) => seen.throttled += 1.0,
                    None => {}
                }
            }
            Seen { seconds: self.now.duration_since(begun).as_secs_f64(), ..seen }
        }
    }

    impl Seen {
        fn used(&self, limit: f64) -> f64 {
            self.taken / (limit * self.seconds)
        }

        fn share_throttled(&self) -> f64 {
            self.throttled / (self.taken + self.throttled)
        }
    }

    #[track_caller]
    fn assert_keeps_to(seen: &Seen, limit: f64) {
        let (used, throttled) = (seen.used(limit), seen.share_throttled());
        assert!(used > 0.93, "{limit} a second: used {used:.3}, throttled {throttled:.3}");
        assert!(throttled < 0.05, "{limit} a second: used {used:.3}, throttled {throttled:.3}");
    }

    #[test]
    fn an_unknown_limit_is_found_used_and_kept_to() {
        for limit in [0.5, 1.0, 2.7, 4.9, 5.0, 20.0] {
            for burst in [1.0, 2.0, 5.0] {
                let mut world = World::new(5.0, limit, burst);
                let learning = world.until_taken(60.0);
                let used = learning.used(limit.min(5.0));
                assert!(used > 0.85, "{limit}, burst {burst}: used {used:.3} while learning");
                assert!(
                    learning.throttled <= 14.0,
                    "{limit}, burst {burst}: {} throttled",
                    learning.throttled
                );
                assert_keeps_to(&world.until_taken(400.0), limit.min(5.0));
            }
        }
    }

    #[test]
    fn a_limit_that_falls_is_found_within_a_few_calls() {
        for burst in [1.0, 5.0] {
            let mut world = World::new(5.0, 5.0, burst);
            world.until_taken(100.0);
            world.limit = 0.5;
            let falling = world.until_taken(30.0);
            assert!(falling.throttled <= 10.0, "burst {burst}: {} throttled", falling.throttled);
            assert_keeps_to(&world.until_taken(200.0), 0.5);
        }
    }

    #[test]
    fn a_limit_that_rises_tenfold_is_found_within_as_many_calls_as_there_are_in_two_minutes() {
        for burst in [1.0, 5.0] {
            let mut world = World::new(5.0, 0.5, burst);
            world.until_taken(100.0);
            world.limit = 5.0;
            let rising = world.until_taken(80.0);
            assert!(rising.seconds < 120.0, "burst {burst}: {:.0} s", rising.seconds);
            assert_keeps_to(&world.until_taken(400.0), 5.0);
        }
    }

    #[test]
    fn calls_that_were_under_way_when_the_rate_was_cut_do_not_cut_it_again() {
        let now = Instant::now();
        let mut learner = Learner::new(4.0);
        learner.throttled(now, now + Duration::from_secs(1));
        let cut = learner.rate();
        learner.throttled(now + Duration::from_millis(500), now + Duration::from_secs(2));
        assert!((learner.rate() - cut).abs() < f64::EPSILON);
    }

    #[test]
    fn the_rate_never_leaves_its_bounds() {
        let now = Instant::now();
        let mut learner = Learner::new(5.0);
        (1..50).for_each(|n| learner.throttled(now + Duration::from_secs(n), now + Duration::from_secs(n)));
        assert!(learner.rate() >= MIN_RATE);
        (0..500).for_each(|_| learner.taken(now));
        assert!(learner.rate() <= 5.0);
    }
}
