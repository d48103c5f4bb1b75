//! What is known of times that are written in a format.

use jiff::tz::TimeZone;
use sluice_connector_api::{FieldKind, KnownFields};

use super::{Moment, TimeFormat};

/// Seconds since 1970 from the year -1000 to 9999, with days of one and of two digits, and 1970 itself.
const SECONDS: [i64; 7] =
    [-93_724_128_000, -14_182_940, 0, 86_399, 951_868_799, 1_739_712_345, 253_402_300_799];

/// Says what times are like in a format: what cannot read one of these can read none.
pub(crate) fn known_times(format: &TimeFormat, zone: &TimeZone) -> KnownFields {
    let moments = SECONDS.into_iter().filter_map(|second| Moment::from_millis(second.checked_mul(1000)?));
    let written: Vec<_> = moments.filter_map(|moment| format.write(moment, zone).ok()).collect();
    if written.is_empty() {
        let kind = if format.is_number() { FieldKind::Number } else { FieldKind::Text };
        return KnownFields::of(kind);
    }
    KnownFields::like(written)
}
