//! The names in a flat map: paths of keys and list indices, with dots between them.

use crate::config::yaml_reader::MAX_DEPTH;

/// A flat map that is no connector: the name concerned, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlatError {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl FlatError {
    pub(crate) fn new(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into() }
    }
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) text: String,
    /// The place in a list that it may be: a number that nobody quoted.
    pub(super) index: Option<usize>,
}

impl Segment {
    pub(super) fn key(text: &str) -> Self {
        Self { text: text.to_owned(), index: None }
    }

    pub(super) fn index(index: usize) -> Self {
        Self { text: index.to_string(), index: Some(index) }
    }

    fn unquoted(text: &str) -> Self {
        Self { text: text.to_owned(), index: index_in(text) }
    }
}

/// Reads a number as a list counts: `00` is none.
fn index_in(text: &str) -> Option<usize> {
    text.parse().ok().filter(|index: &usize| index.to_string() == text)
}

/// Writes a path as a name. Each step is a text, and whether that is a key.
pub(super) fn path_text(path: &[(String, bool)]) -> String {
    let segments: Vec<String> = path.iter().map(|(text, is_key)| quoted(text, *is_key)).collect();
    segments.join(".")
}

fn quoted(text: &str, is_key: bool) -> String {
    let is_mistaken = text.is_empty() || text.contains(['.', '"']) || (is_key && index_in(text).is_some());
    if is_mistaken { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Reads a name as a path.
pub(super) fn path_of(name: &str) -> Result<Vec<Segment>, FlatError> {
    let refuse = |text: &str| FlatError::new(name, text);
    let mut path = Vec::new();
    let mut rest = name;
    loop {
        let (segment, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted_segment(inside).ok_or_else(|| refuse("the quote is never closed"))?,
            None => match rest.split_once('.') {
                Some((segment, after)) => (Segment::unquoted(segment), Some(after)),
                None => (Segment::unquoted(rest), None),
            },
        };
        if segment.text.is_empty() && !rest.starts_with('"') {
            return Err(refuse("a name is keys with dots between them; a key with a dot is quoted"));
        }
        path.push(segment);
        if path.len() > MAX_DEPTH {
            return Err(refuse("it is nested deeper than a file may be"));
        }
        match after {
            Some(after) => rest = after,
            None => return Ok(path),
        }
    }
}

/// Reads a quoted segment, behind its first quote, and what comes behind the dot after it.
fn quoted_segment(inside: &str) -> Option<(Segment, Option<&str>)> {
    let mut text = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        text.push_str(before);
        if let Some(after) = after.strip_prefix('"') {
            text.push('"');
            rest = after;
        } else if after.is_empty() {
            return Some((Segment::key(&text), None));
        } else {
            return Some((Segment::key(&text), Some(after.strip_prefix('.')?)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path_and_back() {
        let path = [("a.b\"c", true), ("", true), ("0", true), ("0", false), ("00", true), ("d", true)];
        let path = path.map(|(text, is_key)| (text.to_owned(), is_key));
        let name = path_text(&path);
        assert_eq!(name, "\"a.b\"\"c\".\"\".\"0\".0.00.d");
        let read: Vec<_> =
            path_of(&name).unwrap().into_iter().map(|segment| (segment.text, segment.index)).collect();
        let written: Vec<_> = path.into_iter().map(|(text, is_key)| (text, (!is_key).then_some(0))).collect();
        assert_eq!(read, written);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for name in ["a..b", ".a", "a.", "\"a", "\"a\"b", &"a.".repeat(100_000)] {
            assert!(path_of(name).is_err(), "{}", name.get(..20).unwrap_or(name));
        }
    }
}
