//! The HTTP target of the tests' own, which writes down what arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use super::target::Target;
use crate::matrix::judge::Sent;
use crate::target::{Arrival, CountingTarget, Manners};

/// A target that misbehaves by itself.
pub(super) struct HttpTarget {
    counting: CountingTarget,
    /// How long its sender waits for an answer.
    timeout: &'static str,
}

impl HttpTarget {
    pub(super) fn start(manners: Manners, seed: u64) -> Self {
        // Whoever waits for no answer may wait long: on a busy machine, one that is late counts as none.
        let is_silent = manners.faults.iter().any(|(_, fault)| fault.is_silent());
        let timeout = if is_silent { "3s" } else { "30s" };
        Self { counting: CountingTarget::start(manners, seed), timeout }
    }
}

impl Target for HttpTarget {
    fn sink(&self) -> String {
        format!(
            "  http:\n    url: {}\n    batch: {{ format: json_lines }}\n    max_in_flight: 4\n    \
             request_timeout: {}\n    item_errors: {{ pointer: /items, status: /status }}\n",
            self.counting.url(),
            self.timeout
        )
    }

    fn set_down(&self, down: bool) {
        self.counting.set_down(down);
    }

    fn arrivals(&self, _: &[Sent]) -> Vec<Arrival> {
        self.counting.arrivals()
    }

    fn excuses(&self, _: &[Sent]) -> BTreeMap<usize, usize> {
        self.counting.excuses()
    }

    fn look(&self) -> Duration {
        Duration::ZERO
    }
}
