//! A point in time, exact beyond nanoseconds, up to the end of the calendar.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// A unit in which times since the Unix epoch are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    /// Returns n, where the unit is 10⁻ⁿ s.
    fn exponent(self) -> u32 {
        match self {
            Self::Seconds => 0,
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }
}

/// Why a text is no [`Moment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    NoNumber,
    OutOfRange,
}

/// A moment is counted in units of 10⁻¹⁸ s: more digits than a 64-bit float can tell apart.
const DIGITS: u32 = 18;
const PER_SECOND: i128 = 10_i128.pow(DIGITS);
const PER_NANO: i128 = 10_i128.pow(DIGITS - 9);

/// Why a moment cannot be shown.
pub(crate) const PAST_THE_END: &str = "the clocks of the time zone are past the end of the calendar then";

/// After so many years the calendar begins anew, with the same weekdays: 146,097 days, which is 20,871 weeks.
const CYCLE_YEARS: i16 = 400;
const CYCLE_SECONDS: i128 = 146_097 * 86_400;
/// The years in which jiff's timestamps end.
const LAST_YEAR: i16 = 9999;
/// The last second that some clock on earth shows within the year 9999: that of the most western one.
const LAST_SECOND: i128 = 253_402_300_799 + 93_599;
/// The first second that some clock shows within the year -9999.
const FIRST_SECOND: i128 = -377_705_116_800 - 93_599;

/// A point in time between the years -9999 and 9999, exact to 10⁻¹⁸ s.
///
/// jiff's timestamps end a day before the calendar does, so that each can be shown with any offset. Databases write "never
/// ends" as the last moment of all, so a moment beyond is kept as the same one of another cycle of 400 years: weekdays and
/// the rules of time zones are the same, and only the year has to be put right when it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    count: i128,
    /// The moment, or the same one of another cycle.
    timestamp: Timestamp,
    /// How many cycles the moment lies behind `timestamp`: 0, 1 or -1.
    cycles: i8,
}

impl Moment {
    fn new(count: i128) -> Result<Self, Unreadable> {
        // Whatever is finer than a nanosecond is cut towards the past, before 1970 too.
        let nanos = count.div_euclid(PER_NANO);
        if let Ok(timestamp) = Timestamp::from_nanosecond(nanos) {
            return Ok(Self { count, timestamp, cycles: 0 });
        }
        if !(FIRST_SECOND..=LAST_SECOND).contains(&count.div_euclid(PER_SECOND)) {
            return Err(Unreadable::OutOfRange);
        }
        let cycles = if count > 0 { 1 } else { -1 };
        let shift = i128::from(cycles) * CYCLE_SECONDS * (PER_SECOND / PER_NANO);
        let timestamp = Timestamp::from_nanosecond(nanos - shift).map_err(|_| Unreadable::OutOfRange)?;
        Ok(Self { count, timestamp, cycles })
    }

    /// Takes what a clock shows; `at` says which moment that is.
    pub(crate) fn from_clock(
        clock: DateTime,
        at: impl Fn(DateTime) -> Result<Timestamp, jiff::Error>,
    ) -> Result<Self, jiff::Error> {
        let error = match at(clock) {
            Ok(timestamp) => return Ok(timestamp.into()),
            Err(error) if clock.year().abs() < LAST_YEAR => return Err(error),
            Err(error) => error,
        };
        let cycles = if clock.year() > 0 { 1 } else { -1 };
        let timestamp = at(clock.checked_sub((cycles * CYCLE_YEARS).years())?)?;
        let shift = i128::from(cycles) * CYCLE_SECONDS * PER_SECOND;
        Self::new(timestamp.as_nanosecond() * PER_NANO + shift).map_err(|_| error)
    }

    /// Returns what the clocks of a zone show, and their offset; `None` where that is not within the calendar.
    pub(crate) fn clock(self, zone: &TimeZone) -> Option<(DateTime, Offset)> {
        let offset = zone.to_offset(self.timestamp);
        let clock = offset.to_datetime(self.timestamp);
        Some((self.in_its_cycle(clock)?, offset))
    }

    fn in_its_cycle(self, clock: DateTime) -> Option<DateTime> {
        match self.cycles {
            0 => Some(clock),
            cycles => clock.checked_add((i16::from(cycles) * CYCLE_YEARS).years()).ok(),
        }
    }

    /// Takes milliseconds since 1970, as Kafka counts them; `None` where they are past the end of the calendar.
    pub(crate) fn from_millis(millis: i64) -> Option<Self> {
        Self::new(i128::from(millis) * 1_000_000 * PER_NANO).ok()
    }

    /// Says whether [`Self::timestamp`] is the moment itself.
    pub(crate) fn is_plain(self) -> bool {
        self.cycles == 0
    }

    /// Returns the whole seconds since 1970, cut towards the past.
    pub(crate) fn second(self) -> i128 {
        self.count.div_euclid(PER_SECOND)
    }

    /// Reads a decimal number, with or without a fraction and an exponent, as a count of units since the
    /// epoch.
    pub(crate) fn from_number(text: &str, unit: Unit) -> Result<Self, Unreadable> {
        if let Some(moment) = Self::from_plain(text, unit) {
            return Ok(moment);
        }
        let decimal = Decimal::parse(text).ok_or(Unreadable::NoNumber)?;
        let count = decimal.times_ten_to(i64::from(DIGITS - unit.exponent()));
        Self::new(count.ok_or(Unreadable::OutOfRange)?)
    }

    /// Reads what most numbers are, quickly: a whole number of units, or seconds with up to nine digits of a fraction.
    /// `None` where it is another one, or none.
    fn from_plain(text: &str, unit: Unit) -> Option<Self> {
        let (whole, rest) = leading_number(text.as_bytes())?;
        let places = 9 - unit.exponent();
        let (fraction, digits) = match rest {
            [] => (0, 0),
            [b'.', fraction @ ..] => {
                let (number, rest) = leading_number(fraction)?;
                let digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= places)?;
                (number, rest.is_empty().then_some(digits)?)
            }
            _ => return None,
        };
        let per_second = 10_i64.pow(unit.exponent());
        let nanos = whole % per_second * 10_i64.pow(places) + fraction * 10_i64.pow(places - digits);
        let timestamp = Timestamp::new(whole / per_second, i32::try_from(nanos).ok()?).ok()?;
        let count = i128::from(whole / per_second) * PER_SECOND + i128::from(nanos) * PER_NANO;
        Some(Self { count, timestamp, cycles: 0 })
    }

    /// Returns the moment, cut to nanoseconds, or the same one of another cycle of 400 years.
    pub(crate) fn timestamp(self) -> Timestamp {
        self.timestamp
    }

    /// Writes the moment as a number: seconds with their fraction, where there is one; other units whole.
    pub(crate) fn to_number(self, unit: Unit) -> String {
        match unit {
            Unit::Seconds => self.to_seconds(),
            _ => self.count.div_euclid(10_i128.pow(DIGITS - unit.exponent())).to_string(),
        }
    }

    fn to_seconds(self) -> String {
        let sign = if self.count < 0 { "-" } else { "" };
        let (whole, fraction) = (self.count.abs() / PER_SECOND, self.count.abs() % PER_SECOND);
        let text = format!("{sign}{whole}.{fraction:018}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self { count: timestamp.as_nanosecond() * PER_NANO, timestamp, cycles: 0 }
    }
}

/// A decimal number as written: `digits` × 10^`power`.
struct Decimal {
    negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        if !(is_digits(whole) && is_digits(fraction)) {
            return None;
        }
        let exponent = parse_exponent(exponent)?;
        let digits = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
        let power = exponent.saturating_sub(i64::try_from(fraction.len()).ok()?);
        Some(Self { negative, digits, power })
    }

    /// Returns the number × 10^`power`, cut towards minus infinity; `None` where it is too large.
    fn times_ten_to(&self, power: i64) -> Option<i128> {
        let power = self.power.saturating_add(power);
        let places = usize::try_from(power.unsigned_abs()).ok()?;
        let (whole, rest) = if power < 0 {
            self.digits.split_at(self.digits.len().saturating_sub(places))
        } else {
            (self.digits.as_str(), "")
        };
        let cut = self.negative && rest.contains(|digit| digit != '0');
        let size = scaled(whole, if power < 0 { 0 } else { places })?.checked_add(i128::from(cut))?;
        Some(if self.negative { -size } else { size })
    }
}

/// Returns `digits` × 10^`zeros`.
fn scaled(digits: &str, zeros: usize) -> Option<i128> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(u32::try_from(zeros).ok()?)?)
}

/// Reads the digits that a text begins with, up to 18 of them, and returns what stands behind.
fn leading_number(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits).filter(|_| (1..=18).contains(&digits))?;
    Some((number.iter().fold(0, |number, digit| 10 * number + i64::from(digit - b'0')), rest))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads an exponent. One of more digits than fit is as good as the largest.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let size = is_digits(digits).then(|| digits.parse::<i64>().unwrap_or(i64::MAX))?;
    Some(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn convert(text: &str, from: Unit, to: Unit) -> Result<String, Unreadable> {
        Moment::from_number(text, from).map(|moment| moment.to_number(to))
    }

    #[test]
    fn no_digit_is_rounded() {
        let seconds = |text| convert(text, Unit::Seconds, Unit::Seconds).unwrap();
        assert_eq!(seconds("1739712345.678"), "1739712345.678");
        assert_eq!(seconds("1739712345.123456789012345678"), "1739712345.123456789012345678");
        assert_eq!(seconds("0.1"), "0.1");
        assert_eq!(seconds("-0.5"), "-0.5");
    }

    #[test]
    fn units_convert_by_moving_the_point() {
        assert_eq!(convert("1739712345.678", Unit::Seconds, Unit::Millis).unwrap(), "1739712345678");
        assert_eq!(convert("1739712345678", Unit::Millis, Unit::Seconds).unwrap(), "1739712345.678");
        assert_eq!(convert("1739712345678000", Unit::Micros, Unit::Nanos).unwrap(), "1739712345678000000");
        assert_eq!(convert("0", Unit::Nanos, Unit::Seconds).unwrap(), "0");
        assert_eq!(convert("100", Unit::Seconds, Unit::Seconds).unwrap(), "100");
    }

    #[test]
    fn fractions_of_smaller_units_are_cut_towards_the_past() {
        assert_eq!(convert("1.9999", Unit::Seconds, Unit::Millis).unwrap(), "1999");
        assert_eq!(convert("-1.0001", Unit::Seconds, Unit::Millis).unwrap(), "-1001");
        assert_eq!(convert("-1.000", Unit::Seconds, Unit::Millis).unwrap(), "-1000");
    }

    #[test]
    fn exponents_are_read() {
        let seconds = |text| convert(text, Unit::Seconds, Unit::Seconds);
        for text in ["1.739712345678e9", "1.739712345678E+9", "1739712345678e-3", "0.001739712345678e12"] {
            assert_eq!(seconds(text).unwrap(), "1739712345.678", "{text}");
        }
        assert_eq!(seconds("1e-400").unwrap(), "0");
        assert_eq!(seconds("0e999999999999999999999").unwrap(), "0");
        assert_eq!(seconds("1e999999999999999999999"), Err(Unreadable::OutOfRange));
    }

    #[test]
    fn years_after_9999_are_out_of_range() {
        assert_eq!(convert("1739712345678", Unit::Seconds, Unit::Seconds), Err(Unreadable::OutOfRange));
        assert_eq!(convert("-1e30", Unit::Nanos, Unit::Seconds), Err(Unreadable::OutOfRange));
        assert_eq!(convert(&"9".repeat(400), Unit::Nanos, Unit::Nanos), Err(Unreadable::OutOfRange));
    }

    #[test]
    fn what_is_no_decimal_number_is_not_read() {
        for text in [
            "", "-", "NaN", "inf", "1.", ".5", "1e", "1e+", "+1", " 1", "1 ", "0x10", "1_000", "1.2.3",
            "--1", "१",
        ] {
            assert_eq!(convert(text, Unit::Seconds, Unit::Seconds), Err(Unreadable::NoNumber), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_number_agrees_with_jiff(second in -377_705_023_200_i64..253_402_207_200, nano in 0_i32..1_000_000_000) {
            let expected = Timestamp::new(second, nano).unwrap();
            let text = Moment::from(expected).to_number(Unit::Seconds);
            let moment = Moment::from_number(&text, Unit::Seconds).unwrap();
            prop_assert_eq!(moment.timestamp(), expected);
            prop_assert_eq!(moment.to_number(Unit::Nanos), expected.as_nanosecond().to_string());
            let millis = expected.as_nanosecond().div_euclid(1_000_000).to_string();
            prop_assert_eq!(moment.to_number(Unit::Millis), millis);
        }

        #[test]
        fn a_plain_number_is_read_like_any_other(text in "[0-9]{1,13}(\\.[0-9]{1,12})?") {
            for unit in [Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos] {
                // With an exponent it is not plain.
                let expected = Moment::from_number(&format!("{text}e0"), unit);
                prop_assert_eq!(Moment::from_number(&text, unit), expected);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9.eE]{0,40}") {
            let _outcome = Moment::from_number(&text, Unit::Micros);
        }
    }
}
