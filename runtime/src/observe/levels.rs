//! What is logged, as it can be changed while the process runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::EnvFilter;

/// A level with the time at which it was set, in milliseconds since 1970; none for one that the process began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetLevel {
    /// In capitals: `ERROR`, `WARN`, `INFO`, `DEBUG`, `TRACE` or `OFF`.
    pub level: String,
    /// When it was set.
    pub modified: Option<u64>,
}

/// What changes the log's filter.
type Apply = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

struct Levels {
    /// The directives of the start.
    base: String,
    set: Mutex<BTreeMap<String, SetLevel>>,
    apply: Apply,
}

static LEVELS: OnceLock<Levels> = OnceLock::new();

/// The name of all that is Sluice's own.
pub const ROOT: &str = "root";
/// What the names of the crates begin with that a plain level is about.
const OURS: &str = "sluice";

/// Lets levels be changed: `base` holds the directives of the start, and `apply` puts others in their place. The first call of a
/// process counts.
pub(crate) fn install(base: String, apply: impl Fn(EnvFilter) -> bool + Send + Sync + 'static) {
    let levels = Levels { base, set: Mutex::default(), apply: Box::new(apply) };
    let _installed_before = LEVELS.set(levels).is_err();
}

/// Returns the levels by the name of what logs: `root`, and each that was set.
pub fn levels() -> BTreeMap<String, SetLevel> {
    let Some(levels) = LEVELS.get() else { return BTreeMap::new() };
    let mut all = levels.set.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let at_start = || SetLevel { level: level_of(&levels.base), modified: None };
    all.entry(ROOT.to_owned()).or_insert_with(at_start);
    all
}

/// Sets the level of a crate or module such as `sluice_runtime::kafka`, or of all that is Sluice's (`root`). Says whether it could
/// be set: the name or the level may be none, or the log not this process's.
pub fn set(name: &str, level: &str) -> bool {
    let level = level.to_uppercase();
    let known = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE", "OFF"].contains(&level.as_str());
    let (Some(levels), true) = (LEVELS.get(), known) else { return false };
    let mut set = levels.set.lock().unwrap_or_else(PoisonError::into_inner);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let modified = Some(u64::try_from(millis).unwrap_or(u64::MAX));
    let mut next = set.clone();
    next.insert(name.to_owned(), SetLevel { level, modified });
    let Ok(filter) = EnvFilter::try_new(directives(&levels.base, &next)) else { return false };
    if !(levels.apply)(filter) {
        return false;
    }
    *set = next;
    true
}

fn directives(base: &str, set: &BTreeMap<String, SetLevel>) -> String {
    let mut all = vec![base.to_owned()];
    for (name, SetLevel { level, .. }) in set {
        let target = if name == ROOT { OURS } else { name };
        all.push(format!("{target}={}", level.to_lowercase()));
    }
    all.join(",")
}

/// Finds the level of Sluice's own crates among directives.
fn level_of(directives: &str) -> String {
    let of_ours = directives.split(',').rev().find_map(|directive| directive.trim().strip_prefix("sluice="));
    let of_all = directives.split(',').rev().find(|directive| !directive.contains('='));
    of_ours.or(of_all).unwrap_or("info").trim().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_the_start_is_that_of_our_own_crates() {
        assert_eq!(level_of("warn,librdkafka=off,sluice=debug"), "DEBUG");
        assert_eq!(level_of("info,rdkafka=debug"), "INFO");
        assert_eq!(level_of("rdkafka=debug"), "INFO");
    }

    #[test]
    fn what_was_set_last_counts() {
        let set = BTreeMap::from([
            (ROOT.to_owned(), SetLevel { level: "TRACE".to_owned(), modified: Some(1) }),
            ("rdkafka".to_owned(), SetLevel { level: "DEBUG".to_owned(), modified: Some(1) }),
        ]);
        assert_eq!(directives("warn,sluice=info", &set), "warn,sluice=info,rdkafka=debug,sluice=trace");
    }
}
