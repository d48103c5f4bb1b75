//! What stands in a file where something else should, as an error shows it: never a secret (invariant 8).

use std::borrow::Cow;

use serde_json::Value;

use crate::config::credentials::{About, key_of, tells_credentials};
use crate::config::places::SchemaPlace;
use crate::config::veil::{Declared, is_covered};
use crate::config::yaml::{Content, Node};

/// The most characters of a value that are shown.
const MAX_SHOWN: usize = 60;
/// What is longer is no mistyped name.
const LONG_WORD: usize = 16;

/// What stands at a place of a file.
pub(super) struct FoundValue<'a> {
    pub(super) node: &'a Node,
    /// What the schema says of it.
    pub(super) place: SchemaPlace<'a>,
    /// The keys that lead to it.
    pub(super) path: &'a [String],
    /// Whether a plug-in is named here.
    pub(super) is_plug_in: bool,
}

impl FoundValue<'_> {
    /// Names the value: by its text where that may be shown.
    pub(super) fn shown(&self) -> String {
        match self.node.scalar() {
            Some(scalar) if scalar.interpolated => "a value from the environment or a file".to_owned(),
            Some(scalar) => match scalar.to_json() {
                Value::Null => "nothing".to_owned(),
                Value::Bool(value) => format!("the boolean `{value}`"),
                Value::Number(_) if self.is_secret(&scalar.text) => "a number".to_owned(),
                Value::Number(_) if scalar.text.len() > MAX_SHOWN => "a long number".to_owned(),
                Value::Number(_) => format!("the number `{}`", scalar.text),
                _ => {
                    self.visible().map_or_else(|| "a text that is not shown".to_owned(), |text| shown(&text))
                }
            },
            None if matches!(self.node.content, Content::List(_)) => "a list".to_owned(),
            None => "a map".to_owned(),
        }
    }

    /// Returns the text, if all of it may be shown.
    pub(super) fn text(&self) -> Option<&str> {
        match self.visible()? {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// Returns what of the text may be shown: nothing where it may be a secret; of an address neither who signs in nor what is
    /// behind the host.
    fn visible(&self) -> Option<Cow<'_, str>> {
        let text = self.node.scalar().filter(|scalar| !scalar.interpolated)?.text.as_str();
        let about = About::from_path(self.path);
        if self.is_secret(text) || (about == About::Credentials && !is_plain_word(text)) {
            return None;
        }
        if about == About::Url || text.contains("://") {
            return Some(host_alone(text));
        }
        (!tells_credentials(text)).then_some(text.into())
    }

    /// Says whether a text is a secret by its place: who writes a text where a map with a password is to stand may well have
    /// written the password.
    fn is_secret(&self, text: &str) -> bool {
        let may_be_shown = self.path.is_empty() || (self.is_plug_in && is_a_name(text));
        let holds_secrets = self.place.holds_secrets() && !may_be_shown;
        let is_in_headers = self.path.iter().any(|key| key == "headers");
        holds_secrets || is_in_headers || is_covered(text, Declared::No, Some(key_of(self.path)))
    }
}

/// Says whether a text may be the name of a plug-in.
fn is_a_name(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '$'))
}

/// Says whether a text is such as a mistyped name is.
fn is_plain_word(text: &str) -> bool {
    text.len() < LONG_WORD && text.chars().all(|char| char.is_ascii_lowercase() || char == '_')
}

/// Leaves out of an address who signs in, and what is behind the host.
fn host_alone(address: &str) -> Cow<'_, str> {
    let start = address.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = address.split_at(start);
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(_, host)| ("...@", host));
    if user.is_empty() && behind.len() <= 1 {
        return address.into();
    }
    let more = if behind.len() <= 1 { behind } else { "/..." };
    format!("{scheme}{user}{host}{more}").into()
}

/// Shows a text of the file, unless it is long: then it is no value that somebody mistyped.
pub(super) fn shown(text: &str) -> String {
    if text.contains('\n') || text.chars().nth(MAX_SHOWN).is_some() {
        return "a long text".to_owned();
    }
    format!("`{text}`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Says how a value is named that stands at the end of a path.
    fn named(path: &str, text: &str) -> String {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        let node = Node::parse(&format!("{text:?}\n")).unwrap();
        let schema = json!({});
        FoundValue { node: &node, place: SchemaPlace::new(&schema), path: &path, is_plug_in: false }.shown()
    }

    #[test]
    fn of_a_text_that_is_wrong_no_secret_is_shown() {
        for (path, text, expected) in [
            ("sink.http.url", "htp://u:hunter2@h/", Some("htp://...@h/")),
            ("sink.http.url", "u:hunter2@h:99", Some("...@h:99")),
            ("sink.http.url", "htp://h/services/T0KEN?key=x", Some("htp://h/...")),
            ("sink.http.url", "nowhere", Some("nowhere")),
            ("sink.opensearch.urls.0", "ftp://u:p@h", Some("ftp://...@h")),
            ("sink.http.method", "https://u:hunter2@h/x", Some("https://...@h/...")),
            ("sink.http.method", "u:hunter2@h", None),
            ("sink.http.method", "password=hunter2", None),
            ("source.kafka.topics", "a,b", Some("a,b")),
            ("source.kafka.auth", "hunter2", None),
            ("source.kafka.auth", "scram_", Some("scram_")),
            ("sink.http.headers", "Bearer abc", None),
            ("source.kafka.properties", "a=hunter2", None),
        ] {
            let expected = expected.map_or_else(|| "a text that is not shown".to_owned(), shown);
            assert_eq!(named(path, text), expected, "{path}: {text}");
        }
    }
}
