//! References as they are written: `${prefix:name}` and `${prefix:name:-default}`.

use std::collections::BTreeSet;

/// How deep defaults may stand in defaults.
const MAX_DEPTH: usize = 16;
/// What Kafka Connect's sinks write as `${topic}` and the like.
const OF_RECORDS: [&str; 6] = ["topic", "partition", "offset", "key", "value", "timestamp"];
/// How much of a wrong reference is shown.
const SHOWN: usize = 60;

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is.
    Text(String),
    /// A reference.
    Reference(Reference),
}

/// `${prefix:name}` or `${prefix:name:-default}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) prefix: String,
    pub(super) name: String,
    /// What stands in where there is no value.
    pub(super) default: Option<Vec<Piece>>,
}

/// Which `${` are references.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect<'a> {
    /// The prefixes of the providers.
    pub(super) prefixes: &'a BTreeSet<&'a str>,
    /// Whether the value is a pattern, in which any other `${` is the pattern's own.
    pub(super) is_pattern: bool,
    /// Whether the value is a secret, of which nothing is shown.
    pub(super) is_secret: bool,
}

/// Takes a value apart, or says what is wrong with a reference in it.
pub(super) fn parse(text: &str, dialect: Dialect<'_>) -> Result<Vec<Piece>, String> {
    let mut reader = Reader { rest: text, dialect };
    reader.pieces(0)
}

struct Reader<'a> {
    rest: &'a str,
    dialect: Dialect<'a>,
}

impl Reader<'_> {
    /// Reads up to the end; within a default, which has a depth, up to the brace that closes it.
    fn pieces(&mut self, depth: usize) -> Result<Vec<Piece>, String> {
        let (mut pieces, mut text) = (Vec::new(), String::new());
        loop {
            if let Some(rest) = self.rest.strip_prefix("$${").filter(|rest| self.is_escape(rest)) {
                text.push_str("${");
                self.rest = rest;
            } else if let Some(body) = self.rest.strip_prefix("${").filter(|body| self.is_reference(body)) {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Reference(self.reference(body, depth)?));
            } else if depth > 0 && self.rest.starts_with('}') {
                break;
            } else {
                let mut rest = self.rest.chars();
                let Some(next) = rest.next() else { break };
                text.push(next);
                self.rest = rest.as_str();
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(pieces)
    }

    /// A pattern may well hold `$${1}` of its own.
    fn is_escape(&self, body: &str) -> bool {
        !self.dialect.is_pattern || self.known_prefix(body).is_some()
    }

    /// A dollar before a tag is text.
    fn is_reference(&self, body: &str) -> bool {
        if self.dialect.is_pattern { self.known_prefix(body).is_some() } else { !body.starts_with('{') }
    }

    fn known_prefix<'b>(&self, body: &'b str) -> Option<(&'b str, &'b str)> {
        body.split_once(':').filter(|(prefix, _)| self.dialect.prefixes.contains(prefix))
    }

    /// Reads what stands behind `${`.
    fn reference<'b>(&mut self, body: &'b str, depth: usize) -> Result<Reference, String>
    where
        Self: 'b,
    {
        let whole = whole(body);
        let Some((prefix, rest)) = self.known_prefix(body) else {
            return Err(self.unknown(whole));
        };
        let is_secret = self.dialect.is_secret;
        let unclosed = || {
            let written = if is_secret { "${".to_owned() } else { shown(&format!("${{{whole}")) };
            format!("`{written}` has no closing brace")
        };
        let end = rest.find(['}']).ok_or_else(unclosed)?;
        let name_end = rest.find(":-").filter(|default| *default < end).unwrap_or(end);
        let (name, rest) = rest.split_at(name_end);
        if name.is_empty() {
            return Err(format!("`${{{prefix}:}}` names nothing; write `${{{prefix}:NAME}}`"));
        }
        let (prefix, name) = (prefix.to_owned(), name.to_owned());
        let Some(default) = rest.strip_prefix(":-") else {
            self.skip_to(rest.len().saturating_sub(1));
            return Ok(Reference { prefix, name, default: None });
        };
        if depth >= MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} defaults stand in each other here"));
        }
        self.skip_to(default.len());
        let default = self.pieces(depth + 1)?;
        self.rest = self.rest.strip_prefix('}').ok_or_else(unclosed)?;
        Ok(Reference { prefix, name, default: Some(default) })
    }

    /// Says what may have been meant by what is no reference. Of a secret only what is plainly meant for a reference is shown.
    fn unknown(&self, body: &str) -> String {
        let Dialect { prefixes, is_secret, .. } = self.dialect;
        let itself = if is_secret { "$${".to_owned() } else { shown(&format!("$${{{body}}}")) };
        let is_shown = !is_secret || is_plainly_meant(body, prefixes);
        if let Some(variable) = with_default(body).filter(|_| is_secret) {
            return format!(
                "write `${{env:{variable}:-...}}` for the environment variable with a default, or `{itself}` for the text itself"
            );
        }
        if let Some((reference, what)) = meant(body, prefixes).filter(|_| is_shown) {
            let of_record = if OF_RECORDS.contains(&body) {
                format!(", `{{{{@record.{body}}}}}` for the record's {body} in a template")
            } else {
                String::new()
            };
            let reference = shown(&reference);
            return format!("write `{reference}` for {what}{of_record}, or `{itself}` for the text itself");
        }
        let written = match body.split_once(':') {
            _ if !is_secret => shown(&format!("${{{body}}}")),
            Some((word, _)) if is_word(word) => format!("${{{word}:...}}"),
            _ => "${...}".to_owned(),
        };
        let known: Vec<_> = prefixes.iter().map(|prefix| format!("`${{{prefix}:...}}`")).collect();
        let known = known.join(" and ");
        format!("`{written}` is no reference; there are {known}, and `{itself}` for the text itself")
    }

    /// Goes on where so many bytes are left.
    fn skip_to(&mut self, left: usize) {
        let read = self.rest.len().saturating_sub(left);
        self.rest = self.rest.get(read..).unwrap_or_default();
    }
}

/// Returns what stands between `${` and the brace that closes it.
fn whole(body: &str) -> &str {
    let mut depth = 0_usize;
    for (index, character) in body.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return body.get(..index).unwrap_or_default(),
            '}' => depth -= 1,
            _ => {}
        }
    }
    body
}

/// Says whether a text is hardly anything but a reference that is misspelled: it has the prefix of one, or is the name of an
/// environment variable in capitals.
fn is_plainly_meant(body: &str, prefixes: &BTreeSet<&str>) -> bool {
    if elsewhere(body, prefixes).is_some() {
        return true;
    }
    let (word, rest) = split_word(body);
    let is_prefix = prefixes.iter().any(|prefix| prefix.eq_ignore_ascii_case(word));
    let is_variable = word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_prefix || (is_variable && !word.is_empty() && rest.is_empty())
}

/// Returns the name of an environment variable in capitals behind which a default stands, as in a shell.
fn with_default(body: &str) -> Option<&str> {
    let (word, rest) = split_word(body);
    let is_variable = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_name =
        word.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') && word.chars().all(is_variable);
    (is_name && rest.starts_with(":-")).then_some(word)
}

/// What other tools call the stores of secrets that there are providers for.
const ELSEWHERE: [(&str, &str); 12] = [
    ("asm", "aws_secret"),
    ("aws_secretsmanager", "aws_secret"),
    ("aws_secrets_manager", "aws_secret"),
    ("secretsmanager", "aws_secret"),
    ("secrets_manager", "aws_secret"),
    ("awssecret", "aws_secret"),
    ("ssm", "aws_param"),
    ("aws_ssm", "aws_param"),
    ("ssm_parameter", "aws_param"),
    ("parameter_store", "aws_param"),
    ("aws_parameter", "aws_param"),
    ("environment", "env"),
];

/// Finds the provider that other tools call otherwise, or that is written with dashes or blanks, and what is asked of it.
fn elsewhere<'a>(body: &'a str, prefixes: &BTreeSet<&str>) -> Option<(&'static str, &'a str)> {
    let (word, name) = body.trim().split_once(':')?;
    let word = word.trim().to_ascii_lowercase().replace('-', "_");
    let named = ["aws_secret", "aws_param", "env", "file"].into_iter().find(|known| *known == word);
    let other = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours);
    let known = named.or(other).filter(|known| prefixes.contains(known))?;
    let name = name.trim();
    (!name.is_empty()).then_some((known, name))
}

fn is_word(text: &str) -> bool {
    text.len() > 2 && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Splits off the word that a text begins with.
fn split_word(body: &str) -> (&str, &str) {
    let word_end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(body.len());
    body.split_at(word_end)
}

/// Returns the nearest reference, and what it stands for.
fn meant(body: &str, prefixes: &BTreeSet<&str>) -> Option<(String, String)> {
    if let Some((prefix, name)) = elsewhere(body, prefixes) {
        let what = if prefix == "env" {
            "the environment variable".to_owned()
        } else {
            format!("what `{prefix}` has")
        };
        return Some((format!("${{{prefix}:{name}}}"), what));
    }
    let (word, rest) = split_word(body);
    if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let variable = "the environment variable".to_owned();
    let known = prefixes.iter().find(|prefix| prefix.eq_ignore_ascii_case(word));
    if let Some(prefix) = known {
        let what = if *prefix == "env" { variable.clone() } else { format!("what `{prefix}` has") };
        let name = rest.trim_start_matches([':', '.', '/', '|', ' ']);
        // Of a path the first slash is part.
        let name = if rest.starts_with(":/") { rest.trim_start_matches(':') } else { name };
        if !name.is_empty() {
            return Some((format!("${{{prefix}:{name}}}"), what));
        }
        if *prefix != "env" {
            return Some((format!("${{{prefix}:NAME}}"), what));
        }
    }
    if rest.is_empty() || rest.starts_with(":-") {
        return Some((format!("${{env:{body}}}"), variable));
    }
    let default = rest.strip_prefix(':')?;
    if word.chars().any(|c| c.is_ascii_uppercase()) {
        return Some((format!("${{env:{word}:-{default}}}"), format!("{variable} with a default")));
    }
    let score = |prefix: &&&str| strsim::jaro_winkler(prefix, word);
    let near = prefixes.iter().filter(|prefix| score(prefix) > 0.75);
    let near = near.max_by(|a, b| score(a).total_cmp(&score(b)))?;
    Some((format!("${{{near}:{default}}}"), format!("what `{near}` has")))
}

/// Cuts a text that may be long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, is_pattern: bool) -> Result<Vec<Piece>, String> {
        let prefixes = BTreeSet::from(["env", "file"]);
        parse(text, Dialect { prefixes: &prefixes, is_pattern, is_secret: false })
    }

    fn wrong(text: &str) -> String {
        read(text, false).unwrap_err()
    }

    fn env(name: &str, default: Option<Vec<Piece>>) -> Piece {
        Piece::Reference(Reference { prefix: "env".to_owned(), name: name.to_owned(), default })
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    #[test]
    fn a_value_is_text_and_references() {
        let pieces = vec![text("a-"), env("B", None), text("-c"), env("D", Some(vec![text("e")]))];
        assert_eq!(read("a-${env:B}-c${env:D:-e}", false), Ok(pieces));
        assert_eq!(read("", false), Ok(vec![]));
    }

    #[test]
    fn a_default_may_hold_references() {
        let inner = env("B", Some(vec![text("c")]));
        let outer = env("A", Some(vec![text("<"), inner, text(">")]));
        assert_eq!(read("${env:A:-<${env:B:-c}>}!", false), Ok(vec![outer, text("!")]));
        let deep = format!("{}x{}", "${env:A:-".repeat(100_000), "}".repeat(100_000));
        assert!(wrong(&deep).contains("more than 16 defaults"));
    }

    #[test]
    fn two_dollars_write_one_and_a_dollar_before_a_tag_is_text() {
        let texts =
            [("$${env:A}", "${env:A}"), ("${{a}}", "${{a}}"), ("$$${x}", "$${x}"), ("$ $a $$", "$ $a $$")];
        for (written, read_as) in texts {
            assert_eq!(read(written, false), Ok(vec![text(read_as)]), "{written}");
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_nearest_one() {
        for (written, meant) in [
            ("${ENV:X}", "write `${env:X}` for the environment variable, or `$${ENV:X}` for the text itself"),
            ("${Env:X:-y}", "write `${env:X:-y}` "),
            ("${env.X}", "write `${env:X}` "),
            ("${env/X}", "write `${env:X}` "),
            ("${kbid}", "write `${env:kbid}` "),
            (
                "${topic}",
                "write `${env:topic}` for the environment variable, `{{@record.topic}}` for the record's topic in a template, or ",
            ),
            ("${KBID}", "write `${env:KBID}` "),
            ("${KBID:-x}", "write `${env:KBID:-x}` "),
            ("${KBID:x}", "write `${env:KBID:-x}` for the environment variable with a default"),
            ("${fiel:/a}", "write `${file:/a}` "),
            ("${vault:k}", "`${vault:k}` is no reference; there are `${env:...}` and `${file:...}`"),
            ("${secret:x}", "`${secret:x}` is no reference"),
            ("${}", "`${}` is no reference"),
            ("${1}", "`${1}` is no reference"),
            ("${env:}", "`${env:}` names nothing"),
            ("${env:X", "`${env:X` has no closing brace"),
            ("${env:X:-a${env:B}", "`${env:X:-a${env:B}` has no closing brace"),
            ("${env:A:-${B}}", "write `${env:B}` "),
        ] {
            assert!(wrong(written).starts_with(meant), "{written}: {}", wrong(written));
        }
        assert!(wrong(&format!("${{{}}}", "ż".repeat(10_000))).len() < 400);
        assert!(wrong("${ env:X }").starts_with("write `${env:X}` "));
        let of_aws = |text: &str| {
            let prefixes = BTreeSet::from(["env", "aws_secret", "aws_param"]);
            parse(text, Dialect { prefixes: &prefixes, is_pattern: false, is_secret: true }).unwrap_err()
        };
        for (written, meant) in [
            ("${aws-secret:a#b}", "write `${aws_secret:a#b}` for what `aws_secret` has"),
            ("${secretsmanager:a}", "write `${aws_secret:a}` "),
            ("${ssm:/a/b}", "write `${aws_param:/a/b}` "),
            ("${X:-hunter2}", "write `${env:X:-...}` for the environment variable with a default"),
        ] {
            assert!(of_aws(written).starts_with(meant), "{written}: {}", of_aws(written));
        }
    }

    #[test]
    fn a_pattern_has_dollars_of_its_own() {
        for own in ["${1}-$${2}", "${name}", "a${", "^${x:y}$"] {
            assert_eq!(read(own, true), Ok(vec![text(own)]));
        }
        assert_eq!(
            read("${1}${env:A}$${env:B}", true),
            Ok(vec![text("${1}"), env("A", None), text("${env:B}")])
        );
    }

    /// Of a secret no more is shown than what is plainly meant for a reference.
    #[test]
    fn nothing_of_a_secret_is_shown_but_what_is_meant_for_a_reference() {
        let prefixes = BTreeSet::from(["env", "file"]);
        let wrong = |text| {
            parse(text, Dialect { prefixes: &prefixes, is_pattern: false, is_secret: true }).unwrap_err()
        };
        for text in ["a${hunter2", "a${hunter2}", "a${hunter2:x}", "${hunter2.x}", "${env:x ${hunter2"] {
            assert!(!wrong(text).contains("hunter2"), "{text}: {}", wrong(text));
        }
        assert!(wrong("${ENV:TOKEN}").starts_with("write `${env:TOKEN}`"));
        assert!(wrong("${TOKEN}").starts_with("write `${env:TOKEN}`"));
        assert!(wrong("${vault:a#b}").starts_with("`${vault:...}` is no reference"));
    }
}
