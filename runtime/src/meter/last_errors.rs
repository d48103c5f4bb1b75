//! What went wrong last, each text once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::meter::measure::now_millis;

/// The most texts that are kept.
const MOST: usize = 8;
/// The most characters of a text that are kept.
const CHARS: usize = 1000;

/// The errors of a task that came last, each text once with how often it came: of a target that is away there is one.
#[derive(Debug, Default)]
pub struct LastErrors(Mutex<VecDeque<LastError>>);

/// Something that went wrong, once or again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// What, and the way out; nothing of a record is in it, and no secret.
    pub text: String,
    /// When it first came among those that are kept, in milliseconds since 1970.
    pub first: u64,
    /// When it last came, in milliseconds since 1970.
    pub last: u64,
    /// How often.
    pub count: u64,
}

impl LastErrors {
    /// Takes note of an error. Of more than eight different ones the oldest is forgotten.
    pub fn note(&self, text: &str) {
        let now = now_millis();
        let text: String = text.chars().take(CHARS).collect();
        let mut errors = self.lock();
        let known = errors.iter().position(|error| error.text == text).and_then(|at| errors.remove(at));
        let error = match known {
            Some(error) => LastError { last: now, count: error.count + 1, ..error },
            None => LastError { text, first: now, last: now, count: 1 },
        };
        errors.push_back(error);
        if errors.len() > MOST {
            errors.pop_front();
        }
    }

    /// Returns them, the last one first.
    pub fn all(&self) -> Vec<LastError> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<LastError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once_and_the_oldest_is_forgotten() {
        let errors = LastErrors::default();
        for n in 0..MOST + 2 {
            errors.note(&format!("error {n}"));
        }
        errors.note("error 4");
        errors.note("error 4");
        let all = errors.all();
        let texts: Vec<_> = all.iter().map(|error| error.text.as_str()).collect();
        assert_eq!(
            texts,
            ["error 4", "error 9", "error 8", "error 7", "error 6", "error 5", "error 3", "error 2"]
        );
        assert_eq!((all[0].count, all[1].count), (3, 1));
    }
}
