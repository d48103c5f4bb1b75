//! Converters, one file each.

pub(crate) mod bytes;
pub(crate) mod json;
pub(crate) mod numbers;
pub(crate) mod string;

#[cfg(test)]
mod tests;
