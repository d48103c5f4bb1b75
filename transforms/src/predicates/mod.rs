//! Predicates, one file each.

pub(crate) mod field_value;
pub(crate) mod has_header_key;
pub(crate) mod jq;
pub(crate) mod tombstone;
pub(crate) mod topic_matches;
