//! Schemas that were fetched, and answers that there is none: as many as fit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use foldhash::HashMap;

use crate::framing::SchemaKey;

/// Schemas that are kept, as many as Kafka Connect's converters keep. The one that was not used for longest makes room.
const CAPACITY: usize = 1000;

/// How long an answer holds that there is no such schema: somebody may register it yet.
const MISSING_FOR: Duration = Duration::from_mins(1);

/// What is known of a schema.
#[derive(Debug)]
pub(crate) enum OnShelf<T> {
    /// It is here.
    Here(Arc<T>),
    /// There is none, or none that can be used; and why.
    Unusable(Arc<str>),
}

/// The schemas of a converter.
pub(crate) struct Shelf<T> {
    places: RwLock<HashMap<SchemaKey, Place<T>>>,
    /// Counts looks, by which places are told that nobody uses.
    looks: AtomicU64,
    capacity: usize,
    missing_for: Duration,
}

struct Place<T> {
    held: Held<T>,
    used: AtomicU64,
}

enum Held<T> {
    Schema(Arc<T>),
    Unusable { reason: Arc<str>, since: Instant },
}

impl<T> Shelf<T> {
    pub(crate) fn new() -> Self {
        Self::with_bounds(CAPACITY, MISSING_FOR)
    }

    fn with_bounds(capacity: usize, missing_for: Duration) -> Self {
        Self { places: RwLock::default(), looks: AtomicU64::new(0), capacity, missing_for }
    }

    /// Returns what is known of a schema; `None` where it has to be fetched.
    pub(crate) fn find(&self, key: SchemaKey) -> Option<OnShelf<T>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let place = places.get(&key)?;
        place.used.store(self.looks.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        match &place.held {
            Held::Schema(schema) => Some(OnShelf::Here(Arc::clone(schema))),
            Held::Unusable { since, .. } if since.elapsed() >= self.missing_for => None,
            Held::Unusable { reason, .. } => Some(OnShelf::Unusable(Arc::clone(reason))),
        }
    }

    /// Keeps a schema.
    pub(crate) fn keep(&self, key: SchemaKey, schema: T) {
        self.put(key, Held::Schema(Arc::new(schema)));
    }

    /// Keeps for a while that there is none, and why.
    pub(crate) fn keep_unusable(&self, key: SchemaKey, reason: &str) {
        self.put(key, Held::Unusable { reason: reason.into(), since: Instant::now() });
    }

    fn put(&self, key: SchemaKey, held: Held<T>) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= self.capacity && !places.contains_key(&key) {
            let oldest = places.iter().min_by_key(|(_, place)| place.used.load(Ordering::Relaxed));
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                places.remove(&oldest);
            }
        }
        let used = AtomicU64::new(self.looks.fetch_add(1, Ordering::Relaxed));
        places.insert(key, Place { held, used });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_that_was_not_used_for_longest_makes_room() {
        let shelf = Shelf::with_bounds(2, MISSING_FOR);
        shelf.keep(SchemaKey::Id(1), "a");
        shelf.keep(SchemaKey::Id(2), "b");
        assert!(matches!(shelf.find(SchemaKey::Id(1)), Some(OnShelf::Here(schema)) if *schema == "a"));
        shelf.keep(SchemaKey::Id(3), "c");
        assert!(shelf.find(SchemaKey::Id(1)).is_some());
        assert!(shelf.find(SchemaKey::Id(2)).is_none());
        shelf.keep(SchemaKey::Id(3), "d");
        assert!(shelf.find(SchemaKey::Id(1)).is_some(), "what is replaced takes no further room");
    }

    #[test]
    fn that_there_is_none_holds_for_a_while() {
        let shelf = Shelf::<()>::with_bounds(2, MISSING_FOR);
        shelf.keep_unusable(SchemaKey::Id(1), "none");
        assert!(
            matches!(shelf.find(SchemaKey::Id(1)), Some(OnShelf::Unusable(reason)) if &*reason == "none")
        );
        let shelf = Shelf::<()>::with_bounds(2, Duration::ZERO);
        shelf.keep_unusable(SchemaKey::Id(1), "none");
        assert!(shelf.find(SchemaKey::Id(1)).is_none(), "it is asked for again");
    }
}
