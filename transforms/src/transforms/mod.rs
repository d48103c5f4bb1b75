//! Transforms, one file or directory each.

mod field_path;
pub(crate) mod template;
pub(crate) mod timestamp;
