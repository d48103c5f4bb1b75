//! Patterns for strptime and strftime.
//!
//! jiff reads and writes them. Most consist of plain numbers, such as `%Y-%m-%d %H:%M:%S`: to write those, the pattern is
//! taken apart once and not at every record, which takes less than half of the time. What comes out is the same, as a
//! property test shows.

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};

use super::moment::{Moment, PAST_THE_END, Unit};

/// A pattern, as it was written and as it is worked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As it stands in the settings, where that is not what it is worked with.
    named: Option<String>,
    written: String,
    /// The pattern for texts whose offset is written with a colon or without minutes, where it has an offset: `%z` stands
    /// for `+0200` alone, and people mean all of `+02`, `+0200` and `+02:00`.
    with_other_offset: Option<String>,
    /// The pattern for texts whose offset is `Z`, which is how most write that it is none, where it has an offset.
    with_letter_z: Option<String>,
    /// The pattern for no offset at all, where that is written as `Z`.
    zulu: Option<Box<Self>>,
    /// Its parts, where all of them are plain.
    parts: Option<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Pattern {
    pub(crate) fn new(written: String) -> Self {
        let parts = parts(&written);
        let other = replaced(&written, 'z', "%:::z");
        let with_other_offset = (other != written).then_some(other);
        let with_letter = replaced(&written, 'z', "Z").replace("%:z", "Z");
        let with_letter_z = (with_letter != written).then_some(with_letter);
        Self { named: None, with_other_offset, with_letter_z, zulu: None, written, parts }
    }

    /// Takes a pattern that was translated from Java's notation.
    pub(crate) fn from_java(named: String, translated: String) -> Self {
        // An offset of 0 is written as `Z` by Java where it has a colon otherwise.
        let zulu = translated.replace("%:z", "Z");
        let zulu = (zulu != translated).then(|| Box::new(Self::new(zulu)));
        Self { named: Some(named), zulu, ..Self::new(translated) }
    }

    /// Returns the pattern as it stands in the settings.
    pub(crate) fn as_str(&self) -> &str {
        self.named.as_ref().unwrap_or(&self.written)
    }

    /// Returns the pattern in the notation of strftime.
    pub(crate) fn strftime(&self) -> &str {
        &self.written
    }

    /// Reads a text. The zone is that of texts without an offset.
    pub(crate) fn read(&self, text: &str, zone: &TimeZone) -> Result<Moment, jiff::Error> {
        if let Some(zulu) = &self.zulu
            && let Ok(moment) = zulu.read(text, &TimeZone::UTC)
        {
            return Ok(moment);
        }
        let parsed = match self.parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                return self.read_letter_z(text).or_else(|| self.read_seconds(text)).ok_or(error);
            }
        };
        if let Some(timestamp) = parsed.timestamp() {
            return Ok(timestamp.into());
        }
        if parsed.offset().is_none() && parsed.iana_time_zone().is_none() {
            return in_zone(parsed.to_datetime()?, zone);
        }
        match (parsed.to_zoned_datetime(), parsed.offset(), parsed.iana_time_zone()) {
            (Ok(zoned), ..) => Ok(zoned.timestamp().into()),
            (Err(_), Some(offset), None) => {
                Moment::from_clock(parsed.to_datetime()?, |clock| offset.to_timestamp(clock))
            }
            (Err(_), None, Some(name)) => in_zone(parsed.to_datetime()?, &TimeZone::get(name)?),
            (Err(error), ..) => Err(error),
        }
    }

    fn parse(&self, text: &str) -> Result<BrokenDownTime, jiff::Error> {
        let error = match strtime::parse(&self.written, text) {
            Ok(parsed) => return Ok(parsed),
            Err(error) => error,
        };
        let other = self.with_other_offset.as_ref().and_then(|other| strtime::parse(other, text).ok());
        other.ok_or(error)
    }

    /// Reads a text whose offset is the letter `Z`.
    fn read_letter_z(&self, text: &str) -> Option<Moment> {
        let parsed = strtime::parse(self.with_letter_z.as_ref()?, text).ok()?;
        Moment::from_clock(parsed.to_datetime().ok()?, |clock| Offset::UTC.to_timestamp(clock)).ok()
    }

    /// Reads seconds since 1970 that are more than jiff takes.
    fn read_seconds(&self, text: &str) -> Option<Moment> {
        (self.written == "%s").then(|| Moment::from_number(text, Unit::Seconds).ok())?
    }

    /// Writes a time as the clocks of the zone show it.
    pub(crate) fn write(&self, moment: Moment, zone: &TimeZone) -> Result<String, jiff::Error> {
        if let Some(zulu) = &self.zulu
            && moment.clock(zone).is_some_and(|(_, offset)| offset == Offset::UTC)
        {
            return zulu.write(moment, zone);
        }
        if let (Some(parts), Some((clock, _))) = (&self.parts, moment.clock(zone)) {
            // Years before 0 have a sign.
            if clock.year() >= 0 {
                return Ok(write(parts, clock));
            }
        }
        let zoned = moment.timestamp().to_zoned_datetime(zone.clone());
        if moment.is_plain() {
            return strtime::format(&self.written, &zoned);
        }
        let (clock, _) =
            moment.clock(zone).ok_or_else(|| jiff::Error::from_args(format_args!("{PAST_THE_END}")))?;
        let mut shown = BrokenDownTime::from(&zoned);
        shown.set_year(Some(clock.year()))?;
        shown.to_string(replaced(&self.written, 's', &moment.second().to_string()))
    }
}

fn in_zone(clock: DateTime, zone: &TimeZone) -> Result<Moment, jiff::Error> {
    Moment::from_clock(clock, |clock| Ok(zone.to_zoned_datetime(clock)?.timestamp()))
}

/// Puts a text in the place of a specifier of one letter.
fn replaced(pattern: &str, specifier: char, by: &str) -> String {
    let (mut text, mut chars) = (String::with_capacity(pattern.len()), pattern.chars());
    while let Some(char) = chars.next() {
        let next = if char == '%' { chars.next() } else { None };
        if next == Some(specifier) {
            text.push_str(by);
        } else {
            text.push(char);
            text.extend(next);
        }
    }
    text
}

/// Takes a pattern apart; `None` where a part is not plain.
fn parts(written: &str) -> Option<Vec<Part>> {
    let spelled = replaced(&replaced(written, 'F', "%Y-%m-%d"), 'T', "%H:%M:%S");
    let (mut parts, mut chars) = (Vec::new(), spelled.chars());
    while let Some(char) = chars.next() {
        let specifier = if char == '%' { chars.next()? } else { '%' };
        let part = match (char, specifier) {
            (text, '%') => match parts.last_mut() {
                Some(Part::Text(before)) => {
                    before.push(text);
                    continue;
                }
                _ => Part::Text(text.to_string()),
            },
            (_, 'Y') => Part::Year,
            (_, 'm') => Part::Month,
            (_, 'd') => Part::Day,
            (_, 'H') => Part::Hour,
            (_, 'M') => Part::Minute,
            (_, 'S') => Part::Second,
            _ => return None,
        };
        parts.push(part);
    }
    Some(parts)
}

fn write(parts: &[Part], clock: DateTime) -> String {
    let length = |part: &Part| if let Part::Text(text) = part { text.len() } else { "2026".len() };
    let mut text = String::with_capacity(parts.iter().map(length).sum());
    for part in parts {
        let number = match part {
            Part::Text(literal) => {
                text.push_str(literal);
                continue;
            }
            Part::Year => {
                text.push_str(two_digits(clock.year() / 100));
                clock.year() % 100
            }
            Part::Month => clock.month().into(),
            Part::Day => clock.day().into(),
            Part::Hour => clock.hour().into(),
            Part::Minute => clock.minute().into(),
            Part::Second => clock.second().into(),
        };
        text.push_str(two_digits(number));
    }
    text
}

/// Writes a number from 0 to 99.
fn two_digits(number: i16) -> &'static str {
    const ALL: &str = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    let at = 2 * usize::try_from(number).unwrap_or_default();
    ALL.get(at..at + 2).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_plain_is_left_to_jiff() {
        assert!(parts("%F %T").is_some());
        for pattern in ["%-d", "%e", "%S%.f", "%B", "%z", "%"] {
            assert_eq!(parts(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn an_offset_may_be_the_letter_z() {
        let read = |pattern: &str, text: &str| {
            let moment = Pattern::new(pattern.to_owned()).read(text, &TimeZone::get("Europe/Paris").unwrap());
            moment.map(Moment::second).map_err(|error| error.to_string())
        };
        for text in ["2026-11-28 10:00:00 Z", "2026-11-28 10:00:00 +00", "2026-11-28 12:00:00 +02:00"] {
            assert_eq!(read("%F %T %z", text), Ok(1_795_860_000), "{text}");
        }
        assert_eq!(read("%F %T%:z", "2026-11-28 10:00:00Z"), Ok(1_795_860_000));
        assert!(read("%F %T %z", "2026-11-28 10:00:00 X").is_err());
    }

    proptest! {
        #[test]
        fn plain_patterns_are_written_as_jiff_writes_them(
            second in -377_705_023_200_i64..253_402_207_200,
            pieces in prop::collection::vec("%[YmdHMSFT%]|[-a-zäö /:YFT]", 1..9),
        ) {
            let (written, timestamp) = (pieces.concat(), Timestamp::new(second, 0).unwrap());
            let pattern = Pattern::new(written.clone());
            prop_assert!(pattern.parts.is_some(), "{}", written);
            for zone in [TimeZone::UTC, TimeZone::get("Europe/Paris").unwrap()] {
                let expected = strtime::format(&written, &timestamp.to_zoned_datetime(zone.clone())).unwrap();
                prop_assert_eq!(pattern.write(timestamp.into(), &zone).unwrap(), expected);
            }
        }
    }
}
