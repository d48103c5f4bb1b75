//! Transforms, one file or directory each.

pub(crate) mod timestamp;
