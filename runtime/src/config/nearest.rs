//! The name that somebody meant who wrote another.

/// How alike two names are, from 0 to 1, that are taken for one another.
const ALIKE: f64 = 0.6;
/// How many names may be offered in the place of one.
const MAX_OFFERED: usize = 4;
/// What stands at the end of the names of Kafka Connect's classes, and says no more than what kind they are.
const ENDINGS: [&str; 6] =
    ["_sink_connector", "_connector", "_converter", "_predicate", "_transformation", "_sink"];

/// Finds the nearest of the known names, if one is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let of_word = || match with_the_words(name, &known).as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    same(name, &known).or_else(|| alike(name, &known)).or_else(of_word)
}

/// Finds the known name that is the same but for the way in which it is written, such as `bootstrap.servers`, `S3` or the
/// class `org.example.HttpSinkConnector`.
pub(super) fn same<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = snake_case(name);
    let class = snake_case(class_of(name));
    let bare = ENDINGS.iter().find_map(|ending| class.strip_suffix(ending));
    let forms = [Some(written.as_str()), Some(class.as_str()), bare];
    let joined = |text: &str| text.replace('_', "");
    for form in forms.into_iter().flatten().filter(|form| !form.is_empty()) {
        let is_same = |known: &&&str| joined(known).eq_ignore_ascii_case(&joined(form));
        if let Some(same) = known.iter().find(is_same) {
            return Some(same);
        }
    }
    None
}

/// Finds the known name that is spelled most alike.
pub(super) fn alike<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = snake_case(name);
    let scored = known.iter().map(|known| (strsim::normalized_damerau_levenshtein(&name, known), *known));
    let near = scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    near.map(|(_, known)| known)
}

/// Finds the known name whose words all stand in this one, such as `sha_512` in `SCRAM-SHA-512`.
pub(super) fn within<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = snake_case(name);
    let words: Vec<&str> = name.split('_').collect();
    let mut found = known.iter().filter(|known| known.split('_').all(|part| words.contains(&part)));
    let one = found.next()?;
    found.next().is_none().then_some(one)
}

/// Finds the known names that have every word of this one; none where these are too many to tell.
pub(super) fn with_the_words<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let name = snake_case(class_of(name));
    let words: Vec<&str> = name.split('_').filter(|word| word.len() > 1).collect();
    let has = |known: &str, word: &str| {
        known.split('_').any(|part| part == word || (word.len() > 2 && part.starts_with(word)))
    };
    let found: Vec<&str> =
        known.iter().copied().filter(|known| words.iter().all(|word| has(known, word))).collect();
    if words.is_empty() || found.len() > MAX_OFFERED { Vec::new() } else { found }
}

/// Returns the bare name of a class of Java, such as `Cast` of `org.apache.kafka.connect.transforms.Cast$Value`. Of any other
/// name that is the name.
fn class_of(name: &str) -> &str {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_class = last.starts_with(|first: char| first.is_ascii_uppercase());
    if is_class { last.split('$').next().unwrap_or(last) } else { name }
}

/// Writes a name in small letters, with underscores between its words.
fn snake_case(name: &str) -> String {
    let mut written = String::new();
    let mut before = '_';
    for character in name.chars() {
        let begins_word =
            character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if begins_word {
            written.push('_');
        }
        let is_mark = matches!(character, '-' | '.' | ' ' | '$' | '/');
        written.push(if is_mark { '_' } else { character.to_ascii_lowercase() });
        before = character;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(name: &str, known: &[&str]) -> Option<String> {
        let known: Vec<String> = known.iter().map(|name| (*name).to_owned()).collect();
        nearest(name, &known).map(str::to_owned)
    }

    #[test]
    fn a_name_is_found_however_it_is_written() {
        let known =
            ["bootstrap_servers", "s3", "http", "string", "cast", "record_is_tombstone", "bedrock_kb"];
        for (name, meant) in [
            ("bootstrap.servers", "bootstrap_servers"),
            ("bootstrapServers", "bootstrap_servers"),
            ("Bootstrap-Servers", "bootstrap_servers"),
            ("S3", "s3"),
            ("io.example.connect.http.HttpSinkConnector", "http"),
            ("org.apache.kafka.connect.storage.StringConverter", "string"),
            ("org.apache.kafka.connect.transforms.Cast$Value", "cast"),
            ("Cast$Key", "cast"),
            ("RecordIsTombstone", "record_is_tombstone"),
            ("tombstone", "record_is_tombstone"),
            ("isTombstone", "record_is_tombstone"),
            ("htpp", "http"),
            ("bedrock", "bedrock_kb"),
        ] {
            assert_eq!(near(name, &known).as_deref(), Some(meant), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_unlike_all_is_none_of_them() {
        for (name, known) in [
            ("on_conflict", &["on_null", "mode"][..]),
            ("id", &["index", "urls"]),
            ("max_age", &["max_bytes", "max_records"]),
            ("and", &["all", "not"]),
            ("text", &["template", "timestamp"]),
        ] {
            assert_eq!(near(name, known), None, "{name}");
        }
    }

    #[test]
    fn a_word_is_found_within_a_longer_one() {
        let known = ["sha_256", "sha_512"];
        assert_eq!(within("SCRAM-SHA-512", &known), Some("sha_512"));
        assert_eq!(within("SCRAM", &known), None);
        assert_eq!(same("post", &["POST", "PUT"]), Some("POST"));
    }

    #[test]
    fn the_words_of_a_name_tell_which_are_meant() {
        let known = ["connect_timeout", "request_timeout", "document_id", "index"];
        assert_eq!(with_the_words("timeout", &known), ["connect_timeout", "request_timeout"]);
        assert_eq!(near("id", &known).as_deref(), Some("document_id"));
        assert_eq!(near("timeout", &known), None, "it may be either");
    }
}
