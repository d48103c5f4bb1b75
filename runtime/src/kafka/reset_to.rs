//! Where a consumer group is to go, as an operator writes it.

use sluice_connector_api::HumanDuration;

/// Where a group is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetTo {
    /// To the first record that is there.
    Earliest,
    /// Behind the last record.
    Latest,
    /// To an offset, which has to be there.
    Offset(i64),
    /// To the first record that is not older, in milliseconds since 1970.
    Time(i64),
}

impl ResetTo {
    /// Reads `earliest`, `latest`, an offset, a time such as `2026-11-24T10:00:00Z`, a day such as `2026-11-24`, which
    /// begins at midnight UTC, or a span such as `-1h`, which is so long ago.
    pub fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Some(offset) = text.parse().ok().filter(|offset| *offset >= 0) {
            return Ok(Self::Offset(offset));
        }
        let time = time_of(text, jiff::Timestamp::now());
        let time = time.ok_or(
            "is none of earliest, latest, an offset, a time such as 2026-11-24T10:00:00Z, a day such as 2026-11-24, and a \
             span such as -1h",
        )?;
        Ok(Self::Time(time.as_millisecond()))
    }
}

/// Reads a time, a day, or how long ago it was.
fn time_of(text: &str, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
    if let Some(ago) = text.strip_prefix('-') {
        let ago: HumanDuration = serde_json::from_value(ago.into()).ok()?;
        return now.checked_sub(ago.get()).ok();
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time);
    }
    // A time without its zone would mean something else on another machine; a day is one of UTC.
    format!("{text}T00:00:00Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_go_is_an_offset_of_64_bits_a_time_or_an_end() {
        assert_eq!(ResetTo::from_text("earliest"), Ok(ResetTo::Earliest));
        assert_eq!(ResetTo::from_text("0"), Ok(ResetTo::Offset(0)));
        assert_eq!(ResetTo::from_text("4294967296"), Ok(ResetTo::Offset(1 << 32)));
        assert_eq!(ResetTo::from_text("9223372036854775807"), Ok(ResetTo::Offset(i64::MAX)));
        assert_eq!(ResetTo::from_text("1970-01-01T00:00:01Z"), Ok(ResetTo::Time(1000)));
        assert_eq!(ResetTo::from_text("1970-01-02"), Ok(ResetTo::Time(86_400_000)));
        let now: jiff::Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        assert_eq!(time_of("-1h", now).unwrap().to_string(), "2026-11-24T09:00:00Z");
        assert_eq!(time_of("-2days 30m", now).unwrap().to_string(), "2026-11-22T09:30:00Z");
        for bad in ["-1", "-", "-1parsec", "2026-11-24T10:00:00", "9223372036854775808", "yesterday", ""] {
            assert!(ResetTo::from_text(bad).unwrap_err().starts_with("is none of earliest"), "{bad}");
        }
    }
}
