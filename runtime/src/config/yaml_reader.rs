//! Reads YAML into [`Node`]s.
//!
//! The parser is saphyr's. Anchors, aliases and merge keys (`<<`) are followed, within bounds on how deep and how large
//! that makes a file: one of a few lines cannot fill the memory. Tags and second documents are refused, so that a file means
//! what it shows.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::config::problem::Position;
use crate::config::yaml::{Content, Key, Node, Style, YamlError, YamlScalar};
use crate::config::yaml_faults::FaultyLines;

/// How deep lists and maps may stand in each other. Each takes room on the stack, here and wherever a file is walked.
pub(super) const MAX_DEPTH: usize = 64;
/// How many values aliases may add to those that are written out.
const MAX_ALIASED: usize = 100_000;
/// How many keys that stand twice are reported.
const MAX_DUPLICATES: usize = 50;
/// How many lines above an error a missing quote is looked for.
const LINES_BEFORE: usize = 3;

impl Node {
    /// Reads one YAML document. An empty one is an empty map.
    pub fn parse(source: &str) -> Result<Self, YamlError> {
        let (node, duplicates) = Self::parse_with_duplicates(source)?;
        duplicates.into_iter().next().map_or(Ok(node), Err)
    }

    /// Reads one YAML document in which keys may stand twice, of which the first one counts. Returns what is wrong with the
    /// others, so that it can be said together with whatever else is wrong.
    pub(crate) fn parse_with_duplicates(source: &str) -> Result<(Self, Vec<YamlError>), YamlError> {
        let lines: Vec<&str> = source.lines().collect();
        let parser = Parser::new_from_str(source);
        let mut reader =
            Reader { parser, lines, anchors: HashMap::new(), aliased: 0, duplicates: Vec::new() };
        let node = reader.document()?;
        Ok((node, reader.duplicates))
    }
}

/// What an anchor (`&name`) names.
struct Anchored {
    node: Node,
    depth: usize,
    values: usize,
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    lines: Vec<&'a str>,
    /// What anchors name, by the parser's number for each.
    anchors: HashMap<usize, Anchored>,
    /// The values that aliases added so far.
    aliased: usize,
    /// Keys that stand in their maps already.
    duplicates: Vec<YamlError>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, YamlError> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ if root.is_some() => {
                    return Err(refuse(span.start, "a second document; use one file per connector"));
                }
                event => root = Some(self.node(event, span, 0)?),
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

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let position = position(span.start);
        let is_scalar = matches!(event, Event::Scalar(..) | Event::Alias(_));
        if depth >= MAX_DEPTH && !is_scalar {
            let text = format!("this is nested deeper than the {MAX_DEPTH} levels that a file may have");
            return Err(YamlError { position, text });
        }
        let (content, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            Event::Scalar(_, _, _, Some(tag))
            | Event::SequenceStart(_, Some(tag))
            | Event::MappingStart(_, Some(tag)) => return Err(refuse(span.start, tagged(&tag.suffix))),
            Event::Scalar(text, style, anchor, _) => {
                (Content::Scalar(self.scalar(&text, style, span)), anchor)
            }
            Event::SequenceStart(anchor, _) => (Content::List(self.list(depth)?), anchor),
            Event::MappingStart(anchor, _) => (Content::Map(self.map(depth)?), anchor),
            _ => return Err(refuse(span.start, "something that is not a value")),
        };
        let node = Node { position, content };
        if anchor > 0 {
            let (depth, values) = measure(&node);
            self.anchors.insert(anchor, Anchored { node: node.clone(), depth, values });
        }
        Ok(node)
    }

    /// Returns a copy of what an anchor names.
    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Node, YamlError> {
        let Some(Anchored { node, depth: more, values }) = self.anchors.get(&anchor) else {
            return Err(refuse(span.start, "an alias within what it stands for"));
        };
        self.aliased = self.aliased.saturating_add(*values);
        if self.aliased > MAX_ALIASED || depth.saturating_add(*more) > MAX_DEPTH {
            return Err(refuse(span.start, "aliases that make the file too large; write less by them"));
        }
        Ok(node.clone())
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span) -> YamlScalar {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => {
                Style::Block { indent: self.indent_of(span.start.line()) }
            }
        };
        YamlScalar { text: text.to_owned(), style, interpolated: false, kept: false }
    }

    /// Counts the spaces before the first text from `line` on (which counts from 1). The parser places a block at
    /// its first line of text.
    fn indent_of(&self, line: usize) -> usize {
        let mut rest = self.lines.iter().skip(line.saturating_sub(1));
        rest.find(|text| !text.trim().is_empty()).map_or(0, |text| spaces(text))
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, YamlError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.key(event, span, depth + 1)?;
            let first = lines.get(&key.name).copied();
            if let Some(line) = first {
                // Behind an equals sign stands a value, and perhaps a secret one.
                let name = key.name.split_once('=').map_or(key.name.as_str(), |(name, _)| name.trim_end());
                let text = format!("duplicate key `{name}`, first at line {line}");
                let duplicate = YamlError { position: key.position, text };
                self.duplicates.extend((self.duplicates.len() < MAX_DUPLICATES).then_some(duplicate));
            } else {
                lines.insert(key.name.clone(), key.position.line);
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if first.is_some() {
                continue;
            }
            if is_merge {
                merged.push(value);
            } else {
                entries.push((key, value));
            }
        }
        for node in merged {
            merge(&mut entries, &mut lines, node)?;
        }
        Ok(entries)
    }

    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Key, YamlError> {
        let node = self.node(event, span, depth)?;
        match node.content {
            Content::Scalar(scalar) => Ok(Key { position: node.position, name: scalar.text }),
            Content::List(_) | Content::Map(_) => Err(self
                .unquoted(span.start.line())
                .unwrap_or_else(|| refuse(span.start, "a key that is not text"))),
        }
    }

    fn scan_error(&self, error: &ScanError) -> YamlError {
        let position = position(*error.marker());
        let (lines, info) = (FaultyLines::new(&self.lines), error.info());
        let found = lines.plain(position, info).or_else(|| self.unquoted(position.line));
        let other = || YamlError { position, text: format!("not valid YAML: {info}") };
        found.or_else(|| lines.explain(position, info)).unwrap_or_else(other)
    }

    /// Finds what YAML takes for a map of its own, since nobody quoted it: a tag at the start of a value, or a reference
    /// between braces or brackets.
    fn unquoted(&self, line: usize) -> Option<YamlError> {
        let first = line.saturating_sub(LINES_BEFORE).max(1);
        for number in (first..=line).rev() {
            let text = self.lines.get(number - 1)?;
            if let Some((column, what)) = unquoted_in(text) {
                let position = Position { line: number, column };
                return Some(YamlError { position, text: format!("quote the value here: \"{what}...\"") });
            }
        }
        None
    }
}

/// Finds a tag at the start of a value, or a reference in braces or brackets, outside quotes. Columns count from 1.
fn unquoted_in(text: &str) -> Option<(usize, &'static str)> {
    let (mut quote, mut in_flow) = (None, false);
    let mut before = ' ';
    let characters: Vec<char> = text.chars().collect();
    for (index, character) in characters.iter().copied().enumerate() {
        let next = characters.get(index + 1).copied();
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => continue,
            None if character == '#' && before == ' ' => return None,
            None if matches!(character, '"' | '\'') && matches!(before, ' ' | '{' | '[' | ',') => {
                quote = Some(character);
            }
            None if character == '{'
                && next == Some('{')
                && matches!(before, ':' | '-' | ',' | '[' | ' ') =>
            {
                return Some((index + 1, "{{"));
            }
            None if character == '$' && next == Some('{') && in_flow => return Some((index + 1, "${")),
            None => in_flow |= matches!(character, '{' | '['),
        }
        before = character;
    }
    None
}

/// Adds what a merge key (`<<`) names: a map or a list of maps. Keys that are there already win.
fn merge(
    entries: &mut Vec<(Key, Node)>,
    lines: &mut HashMap<String, usize>,
    node: Node,
) -> Result<(), YamlError> {
    let position = node.position;
    match node.content {
        Content::Map(more) => {
            for (key, value) in more {
                if !lines.contains_key(&key.name) {
                    lines.insert(key.name.clone(), key.position.line);
                    entries.push((key, value));
                }
            }
            Ok(())
        }
        Content::List(items) => items.into_iter().try_for_each(|item| merge(entries, lines, item)),
        Content::Scalar(_) => {
            Err(YamlError { position, text: "`<<` takes a map to merge, or a list of such".to_owned() })
        }
    }
}

/// Returns how deep a value is, and how many values it holds with itself.
fn measure(node: &Node) -> (usize, usize) {
    let below: Vec<&Node> = match &node.content {
        Content::Scalar(_) => Vec::new(),
        Content::List(items) => items.iter().collect(),
        Content::Map(entries) => entries.iter().map(|(_, value)| value).collect(),
    };
    let (mut depth, mut values) = (0, 1);
    for (more, held) in below.into_iter().map(measure) {
        depth = depth.max(more + 1);
        values += held;
    }
    (depth, values)
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// Says what to do instead of a tag, by its name.
fn tagged(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "env" | "envvar" | "env_var" | "environ" => {
            "a tag (`!name`), which is not supported; an environment variable is `${env:NAME}`"
        }
        "file" | "include" | "secret" | "vault" => {
            "a tag (`!name`), which is not supported; the content of a file is `${file:/path}`"
        }
        _ => "a tag (`!name`), which is not supported; write the value out",
    }
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

    fn value(source: &str) -> serde_json::Value {
        Node::parse(source).unwrap().to_json()
    }

    #[test]
    fn an_empty_file_is_an_empty_map() {
        assert_eq!(value("# nothing\n"), json!({}));
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
    fn tags_and_second_documents_are_refused() {
        assert!(error("a: !x 1\n").2.contains("tag"));
        assert!(error("a: 1\n---\nb: 2\n").2.contains("second document"));
    }

    #[test]
    fn an_open_quote_is_a_syntax_error_with_a_place() {
        let (line, _, text) = error("a: \"x\nb: 1\n");
        assert!(line >= 1 && text.starts_with("the quote that opens here is never closed"), "{line}: {text}");
    }

    #[test]
    fn an_alias_stands_for_what_its_anchor_names() {
        assert_eq!(value("a: &x 1\nb: *x\n"), json!({"a": 1, "b": 1}));
        assert_eq!(value("a: &x { k: [1, 2] }\nb: *x\n"), json!({"a": {"k": [1, 2]}, "b": {"k": [1, 2]}}));
        assert_eq!(
            value("a: &x 1\nb: &x 2\nc: *x\n"),
            json!({"a": 1, "b": 2, "c": 2}),
            "the last one counts"
        );
    }

    #[test]
    fn a_merge_key_adds_what_is_not_there() {
        let text = "a: &x { k: 1, l: 2 }\nb:\n  <<: *x\n  l: 3\nc: { <<: [*x, { m: 4, k: 5 }] }\n";
        let expected = json!({"a": {"k": 1, "l": 2}, "b": {"l": 3, "k": 1}, "c": {"k": 1, "l": 2, "m": 4}});
        assert_eq!(value(text), expected);
        assert!(error("a: { <<: 1 }\n").2.contains("`<<` takes a map"));
        assert_eq!(value("'<<': 1\n"), json!({"<<": 1}), "in quotes it is a key");
    }

    #[test]
    fn aliases_are_bounded() {
        let mut laughs = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned()];
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            let items = vec![below; 10].join(", ");
            laughs.push(format!("a{level}: &a{level} [{items}]\n"));
        }
        let begun = std::time::Instant::now();
        assert!(error(&laughs.concat()).2.contains("too large"));
        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
        let mut tower = vec!["a0: &a0 [x]\n".to_owned()];
        for level in 1..200 {
            tower.push(format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert!(error(&tower.concat()).2.contains("too large"));
        assert!(error("a: &a [*a]\n").2.contains("an alias within what it stands for"));
        assert!(error("a: *nothing\n").2.contains("nothing above is named like this"));
    }

    #[test]
    fn what_is_too_deep_is_an_error() {
        for deep in
            ["- ".repeat(10_000) + "a", "[".repeat(10_000), "{a: ".repeat(10_000), "? ".repeat(10_000) + "a"]
        {
            let (_, _, text) = error(&deep);
            assert!(text.contains("64 levels") || text.contains("recursion"), "{text}");
        }
        assert!(Node::parse(&("- ".repeat(50) + "a")).is_ok());
    }

    #[test]
    fn a_file_that_is_nested_too_deep_says_where() {
        let deep = |levels: usize| format!("{}a", "- ".repeat(levels));
        assert!(Node::parse(&deep(MAX_DEPTH)).is_ok());
        let (line, column, text) = error(&deep(MAX_DEPTH + 1));
        assert_eq!((line, column), (1, 2 * MAX_DEPTH + 1));
        assert_eq!(text, "this is nested deeper than the 64 levels that a file may have");
        assert_eq!(error(&deep(100_000)).2, text);
        assert!(Node::parse(&format!("a: {}{}", "[".repeat(200_000), "]".repeat(200_000))).is_err());
        assert!(Node::parse(&format!("{}b: 1", "{a: ".repeat(10_000))).is_err());
    }

    #[test]
    fn many_keys_take_no_time() {
        // A third of a second on an idle machine; comparing each with each takes minutes in a debug build.
        let lines: Vec<_> = (0..60_000).map(|number| format!("key{number}: 1\n")).collect();
        let many = lines.concat();
        let begun = std::time::Instant::now();
        assert_eq!(Node::parse(&many).unwrap().keys().len(), 60_000);
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn what_nobody_quoted_is_found() {
        let quote = |what: &str| format!("quote the value here: \"{what}...\"");
        assert_eq!(error("a:\n  text: {{id}} of {{b}}\n"), (2, 9, quote("{{")));
        assert_eq!(error("a:\n  text: {{id}}\n"), (2, 9, quote("{{")));
        assert_eq!(error("a: [{{id}} x]\n"), (1, 5, quote("{{")));
        assert_eq!(error("a: { b: ${env:X} }\n"), (1, 9, quote("${")));
        assert_eq!(error("a: { b: \"${env:X}\", c: ${env:Y} }\n"), (1, 24, quote("${")));
        assert!(error("a: \"{{x}}\"\nb: [\n").2.starts_with("not valid YAML"), "it is quoted there");
    }
}
