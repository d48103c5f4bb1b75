//! Blanks secrets in the texts of others, in whatever way they are spelled there.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands where a secret stood.
const BLANK: &str = "[redacted]";

/// Characters of a secret behind which a text that ends there is taken for its beginning.
const TELLING_CHARS: usize = 6;

/// Backslashes in a row that are looked at: a text within a text within a text has seven.
const MAX_BACKSLASHES: usize = 16;

/// Pluses in a run of white space that may be those of a secret.
const MAX_PLUSES: usize = 16;

/// How often one text may have been escaped.
const MAX_LAYERS: usize = 4;

/// A secret of so many characters may have been cut into lines, of which one was made again.
const WRAPPED_CHARS: usize = 16;

/// What pages put where a long word may be cut, and where it is.
const CUTS: [&str; 7] = ["<br>", "<br/>", "<br />", "<wbr>", "&shy;", "\u{ad}", "\u{200b}"];

/// The longest number of a character in HTML, with all around it.
const MAX_NUMBER: usize = 16;

/// How HTML writes the characters that it escapes.
const ENTITIES: [(&str, char); 5] =
    [("amp;", '&'), ("lt;", '<'), ("gt;", '>'), ("quot;", '"'), ("apos;", '\'')];

/// Secrets that are blanked where somebody else's text echoes them: as they are, or as JSON, a URL, HTML, a log or Base64
/// write them, even within one another, cut into lines, or as a part of what was encoded. It has no `Debug` that shows them.
///
/// ```
/// use sluice_connector_api::Blanks;
///
/// let blanks = Blanks::new(["hunter/2".to_owned()]);
/// assert_eq!(blanks.apply("Cannot POST /v1/hunter%2F2"), "Cannot POST /v1/[redacted]");
/// assert_eq!(blanks.apply(r#"{"key":"hunter\/2"}"#), r#"{"key":"[redacted]"}"#);
/// ```
#[derive(Clone, Default)]
pub struct Blanks(Arc<[Vec<char>]>);

impl Blanks {
    /// Keeps secrets. Empty ones are left out; runs of white space count as one blank.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut known = HashSet::new();
        for secret in secrets {
            known.extend(in_base64(&secret));
            let words: Vec<_> = secret.split_whitespace().collect();
            known.insert(words.join(" "));
        }
        Self::from_known(known)
    }

    fn from_known(mut known: HashSet<String>) -> Self {
        known.remove("");
        let mut secrets: Vec<Vec<char>> = known.iter().map(|secret| secret.chars().collect()).collect();
        // The longest first, or what is left of it would still tell a part.
        secrets.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        Self(secrets.into())
    }

    /// Returns these secrets and those together.
    #[must_use]
    pub fn and(&self, more: &Self) -> Self {
        if more.is_empty() {
            return self.clone();
        }
        Self::from_known(self.0.iter().chain(&*more.0).map(|secret| secret.iter().collect()).collect())
    }

    /// Says whether there is no secret.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Blanks the secrets in a text. A text that was cut off within a secret loses its beginning, too, from six characters
    /// on.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = String::new();
        let mut kept = 0;
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some(length) = self.secret_at(rest) {
                clean.push_str(text.get(kept..at).unwrap_or_default());
                clean.push_str(BLANK);
                at += length;
                kept = at;
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        clean.push_str(text.get(kept..).unwrap_or_default());
        Cow::Owned(clean)
    }

    /// Returns how many bytes a secret takes with which a text begins.
    fn secret_at(&self, text: &str) -> Option<usize> {
        let first = text.chars().next()?;
        let is_spelled = matches!(first, '\\' | '%' | '&');
        let mut candidates = self.0.iter().filter(|secret| is_spelled || secret.first() == Some(&first));
        candidates.find_map(|secret| length_of(secret, text))
    }
}

impl fmt::Debug for Blanks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blanks").field("secrets", &self.0.len()).finish()
    }
}

/// Returns how Base64 writes a secret that stands somewhere in what was encoded: three bytes are four characters, so that it
/// begins in one of three ways. Characters that hold something of what is around it are left out. One that is too short is
/// found by no part of it.
fn in_base64(secret: &str) -> Vec<String> {
    if secret.chars().count() < TELLING_CHARS {
        return Vec::new();
    }
    // Where it stands alone.
    let mut found = vec![STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)];
    // One byte before it takes part in two characters, two bytes in three.
    for (before, characters) in [(0, 0), (1, 2), (2, 3)] {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        let behind = usize::from(bytes.len() % 3 != 0);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes);
            let own = encoded.get(characters..encoded.len().saturating_sub(behind));
            found.extend(own.map(str::to_owned));
        }
    }
    found
}

/// Returns how many bytes a secret takes at the beginning of a text, or so much of it as the text has before it ends.
fn length_of(secret: &[char], text: &str) -> Option<usize> {
    // A character may be spelled in ways of several lengths: a backslash by one or by two.
    let mut ends = vec![0];
    for (index, wanted) in secret.iter().enumerate() {
        let mut next = Vec::new();
        for end in ends {
            let rest = text.get(end..).unwrap_or_default();
            if index >= TELLING_CHARS && is_cut_off(rest) {
                return Some(end);
            }
            let is_within = index > 0 && *wanted != ' ';
            let cut = if is_within { cut(rest, secret.len() >= WRAPPED_CHARS) } else { None };
            for begin in [Some(end), cut.map(|length| end + length)].into_iter().flatten() {
                for length in spellings(*wanted, text.get(begin..).unwrap_or_default()) {
                    if !next.contains(&(begin + length)) {
                        next.push(begin + length);
                    }
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        ends = next;
    }
    ends.into_iter().max()
}

/// Measures what cuts a secret into lines, with the margin of the next one; or, in a long one, the blank that came of it.
fn cut(text: &str, is_long: bool) -> Option<usize> {
    let first = text.chars().next()?;
    if first == ' ' && is_long {
        return Some(1);
    }
    if !matches!(first, '\n' | '\r' | '\\' | '%' | '&' | '=' | '<' | '\u{ad}' | '\u{200b}') {
        return None;
    }
    if let Some(cut) = CUTS.iter().find(|cut| starts_like(text, cut)) {
        return Some(cut.len() + end_of_line(text.get(cut.len()..)?).unwrap_or(0));
    }
    end_of_line(text)
}

/// Measures the end of a line, and the margin of the next one.
fn end_of_line(text: &str) -> Option<usize> {
    // Quoted-printable and shells put a sign before it.
    let behind = text.strip_prefix(['=', '\\']).filter(|behind| behind.starts_with(['\n', '\r']));
    let line = behind.unwrap_or(text);
    let ends = ['\n', '\r'].into_iter().flat_map(|end| spellings(end, line));
    let sign = text.len() - line.len();
    let end = sign + ends.max()?;
    let margin = white_space(text.get(end..)?).into_iter().max().unwrap_or(0);
    Some(end + margin)
}

/// Says whether what is left of a text is no more than the sign that it was cut off, or half an escape.
fn is_cut_off(rest: &str) -> bool {
    matches!(rest, "" | "..." | "…") || (rest.len() < 3 && rest.starts_with(['\\', '%', '&']))
}

/// Returns the lengths of the ways in which a text that begins here spells a character.
fn spellings(wanted: char, text: &str) -> Vec<usize> {
    if wanted == ' ' {
        return white_space(text);
    }
    let mut lengths = Vec::new();
    if text.starts_with(wanted) {
        lengths.push(wanted.len_utf8());
    }
    match text.as_bytes().first() {
        Some(b'\\') => lengths.extend(backslashed(wanted, text)),
        Some(b'%') => {
            lengths.extend(percent_encoded(wanted, text));
            lengths.extend(percent_numbered(wanted, text));
        }
        Some(b'&') => lengths.extend(entity(wanted, text)),
        _ => {}
    }
    lengths
}

/// Measures white space in whatever way it is written; all of a run counts as one. A `+` within it may be one of the secret,
/// and so may it end before each of the first.
fn white_space(text: &str) -> Vec<usize> {
    let (mut end, mut ends) = (0, Vec::new());
    while let Some(rest) = text.get(end..) {
        if end > 0 && rest.starts_with('+') && ends.len() < MAX_PLUSES {
            ends.push(end);
        }
        let next =
            rest.chars().next().filter(|char| char.is_whitespace() || *char == '+').map(char::len_utf8);
        let escaped = [' ', '\n', '\r', '\t'].into_iter().find_map(|space| {
            let ways = [backslashed(space, rest), percent_encoded(space, rest), entity(space, rest)];
            ways.concat().into_iter().max()
        });
        match next.or(escaped) {
            Some(length) => end += length,
            None => break,
        }
    }
    if end > 0 {
        ends.push(end);
    }
    ends
}

/// Measures a character behind backslashes, as JSON, programming languages and logs write it. A text in a text doubles them.
fn backslashed(wanted: char, text: &str) -> Vec<usize> {
    let slashes = text.bytes().take(MAX_BACKSLASHES).take_while(|byte| *byte == b'\\').count();
    if slashes == 0 {
        return Vec::new();
    }
    let rest = text.get(slashes..).unwrap_or_default();
    if wanted == '\\' {
        let numbered = numbered(wanted, rest).map(|length| slashes + length);
        return (2..=slashes).chain(numbered).collect();
    }
    let short = match wanted {
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        other => other,
    };
    let mut lengths = Vec::new();
    if rest.starts_with(short) {
        lengths.push(slashes + short.len_utf8());
    }
    lengths.extend(numbered(wanted, rest).map(|length| slashes + length));
    lengths
}

/// Measures `u00e9`, `ud83d\ude00`, `U000000e9`, `u{e9}`, `xe9`, `xc3\xa9` and `303\251`, which stand behind a backslash.
fn numbered(wanted: char, text: &str) -> Option<usize> {
    let code = u32::from(wanted);
    let ways = [format!("u{{{code:x}}}"), format!("x{code:02x}"), format!("U{code:08x}")];
    if let Some(way) = ways.iter().find(|way| starts_like(text, way)) {
        return Some(way.len());
    }
    let (mut units, mut bytes) = ([0; 2], [0; 4]);
    let units = wanted.encode_utf16(&mut units).iter().map(|unit| format!("u{unit:04x}"));
    let bytes = wanted.encode_utf8(&mut bytes).as_bytes();
    row(text, units)
        .or_else(|| row(text, bytes.iter().map(|byte| format!("x{byte:02x}"))))
        .or_else(|| row(text, bytes.iter().map(|byte| format!("{byte:03o}"))))
}

/// Measures numbers that stand one behind the other, all but the first with backslashes of their own.
fn row(text: &str, numbers: impl Iterator<Item = String>) -> Option<usize> {
    let mut end = 0;
    for number in numbers {
        let rest = text.get(end..)?;
        let rest_at = if end == 0 { 0 } else { rest.bytes().take_while(|byte| *byte == b'\\').count() };
        if !starts_like(rest.get(rest_at..)?, &number) {
            return None;
        }
        end += rest_at + number.len();
    }
    Some(end)
}

/// Measures a character as the `escape` of browsers writes it: `%u00e9`.
fn percent_numbered(wanted: char, text: &str) -> Option<usize> {
    let mut end = 0;
    for unit in wanted.encode_utf16(&mut [0; 2]) {
        let number = format!("%u{unit:04x}");
        if !starts_like(text.get(end..)?, &number) {
            return None;
        }
        end += number.len();
    }
    Some(end)
}

/// Measures a character as URLs write it, once or over again: `%2F`, `%252f`.
fn percent_encoded(wanted: char, text: &str) -> Vec<usize> {
    let mut ends = vec![0];
    for byte in wanted.encode_utf8(&mut [0; 4]).bytes() {
        let mut next = Vec::new();
        for end in ends {
            let Some(mut rest) = text.get(end..).and_then(|rest| rest.strip_prefix('%')) else { continue };
            for _ in 0..MAX_LAYERS {
                if starts_like(rest, &hex(byte)) {
                    next.push(text.len() - rest.len() + 2);
                }
                let Some(again) = rest.strip_prefix("25") else { break };
                rest = again;
            }
        }
        ends = next;
    }
    ends
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

/// Measures a character as HTML writes it, once or over again: `&quot;`, `&#34;`, `&#x22;`, `&amp;quot;`.
fn entity(wanted: char, text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let Some(mut rest) = text.strip_prefix('&') else { return lengths };
    for _ in 0..MAX_LAYERS {
        let before = text.len() - rest.len();
        let named = ENTITIES.iter().find(|(name, char)| *char == wanted && rest.starts_with(name));
        lengths.extend(named.map(|(name, _)| before + name.len()));
        lengths.extend(numbered_entity(wanted, rest).map(|length| before + length));
        let Some(again) = rest.strip_prefix("amp;") else { break };
        rest = again;
    }
    lengths
}

fn numbered_entity(wanted: char, text: &str) -> Option<usize> {
    let start = text.get(..text.floor_char_boundary(MAX_NUMBER))?;
    let (number, _) = start.strip_prefix('#')?.split_once(';')?;
    let zeros = |digits: &str| digits.trim_start_matches('0').to_ascii_lowercase();
    let code = u32::from(wanted);
    let is_meant = match number.strip_prefix(['x', 'X']) {
        Some(hex) => zeros(hex) == format!("{code:x}"),
        None => zeros(number) == code.to_string(),
    };
    is_meant.then_some(number.len() + 2)
}

/// Compares without regard to the case of ASCII letters.
fn starts_like(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blanked(secret: &str, text: &str) -> String {
        Blanks::new([secret.to_owned()]).apply(text).into_owned()
    }

    #[test]
    fn a_secret_that_is_spelled_by_numbers_all_through_is_blanked_whatever_it_holds() {
        let secret = "S3cr\\et\"/tok<&>+é";
        let numbers: Vec<_> = secret.chars().map(|char| format!("\\u{:04x}", u32::from(char))).collect();
        let numbers = numbers.concat();
        assert_eq!(blanked(secret, &format!("refused: {numbers}.")), "refused: [redacted].");
    }

    #[test]
    fn a_secret_is_found_in_every_way_it_may_be_spelled() {
        let secret = "a\"b\\c/d é&<😀";
        for echo in [
            secret.to_owned(),
            serde_json::to_string(secret).unwrap(),
            // Python's JSON, JSON within JSON, PHP's JSON, Go's JSON.
            r#"a\"b\\c/d \u00e9&<\ud83d\ude00"#.to_owned(),
            serde_json::to_string(&serde_json::to_string(secret).unwrap()).unwrap(),
            r#"a\"b\\c\/d é&<😀"#.to_owned(),
            r#"a\"b\\c/d é\u0026\u003c😀"#.to_owned(),
            format!("{secret:?}"),
            // encodeURIComponent, a form, in small letters, over again.
            "a%22b%5Cc%2Fd%20%C3%A9%26%3C%F0%9F%98%80".to_owned(),
            "a%22b%5Cc%2Fd+%C3%A9%26%3C%F0%9F%98%80".to_owned(),
            "a%22b%5cc%2fd%20%c3%a9%26%3c%f0%9f%98%80".to_owned(),
            "a%2522b%255Cc%252Fd%2520%25C3%25A9%2526%253C%25F0%259F%2598%2580".to_owned(),
            "a&quot;b\\c/d é&amp;&lt;😀".to_owned(),
            "a&#34;b\\c&#x2F;d&#32;&#233;&amp;&#x3c;&#128512;".to_owned(),
            "a&amp;quot;b\\c/d é&amp;amp;&amp;lt;😀".to_owned(),
        ] {
            let shown = blanked(secret, &format!("no `{echo}` here"));
            let shown = shown.replace(['"', '\\'], "");
            assert_eq!(shown, "no `[redacted]` here", "{echo}");
        }
    }

    #[test]
    fn lines_of_a_secret_may_have_become_one() {
        let key = "-----BEGIN-----\nabc\ndef\n";
        assert_eq!(blanked(key, "bad -----BEGIN----- abc def!"), "bad [redacted]!");
        assert_eq!(blanked(key, r"bad -----BEGIN-----\nabc\r\ndef!"), "bad [redacted]!");
    }

    #[test]
    fn a_plus_of_the_secret_is_told_from_one_that_stands_for_a_blank() {
        for text in ["A + 0", "A   +\n0", "A+%2B+0", "A+++0", "A%20+%200"] {
            assert_eq!(blanked("A + 0", &format!("bad {text}!")), "bad [redacted]!", "{text}");
        }
        assert_eq!(blanked("A ++ +0", "A ++ +0"), "[redacted]");
        assert_eq!(blanked("A + 0", "A  0"), "A  0");
    }

    #[test]
    fn the_beginning_of_a_secret_at_the_end_of_a_text_is_blanked() {
        assert_eq!(blanked("hunter2-never", "no hunter2-n"), "no [redacted]");
        assert_eq!(blanked("hunter2-never", "no hunter2-n..."), "no [redacted]...");
        assert_eq!(blanked("hunter2/never", "no hunter2%2"), "no [redacted]%2");
        assert_eq!(blanked("hunter2-never", "no hunt"), "no hunt", "so few tell nothing");
        assert_eq!(blanked("hunter2-never", "no hunter2-x"), "no hunter2-x");
    }

    #[test]
    fn the_longest_secret_is_blanked_first_and_what_is_no_secret_stays() {
        let blanks =
            Blanks::new(["secret".to_owned(), "secretive".to_owned(), String::new(), " ".to_owned()]);
        assert_eq!(blanks.apply("secretive secret Secret secre"), "[redacted] [redacted] Secret secre");
        assert!(matches!(blanks.apply("100% & \\ nothing"), Cow::Borrowed(_)));
        assert_eq!(Blanks::default().and(&blanks).apply("a secret"), "a [redacted]");
        assert!(!format!("{blanks:?}").contains("secret\""));
    }

    #[test]
    fn a_secret_within_what_was_encoded_is_blanked_wherever_it_stands() {
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        let secret = "hunter2-never/é";
        for before in ["", "a", "ab", "abc", "authorization: Bearer "] {
            for behind in ["", "x", "xy", "\r\nhost: a\r\n"] {
                let request = format!("{before}{secret}{behind}");
                for encoded in [STANDARD.encode(&request), URL_SAFE.encode(&request)] {
                    let shown = blanked(secret, &format!("{{\"body\":\"{encoded}\"}}"));
                    assert!(shown.contains("[redacted]"), "{request}: {shown}");
                    let left = shown.len() - "{\"body\":\"[redacted]\"}".len();
                    let around = STANDARD.encode(format!("{before}{behind}")).len();
                    assert!(left <= around + 8, "{request}: {shown}");
                }
            }
        }
        assert_eq!(blanked("abcde", &STANDARD.encode("abcde")), "YWJjZGU=", "so few are found in anything");
    }

    #[test]
    fn a_secret_that_was_cut_into_lines_is_blanked() {
        let secret = "hunter2-never-tell-anybody";
        for cut in [
            "\n",
            "\r\n",
            "\n        ",
            "=\r\n",
            "\\\n  ",
            "\\n",
            "\\r\\n    ",
            "%0A",
            "%0d%0a",
            "&#10;",
            "<br>",
            "<BR />\n",
            "<wbr>",
            "&shy;",
            "\u{200b}",
            " ",
        ] {
            let echo = format!("hunter2-{cut}never-tell-{cut}anybody");
            assert_eq!(blanked(secret, &format!("no {echo}!")), "no [redacted]!", "{cut:?}");
        }
        assert_eq!(blanked("hunter2", "hun\n  ter2!"), "[redacted]!");
        assert_eq!(
            blanked("hunter2", "hun ter2!"),
            "hun ter2!",
            "words that happen to stand beside each other"
        );
        let encoded = STANDARD_NO_PAD.encode(format!("Bearer {secret}"));
        let (one, other) = encoded.split_at(20);
        assert!(blanked(secret, &format!("{one}\r\n{other}")).contains("[redacted]"));
    }

    #[test]
    fn a_text_of_nothing_but_backslashes_takes_no_time() {
        let text = "\\".repeat(100_000);
        assert_eq!(blanked("hunter2\\/2", &text), text);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail_and_no_secret_is_left(secret in "[ -~é😀]{6,12}", before in "\\PC{0,12}", behind in "\\PC{0,12}") {
            let secret = secret.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assume!(!secret.is_empty() && !"[redacted]".contains(&secret));
            let shown = blanked(&secret, &format!("{before}{secret}{behind}"));
            prop_assert!(shown.contains("[redacted]"));
        }
    }
}
