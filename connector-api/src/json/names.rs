//! Paths of fields as operators write them, taken apart.

/// A name of a path, and whether it was quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathName<'a> {
    /// The name of a field, or the number of an item.
    pub text: &'a str,
    /// Whether it stands in brackets or between backticks, so that it means itself and nothing else.
    pub is_quoted: bool,
}

/// Takes a path apart, such as `quote.time`, `quotes.0.time`, `quote.[trade.time]` or `` quote.`trade.time` ``; nothing comes
/// of one in which a name is empty.
///
/// ```
/// use sluice_connector_api::path_names;
///
/// let names = |path| path_names(path).map(|names| names.iter().map(|name| name.text).collect::<Vec<_>>());
/// assert_eq!(names("after.id"), Some(vec!["after", "id"]));
/// assert_eq!(names("after.[a.b]"), Some(vec!["after", "a.b"]));
/// assert_eq!(names("after."), None);
/// ```
pub fn path_names(written: &str) -> Option<Vec<PathName<'_>>> {
    let (mut names, mut rest) = (Vec::new(), written);
    loop {
        let quoted = quoted(rest, '[', "]").or_else(|| quoted(rest, '`', "`"));
        let is_quoted = quoted.is_some();
        let (text, behind) = quoted.unwrap_or_else(|| match rest.split_once('.') {
            Some((name, behind)) => (name, Some(behind)),
            None => (rest, None),
        });
        if text.is_empty() {
            return None;
        }
        names.push(PathName { text, is_quoted });
        match behind {
            Some(behind) => rest = behind,
            None => return Some(names),
        }
    }
}

/// Takes a quoted name from the beginning of a path, up to a closing quote that a dot or the end follows.
fn quoted<'a>(path: &'a str, open: char, close: &str) -> Option<(&'a str, Option<&'a str>)> {
    let inner = path.strip_prefix(open)?;
    let ends = inner.match_indices(close).map(|(at, _)| inner.split_at(at));
    for (name, behind) in ends {
        match behind.strip_prefix(close) {
            Some("") => return Some((name, None)),
            Some(rest) if rest.starts_with('.') => return Some((name, rest.strip_prefix('.'))),
            _ => {}
        }
    }
    None
}
