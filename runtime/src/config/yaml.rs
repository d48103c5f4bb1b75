//! YAML with the place of every key and value.
//!
//! The parser is saphyr's; this module keeps what a configuration needs of its output: scalars with their text
//! as written, lists and maps. Anchors, tags and second documents are refused, so that a file means what it
//! shows and cannot grow when it is read.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};
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
    Scalar(Scalar),
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
pub struct Scalar {
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

/// A file that is no YAML, or YAML of a kind that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub position: Position,
    /// What, and the way out.
    pub text: String,
}

impl Node {
    /// Reads one YAML document. An empty one is an empty map.
    pub fn parse(source: &str) -> Result<Self, YamlError> {
        Reader { parser: Parser::new_from_str(source), source, level: 0 }.document()
    }

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
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Calls `visit` for every scalar below and including this node.
    pub fn for_each_scalar(&mut self, visit: &mut impl FnMut(Position, &mut Scalar)) {
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

impl Scalar {
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
pub(super) fn parse_number(text: &str) -> Option<Value> {
    text.parse::<serde_json::Number>().ok().map(Value::Number)
}

/// So many lists and maps may stand within each other. Each takes room on the stack, here and wherever a file is walked.
const MOST_LEVELS: usize = 64;

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    source: &'a str,
    /// How many lists and maps stand around what is read.
    level: usize,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Node, YamlError> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ if root.is_some() => {
                    return Err(refuse(span.start, "a second document; use one file a connector"));
                }
                event => root = Some(self.node(event, span)?),
            }
        }
        let empty = Node { position: Position { line: 1, column: 1 }, content: Content::Map(Vec::new()) };
        Ok(root.unwrap_or(empty))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, YamlError> {
        let position = position(span.start);
        let content = match event {
            Event::Alias(_) => {
                return Err(refuse(
                    span.start,
                    "an alias (`*name`), which is not supported; write the value out",
                ));
            }
            Event::Scalar(_, _, anchor, ref tag)
            | Event::SequenceStart(anchor, ref tag)
            | Event::MappingStart(anchor, ref tag)
                if anchor > 0 || tag.is_some() =>
            {
                let what = if anchor > 0 { "an anchor (`&name`)" } else { "a tag (`!name`)" };
                return Err(refuse(
                    span.start,
                    &format!("{what}, which is not supported; write the value out"),
                ));
            }
            Event::Scalar(text, style, ..) => Content::Scalar(self.scalar(&text, style, span)),
            Event::SequenceStart(..) | Event::MappingStart(..) if self.level == MOST_LEVELS => {
                let text =
                    format!("this is nested deeper than the {MOST_LEVELS} levels that a file may have");
                return Err(YamlError { position, text });
            }
            Event::SequenceStart(..) => Content::List(self.within(Self::list)?),
            Event::MappingStart(..) => Content::Map(self.within(Self::map)?),
            _ => return Err(refuse(span.start, "something that is no value")),
        };
        Ok(Node { position, content })
    }

    /// Reads what is one level deeper.
    fn within<T>(&mut self, read: fn(&mut Self) -> Result<T, YamlError>) -> Result<T, YamlError> {
        self.level += 1;
        let read = read(self);
        self.level -= 1;
        read
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span) -> Scalar {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => {
                Style::Block { indent: self.indent_of(span.start.line()) }
            }
        };
        Scalar { text: text.to_owned(), style, interpolated: false, kept: false }
    }

    /// Counts the spaces before the first text from `line` on (which counts from 1). The parser places a block at
    /// its first line of text.
    fn indent_of(&self, line: usize) -> usize {
        let text = self.source.lines().skip(line.saturating_sub(1)).find(|text| !text.trim().is_empty());
        text.map_or(0, |text| text.len() - text.trim_start_matches(' ').len())
    }

    fn list(&mut self) -> Result<Vec<Node>, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<(Key, Node)>, YamlError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.key(event, span)?;
            if let Some(first) = lines.insert(key.name.clone(), key.position.line) {
                let text = format!("duplicate key `{}`, first at line {first}", key.name);
                return Err(YamlError { position: key.position, text });
            }
            let (event, span) = self.next()?;
            entries.push((key, self.node(event, span)?));
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span) -> Result<Key, YamlError> {
        let node = self.node(event, span)?;
        match node.content {
            Content::Scalar(scalar) => Ok(Key { position: node.position, name: scalar.text }),
            Content::List(_) | Content::Map(_) => Err(refuse(span.start, "a key that is no text")),
        }
    }

    fn scan_error(&self, error: &ScanError) -> YamlError {
        let position = position(*error.marker());
        let tab = self
            .source
            .lines()
            .enumerate()
            .find(|(_, text)| text.trim_start_matches(' ').starts_with('\t') && !text.trim().is_empty());
        match tab {
            Some((index, text)) => YamlError {
                position: Position {
                    line: index + 1,
                    column: text.len() - text.trim_start_matches(' ').len() + 1,
                },
                text: "a tab indents this line; YAML wants spaces".to_owned(),
            },
            None => YamlError { position, text: format!("not valid YAML: {}", error.info()) },
        }
    }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn refuse(marker: Marker, what: &str) -> YamlError {
    YamlError { position: position(marker), text: format!("found {what}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(source: &str) -> (usize, usize, String) {
        let error = Node::parse(source).unwrap_err();
        (error.position.line, error.position.column, error.text)
    }

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
    fn a_place_in_a_text_is_found_in_the_file() {
        let node = Node::parse("a: \"xyz\"\nb: xyz\nc: |\n    one\n    two\n").unwrap();
        assert_eq!(node.find(["a"]).position_in_text(1, 2), Position { line: 1, column: 6 });
        assert_eq!(node.find(["b"]).position_in_text(1, 2), Position { line: 2, column: 5 });
        assert_eq!(node.find(["c"]).position_in_text(2, 3), Position { line: 5, column: 7 });
    }

    #[test]
    fn an_empty_file_is_an_empty_map() {
        assert_eq!(Node::parse("# nothing\n").unwrap().to_json(), json!({}));
    }

    #[test]
    fn a_file_that_is_nested_too_deep_says_where() {
        let deep = |levels: usize| format!("{}a", "- ".repeat(levels));
        assert!(Node::parse(&deep(MOST_LEVELS)).is_ok());
        let (line, column, text) = error(&deep(MOST_LEVELS + 1));
        assert_eq!((line, column), (1, 2 * MOST_LEVELS + 1));
        assert_eq!(text, "this is nested deeper than the 64 levels that a file may have");
        assert_eq!(error(&deep(100_000)).2, text);
        assert!(Node::parse(&format!("a: {}{}", "[".repeat(200_000), "]".repeat(200_000))).is_err());
        assert!(Node::parse(&format!("{}b: 1", "{a: ".repeat(10_000))).is_err());
    }

    #[test]
    fn many_keys_take_no_time() {
        let keys: Vec<String> = (0..60_000).map(|number| format!("k{number}: {number}\n")).collect();
        let start = std::time::Instant::now();
        let node = Node::parse(&keys.concat()).unwrap();
        assert_eq!(node.keys().len(), 60_000);
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
    }

    #[test]
    fn a_tab_is_named() {
        assert_eq!(error("a:\n\tb: 1\n"), (2, 1, "a tab indents this line; YAML wants spaces".to_owned()));
    }

    #[test]
    fn a_duplicate_key_is_refused_with_both_places() {
        assert_eq!(error("a: 1\nb: 2\na: 3\n"), (3, 1, "duplicate key `a`, first at line 1".to_owned()));
    }

    #[test]
    fn anchors_aliases_tags_and_second_documents_are_refused() {
        assert!(error("a: &x 1\nb: *x\n").2.contains("anchor"));
        assert!(error("a: !x 1\n").2.contains("tag"));
        assert!(error("a: 1\n---\nb: 2\n").2.contains("second document"));
    }

    #[test]
    fn an_open_quote_is_a_syntax_error_with_a_place() {
        let (line, _, text) = error("a: \"x\nb: 1\n");
        assert!(line >= 1 && text.starts_with("not valid YAML"), "{line}: {text}");
    }
}
