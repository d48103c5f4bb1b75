//! What stands in a file where something else should, as an error shows it: never a secret (invariant 8).

use serde_json::Value;

use crate::config::places::SchemaPlace;
use crate::config::secrets::showable;
use crate::config::veil::{Declared, is_covered, tells_credentials};
use crate::config::yaml::{Content, Node};

/// The most characters of a value that are shown.
const MAX_SHOWN: usize = 60;

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
                Value::Number(value) => format!("the number `{value}`"),
                _ => {
                    let text = self.text().and_then(|text| showable(self.path, text));
                    text.map_or_else(|| "a text that is not shown".to_owned(), |text| shown(&text))
                }
            },
            None if matches!(self.node.content, Content::List(_)) => "a list".to_owned(),
            None => "a map".to_owned(),
        }
    }

    /// Returns the text, if it is one that may be shown.
    pub(super) fn text(&self) -> Option<&str> {
        let scalar = self.node.scalar().filter(|scalar| !scalar.interpolated)?;
        (!self.is_secret(&scalar.text)).then_some(scalar.text.as_str())
    }

    /// Says whether a text may be a secret, or hold one: who writes a text where a map with a password is to stand may well
    /// have written the password.
    fn is_secret(&self, text: &str) -> bool {
        let mut keys = self.path.iter().map(String::as_str);
        let key = self.path.iter().rev().find(|key| key.parse::<usize>().is_err()).map(String::as_str);
        let may_be_shown = self.path.is_empty() || (self.is_plug_in && is_a_name(text));
        let holds_secrets = self.place.holds_secrets() && !may_be_shown;
        holds_secrets
            || keys.any(|key| key == "headers")
            || is_covered(text, Declared::No, key)
            || tells_credentials(text)
    }
}

/// Says whether a text may be the name of a plug-in.
fn is_a_name(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '$'))
}

/// Shows a text of the file, unless it is long: then it is no value that somebody mistyped.
pub(super) fn shown(text: &str) -> String {
    if text.contains('\n') || text.chars().nth(MAX_SHOWN).is_some() {
        return "a long text".to_owned();
    }
    format!("`{text}`")
}
