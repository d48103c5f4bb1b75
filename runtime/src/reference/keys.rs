//! The keys of a JSON Schema in Markdown.

use serde_json::{Map, Value};

/// Writes every key of a schema under a heading: its whole path, what it takes, and what it means.
pub(super) fn keys_of(schema: &Value) -> String {
    let mut written = Vec::new();
    write_keys(schema, "", &mut written);
    written.concat()
}

fn write_keys(schema: &Value, path: &str, written: &mut Vec<String>) {
    for variant in variants(schema) {
        let required = list(variant, "required");
        for (key, below) in map(variant, "properties") {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            written.push(key_of(&path, below, required.contains(&Value::from(key.as_str()))));
            write_keys(below, &path, written);
        }
        if let Some(items) = variant.get("items") {
            write_keys(items, &format!("{path}[]"), written);
        }
        if let Some(values) = variant.get("additionalProperties") {
            write_keys(values, &format!("{path}.NAME"), written);
        }
    }
}

fn key_of(path: &str, schema: &Value, required: bool) -> String {
    let (facts, meaning) = (facts(schema, required).join(" · "), text(schema, "description"));
    let choice = |(name, choice): (&str, &Value)| {
        format!("- `{name}`: {}\n", text(choice, "description").replace('\n', "\n  "))
    };
    let choices: Vec<String> = choices(schema).into_iter().map(choice).collect();
    let parted = if choices.is_empty() { "" } else { "\n" };
    format!("\n### `{path}`\n\n{facts}\n\n{meaning}\n{parted}{}", choices.concat())
}

/// Returns the fixed values that a schema offers, with the schema of each.
fn choices(schema: &Value) -> Vec<(&str, &Value)> {
    let named = |choice| fixed(choice).map(|name| (name, choice));
    variants(schema).into_iter().filter_map(named).collect()
}

fn fixed(schema: &Value) -> Option<&str> {
    schema.get("const").and_then(Value::as_str)
}

/// The schemas of which a value fits one.
fn variants(schema: &Value) -> Vec<&Value> {
    let offered = ["oneOf", "anyOf"].iter().map(|key| list(schema, key)).find(|offered| !offered.is_empty());
    match offered {
        Some(offered) => offered.iter().flat_map(variants).collect(),
        None => vec![schema],
    }
}

/// What a value has to be: its type, whether it must be there, its limits and its default.
fn facts(schema: &Value, required: bool) -> Vec<String> {
    let mut facts = vec![kind(schema)];
    facts.extend(required.then(|| "required".to_owned()));
    facts.extend(variants(schema).into_iter().flat_map(limits));
    facts.extend(schema.get("default").and_then(shown).map(|default| format!("default `{default}`")));
    facts
}

fn kind(schema: &Value) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for variant in variants(schema) {
        let kind = fixed(variant).map_or_else(|| kind_of(variant), |name| format!("`{name}`"));
        if !kind.is_empty() && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(" or ")
}

fn kind_of(schema: &Value) -> String {
    match text(schema, "format") {
        "password" => return "secret".to_owned(),
        "time-span" => return "time".to_owned(),
        "byte-size" => return "size".to_owned(),
        _ => {}
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    };
    let named: Vec<String> =
        types.iter().filter(|name| **name != "null").map(|name| word(name, schema)).collect();
    named.join(" or ")
}

fn word(name: &str, schema: &Value) -> String {
    let of = |key: &str| schema.get(key).map(kind).filter(|kind| !kind.is_empty());
    match name {
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "array" => of("items").map_or_else(|| "list".to_owned(), |item| format!("list of {item}")),
        "object" => {
            of("additionalProperties").map_or_else(|| "map".to_owned(), |value| format!("map of {value}"))
        }
        other => other.to_owned(),
    }
}

fn limits(schema: &Value) -> Vec<String> {
    let number =
        |key: &str| schema.get(key).filter(|bound| bound.as_u64() != Some(0)).map(ToString::to_string);
    let is_worded = !["", "password"].contains(&text(schema, "format")) && schema.get("pattern").is_some();
    let pattern = schema.get("pattern").and_then(Value::as_str).filter(|_| !is_worded);
    [
        bounds(number("minimum"), number("maximum")),
        bounds(number("minItems"), number("maxItems")).map(|bounds| format!("items: {bounds}")),
        bounds(number("minLength"), number("maxLength")).map(|bounds| format!("characters: {bounds}")),
        pattern.map(|pattern| format!("fits `{pattern}`")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn bounds(least: Option<String>, most: Option<String>) -> Option<String> {
    match (least, most) {
        (Some(least), Some(most)) if least == most => Some(least),
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (None, None) => None,
    }
}

/// A default as it would be written; none where leaving the key out means something of its own.
pub(super) fn shown(default: &Value) -> Option<String> {
    match default {
        Value::Null | Value::Object(_) => None,
        Value::Array(items) if items.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn text<'a>(schema: &'a Value, key: &str) -> &'a str {
    schema.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn map<'a>(schema: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use sluice_connector_api::{ByteSize, HumanDuration, Secret};

    use super::*;
    use crate::config::schema::generator;

    /// Where to begin.
    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Start {
        /// At the oldest,
        /// wherever that is.
        Oldest,
        /// Behind the newest.
        Newest,
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Inner {
        /// A key of it.
        #[schemars(regex(pattern = "^/"))]
        path: Option<String>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Settings {
        /// How many.
        #[schemars(range(min = 1, max = 25))]
        count: usize,
        /// How long.
        #[serde(default = "second")]
        wait: HumanDuration,
        size: ByteSize,
        token: Secret,
        #[schemars(length(min = 1))]
        names: Vec<String>,
        start: Option<Start>,
        /// A map.
        inner: Inner,
    }

    fn second() -> HumanDuration {
        HumanDuration::secs(1)
    }

    fn written() -> String {
        keys_of(&Settings::json_schema(&mut generator()).to_value())
    }

    #[test]
    fn a_key_says_what_it_takes_and_what_it_means() {
        let written = written();
        for expected in [
            "### `count`\n\nwhole number · required · 1 to 25\n\nHow many.\n",
            "### `wait`\n\ntime · default `1s`\n\nHow long.\n",
            "### `size`\n\nsize · required\n",
            "### `token`\n\nsecret · required\n",
            "### `names`\n\nlist of text · required · items: at least 1\n",
            "### `inner`\n\nmap · required\n\nA map.\n\n### `inner.path`\n\ntext · fits `^/`\n\nA key of it.\n",
        ] {
            assert!(written.contains(expected), "{expected}\n--- not in\n{written}");
        }
    }

    #[test]
    fn fixed_values_are_listed_with_their_meaning() {
        let written = written();
        let expected = "- `oldest`: At the oldest,\n  wherever that is.\n- `newest`: Behind the newest.\n";
        assert!(written.contains("### `start`\n\n`oldest` or `newest`\n"), "{written}");
        assert!(written.contains(expected), "{written}");
    }
}
