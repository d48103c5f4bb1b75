//! Writes YAML, in the style that people write it: blocks, and quotes only where text would be taken for something else.

use std::fmt::Write;

use serde_json::Value;

use crate::config::yaml::parse_number;

/// Writes a value as YAML, each line indented by so many columns. Numbers keep their digits, keys their order.
pub fn to_yaml(value: &Value, indent: usize) -> String {
    let mut text = String::new();
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => write_block(value, indent, &mut text),
        _ => {
            text.extend(std::iter::repeat_n(' ', indent));
            text.push_str(&inline(value));
            text.push('\n');
        }
    }
    text
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// Writes a map or a list that holds something.
fn write_block(value: &Value, indent: usize, text: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                text.extend([&*margin, &*scalar(name), ":"]);
                write_behind(value, indent + 2, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                if is_empty(item) {
                    let _infallible = writeln!(text, "{margin}- {}", inline(item));
                    continue;
                }
                // The first line of what it holds stands behind the dash.
                let mut block = String::new();
                write_block(item, indent + 2, &mut block);
                text.extend([&*margin, "- ", block.trim_start_matches(' ')]);
            }
        }
        _ => {}
    }
}

/// Writes what stands behind a key.
fn write_behind(value: &Value, indent: usize, text: &mut String) {
    if is_empty(value) {
        let _infallible = writeln!(text, " {}", inline(value));
        return;
    }
    text.push('\n');
    write_block(value, indent, text);
}

/// Writes what holds nothing else.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        Value::String(string) => scalar(string),
        other => other.to_string(),
    }
}

/// Writes text, in quotes where it would be read as something else without.
fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"];
    let begins_well =
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || "/_.$^".contains(first));
    let is_known = |c: char| c.is_alphanumeric() || "/_.$^-+ :@=()*?~;<>!{}[],\\|".contains(c);
    begins_well
        && text.chars().all(is_known)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !WORDS.contains(&&*text.to_ascii_lowercase())
        && parse_number(text).is_none()
        && !text.starts_with(|first: char| first.is_ascii_digit() || first == '.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::yaml::Node;

    #[test]
    fn it_is_written_as_people_write_it() {
        let value = json!({
            "source": { "kafka": { "topics": ["orders", "^a.*"], "properties": {} } },
            "transforms": [{ "template": { "text": "{{id}}: {{n}}" } }, { "drop": {} }],
            "sink": { "http": { "url": "https://a.example/x", "port": "8080", "yes": "no" } },
        });
        let expected = "\
source:
  kafka:
    topics:
      - orders
      - ^a.*
    properties: {}
transforms:
  - template:
      text: \"{{id}}: {{n}}\"
  - drop: {}
sink:
  http:
    url: https://a.example/x
    port: \"8080\"
    \"yes\": \"no\"
";
        assert_eq!(to_yaml(&value, 0), expected);
    }

    #[test]
    fn numbers_keep_their_digits_and_the_margin_is_kept() {
        let value: Value = serde_json::from_str(r#"{"a":1.50,"b":[[1,2],[]]}"#).unwrap();
        assert_eq!(to_yaml(&value, 2), "  a: 1.50\n  b:\n    - - 1\n      - 2\n    - []\n");
        assert_eq!(to_yaml(&json!([]), 2), "  []\n");
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[ -~]{0,12}", "[a-z:#' \"]{0,6}", "\\PC{0,6}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-z ]{1,6}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in values()) {
            let text = to_yaml(&value, 0);
            let read = Node::parse(&text).unwrap_or_else(|error| panic!("{text}\n{error:?}"));
            prop_assert_eq!(read.to_json(), value, "{}", text);
        }
    }
}
