//! The keys that the records of a case share.

/// So many.
const KEYS: usize = 20;

/// Returns the key of a record; keys fall on records and poison alike.
pub(super) fn key_of(number: usize) -> String {
    format!("key-{}", number / 3 % KEYS)
}
