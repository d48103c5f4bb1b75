//! What happens again and again is said in full at first, and then summed up: an outage of an hour is a dozen lines.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing is said after a line in full; it doubles with every sum.
const FIRST: Duration = Duration::from_secs(30);
/// The longest time between two sums.
const LONGEST: Duration = Duration::from_mins(5);
/// Reasons that are told apart at once; further ones are summed up together.
const REASONS: usize = 100;

/// Decides what to say of things that repeat themselves, each for its reason. Two reasons that differ in their numbers
/// only, such as an offset or a line, are one. Clones share what was said.
#[derive(Clone, Debug)]
pub struct Repeats {
    /// Lines in full, for each reason.
    whole: u32,
    said: Arc<Mutex<HashMap<String, Episode>>>,
}

/// What to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// All there is to say.
    Whole,
    /// Nothing; it counts for the next sum.
    Nothing,
    /// How often it happened since the last line.
    Sum(Sum),
}

/// How often something happened, and in which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// How often.
    pub count: u64,
    /// In which time.
    pub lasting: Duration,
}

/// One reason, from its first line until nothing is left to say of it.
#[derive(Debug)]
struct Episode {
    reason: String,
    since: Instant,
    count: u64,
    whole: u32,
    said: Instant,
    unsaid: u64,
    interval: Duration,
    passed: bool,
    /// It came back after it had passed, so that a line for each would be the noise that this is against.
    comes_and_goes: bool,
}

impl Repeats {
    /// Says so many lines in full for each reason.
    pub fn new(whole: u32) -> Self {
        Self { whole, said: Arc::default() }
    }

    /// Takes note that it happened, and decides what to say of it.
    pub fn note(&self, reason: &str) -> Say {
        let (now, mut said) = (Instant::now(), self.lock());
        let kind = without_numbers(reason);
        let is_one_too_many = said.len() >= REASONS && !said.contains_key(&kind);
        let kind = if is_one_too_many { String::new() } else { kind };
        said.entry(kind).or_insert_with(|| Episode::new(now)).note(reason, now, self.whole)
    }

    /// Takes note that it has passed. Returns what to say of that, where it happened more than once.
    pub fn passed(&self) -> Option<Sum> {
        let (now, mut said) = (Instant::now(), self.lock());
        let passing = said.values_mut().filter(|episode| !episode.passed).filter_map(|episode| {
            episode.passed = true;
            let is_news = episode.count > 1 && !episode.comes_and_goes;
            is_news.then(|| episode.all(now))
        });
        passing.reduce(|one, other| Sum {
            count: one.count + other.count,
            lasting: one.lasting.max(other.lasting),
        })
    }

    /// Returns the sums that are due although nothing happens any more, each with its last reason.
    pub fn due(&self) -> Vec<(String, Sum)> {
        let (now, mut said) = (Instant::now(), self.lock());
        let mut due = Vec::new();
        said.retain(|_, episode| {
            let is_over = episode.is_due(now) && episode.unsaid == 0;
            if episode.is_due(now) && !is_over {
                due.push((episode.reason.clone(), episode.sum(now)));
            }
            !is_over
        });
        due
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Episode>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Episode {
    fn new(now: Instant) -> Self {
        Self {
            reason: String::new(),
            since: now,
            count: 0,
            whole: 0,
            said: now,
            unsaid: 0,
            interval: FIRST,
            passed: false,
            comes_and_goes: false,
        }
    }

    fn note(&mut self, reason: &str, now: Instant, whole: u32) -> Say {
        reason.clone_into(&mut self.reason);
        self.count += 1;
        self.comes_and_goes |= std::mem::take(&mut self.passed);
        if self.whole < whole {
            self.whole += 1;
            self.said = now;
            return Say::Whole;
        }
        self.unsaid += 1;
        if self.is_due(now) { Say::Sum(self.sum(now)) } else { Say::Nothing }
    }

    fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.said) >= self.interval
    }

    fn all(&mut self, now: Instant) -> Sum {
        self.unsaid = 0;
        Sum { count: self.count, lasting: now - self.since }
    }

    fn sum(&mut self, now: Instant) -> Sum {
        let sum = Sum { count: std::mem::take(&mut self.unsaid), lasting: now - self.said };
        self.said = now;
        self.interval = (self.interval * 2).min(LONGEST);
        sum
    }
}

impl fmt::Display for Sum {
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

    fn sum(count: u64, seconds: u64) -> Sum {
        Sum { count, lasting: Duration::from_secs(seconds) }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_said_once_then_summed_up_at_growing_intervals_until_it_passes() {
        let (repeats, mut said) = (Repeats::new(1), Vec::new());
        for second in 0..700 {
            match repeats.note("503 busy") {
                Say::Nothing => {}
                other => said.push((second, other)),
            }
            pass(1).await;
        }
        let expected = [
            (0, Say::Whole),
            (30, Say::Sum(sum(30, 30))),
            (90, Say::Sum(sum(60, 60))),
            (210, Say::Sum(sum(120, 120))),
            (450, Say::Sum(sum(240, 240))),
        ];
        assert_eq!(said, expected);
        assert_eq!(repeats.passed(), Some(sum(700, 700)));
        assert_eq!(repeats.passed(), None, "it passes once");
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_once_passes_in_silence() {
        let repeats = Repeats::new(1);
        assert_eq!((repeats.note("busy"), repeats.passed()), (Say::Whole, None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_is_only_summed_up() {
        let repeats = Repeats::new(1);
        let mut said = Vec::new();
        for _ in 0..40 {
            said.push(repeats.note("429"));
            assert_eq!(repeats.passed(), None);
            pass(1).await;
        }
        said.retain(|say| *say != Say::Nothing);
        assert_eq!(said, [Say::Whole, Say::Sum(sum(30, 30))]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_reason_has_lines_of_its_own_and_numbers_do_not_tell_reasons_apart() {
        let repeats = Repeats::new(2);
        let say = |reason: &str| repeats.note(reason);
        assert_eq!([say("line 1"), say("line 2"), say("line 33")], [Say::Whole, Say::Whole, Say::Nothing]);
        assert_eq!(say("field `a` is missing"), Say::Whole);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_unsaid_is_summed_up_when_nothing_happens_any_more_and_then_forgotten() {
        let repeats = Repeats::new(1);
        let said: Vec<_> = (0..5).map(|_| repeats.note("bad")).collect();
        assert_eq!(said.iter().filter(|say| **say == Say::Nothing).count(), 4);
        assert!(repeats.due().is_empty(), "too early");
        pass(30).await;
        assert_eq!(repeats.due(), [("bad".to_owned(), sum(4, 30))]);
        pass(60).await;
        assert!(repeats.due().is_empty());
        assert_eq!(repeats.note("bad"), Say::Whole, "it is news again");
    }

    #[tokio::test(start_paused = true)]
    async fn reasons_without_end_are_summed_up_together() {
        let repeats = Repeats::new(1);
        let name = |n: u32| (0..n).map(|_| 'x').collect::<String>();
        let said: Vec<_> =
            (0..200).map(|n| repeats.note(&name(n))).filter(|say| *say == Say::Whole).collect();
        assert!(said.len() <= REASONS + 1, "{}", said.len());
    }
}
