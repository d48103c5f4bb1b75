//! What is looked for in texts.

use std::borrow::Cow;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::SettingsError;

use crate::whole_regex;

/// Something that is known by how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KnownPattern {
    /// Addresses of e-mail.
    Email,
    /// Numbers of payment cards: 13 to 19 digits, with blanks or hyphens between them or without, whose last one is right
    /// by Luhn's formula.
    Card,
    /// Keys and tokens that have a form of their own: of AWS, GitHub, GitLab, Slack, Stripe, Google and `OpenAI`, JSON Web
    /// Tokens, and private keys in PEM.
    Key,
}

const EMAIL: &str = r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+";
const CARD: &str = r"\b[0-9](?:[ -]?[0-9]){12,18}\b";
const KEY: &str = concat!(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{22,}",
    r"|\bglpat-[A-Za-z0-9_-]{20,}",
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"|\bAIza[A-Za-z0-9_-]{35}",
    r"|\bsk-[A-Za-z0-9_-]{20,}",
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
);

/// A pattern, and what else has to be so of what it finds.
pub(super) struct Find {
    regex: Regex,
    is_card: bool,
    /// What a text has to have, or there is nothing to look for.
    has: fn(&str) -> bool,
}

/// The fewest digits of a card.
const LEAST_CARD: usize = 13;

impl Find {
    pub(super) fn known(pattern: KnownPattern) -> Result<Self, SettingsError> {
        let (text, is_card, has): (_, _, fn(&str) -> bool) = match pattern {
            KnownPattern::Email => (EMAIL, false, |text| text.contains('@')),
            KnownPattern::Card => (CARD, true, |text| text.len() >= LEAST_CARD),
            KnownPattern::Key => (KEY, false, |_| true),
        };
        Ok(Self { regex: whole_regex::compile("patterns", text)?, is_card, has })
    }

    /// Compiles an expression; `key` is the setting that holds it. One that fits the empty text is refused.
    pub(super) fn custom(key: &str, pattern: &str) -> Result<Self, SettingsError> {
        let regex = whole_regex::compile(key, pattern)?;
        if regex.is_match("") {
            return Err(SettingsError::at(
                key,
                "fits an empty text, and so stands between any two characters",
            ));
        }
        Ok(Self { regex, is_card: false, has: |_| true })
    }

    /// Says whether only this can be found in the digits of a number.
    pub(super) fn is_card(&self) -> bool {
        self.is_card
    }

    /// Says whether the pattern fits somewhere, whatever else has to be so.
    pub(super) fn is_in(&self, text: &str) -> bool {
        (self.has)(text) && self.regex.is_match(text)
    }

    /// Puts the replacement where something is found; `None` where nothing is.
    pub(super) fn replace(&self, text: &str, replacement: &str) -> Option<String> {
        if !(self.has)(text) {
            return None;
        }
        let replaced = self.regex.replace_all(text, |found: &regex::Captures<'_>| {
            let found = found.get(0).map_or("", |found| found.as_str());
            let is_it = !self.is_card || is_right_by_luhn(found);
            if is_it { replacement.to_owned() } else { found.to_owned() }
        });
        match replaced {
            Cow::Owned(replaced) if replaced != text => Some(replaced),
            _ => None,
        }
    }
}

/// Checks the last digit of a card's number: every second digit from the right counts twice, and the sum ends in 0.
fn is_right_by_luhn(number: &str) -> bool {
    let digits = number.chars().rev().filter_map(|char| char.to_digit(10));
    let weighted = digits.enumerate().map(|(place, digit)| match (place % 2, digit * 2) {
        (0, _) => digit,
        (_, doubled) if doubled > 9 => doubled - 9,
        (_, doubled) => doubled,
    });
    weighted.sum::<u32>() % 10 == 0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    fn redacted(pattern: KnownPattern, text: &str) -> Option<String> {
        Find::known(pattern).unwrap().replace(text, "*")
    }

    #[test]
    fn addresses_are_found() {
        for (text, expected) in [
            ("mail ada.l+x@example.co.uk, or Bo", Some("mail *, or Bo")),
            ("<a@b.c>", Some("<*>")),
            ("a@b", None),
            ("@example.com", None),
        ] {
            assert_eq!(redacted(KnownPattern::Email, text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn cards_are_found_and_other_numbers_are_not() {
        for (text, expected) in [
            ("card 4111 1111 1111 1111.", Some("card *.")),
            ("4111-1111-1111-1111", Some("*")),
            ("378282246310005", Some("*")),
            ("4222222222222", Some("*")),
            ("4111 1111 1111 1112", None),
            ("1739712345678", None),
            ("order 12345678901234567890", None),
        ] {
            assert_eq!(redacted(KnownPattern::Card, text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn keys_are_found() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "xoxb-1234567890-abc",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xx.c2ln",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        ] {
            assert_eq!(
                redacted(KnownPattern::Key, &format!("a {text} b")).as_deref(),
                Some("a * b"),
                "{text}"
            );
        }
        assert_eq!(redacted(KnownPattern::Key, "risk-free, task-list"), None);
    }

    #[test]
    fn a_pattern_that_fits_nothing_at_all_is_refused() {
        assert!(Find::custom("regexes.0", "x*").is_err());
        assert!(Find::custom("regexes.0", "(").is_err());
    }
}
