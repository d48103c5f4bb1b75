//! How times are written in fields: numbers since 1970, RFC 3339, and patterns.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use serde_json::{Number, Value};
use sluice_connector_api::{Found, Scalar, SettingsError};

use super::java;
use super::moment::{self, Moment, Unit, Unreadable};
use super::pattern::Pattern;
use crate::field_fault::FieldFault;
use sluice_template::shape;

/// The words for formats that are no pattern.
const WORDS: [(&str, TimeFormat); 5] = [
    ("unix_seconds", TimeFormat::Unix(Unit::Seconds)),
    ("unix_millis", TimeFormat::Unix(Unit::Millis)),
    ("unix_micros", TimeFormat::Unix(Unit::Micros)),
    ("unix_nanos", TimeFormat::Unix(Unit::Nanos)),
    ("rfc3339", TimeFormat::Rfc3339),
];

/// How a time is written in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    Unix(Unit),
    Rfc3339,
    Pattern(Pattern),
}

impl TimeFormat {
    /// Says whether a time is a number, and no text.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Says what is hardly meant: minutes without hours, where months are.
    pub(crate) fn oddity(&self) -> Option<&'static str> {
        let Self::Pattern(pattern) = self else { return None };
        let written = pattern.strftime();
        let has_clock = ["%H", "%I", "%k", "%l", "%T", "%R", "%r", "%s", "%c"];
        let is_odd = written.contains("%M") && !has_clock.iter().any(|clock| written.contains(clock));
        is_odd.then_some("has minutes and no hours; months are `%m`, in Java's notation `MM`")
    }

    /// Reads a setting; `key` is its name.
    pub(crate) fn parse(key: &str, text: &str) -> Result<Self, SettingsError> {
        if text.contains('%') {
            return Ok(Self::Pattern(Pattern::new(text.to_owned())));
        }
        if java::is_java(text) {
            let pattern = java::to_strftime(text).map_err(|reason| {
                SettingsError::at(key, format!("`{text}` as a pattern of Java's: {reason}"))
            })?;
            return Ok(Self::Pattern(Pattern::from_java(text.to_owned(), pattern)));
        }
        let word = WORDS.iter().find(|(word, _)| *word == text).map(|(_, format)| format.clone());
        word.ok_or_else(|| SettingsError::at(key, unknown(text)))
    }

    /// Returns the format as it stands in the settings.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Pattern(pattern) => pattern.as_str(),
            word => WORDS.iter().find(|(_, format)| format == word).map_or("", |(word, _)| word),
        }
    }

    /// Reads a field's value. Errors say what is wrong with it, without the field's name.
    pub(crate) fn read(&self, field: Found<'_>, zone: &TimeZone) -> Result<Moment, FieldFault> {
        match field {
            Found::Scalar(Scalar::Text(text) | Scalar::Number(text)) => self.read_text(text, zone),
            other => Err(FieldFault::new(format!(
                "is {}, not a time in `{}`",
                shape::of_found(other),
                self.name()
            ))),
        }
    }

    /// Reads a string, or the digits of a number.
    fn read_text(&self, text: &str, zone: &TimeZone) -> Result<Moment, FieldFault> {
        match self {
            Self::Unix(unit) => Moment::from_number(text, *unit).map_err(|error| self.refuse(text, error)),
            Self::Rfc3339 => {
                let read = read_with_nine_digits(text, read_rfc3339);
                read.map_err(|error| no_rfc3339(text).unwrap_or_else(|| self.fault(text, &error)))
            }
            Self::Pattern(pattern) => {
                let read = read_with_nine_digits(text, |text| pattern.read(text, zone));
                read.map_err(|error| self.fault(text, &error))
            }
        }
    }

    /// Writes a moment as a field's value.
    pub(crate) fn write(&self, moment: Moment, zone: &TimeZone) -> Result<Value, String> {
        match self {
            Self::Unix(unit) => number(&moment.to_number(*unit)),
            Self::Rfc3339 => rfc3339(moment, zone).map(Value::String),
            Self::Pattern(pattern) => {
                let text = pattern.write(moment, zone);
                text.map(Value::String)
                    .map_err(|error| format!("cannot be written as `{}`: {error}", pattern.as_str()))
            }
        }
    }

    fn refuse(&self, text: &str, error: Unreadable) -> FieldFault {
        let name = self.name();
        let reason = match error {
            Unreadable::NoNumber => format!("is not a number of `{name}`"),
            Unreadable::OutOfRange => format!("is out of range, read as `{name}`"),
        };
        FieldFault::new(reason).with_found(text)
    }

    /// What jiff says of a text quotes it.
    fn fault(&self, text: &str, error: &jiff::Error) -> FieldFault {
        FieldFault::new(format!("does not fit `{}`", self.name())).with_found(format!("{text}: {error}"))
    }
}

/// Finds out whether times can be written in a format.
pub(crate) fn check_writing(format: &TimeFormat, zone: &TimeZone) -> Result<(), String> {
    format.write(Moment::from(sample()), zone).map(|_| ())
}

/// Finds out whether times can be read in a format: a pattern has to be one that jiff can print and parse
/// and that holds a whole date. A pattern without a year, for one, fails here and not at every record.
pub(crate) fn check_reading(format: &TimeFormat, zone: &TimeZone) -> Result<(), String> {
    let TimeFormat::Pattern(pattern) = format else {
        return Ok(());
    };
    let written = pattern.write(sample().into(), zone);
    let read = written.and_then(|text| pattern.read(&text, zone));
    read.map(|_| ()).map_err(|error| match format.oddity() {
        Some(oddity) => format!("no time can be read with `{}`, which {oddity}", pattern.as_str()),
        None => format!("no time can be read with `{}`: {error}", pattern.as_str()),
    })
}

/// A day above 12 and an hour above 12, so that a pattern cannot take one thing for another.
fn sample() -> Timestamp {
    Timestamp::constant(1_739_712_345, 678_901_234)
}

/// What other tools call a format.
const ELSEWHERE: [(&str, &str); 18] = [
    ("unix", "`unix_seconds`, or `unix_millis` for milliseconds"),
    ("epoch", "`unix_seconds`, or `unix_millis` for milliseconds"),
    ("timestamp", "`unix_millis`"),
    ("seconds", "`unix_seconds`"),
    ("epoch_seconds", "`unix_seconds`"),
    ("epoch_second", "`unix_seconds`"),
    ("millis", "`unix_millis`"),
    ("unix_ms", "`unix_millis`"),
    ("epoch_millis", "`unix_millis`"),
    ("milliseconds", "`unix_millis`"),
    ("micros", "`unix_micros`"),
    ("microseconds", "`unix_micros`"),
    ("nanos", "`unix_nanos`"),
    ("nanoseconds", "`unix_nanos`"),
    ("iso8601", "`rfc3339`"),
    ("iso_8601", "`rfc3339`"),
    ("iso", "`rfc3339`"),
    ("string", "a pattern, such as `%Y-%m-%d %H:%M:%S`"),
];

fn unknown(text: &str) -> String {
    let name = text.to_ascii_lowercase().replace([' ', '-'], "_");
    if let Some((_, known)) = ELSEWHERE.iter().find(|(other, _)| *other == name) {
        return format!("unknown format `{text}`; it is {known} here");
    }
    let words = WORDS.map(|(word, _)| word).join(", ");
    format!(
        "unknown format `{text}`; known are: {words}, a pattern with % such as `%Y-%m-%d %H:%M:%S`, or one of Java's \
         such as `yyyy-MM-dd`"
    )
}

/// Reads a text. Where that fails for a fraction of a second that has more digits than a nanosecond, those are cut off, as they
/// are of a number.
fn read_with_nine_digits(
    text: &str,
    read: impl Fn(&str) -> Result<Moment, jiff::Error>,
) -> Result<Moment, jiff::Error> {
    let error = match read(text) {
        Ok(moment) => return Ok(moment),
        Err(error) => error,
    };
    let cut = fractions(text).and_then(|(fraction, rest)| {
        let kept = text.get(..fraction + NANO_DIGITS)?;
        Some(format!("{kept}{}", text.get(rest..)?))
    });
    match cut {
        Some(cut) => read(&cut).map_err(|_| error),
        None => Err(error),
    }
}

/// How many digits the fraction of a second has that counts nanoseconds.
const NANO_DIGITS: usize = 9;

/// Finds a point with more digits behind it than a nanosecond has: where they begin, and where they end.
fn fractions(text: &str) -> Option<(usize, usize)> {
    text.match_indices(['.', ',']).find_map(|(at, _)| {
        let digits = text.get(at + 1..)?;
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        (count > NANO_DIGITS).then_some((at + 1, at + 1 + count))
    })
}

/// Says what a time lacks that would be one of RFC 3339 with it.
fn no_rfc3339(text: &str) -> Option<FieldFault> {
    let pieces = Pieces::parse(text).ok()?;
    let reason = match (pieces.time(), pieces.to_numeric_offset()) {
        (None, _) => {
            "is a date without a time, which `rfc3339` has; read it with a pattern, such as `%Y-%m-%d`"
        }
        (Some(_), None) => {
            "has no offset, such as `Z`, which `rfc3339` has; read it with a pattern, such as `%Y-%m-%dT%H:%M:%S`, in `time_zone`"
        }
        _ => return None,
    };
    Some(FieldFault::new(reason).with_found(text))
}

fn read_rfc3339(text: &str) -> Result<Moment, jiff::Error> {
    let error = match text.parse::<Timestamp>() {
        Ok(timestamp) => return Ok(timestamp.into()),
        Err(error) => error,
    };
    let Ok(pieces) = Pieces::parse(text) else { return Err(error) };
    match (pieces.time(), pieces.to_numeric_offset()) {
        (Some(time), Some(offset)) => {
            Moment::from_clock(pieces.date().to_datetime(time), |clock| offset.to_timestamp(clock))
        }
        _ => Err(error),
    }
}

/// The clocks of another zone may be past the end of the calendar when those of UTC are not.
fn rfc3339(moment: Moment, zone: &TimeZone) -> Result<String, String> {
    let in_zone =
        moment.clock(zone).map(|(clock, offset)| (clock, Some(offset).filter(|_| *zone != TimeZone::UTC)));
    let in_utc = || moment.clock(&TimeZone::UTC).map(|(clock, _)| (clock, None));
    let (clock, offset) =
        in_zone.or_else(in_utc).ok_or_else(|| format!("cannot be written: {}", moment::PAST_THE_END))?;
    let timestamp = moment.timestamp();
    let text = match offset {
        Some(offset) => timestamp.display_with_offset(offset).to_string(),
        None => timestamp.to_string(),
    };
    Ok(if moment.is_plain() { text } else { with_year(clock.year(), &text) })
}

/// Puts another year into a time that begins with its own.
fn with_year(year: i16, text: &str) -> String {
    let rest = text.char_indices().skip(1).find(|(_, char)| *char == '-').and_then(|(at, _)| text.get(at..));
    let rest = rest.unwrap_or_default();
    if year < 0 { format!("-{:06}{rest}", year.unsigned_abs()) } else { format!("{year:04}{rest}") }
}

/// Makes a JSON number that keeps its digits.
fn number(digits: &str) -> Result<Value, String> {
    digits.parse::<Number>().map(Value::Number).map_err(|error| format!("cannot be written: {error}"))
}
