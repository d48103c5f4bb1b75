//! What librdkafka said last, which comes to nobody together with the error that it is about.

use std::sync::{Mutex, PoisonError};

/// What it writes of a connection that failed.
const FAILURE: &str = "FAIL";

/// The last words of librdkafka.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    /// Those of an error, which the poller gets as a mere code right after it.
    reason: Mutex<String>,
    /// Those of a connection that failed, of which there is no error where a broker closes it: only that all are down.
    failure: Mutex<String>,
}

impl LastWords {
    /// Takes note of what an error is about.
    pub(super) fn note_reason(&self, reason: &str) {
        reason.clone_into(&mut self.reason.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes note of a line of librdkafka's log, if it is of a connection.
    pub(super) fn note_line(&self, facility: &str, line: &str) {
        if facility == FAILURE {
            // Before it stands the thread that wrote it.
            let line = line.split_once("]: ").map_or(line, |(_, line)| line);
            line.clone_into(&mut self.failure.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Returns the words for the error that was polled last.
    pub(super) fn take_reason(&self) -> String {
        std::mem::take(&mut *self.reason.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns why a connection failed last; empty where none did.
    pub(super) fn failure(&self) -> String {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Cuts off how long it took and how often it happened, so that one reason is one text.
pub(super) fn without_times(reason: &str) -> String {
    reason.split(" (after ").next().unwrap_or(reason).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_log_the_last_connection_that_failed_is_kept_without_its_thread() {
        let words = LastWords::default();
        words.note_line(
            "FAIL",
            "[thrd:b:9092/bootstrap]: b:9092/bootstrap: Disconnected: connection closed by peer",
        );
        words.note_line("GETPID", "[thrd:main]: something else");
        assert_eq!(words.failure(), "b:9092/bootstrap: Disconnected: connection closed by peer");
        words.note_reason("why");
        assert_eq!((words.take_reason(), words.take_reason()), ("why".to_owned(), String::new()));
    }
}
