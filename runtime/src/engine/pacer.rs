//! How many calls a second a target takes, found out by asking.
//!
//! Documented limits are often not the real ones: the service behind the first sink documents 5 calls a second and
//! was seen to take one in two seconds. So the rate is learned as TCP CUBIC learns a bandwidth: a throttled call
//! cuts it, further calls bring it back towards the rate that was too much, slowly near it, and past it faster and
//! faster, so that a limit that was raised is found again. Calls are spread evenly: there is no burst.
//!
//! How many calls are under way at once is bounded where a sink says so; that is nothing to learn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluice_connector_api::{Failure, FailureKind, Pace};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::places::{Place, Places};

/// What is left of the rate when a call is throttled. With [`CALLS_TO_RECOVER`] this uses 93 % and more of any limit,
/// at 3 % of throttled calls: other pairs were tried in the simulation that the tests below are.
const CUT: f64 = 0.92;
/// What is left of it when the very next call is throttled, too: the limit is far below.
const CUT_AGAIN: f64 = 0.75;
/// Calls until the rate is back where it was too much.
const CALLS_TO_RECOVER: f64 = 35.0;
/// The least: a call in a minute.
const MIN_RATE: f64 = 1.0 / 60.0;

/// A learned rate. Knows no clock: the time is an argument.
#[derive(Debug)]
struct Learner {
    /// Calls a second that are never exceeded.
    ceiling: f64,
    rate: f64,
    /// The rate at which the last throttled call was made.
    too_much: f64,
    /// Calls that were taken since then.
    taken: f64,
    /// When the next call may go.
    next: Instant,
    /// When the rate was last cut: calls made before then say nothing about the new rate.
    cut_at: Option<Instant>,
}

impl Learner {
    fn new(ceiling: f64, now: Instant) -> Self {
        let ceiling = ceiling.max(MIN_RATE);
        Self { ceiling, rate: ceiling, too_much: ceiling, taken: CALLS_TO_RECOVER, next: now, cut_at: None }
    }

    /// Books the next free moment.
    fn book(&mut self, now: Instant) -> Instant {
        let at = self.next.max(now);
        self.next = at + Duration::from_secs_f64(1.0 / self.rate);
        at
    }

    fn taken(&mut self) {
        self.taken += 1.0;
        // CUBIC: flat where it was too much, steep far from there.
        let off = self.taken / CALLS_TO_RECOVER - 1.0;
        self.rate = self.too_much * (1.0 + (1.0 - CUT) * off.powi(3));
        self.rate = self.rate.clamp(MIN_RATE, self.ceiling);
    }

    /// Takes note of a throttled call that went out at `sent`.
    fn throttled(&mut self, sent: Instant, now: Instant) {
        if self.cut_at.is_some_and(|cut_at| sent < cut_at) {
            return;
        }
        let at_once = self.taken < 2.0;
        self.rate = (self.rate * if at_once { CUT_AGAIN } else { CUT }).max(MIN_RATE);
        self.too_much = self.rate / CUT;
        self.taken = 0.0;
        self.cut_at = Some(now);
        self.next = self.next.max(now + Duration::from_secs_f64(1.0 / self.rate));
    }
}

/// The pace of one budget, shared by everything that draws on it.
#[derive(Clone, Debug)]
pub struct Pacer {
    learner: Arc<Mutex<Learner>>,
    places: Places,
}

impl Pacer {
    /// Makes a pacer that begins at, and never exceeds, so many calls a second.
    pub fn new(calls_per_second: f64) -> Self {
        let learner = Learner::new(calls_per_second, Instant::now());
        Self { learner: Arc::new(Mutex::new(learner)), places: Places::unbounded() }
    }

    /// Returns the learned rate in calls a second.
    pub fn rate(&self) -> f64 {
        self.learner().rate
    }

    /// Waits for a place first: one that waits for its moment with a place in hand makes no burst once calls end.
    async fn turn(&self) -> Place {
        let place = self.places.enter().await;
        let at = self.learner().book(Instant::now());
        tokio::time::sleep_until(at).await;
        place
    }

    fn taken(&self) {
        self.learner().taken();
    }

    fn throttled(&self, sent: Instant) {
        self.learner().throttled(sent, Instant::now());
    }

    fn learner(&self) -> MutexGuard<'_, Learner> {
        self.learner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that may go now. Its place among those under way is free again when this is dropped.
#[derive(Debug)]
pub struct Turn {
    paced: Option<(Pacer, Place)>,
    /// When the call goes.
    pub since: Instant,
}

impl Turn {
    /// Waits for a call's turn; without a pacer it is there at once. `None` where `interrupt` came before
    /// (invariant 6).
    pub async fn of(pacer: Option<&Pacer>, interrupt: &CancellationToken) -> Option<Self> {
        let paced = match pacer {
            None if interrupt.is_cancelled() => return None,
            None => None,
            Some(pacer) => tokio::select! {
                biased;
                () = interrupt.cancelled() => return None,
                place = pacer.turn() => Some((pacer.clone(), place)),
            },
        };
        Some(Self { paced, since: Instant::now() })
    }

    /// Learns from the answer to the call: how it failed, if it did. An outage says nothing about the pace, since the
    /// target did not come to count the call.
    pub fn answered<'a>(self, failures: impl IntoIterator<Item = &'a Failure>) {
        let Some((pacer, _)) = &self.paced else { return };
        let (mut throttled, mut outage) = (false, false);
        for failure in failures {
            throttled |= failure.is_throttled();
            outage |= failure.kind() == FailureKind::Retriable;
        }
        match (throttled, outage) {
            (true, _) => pacer.throttled(self.since),
            (false, true) => {}
            (false, false) => pacer.taken(),
        }
    }
}

/// The budgets of a process, by their scope. An explicit value, one a worker.
#[derive(Clone, Debug, Default)]
pub struct Pacers(Arc<Mutex<HashMap<String, Pacer>>>);

impl Pacers {
    /// Returns the pacer of a budget. The first to ask says where it begins; of bounds on the calls under way the
    /// least holds.
    pub fn of(&self, pace: &Pace) -> Pacer {
        let mut pacers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pacer = pacers.entry(pace.scope.clone()).or_insert_with(|| Pacer::new(pace.calls_per_second));
        if let Some(places) = pace.max_concurrent {
            pacer.places.narrow(places);
        }
        pacer.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that takes so many calls a second, with no burst to speak of, as a token bucket of one.
    struct Target {
        limit: f64,
        tokens: f64,
        last: Instant,
    }

    impl Target {
        fn takes(&mut self, now: Instant) -> bool {
            let since = now.duration_since(self.last).as_secs_f64();
            self.tokens = (self.tokens + since * self.limit).min(1.0);
            self.last = now;
            let takes = self.tokens >= 1.0 - 1e-9;
            self.tokens -= f64::from(u8::from(takes));
            takes
        }
    }

    struct Seen {
        taken: f64,
        throttled: f64,
    }

    /// Makes calls one after the other for so long, on a clock of its own.
    fn call(learner: &mut Learner, target: &mut Target, now: &mut Instant, seconds: f64) -> Seen {
        let end = *now + Duration::from_secs_f64(seconds);
        let mut seen = Seen { taken: 0.0, throttled: 0.0 };
        while *now < end {
            *now = learner.book(*now);
            if target.takes(*now) {
                seen.taken += 1.0;
                learner.taken();
            } else {
                seen.throttled += 1.0;
                learner.throttled(*now, *now);
            }
        }
        seen
    }

    fn assert_keeps_to(seen: &Seen, limit: f64, seconds: f64) {
        let (used, throttled) =
            (seen.taken / (limit * seconds), seen.throttled / (seen.taken + seen.throttled));
        assert!(used > 0.9, "{limit} a second: used {used:.3}, throttled {throttled:.3}");
        assert!(throttled < 0.05, "{limit} a second: used {used:.3}, throttled {throttled:.3}");
    }

    #[test]
    fn an_unknown_limit_is_found_used_and_kept_to() {
        for limit in [0.5, 1.0, 2.7, 4.9, 5.0, 20.0] {
            let mut now = Instant::now();
            let mut learner = Learner::new(5.0, now);
            let mut target = Target { limit, tokens: 1.0, last: now };
            let learning = call(&mut learner, &mut target, &mut now, 60.0 / limit);
            assert!(learning.throttled <= 12.0, "{limit}: {} throttled while learning", learning.throttled);
            let seconds = 400.0 / limit;
            let seen = call(&mut learner, &mut target, &mut now, seconds);
            assert_keeps_to(&seen, limit.min(5.0), seconds);
        }
    }

    #[test]
    fn a_limit_that_changes_is_found_again() {
        let mut now = Instant::now();
        let mut learner = Learner::new(5.0, now);
        let mut target = Target { limit: 0.5, tokens: 1.0, last: now };
        for limit in [0.5, 5.0, 0.5, 1.0] {
            target.limit = limit;
            call(&mut learner, &mut target, &mut now, 300.0);
            let seen = call(&mut learner, &mut target, &mut now, 400.0 / limit);
            assert_keeps_to(&seen, limit, 400.0 / limit);
        }
    }

    #[test]
    fn calls_are_spread_evenly() {
        let now = Instant::now();
        let mut learner = Learner::new(4.0, now);
        let booked: Vec<_> = (0..3).map(|_| learner.book(now).duration_since(now).as_millis()).collect();
        assert_eq!(booked, [0, 250, 500]);
    }

    #[test]
    fn calls_that_were_under_way_when_the_rate_was_cut_do_not_cut_it_again() {
        let now = Instant::now();
        let mut learner = Learner::new(4.0, now);
        learner.throttled(now, now + Duration::from_secs(1));
        let cut = learner.rate;
        learner.throttled(now, now + Duration::from_secs(2));
        assert!((learner.rate - cut).abs() < f64::EPSILON);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_races_the_interrupt() {
        let pacer = Pacer::new(0.1);
        let interrupt = CancellationToken::new();
        assert!(Turn::of(Some(&pacer), &interrupt).await.is_some());
        let begun = Instant::now();
        interrupt.cancel();
        assert!(Turn::of(Some(&pacer), &interrupt).await.is_none());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_changes_the_rate_only_where_it_says_something_about_it() {
        let pacer = Pacer::new(4.0);
        let answered = async |failures: &[Failure]| {
            Turn::of(Some(&pacer), &CancellationToken::new()).await.unwrap().answered(failures);
            pacer.rate()
        };
        let busy = || Failure::throttled("429");
        let cut = answered(&[Failure::rejected("bad"), busy(), Failure::retriable("down")]).await;
        assert!(cut < 4.0);
        let same = answered(&[Failure::retriable("down"), Failure::rejected("bad")]).await;
        assert!((same - cut).abs() < f64::EPSILON);
        assert!(answered(&[Failure::rejected("bad")]).await > cut, "it was taken, and looked at");
    }

    #[test]
    fn one_scope_has_one_budget() {
        let pacers = Pacers::default();
        let pace =
            |scope: &str| Pace { scope: scope.to_owned(), calls_per_second: 5.0, max_concurrent: None };
        pacers.of(&pace("a")).throttled(Instant::now() + Duration::from_secs(1));
        assert!(pacers.of(&pace("a")).rate() < 5.0);
        assert!((pacers.of(&pace("b")).rate() - 5.0).abs() < f64::EPSILON);
    }
}
