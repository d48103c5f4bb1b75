//! What is learned of targets that count in different ways, simulated.

use std::collections::VecDeque;

use crate::pace::learner::*;

/// How a target counts its calls.
#[derive(Clone, Copy, Debug)]
enum Counts {
    /// A bucket with so many tokens: with one, calls have to keep their distance.
    Bucket(f64),
    /// A bucket that holds what comes in within a second, and one token at least.
    Second,
    /// Windows of a second, or of the time for one call, that follow each other.
    Windows,
    /// The same, but each call begins one.
    Sliding,
}

use Counts::{Bucket, Second, Sliding, Windows};

/// A target with calls in flight to it.
struct World {
    learner: Learner,
    counts: Counts,
    limit: f64,
    tokens: f64,
    /// When the bucket was filled, or the window began.
    since: Instant,
    /// The calls of the window that slides.
    window: VecDeque<Instant>,
    now: Instant,
    /// When each call under way is answered, when it went out, and whether it was taken.
    in_flight: VecDeque<(Instant, Instant, bool)>,
    random: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    taken: f64,
    throttled: f64,
    seconds: f64,
}

const CEILING: f64 = 5.0;
const LATENCY: Duration = Duration::from_millis(70);
/// How late calls arrive at most, in milliseconds: each a little otherwise.
const JITTER: u64 = 5;
const PLACES: usize = 4;

impl World {
    fn new(counts: Counts, limit: f64, seed: u64) -> Self {
        let (learner, now) = (Learner::new(CEILING), Instant::now());
        let (window, in_flight) = (VecDeque::new(), VecDeque::new());
        let mut world =
            Self { learner, counts, limit, tokens: 0.0, since: now, window, now, in_flight, random: seed };
        world.change(limit);
        world
    }

    /// Changes the limit, which begins anew.
    fn change(&mut self, limit: f64) {
        self.limit = limit;
        self.tokens = self.most();
        self.since = self.now;
        self.window.clear();
    }

    /// Returns how many calls can come at once.
    fn most(&self) -> f64 {
        match self.counts {
            Bucket(most) => most,
            Second => self.limit.max(1.0),
            Windows | Sliding => self.limit.floor().max(1.0),
        }
    }

    fn takes(&mut self, at: Instant) -> bool {
        let (most, seconds) = (self.most(), at.saturating_duration_since(self.since).as_secs_f64());
        let window = Duration::from_secs_f64(most / self.limit);
        match self.counts {
            Bucket(_) | Second => {
                self.tokens = (self.tokens + seconds * self.limit).min(most);
                self.since = at;
            }
            Windows => {
                while at.duration_since(self.since) >= window {
                    self.since += window;
                    self.tokens = most;
                }
            }
            Sliding => {
                while self.window.front().is_some_and(|first| at.duration_since(*first) >= window) {
                    self.window.pop_front();
                    self.tokens += 1.0;
                }
            }
        }
        let takes = self.tokens >= 1.0 - 1e-9;
        if takes {
            self.tokens -= 1.0;
            self.window.push_back(at);
        }
        takes
    }

    fn jitter(&mut self) -> Duration {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((self.random >> 33) % (JITTER * 1000))
    }

    /// Lets the next thing happen: a call goes out, or one is answered.
    fn step(&mut self) -> Option<bool> {
        let due = self.learner.due().unwrap_or(self.now).max(self.now);
        let answer = self.in_flight.front().copied();
        if let Some((at, sent, taken)) =
            answer.filter(|(at, ..)| *at <= due || self.in_flight.len() == PLACES)
        {
            self.in_flight.pop_front();
            self.now = self.now.max(at);
            if taken {
                self.learner.taken(sent);
            } else {
                self.learner.throttled(sent, self.now);
            }
            return None;
        }
        self.now = due;
        let arrives = due + self.jitter();
        let taken = self.takes(arrives);
        self.learner.sent(due);
        self.in_flight.push_back((arrives + LATENCY, due, taken));
        Some(taken)
    }

    fn go(&mut self, on: impl Fn(&Seen) -> bool) -> Seen {
        let (begun, mut seen) = (self.now, Seen::default());
        while on(&seen) {
            match self.step() {
                Some(true) => seen.taken += 1.0,
                Some(false) => seen.throttled += 1.0,
                None => {}
            }
            seen.seconds = self.now.duration_since(begun).as_secs_f64();
        }
        seen
    }

    fn until_taken(&mut self, calls: f64) -> Seen {
        self.go(|seen| seen.taken < calls)
    }

    fn for_seconds(&mut self, seconds: f64) -> Seen {
        self.go(|seen| seen.seconds < seconds)
    }
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.taken += other.taken;
        self.throttled += other.throttled;
        self.seconds += other.seconds;
    }

    fn used(&self, limit: f64) -> f64 {
        self.taken / (limit * self.seconds)
    }

    fn share_throttled(&self) -> f64 {
        self.throttled / (self.taken + self.throttled)
    }
}

/// What a run sees depends on when a try comes; so many runs have it evened out.
const SEEDS: u8 = 40;
const LIMITS: [f64; 8] = [0.5, 0.7, 1.0, 2.0, 2.7, 4.9, 5.0, 20.0];

/// What is asked of the product: 200 calls, learning included, use 90 % of what the limit allows, and of the second
/// half less than 5 % are throttled.
#[track_caller]
fn assert_learns(counts: Counts, limit: f64) {
    let mut throttled = 0.0;
    for seed in 0..SEEDS {
        let mut world = World::new(counts, limit, seed.into());
        let (first, second) = (world.until_taken(100.0), world.until_taken(100.0));
        let used = 200.0 / (limit.min(CEILING) * (first.seconds + second.seconds));
        assert!(used > 0.9, "{counts:?}, {limit} a second: used {used:.3}");
        assert!(first.throttled <= 20.0, "{counts:?}, {limit} a second: {first:?}");
        assert!(second.share_throttled() < 0.06, "{counts:?}, {limit} a second: {second:?}");
        throttled += second.share_throttled() / f64::from(SEEDS);
    }
    assert!(throttled < 0.05, "{counts:?}, {limit} a second: throttled {throttled:.3}");
}

#[test]
fn a_bucket_without_a_burst_is_learned() {
    for limit in LIMITS {
        assert_learns(Bucket(1.0), limit);
    }
}

#[test]
fn a_bucket_with_a_burst_is_learned() {
    for limit in LIMITS {
        assert_learns(Second, limit);
        assert_learns(Bucket(5.0), limit);
    }
}

#[test]
fn windows_are_learned() {
    for limit in [0.5, 0.7, 1.0, 5.0] {
        assert_learns(Windows, limit);
        assert_learns(Sliding, limit);
    }
}

/// Asserts the least share of the limits that is used on a course of them, each with its calls or seconds.
#[track_caller]
fn assert_follows(course: &[(f64, f64)], part: fn(&mut World, f64) -> Seen, least: f64) {
    for counts in [Bucket(1.0), Bucket(5.0), Second, Windows, Sliding] {
        let (mut taken, mut allowed) = (0.0, 0.0);
        for seed in 0..SEEDS {
            let mut world = World::new(counts, 1.0, seed.into());
            for &(limit, long) in course {
                world.change(limit);
                let seen = part(&mut world, long);
                taken += seen.taken;
                allowed += limit * seen.seconds;
            }
        }
        let used = taken / allowed;
        assert!(used > least, "{counts:?}: used {used:.3}");
    }
}

#[test]
fn a_limit_that_changes_tenfold_after_some_calls_is_followed() {
    assert_follows(&[(5.0, 60.0), (0.5, 40.0), (1.0, 40.0), (5.0, 60.0)], World::until_taken, 0.7);
}

#[test]
fn a_limit_that_doubles_and_halves_is_followed() {
    let course = [(1.0, 60.0), (2.0, 60.0), (1.0, 60.0), (0.5, 60.0), (1.0, 60.0)];
    assert_follows(&course, World::until_taken, 0.8);
}

#[test]
fn a_limit_that_changes_with_time_is_followed() {
    let course = [(5.0, 60.0), (0.5, 120.0), (2.0, 90.0), (5.0, 60.0), (1.0, 90.0), (2.0, 60.0)];
    assert_follows(&course, World::for_seconds, 0.85);
}

#[test]
fn a_limit_that_falls_is_found_within_a_few_calls() {
    for counts in [Bucket(1.0), Second, Windows, Sliding] {
        let mut world = World::new(counts, 5.0, 1);
        world.until_taken(100.0);
        world.change(0.5);
        let falling = world.until_taken(20.0);
        assert!(falling.throttled <= 13.0, "{counts:?}: {falling:?}");
        assert!(falling.used(0.5) > 0.9, "{counts:?}: {falling:?}");
    }
}

/// What is held can be too little although no limit fell: calls that the machine or the network held up arrive
/// together, and are throttled.
#[test]
fn a_limit_a_little_above_what_is_held_is_found() {
    for counts in [Bucket(1.0), Bucket(5.0), Second, Windows, Sliding] {
        for (held, limit) in [(0.3, 0.5), (0.65, 1.0), (0.85, 1.0), (0.7, 1.0), (1.2, 2.0), (3.0, 5.0)] {
            let mut found = Seen::default();
            for seed in 0..SEEDS {
                let mut world = World::new(counts, held, seed.into());
                world.until_taken(100.0);
                world.change(limit);
                world.until_taken(200.0);
                found.add(&world.until_taken(100.0));
            }
            assert!(found.used(limit) > 0.93, "{counts:?}, {held} to {limit}: {found:?}");
            // What a window lets through is often taken for a higher limit.
            let most = if matches!(counts, Windows) { 0.07 } else { 0.05 };
            assert!(found.share_throttled() < most, "{counts:?}, {held} to {limit}: {found:?}");
        }
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
    assert!(learner.rate() >= MIN_CALLS_PER_SECOND);
    (0..500).for_each(|n| learner.taken(now + Duration::from_secs(50 + n)));
    assert!(learner.rate() <= 5.0);
}
