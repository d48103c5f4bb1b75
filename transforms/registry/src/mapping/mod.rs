//! The one mapping from the values of schema formats to JSON: see docs/converters.md.

mod connect;
mod decimal;
mod json_text;
mod options;
mod time;
mod typed;

pub(crate) use connect::{connect_text, connect_time};
pub(crate) use decimal::{decimal_text, unscaled_bytes};
pub(crate) use json_text::{JsonText, most_grown};
pub(crate) use options::{DecimalStyle, TimeStyle};
pub(crate) use time::{Calendar, MICROS, MILLIS, NANOS, duration_text, seconds_text};
pub(crate) use typed::Typed;
