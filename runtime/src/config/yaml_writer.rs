//! Writes YAML, in the style that people write it: blocks, and quotes only where text would be taken for something else.

use serde_json::Value;

use crate::config::problem::Position;
use crate::config::yaml::{Content, Key, Node, Style, YamlScalar, parse_number};
use crate::shown::on_one_line;

/// Writes a value as YAML, each line indented by so many columns. Numbers keep their digits, keys their order.
pub fn to_yaml(value: &Value, indent: usize) -> String {
    node_to_yaml(&node_of(value), indent)
}

/// Writes a text as a comment of one line.
pub fn to_comment(text: &str) -> String {
    format!("# {}\n", on_one_line(text))
}

/// Writes a value of a file as YAML, each line indented by so many columns: what is no text stays as it was written.
pub(crate) fn node_to_yaml(node: &Node, indent: usize) -> String {
    let mut text = String::new();
    if is_empty(node) {
        text.extend(std::iter::repeat_n(' ', indent));
        text.push_str(&inline(node));
        text.push('\n');
    } else {
        write_block(node, indent, &mut text);
    }
    text
}

fn node_of(value: &Value) -> Node {
    let scalar =
        |text: String, style| Content::Scalar(YamlScalar { text, style, interpolated: false, kept: false });
    let position = Position { line: 1, column: 1 };
    let content = match value {
        Value::Object(fields) => {
            let entry =
                |(name, value): (&String, &Value)| (Key { position, name: name.clone() }, node_of(value));
            Content::Map(fields.iter().map(entry).collect())
        }
        Value::Array(items) => Content::List(items.iter().map(node_of).collect()),
        Value::String(text) => scalar(text.clone(), Style::Quoted),
        other => scalar(other.to_string(), Style::Plain),
    };
    Node { position, content }
}

fn is_empty(node: &Node) -> bool {
    match &node.content {
        Content::Map(entries) => entries.is_empty(),
        Content::List(items) => items.is_empty(),
        Content::Scalar(_) => true,
    }
}

/// Writes a map or a list that holds something.
fn write_block(node: &Node, indent: usize, text: &mut String) {
    let margin = " ".repeat(indent);
    match &node.content {
        Content::Map(entries) => {
            for (key, value) in entries {
                text.extend([&*margin, &*quoted(&key.name), ":"]);
                write_behind(value, indent + 2, text);
            }
        }
        Content::List(items) => {
            for item in items {
                text.extend([&*margin, "-"]);
                if is_empty(item) {
                    write_behind(item, indent + 2, text);
                    continue;
                }
                // The first line of what it holds stands behind the dash.
                let mut block = String::new();
                write_block(item, indent + 2, &mut block);
                text.extend([" ", block.trim_start_matches(' ')]);
            }
        }
        Content::Scalar(_) => {}
    }
}

/// Writes what stands behind a key, or a dash.
fn write_behind(node: &Node, indent: usize, text: &mut String) {
    if !is_empty(node) {
        text.push('\n');
        write_block(node, indent, text);
        return;
    }
    if let Some(lines) = lines_of(node) {
        write_lines(lines, indent, text);
        return;
    }
    let inline = inline(node);
    if !inline.is_empty() {
        text.extend([" ", &*inline]);
    }
    text.push('\n');
}

/// Writes what holds nothing else.
fn inline(node: &Node) -> String {
    match &node.content {
        Content::Map(_) => "{}".to_owned(),
        Content::List(_) => "[]".to_owned(),
        Content::Scalar(scalar) if is_text(scalar) => quoted(&scalar.text),
        Content::Scalar(scalar) => scalar.text.clone(),
    }
}

fn is_text(scalar: &YamlScalar) -> bool {
    scalar.interpolated || scalar.to_json().is_string()
}

/// Returns a text of several lines that a block can hold as they are.
fn lines_of(node: &Node) -> Option<&str> {
    let text = &node.scalar().filter(|scalar| is_text(scalar))?.text;
    let body = text.strip_suffix('\n').unwrap_or(text);
    let stands = |line: &str| !line.is_empty() && !line.starts_with(' ') && !line.ends_with(' ');
    let is_whole = body.contains('\n') && body.lines().next().is_some_and(stands);
    let is_held = |line: &str| line.is_empty() || !line.trim_matches(' ').is_empty();
    let is_shown = body.chars().all(|c| c == '\n' || (' '..='~').contains(&c) || c.is_alphanumeric());
    (is_whole && is_shown && !body.ends_with('\n') && body.lines().all(is_held)).then_some(text.as_str())
}

/// Writes lines as a block (`|`).
fn write_lines(lines: &str, indent: usize, text: &mut String) {
    text.push_str(if lines.ends_with('\n') { " |\n" } else { " |-\n" });
    for line in lines.lines() {
        if !line.is_empty() {
            text.extend(std::iter::repeat_n(' ', indent));
            text.push_str(line);
        }
        text.push('\n');
    }
}

/// Writes text, in quotes where it would be read as something else without.
fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    on_one_line(&Value::String(text.to_owned()).to_string()).into_owned()
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

    #[test]
    fn several_lines_are_a_block_and_what_is_no_text_stays_as_it_was_written() {
        let text = "a: True\nb: 1e3\nc:\nd: |\n  one\n\n    two\ne: |-\n  # no comment\n  x: y\nf:\n  -\n  - |\n    a\n    b\n";
        assert_eq!(node_to_yaml(&Node::parse(text).unwrap(), 0), text);
        assert_eq!(to_yaml(&json!({ "a": "x\n", "b": " x\ny" }), 0), "a: \"x\\n\"\nb: \" x\\ny\"\n");
    }

    /// Texts of any characters, those often that YAML holds escaped alone.
    fn any_text() -> impl Strategy<Value = String> {
        let odd = "[\\u{0}-\\u{1f}\\u{7f}-\\u{a0}\\u{ad}\\u{200b}-\\u{202e}\\u{fdd0}\\u{feff}\\u{fff9}-\\u{ffff}\\u{e0001}]";
        let odd = odd.prop_map(|odd| odd.chars().next().unwrap_or_default());
        let any = prop_oneof![odd, any::<char>(), prop::char::range('a', 'c')];
        prop::collection::vec(any, 0..6).prop_map(String::from_iter)
    }

    fn values() -> impl Strategy<Value = Value> {
        let text =
            prop_oneof!["[ -~]{0,12}", "[a-z:#' \"]{0,6}", "\\PC{0,6}", "[a#:\t \n-]{0,12}", any_text()];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((prop_oneof!["[a-z ]{1,6}", any_text()], inner), 0..4)
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

        #[test]
        fn a_comment_is_no_part_of_the_file(text in any_text()) {
            let file = format!("{}a: 1\n", to_comment(&text));
            let read = Node::parse(&file).unwrap_or_else(|error| panic!("{file}\n{error:?}"));
            prop_assert_eq!(read.to_json(), json!({ "a": 1 }), "{}", file);
        }
    }
}
