//! The log throttle: what happens again and again is logged in full at first and then summed up, so that an outage of
//! an hour is a dozen lines.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing is logged after a line in full; it doubles with every summary.
const FIRST_INTERVAL: Duration = Duration::from_secs(30);
/// The longest time between two summaries.
const MAX_INTERVAL: Duration = Duration::from_mins(5);
/// Reasons that are told apart at once; further ones are summed up together.
const MAX_REASONS: usize = 100;

/// Decides what to log of things that repeat themselves, by their reason. Two reasons that differ only in their numbers,
/// such as an offset or a line, are one. Clones share what was logged.
#[derive(Clone, Debug)]
pub struct LogThrottle {
    /// Lines in full, for each reason.
    full_lines: u32,
    episodes: Arc<Mutex<HashMap<String, Episode>>>,
}

/// What to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLine {
    /// A line with all there is to say.
    Full,
    /// Nothing; it counts for the next summary.
    Nothing,
    /// How often it happened since the last line.
    Summary(Summary),
}

/// How often something happened, and in which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How often.
    pub count: u64,
    /// In which time.
    pub lasting: Duration,
}

/// One reason, from its first line until nothing is left to log of it.
#[derive(Debug)]
struct Episode {
    reason: String,
    since: Instant,
    count: u64,
    full_lines: u32,
    last_line: Instant,
    unlogged: u64,
    interval: Duration,
    passed: bool,
    /// It came back after it had passed, so that a line for each would be the noise that this is against.
    comes_and_goes: bool,
}

impl LogThrottle {
    /// Logs so many lines in full for each reason.
    pub fn new(full_lines: u32) -> Self {
        Self { full_lines, episodes: Arc::default() }
    }

    /// Takes note that it happened, and decides what to log of it.
    pub fn note(&self, reason: &str) -> LogLine {
        let now = Instant::now();
        let mut episodes = self.lock();
        let kind = without_numbers(reason);
        let is_one_too_many = episodes.len() >= MAX_REASONS && !episodes.contains_key(&kind);
        let kind = if is_one_too_many { String::new() } else { kind };
        let episode = episodes.entry(kind).or_insert_with(|| Episode::new(now));
        episode.note(reason, now, self.full_lines)
    }

    /// Takes note that it has passed. Returns what to log of that, where it happened more than once.
    pub fn passed(&self) -> Option<Summary> {
        let now = Instant::now();
        let mut episodes = self.lock();
        let mut all: Option<Summary> = None;
        for episode in episodes.values_mut().filter(|episode| !episode.passed) {
            episode.passed = true;
            if episode.count > 1 && !episode.comes_and_goes {
                let one = episode.all(now);
                all = Some(all.map_or(one, |other| one.with(other)));
            }
        }
        all
    }

    /// Returns the summaries that are due although nothing happens any more, each with its last reason.
    pub fn due(&self) -> Vec<(String, Summary)> {
        let now = Instant::now();
        let mut episodes = self.lock();
        let mut due = Vec::new();
        episodes.retain(|_, episode| {
            let is_over = episode.is_due(now) && episode.unlogged == 0;
            if episode.is_due(now) && !is_over {
                due.push((episode.reason.clone(), episode.summary(now)));
            }
            !is_over
        });
        due
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Episode>> {
        self.episodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Episode {
    fn new(now: Instant) -> Self {
        Self {
            reason: String::new(),
            since: now,
            count: 0,
            full_lines: 0,
            last_line: now,
            unlogged: 0,
            interval: FIRST_INTERVAL,
            passed: false,
            comes_and_goes: false,
        }
    }

    fn note(&mut self, reason: &str, now: Instant, full_lines: u32) -> LogLine {
        reason.clone_into(&mut self.reason);
        self.count += 1;
        self.comes_and_goes |= std::mem::take(&mut self.passed);
        if self.full_lines < full_lines {
            self.full_lines += 1;
            self.last_line = now;
            return LogLine::Full;
        }
        self.unlogged += 1;
        if self.is_due(now) { LogLine::Summary(self.summary(now)) } else { LogLine::Nothing }
    }

    fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.last_line) >= self.interval
    }

    fn all(&mut self, now: Instant) -> Summary {
        self.unlogged = 0;
        Summary { count: self.count, lasting: now - self.since }
    }

    fn summary(&mut self, now: Instant) -> Summary {
        let summary = Summary { count: std::mem::take(&mut self.unlogged), lasting: now - self.last_line };
        self.last_line = now;
        self.interval = (self.interval * 2).min(MAX_INTERVAL);
        summary
    }
}

impl Summary {
    /// Sums two up together.
    fn with(self, other: Self) -> Self {
        Self { count: self.count + other.count, lasting: self.lasting.max(other.lasting) }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.lasting.as_secs();
        match self.count {
            1 => write!(f, "once more in {seconds}s"),
            count => write!(f, "{count} times in {seconds}s"),
        }
    }
}

fn without_numbers(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn sum(count: u64, seconds: u64) -> Summary {
        Summary { count, lasting: Duration::from_secs(seconds) }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_said_once_then_summed_up_at_growing_intervals_until_it_passes() {
        let (throttle, mut said) = (LogThrottle::new(1), Vec::new());
        for second in 0..700 {
            match throttle.note("503 busy") {
                LogLine::Nothing => {}
                other => said.push((second, other)),
            }
            pass(1).await;
        }
        let expected = [
            (0, LogLine::Full),
            (30, LogLine::Summary(sum(30, 30))),
            (90, LogLine::Summary(sum(60, 60))),
            (210, LogLine::Summary(sum(120, 120))),
            (450, LogLine::Summary(sum(240, 240))),
        ];
        assert_eq!(said, expected);
        assert_eq!(throttle.passed(), Some(sum(700, 700)));
        assert_eq!(throttle.passed(), None, "it passes once");
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_once_passes_in_silence() {
        let throttle = LogThrottle::new(1);
        assert_eq!((throttle.note("busy"), throttle.passed()), (LogLine::Full, None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_only_summed_up() {
        let throttle = LogThrottle::new(1);
        let mut said = Vec::new();
        for _ in 0..40 {
            said.push(throttle.note("429"));
            assert_eq!(throttle.passed(), None);
            pass(1).await;
        }
        said.retain(|say| *say != LogLine::Nothing);
        assert_eq!(said, [LogLine::Full, LogLine::Summary(sum(30, 30))]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_reason_has_lines_of_its_own_and_numbers_do_not_tell_reasons_apart() {
        let throttle = LogThrottle::new(2);
        let say = |reason: &str| throttle.note(reason);
        assert_eq!(
            [say("line 1"), say("line 2"), say("line 33")],
            [LogLine::Full, LogLine::Full, LogLine::Nothing]
        );
        assert_eq!(say("field `a` is missing"), LogLine::Full);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_unsaid_is_summed_up_when_nothing_happens_any_more_and_then_forgotten() {
        let throttle = LogThrottle::new(1);
        let said: Vec<_> = (0..5).map(|_| throttle.note("bad")).collect();
        assert_eq!(said.iter().filter(|say| **say == LogLine::Nothing).count(), 4);
        assert!(throttle.due().is_empty(), "too early");
        pass(30).await;
        assert_eq!(throttle.due(), [("bad".to_owned(), sum(4, 30))]);
        pass(60).await;
        assert!(throttle.due().is_empty());
        assert_eq!(throttle.note("bad"), LogLine::Full, "it is news again");
    }

    #[tokio::test(start_paused = true)]
    async fn reasons_without_end_are_summed_up_together() {
        let throttle = LogThrottle::new(1);
        let name = |n: u32| (0..n).map(|_| 'x').collect::<String>();
        let said: Vec<_> =
            (0..200).map(|n| throttle.note(&name(n))).filter(|say| *say == LogLine::Full).collect();
        assert!(said.len() <= MAX_REASONS + 1, "{}", said.len());
    }
}
