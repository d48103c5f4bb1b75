//! Dates, times of day and timestamps as text, where an operator wants them so.
//!
//! What no calendar holds (a year beyond 9999) has no text, and stays the number that it is.

use jiff::SignedDuration;
use jiff::civil::{DateTime, Time};

/// What one stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calendar {
    /// Days since 1970-01-01.
    Date,
    /// Since midnight, in parts of a second.
    TimeOfDay(i64),
    /// Since the epoch, in parts of a second.
    Instant(i64),
    /// A date and a time of day somewhere: since 1970-01-01T00:00:00 there, in parts of a second.
    Local(i64),
}

impl Calendar {
    /// Writes a number as text; `None` where there is none.
    pub(crate) fn text(self, number: i64) -> Option<String> {
        match self {
            Self::Date => date_text(number),
            Self::TimeOfDay(per_second) => time_of_day_text(number, per_second),
            Self::Instant(per_second) => instant_text(number, per_second),
            Self::Local(per_second) => local_text(number, per_second),
        }
    }
}

/// Parts of a second: a second has so many milliseconds.
pub(crate) const MILLIS: i64 = 1000;
/// Parts of a second: a second has so many microseconds.
pub(crate) const MICROS: i64 = 1_000_000;
/// Parts of a second: a second has so many nanoseconds.
pub(crate) const NANOS: i64 = 1_000_000_000;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// Splits a number into whole seconds and nanoseconds.
fn split(number: i64, per_second: i64) -> (i64, i32) {
    let nanos = number.rem_euclid(per_second) * (NANOS / per_second);
    (number.div_euclid(per_second), i32::try_from(nanos).unwrap_or_default())
}

/// An instant of the library ends a day before 9999-12-31, which people write for "never"; its calendar does not.
fn civil(seconds: i64, nanos: i32) -> Option<DateTime> {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let civil = epoch.checked_add(SignedDuration::new(seconds, nanos)).ok()?;
    (0..=9999).contains(&civil.year()).then_some(civil)
}

/// Writes days since 1970-01-01 as `2026-01-31`.
fn date_text(days: i64) -> Option<String> {
    Some(civil(days.checked_mul(SECONDS_PER_DAY)?, 0)?.date().to_string())
}

/// Writes parts of a second since midnight as `12:30:00.5`.
fn time_of_day_text(number: i64, per_second: i64) -> Option<String> {
    let (seconds, nanos) = split(number, per_second);
    if !(0..SECONDS_PER_DAY).contains(&seconds) {
        return None;
    }
    let part = |value: i64| i8::try_from(value).ok();
    let time = Time::new(part(seconds / 3600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, nanos).ok()?;
    Some(time.to_string())
}

/// Writes parts of a second since the epoch as `2026-01-31T12:30:00.5Z`.
fn instant_text(number: i64, per_second: i64) -> Option<String> {
    Some(format!("{}Z", local_text(number, per_second)?))
}

/// Writes seconds since the epoch, and nanoseconds from 0 to 999,999,999 beyond them, as `2026-01-31T12:30:00.5Z`.
pub(crate) fn seconds_text(seconds: i64, nanos: i32) -> Option<String> {
    let is_part = (0..1_000_000_000).contains(&nanos);
    Some(format!("{}Z", civil(seconds, nanos).filter(|_| is_part)?))
}

/// Writes a date and a time of day that name no zone as `2026-01-31T12:30:00.5`.
fn local_text(number: i64, per_second: i64) -> Option<String> {
    let (seconds, nanos) = split(number, per_second);
    Some(civil(seconds, nanos)?.to_string())
}

/// Writes a span in ISO 8601's way, such as `P1M2DT3.004S`; its parts are not converted into each other.
pub(crate) fn duration_text(months: u32, days: u32, millis: u32) -> String {
    format!("P{months}M{days}DT{}.{:03}S", millis / 1000, millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_by_rfc_3339() {
        assert_eq!(date_text(20_484).unwrap(), "2026-01-31");
        assert_eq!(date_text(-1).unwrap(), "1969-12-31");
        assert_eq!(time_of_day_text(45_000_500, 1000).unwrap(), "12:30:00.5");
        assert_eq!(instant_text(1_769_862_600_500, 1000).unwrap(), "2026-01-31T12:30:00.5Z");
        assert_eq!(instant_text(-1, 1_000_000).unwrap(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(instant_text(1, 1_000_000_000).unwrap(), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(local_text(1_769_862_600_000, 1000).unwrap(), "2026-01-31T12:30:00");
        assert_eq!(instant_text(253_402_300_799_999, 1000).unwrap(), "9999-12-31T23:59:59.999Z");
        assert_eq!(duration_text(1, 2, 3004), "P1M2DT3.004S");
    }

    #[test]
    fn what_no_calendar_holds_has_no_text() {
        assert_eq!(instant_text(i64::MAX, 1000), None);
        assert_eq!(instant_text(253_402_300_800_000, 1000), None);
        assert_eq!(date_text(i64::MIN), None);
        assert_eq!(time_of_day_text(-1, 1000), None);
        assert_eq!(time_of_day_text(86_400_000, 1000), None);
        assert_eq!(local_text(i64::MIN, 1), None);
    }
}
