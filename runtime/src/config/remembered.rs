//! What secret stores answered: asked for once by all files that are loaded together, and the last good value while a store is
//! away. It is never shown, and lasts as long as the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluice_connector_api::{Failure, FailureKind, Provider};
use tokio::time::Instant;

/// How long an answer is as good as one that is asked for now.
const FRESH: Duration = Duration::from_secs(5);

/// The answers, by prefix and name. A process has one environment, and one of each store.
static ANSWERS: Mutex<BTreeMap<(String, String), Answer>> = Mutex::new(BTreeMap::new());

struct Answer {
    value: String,
    at: Instant,
}

/// Asks a provider for the value of a name, or takes what it answered just now. Where it cannot be reached, the last value
/// holds.
pub(super) async fn value_of(
    provider: &dyn Provider,
    prefix: &str,
    name: &str,
) -> Result<Option<String>, Failure> {
    let key = (prefix.to_owned(), name.to_owned());
    let known = answers().get(&key).map(|answer| (answer.value.clone(), answer.at.elapsed() < FRESH));
    if let Some((value, true)) = known {
        return Ok(Some(value));
    }
    match (provider.value(name).await, known) {
        (Ok(Some(value)), _) => {
            answers().insert(key, Answer { value: value.clone(), at: Instant::now() });
            Ok(Some(value))
        }
        (Ok(None), _) => {
            answers().remove(&key);
            Ok(None)
        }
        (Err(failure), Some((value, _))) if failure.kind() == FailureKind::Retriable => {
            tracing::warn!("`${{{prefix}:{name}}}` keeps the value that it had: {failure}");
            Ok(Some(value))
        }
        (Err(failure), _) => Err(failure),
    }
}

fn answers() -> MutexGuard<'static, BTreeMap<(String, String), Answer>> {
    ANSWERS.lock().unwrap_or_else(PoisonError::into_inner)
}
