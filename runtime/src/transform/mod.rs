//! Converters and transforms, record by record.

pub mod chain;
pub mod combined;
