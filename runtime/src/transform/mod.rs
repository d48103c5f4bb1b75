//! Converters and transforms, record by record.

pub mod chain;
