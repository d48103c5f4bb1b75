//! What is shown of a value of a file to whoever asks for its configuration: references as they are, secrets blanked.

use std::collections::BTreeSet;

use crate::config::credentials::{is_scheme, names_open_property, sounds_secret, tells_in_url};
use crate::config::reference::{Dialect, Piece, Reference, parse};

/// What stands in the place of a secret.
pub(crate) const BLANKED: &str = "[redacted]";
/// Headers that hold no secret.
const OPEN_HEADERS: [&str; 6] =
    ["accept", "accept-language", "content-encoding", "content-language", "content-type", "user-agent"];
/// Whether a plug-in declares a value as a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// It does not.
    No,
    /// By the name of its key.
    AsSecret,
    /// It is one of a map that may hold anything, such as properties.
    AmongSecrets,
}

/// Covers the secrets of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Veil<'a> {
    /// The prefixes of the providers.
    pub(super) prefixes: &'a BTreeSet<&'static str>,
}

impl Veil<'_> {
    /// Returns what is shown of a value under a key.
    pub(super) fn shown(self, text: &str, declared: Declared, key: Option<&str>) -> String {
        if is_covered(text, declared, key) {
            return self.only_references(text);
        }
        if tells_in_url(text) { BLANKED.to_owned() } else { text.to_owned() }
    }

    /// Blanks all but references, and the name of a scheme before one.
    fn only_references(self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let dialect = Dialect { prefixes: self.prefixes, is_pattern: false, is_secret: true };
        let Ok(pieces) = parse(text, dialect) else { return BLANKED.to_owned() };
        if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            return BLANKED.to_owned();
        }
        covered(&pieces)
    }
}

fn covered(pieces: &[Piece]) -> String {
    let mut shown = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) if text.strip_suffix(' ').is_some_and(is_scheme) => shown.push_str(text),
            Piece::Text(_) => shown.push_str(BLANKED),
            Piece::Reference(Reference { prefix, name, default: None }) => {
                shown.extend(["${", prefix, ":", name, "}"]);
            }
            Piece::Reference(Reference { prefix, name, default: Some(default) }) => {
                shown.extend(["${", prefix, ":", name, ":-", &covered(default), "}"]);
            }
        }
    }
    shown
}

/// Says whether of a value under a key only references are shown.
pub(super) fn is_covered(text: &str, declared: Declared, key: Option<&str>) -> bool {
    let is_declared = match declared {
        Declared::AsSecret => true,
        Declared::AmongSecrets => !is_open(text, key.unwrap_or_default()),
        Declared::No => false,
    };
    is_declared || key.is_some_and(sounds_secret) || text.contains("PRIVATE KEY-----")
}

/// Says whether one of many values, of which some may be secrets, is plainly none.
fn is_open(text: &str, key: &str) -> bool {
    let is_plain = text.parse::<f64>().is_ok() || ["true", "false"].contains(&text);
    let key = key.to_ascii_lowercase();
    is_plain || names_open_property(&key) || OPEN_HEADERS.contains(&&*key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, declared: Declared, key: &str) -> String {
        let prefixes = BTreeSet::from(["env", "file"]);
        Veil { prefixes: &prefixes }.shown(text, declared, Some(key))
    }

    #[test]
    fn of_a_secret_nothing_is_shown_but_its_references() {
        for (text, seen) in [
            ("hunter2", BLANKED),
            ("$${env:X}", BLANKED),
            ("${env:X", BLANKED),
            ("", ""),
            ("${env:X}", "${env:X}"),
            ("Bearer ${env:X}", "Bearer ${env:X}"),
            ("hunter2${env:X}", "[redacted]${env:X}"),
            ("${env:X:-hunter2}", "${env:X:-[redacted]}"),
            ("${env:X:-${file:/a}}", "${env:X:-${file:/a}}"),
        ] {
            assert_eq!(shown(text, Declared::AsSecret, "x"), seen, "{text}");
        }
    }

    #[test]
    fn of_values_of_which_some_may_be_secrets_those_are_shown_that_are_plainly_none() {
        let among = |text: &str, key: &str| shown(text, Declared::AmongSecrets, key);
        for (text, key) in [("6000", "session.timeout.ms"), ("true", "x"), ("SSL", "security.protocol")] {
            assert_eq!(among(text, key), text, "{key}");
        }
        for (text, key) in [("hunter2", "x"), ("123456", "sasl.password")] {
            assert_eq!(among(text, key), BLANKED, "{key}");
        }
        assert_eq!(shown("123456", Declared::AsSecret, "pin"), BLANKED);
    }

    #[test]
    fn keys_and_addresses_tell_that_they_hold_a_secret() {
        for key in
            ["sasl.password", "X-Api-Key", "ssl.key.pem", "sasl.jaas.config", "authorization", "Cookie"]
        {
            assert_eq!(shown("hunter2", Declared::No, key), BLANKED, "{key}");
        }
        for key in ["token_url", "key", "text", "password_field", "sasl.oauthbearer.token.endpoint.url"] {
            assert_eq!(shown("hunter2", Declared::No, key), "hunter2", "{key}");
        }
        for url in ["https://a:hunter2@b/", "https://b/c?x=1&api_key=hunter2", "https://b?sig=hunter2"] {
            assert_eq!(shown(url, Declared::No, "url"), BLANKED, "{url}");
        }
        for url in
            ["https://b/c@d:e", "https://a@b/", "https://a:${env:P}@b/", "https://b?x=1", "http://b:1/?key="]
        {
            assert_eq!(shown(url, Declared::No, "url"), url, "{url}");
        }
    }
}
