//! What a terminal, a log and an answer may show of texts that somebody else wrote: no control character, no sequence that
//! moves a cursor, nothing that turns the direction of a text, and no secret.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::{PoisonError, RwLock};

use sluice_connector_api::Blanks;

/// The secrets of all connectors that this process has read, whose log there is one of.
static LOG_BLANKS: RwLock<Option<Blanks>> = RwLock::new(None);

/// Keeps secrets out of the log, whoever writes there.
pub(crate) fn keep_from_log(blanks: &Blanks) {
    let mut all = LOG_BLANKS.write().unwrap_or_else(PoisonError::into_inner);
    *all = Some(all.take().unwrap_or_default().and(blanks));
}

/// Returns the secrets that are kept out of the log.
pub(crate) fn log_blanks() -> Blanks {
    LOG_BLANKS.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// Escapes what a terminal would act upon, line breaks included: the text stays on its line.
pub(crate) fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unsafe)
}

/// Escapes what a terminal would act upon, but for line breaks and tabs. JSON means the same thereafter.
pub(crate) fn on_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |char| is_unsafe(char) && !matches!(char, '\n' | '\t'))
}

/// Shortens a text to so many characters, and says so.
pub(crate) fn shortened(text: &str, most_chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

/// Says whether a character is not shown as it is: C0 and C1 controls, separators of lines and paragraphs, what changes the
/// direction of a text (Unicode's `Bidi_Control`, UAX 9), and what no YAML may hold as it is (byte order mark, 5.2 of YAML
/// 1.2; the two that are no characters, 5.1).
fn is_unsafe(char: char) -> bool {
    let turns = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control()
        || turns
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Writes characters as JSON escapes them, so that a text which is JSON stays the same JSON.
fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            char if !is_escaped(char) => out.push(char),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // None of them is beyond the first 65,536 characters.
            char => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(char)).is_err();
            }
        }
    }
    Cow::Owned(out)
}

/// Writes what it is given on one line, escaped.
pub(crate) struct OneLine<'w>(pub(crate) &'w mut dyn Write);

impl fmt::Debug for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneLine").finish_non_exhaustive()
    }
}

impl Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&on_one_line(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_upon_is_escaped() {
        let text = "a\u{1b}[31mb\u{9b}2J\u{7f}\u{202e}c\u{2066}\u{200f}\u{2028}\r\nd\te\0 é😀";
        let shown = "a\\u001b[31mb\\u009b2J\\u007f\\u202ec\\u2066\\u200f\\u2028\\r\\nd\\te\\u0000 é😀";
        assert_eq!(on_one_line(text), shown);
        assert_eq!(on_lines("a\nb\tc\r\u{1b}"), "a\nb\tc\\r\\u001b");
        assert!(matches!(on_one_line("as it is: é😀 \"\\"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_means_the_same_as_before() {
        let value = serde_json::json!({ "a\u{9b}": "b\u{202e}\u{7f}\n\u{1b}" });
        let shown = on_lines(&format!("{value:#}")).into_owned();
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_text_is_shortened_between_two_characters() {
        assert_eq!(shortened("żółw", 2), "żó...");
        assert_eq!(shortened("żółw", 4), "żółw");
    }

    #[test]
    fn every_secret_is_kept_from_the_log() {
        for secret in ["first-of-the-log", "second-of-the-log"] {
            keep_from_log(&Blanks::new([secret.to_owned()]));
        }
        assert_eq!(log_blanks().apply("first-of-the-log second-of-the-log"), "[redacted] [redacted]");
    }
}
