//! How lines are compared: by a sum of hashes, which is the same in whatever order they came.

/// Takes the sentence out of a line: a JSON string, or an object with that string as its `text`, which is all that mq-bridge can send.
/// What is neither stays as it is, and so has the sum of nobody else.
pub(crate) fn sentence(line: &[u8]) -> &[u8] {
    let inner = line.strip_prefix(br#"{"text":"#).and_then(|rest| rest.strip_suffix(b"}")).unwrap_or(line);
    inner.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(line)
}

/// Hashes eight bytes at a time, so that the comparison costs little.
pub(crate) fn hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    words.fold(text.len() as u64, |hash, word| {
        (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// Records, and the sum of the hashes of their sentences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineTally {
    pub(crate) records: u64,
    pub(crate) sum: u64,
}

impl LineTally {
    pub(crate) fn add(&mut self, text: &[u8]) {
        self.records += 1;
        self.sum = self.sum.wrapping_add(hash(text));
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.records += other.records;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(texts: &[&str]) -> LineTally {
        let mut tally = LineTally::default();
        for text in texts {
            tally.add(text.as_bytes());
        }
        tally
    }

    #[test]
    fn a_tally_tells_other_lines_apart_and_no_other_order() {
        let whole = tally(&["one", "two", "three and a half"]);
        assert_eq!(whole, tally(&["three and a half", "one", "two"]));
        for other in
            [["one", "two", "three and a halF"], ["one", "one", "three and a half"], ["one", "two", ""]]
        {
            assert_ne!(whole, tally(&other), "{other:?}");
        }
    }

    #[test]
    fn only_a_string_and_an_object_of_it_are_the_sentence() {
        for line in [r#""a b""#, r#"{"text":"a b"}"#] {
            assert_eq!(sentence(line.as_bytes()), b"a b");
        }
        for line in ["a b", r#"{"txt":"a b"}"#, r#"{"text":7}"#, r#""a b"#] {
            assert_eq!(sentence(line.as_bytes()), line.as_bytes());
        }
    }
}
