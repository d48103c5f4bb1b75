//! What becomes of the records of a connector that is killed: which guarantee it has, and why.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use sluice_connector_api::{ExactlyOnce, ReadingTask, Repetition, SettingsError, Sink};

use crate::config::settings::GuaranteeSetting;
use crate::connector::load::Connector;
use crate::connector::parts::Parts;

/// What becomes of records that are put when their connector is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuaranteeKind {
    /// Each is stored once.
    ExactlyOnce,
    /// Some are put again, and that changes nothing.
    Idempotent,
    /// Some are put again, and are stored again.
    AtLeastOnce,
}

/// Which guarantee a connector has, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guarantee {
    /// Which.
    pub kind: GuaranteeKind,
    /// Why, in words of the sink.
    pub why: String,
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            GuaranteeKind::ExactlyOnce => "exactly once",
            GuaranteeKind::Idempotent => "at least once, idempotent",
            GuaranteeKind::AtLeastOnce => "at least once",
        };
        write!(f, "{kind}: {}", self.why)
    }
}

impl Connector {
    /// Returns what stores the records of a task exactly once, unless the sink cannot or the file does not want it.
    pub fn exactly_once(&self, task: usize) -> Option<Arc<dyn ExactlyOnce>> {
        if self.guarantee == Some(GuaranteeSetting::AtLeastOnce) {
            return None;
        }
        let kafka = &self.source.kafka;
        let reading = ReadingTask::new(&*self.name, task, kafka.group_of(&self.name));
        self.sink.exactly_once(&reading.with_bootstrap_servers(&*kafka.bootstrap_servers)).ok()
    }

    /// Returns which guarantee the connector has, as a daemon runs it.
    pub fn guarantee(&self) -> Guarantee {
        if let Some(exactly_once) = self.exactly_once(0) {
            return Guarantee { kind: GuaranteeKind::ExactlyOnce, why: exactly_once.how() };
        }
        match self.sink.repetition() {
            Repetition::ChangesNothing(why) => Guarantee { kind: GuaranteeKind::Idempotent, why },
            Repetition::StoresAgain(why) => Guarantee { kind: GuaranteeKind::AtLeastOnce, why },
            Repetition::IsStoredOnce(why) => Guarantee { kind: GuaranteeKind::ExactlyOnce, why },
        }
    }
}

impl Parts<'_> {
    /// Refuses exactly once where the sink cannot do it.
    pub(super) fn check_guarantee(&mut self, value: &Value, name: &str, sink: &dyn Sink) {
        if value.get("guarantee").and_then(Value::as_str) != Some("exactly_once") {
            return;
        }
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let task = ReadingTask::new("", 0, text("/source/kafka/group"))
            .with_bootstrap_servers(text("/source/kafka/bootstrap_servers"));
        if matches!(sink.repetition(), Repetition::IsStoredOnce(_)) {
            return;
        }
        if let Err(reason) = sink.exactly_once(&task) {
            let error =
                SettingsError::new(format!("exactly once does not hold with the sink `{name}`: {reason}"));
            let refused = self.refused("guarantee", &error);
            self.problems.push(refused);
        }
    }
}
