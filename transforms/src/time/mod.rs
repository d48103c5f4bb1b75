//! How times are written and read, for every transform that does either.
//!
//! Numbers are read digit by digit, never through a floating-point number: `1739712345.678` is exactly that.

mod format;
mod java;
mod known;
mod moment;
mod pattern;
mod zone;

pub(crate) use format::{TimeFormat, check_reading, check_writing};
pub(crate) use known::known_times;
pub(crate) use moment::Moment;
pub(crate) use zone::time_zone;
