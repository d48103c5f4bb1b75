//! What a dead letter is: a record as it was read, or as much of it as its queue takes, and headers that say why it is there.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Header, Payload, Record, Timestamp, TimestampType};

/// How much of its record a letter holds; a letter without it holds all.
const HOLDS: &str = "__sluice.errors.holds";
/// How many bytes key, value and headers of the record have, where the letter does not hold all.
const RECORD_BYTES: &str = "__sluice.errors.record.bytes";
/// When the record was written, in milliseconds since 1970, where the letter is of another time.
pub(crate) const RECORD_TIMESTAMP: &str = "__sluice.errors.record.timestamp";
/// Room that is not halved any more: the next letter has none but for what says why it is there.
const LEAST_ROOM: usize = 64;

/// What becomes of a letter that is too large for its topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTooLarge {
    /// The connector fails at the record, and is not restarted by itself: nothing is lost, and nothing is put over and over.
    #[default]
    Stop,
    /// The letter holds the key, the headers, and as much of the beginning of the value as the topic takes.
    Truncate,
    /// The letter holds the key and the headers, and no value.
    HeadersOnly,
}

impl OnTooLarge {
    /// Returns its name in settings and in letters.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Truncate => "truncated",
            Self::HeadersOnly => "headers_only",
        }
    }
}

/// Says whether a header is one of those that say why.
pub(crate) fn is_reason(name: &str) -> bool {
    name.starts_with("__connect.errors.") || name.starts_with("__sluice.errors.")
}

/// Returns the topic that a dead letter was read from, if it says so.
pub(crate) fn origin_topic(letter: &Record) -> Option<String> {
    text(letter, "__connect.errors.topic")
}

/// Returns the text of a header.
pub(crate) fn text(letter: &Record, name: &str) -> Option<String> {
    let value = letter.headers.last(name)?.value.as_deref()?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Says how much of its record a letter holds, where that is not all: it cannot be sent back.
pub(crate) fn part_held(letter: &Record) -> Option<String> {
    text(letter, HOLDS)
}

/// Returns a letter that leaves its time to its queue, which does not take that of the record, and says in a header when that
/// was. `None` where the letter has no time of its own.
pub(crate) fn untimed(letter: &Record) -> Option<Record> {
    let Timestamp { millis, .. } = letter.timestamp?;
    let mut untimed = letter.clone();
    untimed.timestamp = None;
    untimed.headers.remove(RECORD_TIMESTAMP);
    untimed.headers.push(RECORD_TIMESTAMP, Some(Bytes::from(millis.to_string())));
    Some(untimed)
}

/// Returns when the record of a letter was written.
pub(crate) fn timestamp_of_record(letter: &Record) -> Option<Timestamp> {
    let noted = text(letter, RECORD_TIMESTAMP).and_then(|millis| millis.parse().ok());
    noted.map(|millis| Timestamp { millis, kind: TimestampType::CreateTime }).or(letter.timestamp)
}

/// Returns a letter with no more than so many bytes of its record, beside the headers that say why. `None` where none is to
/// be made, or none could be smaller.
///
/// The key comes first, then headers as long as they fit, then the beginning of the value.
pub(crate) fn shortened(letter: &Record, room: usize, how: OnTooLarge) -> Option<Record> {
    let keeps_value = match how {
        OnTooLarge::Stop => return None,
        OnTooLarge::Truncate => true,
        OnTooLarge::HeadersOnly => false,
    };
    let mut room = room;
    let mut short = Record::new(letter.origin().clone());
    short.timestamp = letter.timestamp;
    short.key = letter.key.as_ref().map(|key| beginning(key, &mut room));
    for header in &letter.headers {
        if is_reason(&header.name) || takes(header, &mut room) {
            short.headers.push(header.name.clone(), header.value.clone());
        }
    }
    if keeps_value {
        short.value = letter.value.as_ref().map(|value| beginning(value, &mut room));
    }
    short.headers.push(HOLDS, Some(Bytes::from_static(how.name().as_bytes())));
    short.headers.push(RECORD_BYTES, Some(Bytes::from(bytes_of_record(letter).to_string())));
    Some(short)
}

/// Returns how much room a letter's record has the first time that it is made smaller, and each time after that, until it has
/// none.
pub(crate) fn rooms(letter: &Record, how: OnTooLarge) -> Vec<usize> {
    let all = bytes_of_record(letter);
    let first = match how {
        OnTooLarge::HeadersOnly => all - letter.value.as_ref().map_or(0, Payload::len),
        OnTooLarge::Stop | OnTooLarge::Truncate => all / 2,
    };
    let halves = std::iter::successors(Some(first), |room| Some(room / 2).filter(|half| *half >= LEAST_ROOM));
    halves.chain([0]).collect()
}

fn bytes_of_record(letter: &Record) -> usize {
    let payloads = [&letter.key, &letter.value].into_iter().flatten().map(Payload::len);
    let own = letter.headers.iter().filter(|header| !is_reason(&header.name)).map(bytes_of_header);
    payloads.chain(own).sum()
}

fn bytes_of_header(header: &Header) -> usize {
    header.name.len() + header.value.as_ref().map_or(0, Bytes::len)
}

fn takes(header: &Header, room: &mut usize) -> bool {
    let left = room.checked_sub(bytes_of_header(header));
    *room = left.unwrap_or(*room);
    left.is_some()
}

fn beginning(payload: &Payload, room: &mut usize) -> Payload {
    let mut bytes = Bytes::copy_from_slice(&payload.to_bytes());
    bytes.truncate(*room);
    *room -= bytes.len();
    Payload::Bytes(bytes)
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::Origin;

    use super::*;

    fn letter() -> Record {
        let mut letter = Record::new(Origin::new("orders", 3, 42));
        letter.key = Some("key".into());
        letter.value = Some("v".repeat(10_000).as_str().into());
        letter.headers.push("mine", Some(Bytes::from("h".repeat(1_000))));
        letter.headers.push("tiny", None);
        letter.headers.push("__connect.errors.offset", Some(Bytes::from_static(b"42")));
        letter
    }

    fn names(letter: &Record) -> Vec<&str> {
        letter.headers.iter().map(|header| header.name.as_str()).collect()
    }

    #[test]
    fn a_truncated_letter_holds_the_key_the_headers_and_the_beginning_of_the_value() {
        let short = shortened(&letter(), 2_000, OnTooLarge::Truncate).unwrap();
        assert_eq!(short.key, Some(Payload::Bytes(Bytes::from_static(b"key"))));
        assert_eq!(short.value.as_ref().map(Payload::len), Some(2_000 - 3 - 1_004 - 4));
        assert_eq!(
            (part_held(&short).as_deref(), text(&short, RECORD_BYTES).as_deref()),
            (Some("truncated"), Some("11011"))
        );
        assert_eq!(names(&short), ["mine", "tiny", "__connect.errors.offset", HOLDS, RECORD_BYTES]);
        assert_eq!(part_held(&letter()), None);
    }

    #[test]
    fn headers_that_do_not_fit_are_left_out_and_what_says_why_stays() {
        let short = shortened(&letter(), 500, OnTooLarge::Truncate).unwrap();
        assert_eq!(names(&short), ["tiny", "__connect.errors.offset", HOLDS, RECORD_BYTES]);
        let none = shortened(&letter(), 0, OnTooLarge::Truncate).unwrap();
        assert_eq!(names(&none), ["__connect.errors.offset", HOLDS, RECORD_BYTES]);
        assert_eq!([&none.key, &none.value].map(|side| side.as_ref().map(Payload::len)), [Some(0), Some(0)]);
    }

    #[test]
    fn of_headers_only_the_value_is_left_out_and_of_a_stop_nothing_is_made() {
        let room = rooms(&letter(), OnTooLarge::HeadersOnly)[0];
        let short = shortened(&letter(), room, OnTooLarge::HeadersOnly).unwrap();
        assert_eq!((&short.value, short.headers.len()), (&None, letter().headers.len() + 2));
        assert_eq!(shortened(&letter(), 500, OnTooLarge::Stop), None);
    }

    #[test]
    fn a_letter_of_another_time_says_when_its_record_was_written() {
        assert_eq!(untimed(&letter()), None, "it has no time");
        let mut timed = letter();
        timed.timestamp = Some(Timestamp { millis: 7, kind: TimestampType::CreateTime });
        assert_eq!(timestamp_of_record(&timed), timed.timestamp);
        let untimed = untimed(&timed).unwrap();
        assert_eq!((untimed.timestamp, timestamp_of_record(&untimed)), (None, timed.timestamp));
        let short = shortened(&untimed, 0, OnTooLarge::Truncate).unwrap();
        assert_eq!(timestamp_of_record(&short), timed.timestamp);
    }

    #[test]
    fn rooms_are_halved_down_to_none() {
        let rooms = rooms(&letter(), OnTooLarge::Truncate);
        assert_eq!((rooms[0], rooms[1], rooms.last()), (5_505, 2_752, Some(&0)));
        assert!(rooms.len() < 10, "{rooms:?}");
    }
}
