//! What a value has to be, where another stands: its type, and how it is written.

use jsonschema::JsonType;
use jsonschema::error::TypeKind;
use serde_json::Value;

use crate::config::found::FoundValue;
use crate::config::misplaced::{BARE_TRANSFORM, choice, is_transform, meant};
use crate::config::nearest::{alike, same, with_the_words, within};
use crate::config::yaml::{Content, Style, parse_number};

/// How many keys of a map are named.
const MAX_KEYS: usize = 6;
/// How many plug-ins are named.
const MAX_PLUG_INS: usize = 40;

/// Says which types are expected.
pub(super) fn types(kinds: &[&TypeKind]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for json_type in json_types(kinds) {
        let name = type_name(json_type);
        if json_type != JsonType::Null && !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" or ")
}

/// Says how a value of the expected type is written, where what stands there tells that.
pub(super) fn way_out(kinds: &[&TypeKind], found: &FoundValue<'_>) -> String {
    let types = json_types(kinds);
    let way_out = match (&found.node.content, types.as_slice()) {
        (Content::Scalar(scalar), _) if scalar.text.is_empty() && scalar.to_json().is_null() => {
            Some("write its value behind the colon, or leave the key out".to_owned())
        }
        (_, types) if types.contains(&JsonType::Object) => map(found),
        (Content::Scalar(_), types) if types.contains(&JsonType::Array) => list_of_one(found),
        (Content::Map(_), types) if types.contains(&JsonType::Array) => {
            Some("begin each of its items with `- `".to_owned())
        }
        (Content::List(_), types) if types.contains(&JsonType::String) => one_text(found),
        (Content::Scalar(_), types) if types.contains(&JsonType::Boolean) => switch(found),
        (Content::Scalar(scalar), types)
            if has_number(types) && parse_number(scalar.text.trim()).is_some() =>
        {
            let is_quoted = scalar.style != Style::Plain && !scalar.interpolated;
            is_quoted.then(|| "write it without quotes".to_owned())
        }
        (Content::Scalar(scalar), _) if !scalar.text.is_empty() && scalar.to_json().is_null() => {
            Some(format!("`{}` without quotes is nothing; quote it, or leave the key out", scalar.text))
        }
        (Content::Scalar(scalar), types) if has_number(types) && !scalar.interpolated => {
            plain_digits(&scalar.text).map(|digits| format!("write `{digits}`"))
        }
        _ => None,
    };
    way_out.map_or_else(String::new, |way_out| format!("; {way_out}"))
}

/// `true` and `false` have other names elsewhere, and in YAML before 1.2.
fn switch(found: &FoundValue<'_>) -> Option<String> {
    let word = match found.text()?.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" | "enabled" => "true",
        "false" | "no" | "off" | "n" | "0" | "disabled" => "false",
        _ => return None,
    };
    Some(format!("write `{word}`, without quotes"))
}

/// Writes a number as YAML has it that somebody wrote as other languages do: `10_000`, `10,000`, `0x10`, `010`, `10k`.
fn plain_digits(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok().map(|number| number.to_string());
    }
    let mut digits: String = text.chars().filter(|c| !matches!(c, '_' | '\'' | ',' | ' ')).collect();
    for (suffix, zeros) in [('k', "000"), ('K', "000"), ('M', "000000")] {
        if let Some(fewer) = digits.strip_suffix(suffix) {
            digits = format!("{fewer}{zeros}");
        }
    }
    let is_number =
        !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let kept = digits.trim_start_matches('0');
    is_number.then(|| if kept.is_empty() { "0".to_owned() } else { kept.to_owned() })
}

fn has_number(types: &[JsonType]) -> bool {
    types.contains(&JsonType::Integer) || types.contains(&JsonType::Number)
}

/// A map is written by its keys, and a plug-in by its name.
fn map(found: &FoundValue<'_>) -> Option<String> {
    if matches!(found.node.content, Content::List(_)) {
        return Some("write it without dashes and brackets, as `name: value`".to_owned());
    }
    let word = found.node.scalar()?;
    if let (Value::Bool(is_on), true) = (word.to_json(), found.place.names("enabled")) {
        return Some(format!("write `{{ enabled: {is_on} }}`"));
    }
    if let Some(written) = found.place.written_as() {
        return Some(format!("write `{written}`"));
    }
    // What came from the environment names nothing here.
    if found.is_plug_in && !word.interpolated {
        let Some(plug_in) = meant(&word.text, &found.place) else {
            let keys = found.place.keys();
            let known = keys.get(..keys.len().min(MAX_PLUG_INS))?.join(", ");
            return Some(format!(
                "it has one key, which names it, with its settings below; known are: {known}"
            ));
        };
        let is_bare = found.place.key(plug_in).required().is_empty();
        return Some(if is_bare {
            format!("write `{plug_in}: {{}}`, or its settings in the place of the braces")
        } else {
            format!("write `{plug_in}:`, and its settings below it")
        });
    }
    let required = found.place.required();
    let keys = if required.is_empty() { found.place.keys() } else { required };
    match keys.as_slice() {
        [] if found.place.takes_any_name() => Some("write `name: value` below it".to_owned()),
        [] if is_transform(found.path) => Some(BARE_TRANSFORM.to_owned()),
        [] => None,
        [one] => Some(format!("write `{{ {one}: ... }}`")),
        keys if keys.len() <= MAX_KEYS => Some(format!("its keys are {}", named(keys))),
        keys => Some(format!("it has keys such as {}", named(keys.get(..MAX_KEYS)?))),
    }
}

fn named(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}

fn list_of_one(found: &FoundValue<'_>) -> Option<String> {
    let text = found.text().filter(|text| !text.is_empty() && text.len() <= 40 && !text.contains('\n'))?;
    let items: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_plain = |item: &&str| {
        item.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '.' | '_' | '-' | '/' | '^'))
    };
    let items: Vec<String> = items
        .iter()
        .map(|item| if is_plain(item) { (*item).to_owned() } else { format!("\"{item}\"") })
        .collect();
    Some(format!("write `[{}]`", items.join(", ")))
}

fn one_text(found: &FoundValue<'_>) -> Option<String> {
    let Content::List(items) = &found.node.content else { return None };
    match items.as_slice() {
        [] => None,
        [_] => Some("write it without dash and brackets".to_owned()),
        _ => Some("write one text; where it takes several, commas stand between them".to_owned()),
    }
}

/// Says which words may stand at a place, and which one is meant.
pub(super) fn word_of(words: &[&str], found: &FoundValue<'_>) -> String {
    let Some(text) = found.text() else { return String::new() };
    if text.contains("{{") && found.place.names("template") {
        return "; write a template as `{ template: \"...\" }`".to_owned();
    }
    let near = same(text, words)
        .or_else(|| found.place.word_for(text))
        .or_else(|| found.place.known_as(text))
        .or_else(|| within(text, words))
        .or_else(|| alike(text, words))
        .map_or_else(|| with_the_words(text, words), |near| vec![near]);
    match choice(&near) {
        Some(near) => format!("; did you mean {near}?"),
        None if found.place.names("template") && is_plain_name(text) => {
            "; a field of the value is `{ template: \"{{NAME}}\" }`".to_owned()
        }
        None => String::new(),
    }
}

fn is_plain_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '.' | '-' | '$'))
}

fn json_types(kinds: &[&TypeKind]) -> Vec<JsonType> {
    let mut types = Vec::new();
    for kind in kinds {
        match kind {
            TypeKind::Single(json_type) => types.push(*json_type),
            TypeKind::Multiple(several) => types.extend(several.iter()),
        }
    }
    types
}

fn type_name(json_type: JsonType) -> &'static str {
    match json_type {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a map",
        JsonType::String => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_another_language_is_written_in_digits() {
        for (written, expected) in [
            ("10_000", Some("10000")),
            ("1'000", Some("1000")),
            ("10,000", Some("10000")),
            ("0x10", Some("16")),
            ("010", Some("10")),
            ("10k", Some("10000")),
            ("2M", Some("2000000")),
            ("000", Some("0")),
            ("ten", None),
            ("", None),
            ("1.5.2", None),
        ] {
            assert_eq!(plain_digits(written).as_deref(), expected, "{written}");
        }
    }
}
