//! Converts a time in a JSON field from one format into another.
//!
//! Numbers are read digit by digit, never through a floating-point number: `1739712345.678` is exactly that.

mod format;
mod moment;
mod pattern;
mod transform;

pub(crate) use transform::TimestampSettings;
