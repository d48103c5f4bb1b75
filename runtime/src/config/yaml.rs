//! YAML with the place of every key and value: scalars with their text as written, lists and maps.

use serde_json::Value;

use crate::config::problem::Position;

/// A value in a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub position: Position,
    /// What it is.
    pub content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A single value.
    Scalar(YamlScalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order written.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Where the key begins.
    pub position: Position,
    /// Its text.
    pub name: String,
}

/// A single value, with its text as written.
#[derive(Clone, Debug, PartialEq)]
pub struct YamlScalar {
    /// The text, without quotes and indentation.
    pub text: String,
    /// How it was written.
    pub style: Style,
    /// Whether the text holds something from the environment or a file, which must not be shown.
    pub interpolated: bool,
    /// Whether it is a reference still, since nobody was asked for its value.
    pub kept: bool,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: may be a number, a boolean or null.
    Plain,
    /// In quotes: always text.
    Quoted,
    /// As a block (`|`): text, with its content indented by this many columns.
    Block {
        /// Columns before the text.
        indent: usize,
    },
}

/// A file that is not valid YAML, or YAML of a kind that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub position: Position,
    /// What, and the way out.
    pub text: String,
}

impl Node {
    /// Returns the value as JSON: plain scalars by YAML's core rules, everything else as text.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar.to_json(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => {
                entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect()
            }
        }
    }

    /// Returns the value under a key.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, node)| node)
    }

    /// Returns a key and its value.
    pub fn entry(&self, name: &str) -> Option<(&Key, &Self)> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|(key, _)| key.name == name).map(|(key, node)| (key, node))
    }

    /// Returns the keys of a map; none of anything else.
    pub fn keys(&self) -> Vec<&str> {
        match &self.content {
            Content::Map(entries) => entries.iter().map(|(key, _)| key.name.as_str()).collect(),
            Content::Scalar(_) | Content::List(_) => Vec::new(),
        }
    }

    /// Follows a path of keys and list indices as far as it goes.
    pub fn find<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> &Self {
        let mut node = self;
        for segment in path {
            let next = match &node.content {
                Content::List(items) => segment.parse::<usize>().ok().and_then(|index| items.get(index)),
                Content::Map(_) | Content::Scalar(_) => node.get(segment),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Follows a path of keys and list indices, separated by dots, as far as it goes; a key may have dots of its own: the
    /// longest one that is there leads on. Returns the value, and the key that leads to it where it is one of a map.
    pub fn lookup(&self, path: &str) -> (Option<&Key>, &Self) {
        let (mut key, mut node, mut rest) = (None, self, path);
        while !rest.is_empty() {
            let ends = rest.match_indices('.').map(|(end, _)| end).rev();
            let step = std::iter::once(rest.len()).chain(ends).find_map(|end| {
                let (name, behind) = rest.split_at_checked(end)?;
                Some((node.below(name)?, behind.strip_prefix('.').unwrap_or(behind)))
            });
            let Some(((next_key, next), behind)) = step else { break };
            (key, node, rest) = (next_key, next, behind);
        }
        (key, node)
    }

    fn below(&self, name: &str) -> Option<(Option<&Key>, &Self)> {
        match &self.content {
            Content::List(items) => Some((None, items.get(name.parse::<usize>().ok()?)?)),
            Content::Map(_) | Content::Scalar(_) => self.entry(name).map(|(key, node)| (Some(key), node)),
        }
    }

    /// Says whether this node, or a key or a value below it, begins at a place.
    pub fn holds(&self, position: Position) -> bool {
        let below = match &self.content {
            Content::Scalar(_) => false,
            Content::List(items) => items.iter().any(|item| item.holds(position)),
            Content::Map(entries) => {
                entries.iter().any(|(key, node)| key.position == position || node.holds(position))
            }
        };
        below || self.position == position
    }

    /// Returns the scalar, if it is one.
    pub fn scalar(&self) -> Option<&YamlScalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Calls `visit` for every scalar below and including this node.
    pub fn for_each_scalar(&mut self, visit: &mut impl FnMut(Position, &mut YamlScalar)) {
        match &mut self.content {
            Content::Scalar(scalar) => visit(self.position, scalar),
            Content::List(items) => items.iter_mut().for_each(|item| item.for_each_scalar(visit)),
            Content::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.for_each_scalar(visit)),
        }
    }

    /// Translates a line and column inside a scalar's text into a place in the file.
    pub fn position_in_text(&self, line: usize, column: usize) -> Position {
        let Position { line: first_line, column: first_column } = self.position;
        match self.scalar().map(|scalar| scalar.style) {
            Some(Style::Block { indent }) => {
                Position { line: first_line + line - 1, column: indent + column }
            }
            Some(Style::Plain) if line == 1 => {
                Position { line: first_line, column: first_column + column - 1 }
            }
            Some(Style::Quoted) if line == 1 => Position { line: first_line, column: first_column + column },
            _ => self.position,
        }
    }
}

impl YamlScalar {
    /// Returns the value as JSON. Text that was interpolated stays text.
    pub fn to_json(&self) -> Value {
        if self.style != Style::Plain || self.interpolated {
            return Value::String(self.text.clone());
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            text => parse_number(text).unwrap_or_else(|| Value::String(text.to_owned())),
        }
    }
}

/// Reads a number as JSON writes it.
pub(crate) fn parse_number(text: &str) -> Option<Value> {
    text.parse::<serde_json::Number>().ok().map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_the_core_rules() {
        let node = Node::parse("a: 1\nb: 1.50\nc: true\nd: ~\ne: '1'\nf: no\ng: 0123\nh:\n").unwrap();
        let expected = r#"{"a":1,"b":1.50,"c":true,"d":null,"e":"1","f":"no","g":"0123","h":null}"#;
        assert_eq!(node.to_json().to_string(), expected);
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let node = Node::parse("source:\n  kafka:\n    topics: [a, b]\n").unwrap();
        let topics = node.find(["source", "kafka", "topics"]);
        assert_eq!(topics.position, Position { line: 3, column: 13 });
        assert_eq!(topics.find(["1"]).position, Position { line: 3, column: 17 });
        let (key, _) = node.find(["source"]).entry("kafka").unwrap();
        assert_eq!(key.position, Position { line: 2, column: 3 });
    }

    #[test]
    fn a_key_with_dots_of_its_own_is_found() {
        let node = Node::parse("a:\n  b.c: 1\n  b: { c.d: 2 }\n  e: [f]\n").unwrap();
        let place = |path: &str| {
            let (key, node) = node.lookup(path);
            (key.map(|key| key.position.line), node.to_json().to_string())
        };
        assert_eq!(place("a.b.c"), (Some(2), "1".to_owned()));
        assert_eq!(place("a.b.c.d"), (Some(2), "1".to_owned()), "as far as it goes");
        assert_eq!(place("a.e.0"), (None, "\"f\"".to_owned()));
        assert_eq!(place("a.x.y"), (Some(1), node.find(["a"]).to_json().to_string()));
        assert_eq!(place(""), (None, node.to_json().to_string()));
    }

    #[test]
    fn a_place_in_a_text_is_found_in_the_file() {
        let node = Node::parse("a: \"xyz\"\nb: xyz\nc: |\n    one\n    two\n").unwrap();
        assert_eq!(node.find(["a"]).position_in_text(1, 2), Position { line: 1, column: 6 });
        assert_eq!(node.find(["b"]).position_in_text(1, 2), Position { line: 2, column: 5 });
        assert_eq!(node.find(["c"]).position_in_text(2, 3), Position { line: 5, column: 7 });
    }
}
