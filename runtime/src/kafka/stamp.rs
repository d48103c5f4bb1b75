//! What a commit says about the topic that its offset is a position in. The brokers keep it as the commit's metadata.

use std::fmt;

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

/// What goes with a committed offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The topic that the offset is a position in, where the brokers have ids.
    pub(super) id: Option<TopicId>,
    /// How many partitions the topic had when the group began to read this one. A partition beyond was added later, and
    /// all of its records came after that.
    pub(super) partitions: Option<i32>,
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
                _ => {}
            }
        }
        stamp
    }

    /// Writes metadata.
    pub(super) fn to_text(self) -> String {
        let id = self.id.map(|id| format!(";id={id}")).unwrap_or_default();
        let partitions = self.partitions.map(|count| format!(";partitions={count}")).unwrap_or_default();
        format!("{OURS}{id}{partitions}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        let id = TopicId::from_halves(-7, 3);
        for stamp in [
            Stamp { id, partitions: Some(12) },
            Stamp { id, partitions: None },
            Stamp { id: None, partitions: Some(1) },
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
    }
}
