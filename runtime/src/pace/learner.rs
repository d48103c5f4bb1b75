//! How a rate is learned. Knows no clock: the time is an argument.
//!
//! A target may count with a bucket of tokens, in windows, or by the time between calls. Whatever it does, a throttled
//! call says that the rate was too much, but one that is taken says little: it may owe itself to a burst. So a rate is
//! held just below what was too much, and now and then more is tried, faster with each call that is taken: where the
//! limit was raised, that costs a few calls; where it was not, one throttled call, and the rate that was held goes on.
//! Calls that are throttled one after the other make it slower in the same way.

use std::time::Duration;

use tokio::time::Instant;

/// So many calls have to be taken for each throttled one before a higher rate is tried again. With 25 of them 4 % of the
/// calls are throttled, where 5 % are allowed.
const RISE_PRICE_CALLS: f64 = 25.0;
/// The rate held, as a part of the rate that was too much: calls do not arrive as evenly as they are sent.
const HOLD_FACTOR: f64 = 0.96;
/// The same while the limit is still being learned: what was too much may have been far too much.
const UNSURE_FACTOR: f64 = 0.85;
/// Each call that is taken closes this part of the distance to the rate that was too much. Half of it is closed in
/// three calls, so that a rate which only a burst let through is noticed before it is far exceeded.
const APPROACH_FACTOR: f64 = 0.25;
/// The first step up or down, as a part of the rate. Each further one is twice as wide, until the rate is doubled or
/// halved.
const STEP_FACTOR: f64 = 0.7;
/// The first step up of a try, by how many tries failed before it; behind the last width comes the first again. With one
/// width alone a limit a little above the rate held would never be found, since each try would be too much. Between
/// narrow steps there is always a wide one, for a limit that has risen by far.
const RISE_STEP_FACTORS: [f64; 6] =
    [STEP_FACTOR, STEP_FACTOR / 2.0, STEP_FACTOR, STEP_FACTOR / 4.0, STEP_FACTOR, STEP_FACTOR / 8.0];
/// From so many calls on it is no luck that they were taken: a rate at which fewer were taken was still being learned.
const TELLING_CALLS: f64 = 10.0;
/// So many calls above its limit a target may take all the same: a token that was left, and a little.
const BURST_CALLS: f64 = 1.2;
/// What a target may save up on top of that with each call, while the rate is held below its limit.
const SAVED_CALLS: f64 = 1.0 - HOLD_FACTOR;
/// The lowest rate: one call per minute.
const MIN_CALLS_PER_SECOND: f64 = 1.0 / 60.0;

/// A learned rate.
#[derive(Debug)]
pub(crate) struct Learner {
    /// Calls per second that are never exceeded.
    ceiling: f64,
    rate: f64,
    /// The rate to come back to where more turns out to be too much.
    held: f64,
    too_much: f64,
    doing: Doing,
    /// Tries that came to nothing since the last one that did not, counted through [`RISE_STEP_FACTORS`].
    futile: usize,
    /// Calls to be taken before more is tried.
    to_pay: f64,
    /// Calls that were taken since the last throttled one.
    taken: f64,
    /// When that was known: calls made before then say nothing about the rate after it.
    throttled_at: Option<Instant>,
    /// Calls that came through since the last fall ended, and when that was.
    through: f64,
    through_since: Option<Instant>,
    /// When the call went from which on the next one is due.
    last_sent: Option<Instant>,
    last_taken: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    /// Goes close to what was too much, and stays there.
    Hold,
    /// Tries more, after `last` was taken.
    Rise { step: f64, last: f64 },
    /// Tries a rate that may owe itself to a burst, or to a window that ended with a fall.
    Doubt { rate: f64, too_much: f64, fell: bool },
    /// Tries less, until anything is taken.
    Fall { step: f64 },
}

impl Learner {
    pub(crate) fn new(ceiling: f64) -> Self {
        let ceiling = ceiling.max(MIN_CALLS_PER_SECOND);
        Self {
            ceiling,
            rate: ceiling,
            held: ceiling,
            too_much: f64::INFINITY,
            doing: Doing::Hold,
            futile: 0,
            to_pay: 0.0,
            taken: 0.0,
            throttled_at: None,
            through: 0.0,
            through_since: None,
            last_sent: None,
            last_taken: None,
        }
    }

    /// Returns the rate in calls per second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Returns when the next call may go; `None` where it may at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        Some(self.last_sent? + Duration::from_secs_f64(1.0 / self.rate))
    }

    /// Takes note of a call that goes out.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.last_sent = Some(now);
        self.through_since.get_or_insert(now);
    }

    /// Takes note of a call that went out at `sent` and was not throttled.
    pub(crate) fn taken(&mut self, sent: Instant) {
        self.last_taken = self.last_taken.max(Some(sent));
        self.through += 1.0;
        if self.is_old(sent) {
            return;
        }
        self.taken += 1.0;
        self.to_pay -= 1.0;
        match self.doing {
            Doing::Hold => self.hold(),
            Doing::Rise { step, .. } => {
                if self.is_proven(sent) {
                    (self.held, self.too_much, self.futile) = (self.rate, f64::INFINITY, 0);
                }
                self.rise(step * 2.0);
            }
            Doing::Doubt { too_much, fell, .. } if self.taken >= TELLING_CALLS || self.is_proven(sent) => {
                (self.too_much, self.futile) = (too_much, 0);
                // The limit is what it was: it was a window that was used up.
                self.to_pay = if fell { RISE_PRICE_CALLS } else { self.to_pay };
                self.hold();
            }
            Doing::Doubt { rate, .. } => self.set(rate),
            Doing::Fall { .. } => self.land(sent),
        }
    }

    /// Takes note of a throttled call that went out at `sent`.
    pub(crate) fn throttled(&mut self, sent: Instant, now: Instant) {
        if self.last_sent == Some(sent) {
            // It was not counted, so the next one need not wait for it.
            self.last_sent = self.last_taken.or(self.last_sent);
        }
        if self.is_old(sent) {
            return;
        }
        let too_much = self.estimate(sent);
        match self.doing {
            Doing::Rise { last, .. } if last > self.held => {
                self.to_pay += RISE_PRICE_CALLS;
                let rate = (self.held * last).sqrt();
                self.doing = Doing::Doubt { rate, too_much: too_much.max(last), fell: false };
                self.set(self.held);
            }
            Doing::Rise { .. } if self.rate > self.held => {
                self.to_pay += RISE_PRICE_CALLS;
                self.come_back(too_much.max(self.held));
            }
            Doing::Doubt { fell, .. } => {
                self.to_pay += if fell { 0.0 } else { RISE_PRICE_CALLS };
                self.come_back(self.too_much);
            }
            _ if self.taken > 0.0 => self.cut(too_much),
            Doing::Fall { step } => self.fall(too_much, (step * 2.0).min(1.0)),
            _ => self.fall(too_much, STEP_FACTOR),
        }
        self.held = self.held.min(self.rate);
        (self.throttled_at, self.taken) = (Some(now), 0.0);
    }

    fn is_old(&self, sent: Instant) -> bool {
        self.throttled_at.is_some_and(|at| sent <= at)
    }

    /// Returns what was too much, as a throttled call tells: since the last one that was taken there was no time for
    /// another. After a long while that says nothing, because others may draw on the same limit.
    fn estimate(&self, sent: Instant) -> f64 {
        let close = since(self.last_taken, sent).map_or(self.rate, |gap| 1.0 / gap);
        close.clamp(self.rate / 2.0, self.rate)
    }

    /// Says whether more was taken since the last throttled call than could be if what is held were the limit.
    fn is_proven(&self, sent: Instant) -> bool {
        let seconds = since(self.throttled_at, sent).unwrap_or_default();
        self.taken - self.held * seconds > BURST_CALLS + SAVED_CALLS * self.taken
    }

    fn hold(&mut self) {
        self.doing = Doing::Hold;
        self.held = self.rate;
        let most = self.too_much * HOLD_FACTOR;
        if self.rate < most {
            self.set(most.min(self.rate + (self.too_much - self.rate) * APPROACH_FACTOR));
        } else if self.to_pay <= 0.0 {
            self.rise(RISE_STEP_FACTORS.get(self.futile).copied().unwrap_or(STEP_FACTOR));
        }
    }

    fn rise(&mut self, step: f64) {
        let step = step.min(1.0);
        self.doing = Doing::Rise { step, last: self.rate };
        self.set(self.rate * (1.0 + step));
    }

    /// Ends a try that came to nothing.
    fn come_back(&mut self, too_much: f64) {
        self.futile = (self.futile + 1) % RISE_STEP_FACTORS.len();
        self.doing = Doing::Hold;
        self.too_much = self.too_much.min(too_much);
        self.set(self.held);
    }

    /// Makes it a little slower. While it is learned where the limit is, that need not be paid for in full.
    fn cut(&mut self, too_much: f64) {
        let learned = self.taken >= TELLING_CALLS;
        self.to_pay = if learned { self.to_pay + RISE_PRICE_CALLS } else { self.to_pay.max(TELLING_CALLS) };
        self.doing = Doing::Hold;
        self.too_much = too_much;
        self.set(too_much * if learned { HOLD_FACTOR } else { UNSURE_FACTOR });
    }

    fn fall(&mut self, too_much: f64, step: f64) {
        self.to_pay = self.to_pay.min(0.0);
        self.doing = Doing::Fall { step };
        self.too_much = too_much;
        self.set(too_much / (1.0 + step));
    }

    /// Ends a fall. It may have been but a window that was used up: then what came through since the one before is
    /// what the target takes.
    fn land(&mut self, sent: Instant) {
        let through = since(self.through_since, sent).map_or(0.0, |seconds| (self.through - 1.0) / seconds);
        (self.through, self.through_since) = (1.0, Some(sent));
        if through > self.rate {
            self.held = self.rate;
            self.doing = Doing::Doubt { rate: through, too_much: self.too_much.max(through), fell: true };
            self.set(through);
        } else {
            self.hold();
        }
    }

    fn set(&mut self, rate: f64) {
        self.rate = rate.clamp(MIN_CALLS_PER_SECOND, self.ceiling);
    }
}

/// Returns the seconds from one moment to a later one.
fn since(earlier: Option<Instant>, later: Instant) -> Option<f64> {
    let seconds = later.saturating_duration_since(earlier?).as_secs_f64();
    (seconds > 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests;
