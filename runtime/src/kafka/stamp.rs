//! What a commit says about the topic that its offset is a position in. The brokers keep it as the commit's metadata.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Marks metadata of ours, and its version.
const OURS: &str = "sluice:1";

/// Which topic of its name it is (KIP-516): a topic that was deleted and made again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TopicId([u8; 16]);

impl TopicId {
    /// Makes it of two halves. None where both are 0, which stands for a broker without ids.
    pub(super) fn from_halves(high: i64, low: i64) -> Option<Self> {
        let bits = (u128::from(high.cast_unsigned()) << 64) | u128::from(low.cast_unsigned());
        (bits != 0).then(|| Self(bits.to_be_bytes()))
    }

    fn from_text(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

/// As Kafka's own tools write it.
impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Reads of metadata how many parts of the record at its offset are stored already, as a sink writes it that keeps the group's
/// offsets ([`StoredPosition::to_metadata`](sluice_connector_api::StoredPosition::to_metadata)).
pub(super) fn parts_in(text: &str) -> u32 {
    let parts = text.split(';').find_map(|part| part.strip_prefix("parts="));
    parts.and_then(|parts| parts.parse().ok()).unwrap_or(0)
}

/// FNV-1a: the same on every machine and in every version, for what is no secret and nobody's choice.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What goes with a committed offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The topic that the offset is a position in, where the brokers have ids.
    pub(super) id: Option<TopicId>,
    /// How many partitions the topic had when the group began to read this one. A partition beyond was added later, and
    /// all of its records came after that.
    pub(super) partitions: Option<i32>,
    /// When the group began with what it reads now.
    pub(super) began: Option<Began>,
}

/// When a group began to read what its settings name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Began {
    /// Stands for the names and patterns of `source.kafka.topics`. With others the group begins anew.
    pub(super) topics: u64,
    /// In seconds since 1970, by the clock of the member that began.
    pub(super) at: i64,
}

impl Began {
    /// Begins now with these names and patterns.
    pub(super) fn now(topics: &[String]) -> Self {
        let mut sorted: Vec<&str> = topics.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { topics: fnv(&sorted.join("\n")), at: i64::try_from(since.as_secs()).unwrap_or(i64::MAX) }
    }

    fn from_text(text: &str) -> Option<Self> {
        let (topics, at) = text.split_once('@')?;
        Some(Self { topics: u64::from_str_radix(topics, 16).ok()?, at: at.parse().ok()? })
    }
}

impl Stamp {
    /// Reads metadata; that of others, or none, says nothing.
    pub(super) fn from_text(text: &str) -> Self {
        let mut parts = text.split(';');
        let mut stamp = Self::default();
        if parts.next() != Some(OURS) {
            return stamp;
        }
        for part in parts {
            match part.split_once('=') {
                Some(("id", id)) => stamp.id = TopicId::from_text(id),
                Some(("partitions", count)) => stamp.partitions = count.parse().ok(),
                Some(("topics", began)) => stamp.began = Began::from_text(began),
                _ => {}
            }
        }
        stamp
    }

    /// Writes metadata.
    pub(super) fn to_text(self) -> String {
        let id = self.id.map(|id| format!(";id={id}")).unwrap_or_default();
        let partitions = self.partitions.map(|count| format!(";partitions={count}")).unwrap_or_default();
        let began = self.began.map(|began| format!(";topics={:016x}@{}", began.topics, began.at));
        format!("{OURS}{id}{partitions}{}", began.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let id = TopicId::from_halves(-7, 3);
        for stamp in [
            Stamp { id, partitions: Some(12), began: Some(Began { topics: 0xabc, at: 1_764_350_000 }) },
            Stamp { id, ..Stamp::default() },
            Stamp { partitions: Some(1), ..Stamp::default() },
            Stamp::default(),
        ] {
            assert_eq!(Stamp::from_text(&stamp.to_text()), stamp);
        }
        assert_eq!(id.unwrap().to_string().len(), 22);
        assert_eq!(TopicId::from_halves(0, 0), None, "a broker without ids");
    }

    #[test]
    fn metadata_of_others_says_nothing() {
        for text in
            ["", "id=AAAAAAAAAAAAAAAAAAAAAQ", "sluice:2;partitions=3", "{\"id\":1}", "sluice:1;id=short"]
        {
            assert_eq!(Stamp::from_text(text), Stamp::default(), "{text}");
        }
        assert_eq!(Stamp::from_text("sluice:1;later=x;partitions=3").partitions, Some(3));
        assert_eq!(Stamp::from_text("sluice:1;topics=12;partitions=3").began, None);
    }

    #[test]
    fn the_order_of_topics_does_not_matter_and_each_of_them_does() {
        let of = |topics: &[&str]| {
            Began::now(&topics.iter().map(|topic| (*topic).to_owned()).collect::<Vec<_>>()).topics
        };
        assert_eq!(of(&["a", "^b.*"]), of(&["^b.*", "a", "a"]));
        assert_ne!(of(&["a", "^b.*"]), of(&["a"]));
        assert_eq!(of(&["a"]), 0xaf63_dc4c_8601_ec8c, "as every version before has it");
    }
}
