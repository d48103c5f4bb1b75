//! What is wrong with a file that is not YAML, in an operator's words.
//!
//! The parser says where it could not go on, which is often below the mistake, and in words of YAML's grammar. The lines
//! there tell what somebody meant to write.

use crate::config::problem::Position;
use crate::config::yaml::YamlError;
use crate::config::yaml_quotes::quote_within_quotes;

/// How many lines above the place where the parser stopped a mistake is looked for.
const LINES_ABOVE: usize = 3;
/// Bytes of a line that is looked into: nobody wrote a longer one by hand.
const MAX_LINE: usize = 1000;

/// The lines of a file that is not YAML.
pub(super) struct FaultyLines<'a> {
    lines: &'a [&'a str],
}

impl<'a> FaultyLines<'a> {
    pub(super) fn new(lines: &'a [&'a str]) -> Self {
        Self { lines }
    }

    /// Says what is plainly wrong in the lines, whatever else is.
    pub(super) fn plain(&self, position: Position, info: &str) -> Option<YamlError> {
        let two_colons = || {
            let wrong = info.contains("mapping values").then(|| two_colons(self.line(position.line)));
            wrong.flatten().map(|wrong| wrong.at_line(position.line))
        };
        let around = position.line.saturating_sub(LINES_ABOVE).max(1)..=position.line.min(self.lines.len());
        let in_quotes = || {
            let mut lines = around.clone().rev();
            lines.find_map(|line| {
                quote_within_quotes(self.line(line)).map(|(column, text)| fault(line, column, text))
            })
        };
        let in_block = || around.clone().rev().find_map(|line| self.block_without_text(line));
        self.odd_indentation().or_else(in_quotes).or_else(in_block).or_else(two_colons)
    }

    /// Says what is wrong, by what the parser says and where.
    pub(super) fn explain(&self, position: Position, info: &str) -> Option<YamlError> {
        self.first_character(position, info)
            .or_else(|| within_quotes(position, info))
            .or_else(|| self.within_brackets(position, info))
            .or_else(|| self.near(position))
            .or_else(|| without_dash(position, info))
    }

    fn line(&self, number: usize) -> &'a str {
        let line = number.checked_sub(1).and_then(|index| self.lines.get(index)).copied();
        line.filter(|line| line.len() <= MAX_LINE).unwrap_or_default()
    }

    /// Finds a line that something else than spaces indents.
    fn odd_indentation(&self) -> Option<YamlError> {
        for (index, text) in self.lines.iter().enumerate() {
            let indent = spaces(text);
            let what = match text.chars().nth(indent) {
                Some('\t') if !text.trim().is_empty() => "a tab",
                Some(other) if other.is_whitespace() && !other.is_ascii() => {
                    "a space that is none of ASCII's"
                }
                _ => continue,
            };
            let text = format!("{what} indents this line; YAML wants spaces");
            return Some(fault(index + 1, indent + 1, text));
        }
        None
    }

    /// Says of a value how it may not begin.
    fn first_character(&self, position: Position, info: &str) -> Option<YamlError> {
        let Position { line, column } = position;
        if let Some(rest) = info.strip_prefix("unexpected character: `") {
            let begins = rest.chars().next()?;
            let shown = if begins == '`' { "a backtick".to_owned() } else { format!("`{begins}`") };
            let text = format!("a value cannot begin with {shown}; put it in quotes");
            return Some(fault(line, column, text));
        }
        let is_unknown = info.contains("unknown anchor");
        if !is_unknown && !info.contains("anchor or alias") {
            return None;
        }
        let marked = |(index, character): (usize, char)| {
            matches!(character, '*' | '&').then_some((index + 1, character))
        };
        let characters = self.line(line).chars().enumerate();
        let (column, mark) = characters.skip(column.saturating_sub(2)).find_map(marked)?;
        let text = if is_unknown {
            "nothing above is named like this (`&name`); put the value in quotes if it is text".to_owned()
        } else {
            format!("a value cannot begin with `{mark}`; put it in quotes")
        };
        Some(fault(line, column, text))
    }

    /// Says what is wrong between braces or brackets.
    fn within_brackets(&self, position: Position, info: &str) -> Option<YamlError> {
        if info.contains("followed by a valid YAML whitespace") {
            let text = "a tab stands behind the colon; YAML wants a space";
            return Some(fault(position.line, position.column, text));
        }
        if info.contains("trailing content after") {
            let text = "something is missing before this, such as a comma behind the value in quotes";
            return Some(fault(position.line, position.column, text));
        }
        let is_within = ["flow", "may not precede", "invalid indentation", "end of stream"];
        if !is_within.iter().any(|word| info.contains(word)) {
            return None;
        }
        let open = self.open_brackets(position);
        let found = self.line(position.line).chars().nth(position.column.saturating_sub(1));
        let ((line, column), bracket) = open.last().copied()?;
        if let Some(cut) = (line..=position.line).find_map(|number| self.comment_in(number)) {
            return Some(cut);
        }
        if let Some(missing) = without_space(self.line(line)) {
            return Some(missing.at_line(line));
        }
        let closes = if bracket == '{' { '}' } else { ']' };
        if found == Some(closes) {
            return None;
        }
        let text = format!(
            "the `{bracket}` that opens here is not closed by a `{closes}`, or a comma is missing behind it"
        );
        Some(fault(line, column, text))
    }

    /// Lists the braces and brackets that are open at a place, with where they were opened.
    fn open_brackets(&self, until: Position) -> Vec<((usize, usize), char)> {
        let mut open = Vec::new();
        for (index, text) in self.lines.iter().enumerate().take(until.line) {
            let end = if index + 1 == until.line { until.column.saturating_sub(1) } else { usize::MAX };
            for (column, character) in unquoted(text).filter(|(column, _)| *column < end) {
                match character {
                    '{' | '[' => open.push(((index + 1, column + 1), character)),
                    '}' | ']' => {
                        open.pop();
                    }
                    _ => {}
                }
            }
        }
        open
    }

    /// Finds a comment behind a value: it cuts off what closes the braces.
    fn comment_in(&self, number: usize) -> Option<YamlError> {
        let text = self.line(number);
        let mut before = ' ';
        for (column, character) in unquoted_with_comments(text) {
            let is_comment = character == '#' && before == ' ' && column > spaces(text);
            if is_comment && text.chars().skip(column).any(|character| matches!(character, '}' | ']')) {
                let text =
                    "a comment begins with this `#`, up to the end of the line; put the value in quotes";
                return Some(fault(number, column + 1, text));
            }
            before = character;
        }
        None
    }

    /// Looks for the mistake in the line where the parser stopped, and in those above it.
    fn near(&self, position: Position) -> Option<YamlError> {
        let last = position.line.min(self.lines.len());
        let first = last.saturating_sub(LINES_ABOVE).max(1);
        for number in (first..=last).rev() {
            let text = self.line(number);
            if let Some(missing) = without_space(text) {
                return Some(missing.at_line(number));
            }
            if let Some(wrong) = self.block_without_text(number) {
                return Some(wrong);
            }
        }
        (first..=last).rev().find_map(|number| self.misaligned(number))
    }

    /// Finds a `|` whose text is not below it, or not indented deeper.
    fn block_without_text(&self, number: usize) -> Option<YamlError> {
        let text = self.line(number);
        let (_, value) = text.split_once(": ")?;
        let mark = value.chars().next().filter(|mark| matches!(mark, '|' | '>'))?;
        let rest = value.get(1..).unwrap_or_default().trim_start_matches(['-', '+']).trim();
        if !rest.is_empty() && !rest.starts_with('#') && rest.parse::<u8>().is_err() {
            let column = text.chars().count() - value.chars().count() + 1;
            let text =
                format!("the text of a block begins in the line below the `{mark}`, and is indented deeper");
            return Some(fault(number, column, text));
        }
        let below = (number + 1..=self.lines.len()).find(|line| !self.line(*line).trim().is_empty())?;
        let column = spaces(self.line(below)) + 1;
        let below_it = self.line(below).trim();
        let is_text = !below_it.contains(": ") && !below_it.ends_with(':') && !below_it.starts_with("- ");
        (column <= spaces(text) + 1 && is_text).then(|| {
            fault(below, column, format!("the text below a `{mark}` has to be indented deeper than its key"))
        })
    }

    /// Finds a line that begins in a column in which no line above it does.
    fn misaligned(&self, number: usize) -> Option<YamlError> {
        let text = self.line(number);
        if text.trim().is_empty() {
            return None;
        }
        let indent = spaces(text);
        let (levels, above) = self.levels_above(number)?;
        if levels.contains(&indent) {
            return None;
        }
        let deepest = levels.last().copied().unwrap_or_default();
        let text = if indent > deepest {
            if !has_value(self.line(above)) {
                return None;
            }
            format!(
                "this line is indented deeper than line {above}, which has its value already; line them up"
            )
        } else {
            let known: Vec<String> = levels.iter().map(usize::to_string).collect();
            let known = known.join(" or ");
            format!(
                "this line is indented by {indent}, and those above it by {known}; line it up with one of them"
            )
        };
        Some(fault(number, indent + 1, text))
    }

    /// Returns the columns in which a line may begin after those above it, and the number of the line before it.
    fn levels_above(&self, number: usize) -> Option<(Vec<usize>, usize)> {
        let mut levels: Vec<usize> = Vec::new();
        let mut before = None;
        for (index, text) in self.lines.iter().enumerate().take(number.saturating_sub(1)) {
            if text.trim().is_empty() || text.trim_start().starts_with('#') {
                continue;
            }
            let mut indent = spaces(text);
            levels.retain(|level| *level < indent);
            levels.push(indent);
            let mut rest = text.trim_start();
            while let Some(item) = rest.strip_prefix("- ") {
                indent += 2 + spaces(item);
                levels.push(indent);
                rest = item.trim_start();
            }
            before = Some(index + 1);
        }
        before.map(|before| (levels, before))
    }
}

/// A mistake in a line: the column, from 1, and what it is.
struct InLine(usize, String);

impl InLine {
    fn at_line(self, line: usize) -> YamlError {
        fault(line, self.0, self.1)
    }
}

fn without_dash(position: Position, info: &str) -> Option<YamlError> {
    let is_within_list = info.contains("'-' indicator");
    let text =
        "this line stands within a list, whose items begin with `- `; begin it so, or indent it otherwise";
    is_within_list.then(|| fault(position.line, position.column, text))
}

fn within_quotes(position: Position, info: &str) -> Option<YamlError> {
    let text = if info.contains("escape") {
        "in double quotes a backslash begins an escape; put the value in single quotes, or write two backslashes"
    } else if info.contains("quoted scalar") && !info.contains("trailing content") {
        "the quote that opens here is never closed, or the text goes on in a line that is not indented"
    } else if info.contains("unprintable") || info.contains("control character") {
        "a character that no text of a file may have; remove it"
    } else {
        return None;
    };
    Some(fault(position.line, position.column, text))
}

/// Finds a key whose colon has no space behind it.
fn without_space(text: &str) -> Option<InLine> {
    let is_key = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let characters: Vec<(usize, char)> = unquoted(text).collect();
    let mut key_start = None;
    let mut before = ' ';
    for (index, (column, character)) in characters.iter().copied().enumerate() {
        let next = text.chars().nth(column + 1);
        match key_start {
            Some(start)
                if character == ':' && next.is_some_and(|next| !next.is_whitespace() && next != '/') =>
            {
                let key: String = text.chars().skip(start).take(column - start).collect();
                return Some(InLine(column + 1, format!("a space is missing behind `{key}:`")));
            }
            Some(_) if is_key(character) => {}
            // Only the first word of a line or of an item may be a key.
            _ if is_key(character) && (index == 0 || matches!(before, ' ' | '{' | ',')) => {
                let starts_here =
                    characters.iter().take(index).all(|(_, before)| matches!(before, ' ' | '-'));
                key_start = (starts_here || is_after_bracket(&characters, index)).then_some(column);
            }
            _ => key_start = None,
        }
        before = character;
    }
    None
}

/// Says whether a word begins an entry between braces.
fn is_after_bracket(characters: &[(usize, char)], index: usize) -> bool {
    let before = characters.get(..index).unwrap_or_default().iter().rev().map(|(_, character)| *character);
    before
        .into_iter()
        .find(|character| *character != ' ')
        .is_some_and(|character| matches!(character, '{' | ','))
}

/// Finds a value without quotes that has a colon and a space in it.
fn two_colons(text: &str) -> Option<InLine> {
    let (key, value) = text.split_once(": ")?;
    let value_start = value.trim_start();
    let is_plain = !value_start.starts_with(['{', '[', '"', '\'', '|', '>', '#', '&', '*']);
    if !is_plain || !(value_start.contains(": ") || value_start.trim_end().ends_with(':')) {
        return None;
    }
    let column = key.chars().count() + 2 + (value.chars().count() - value_start.chars().count()) + 1;
    Some(InLine(column, "a value with `: ` in it has to be put in quotes".to_owned()))
}

/// Says whether a line has a key and a value, so that nothing may be indented below it.
fn has_value(text: &str) -> bool {
    let value = text.split_once(": ").map(|(_, value)| value.trim()).unwrap_or_default();
    !value.is_empty() && !value.starts_with(['#', '|', '>', '&', '{', '['])
}

/// Returns the characters of a line that stand outside quotes, up to a comment, with their columns from 0.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut before = ' ';
    unquoted_with_comments(text).take_while(move |(_, character)| {
        let goes_on = *character != '#' || before != ' ';
        before = *character;
        goes_on
    })
}

/// Returns the characters of a line that stand outside quotes, with their columns from 0.
fn unquoted_with_comments(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut before) = (None, ' ');
    text.chars().enumerate().filter(move |(_, character)| {
        let is_quote = match quote {
            Some(open) if open == *character => {
                quote = None;
                true
            }
            Some(_) => true,
            None if matches!(character, '"' | '\'') && matches!(before, ' ' | '{' | '[' | ',') => {
                quote = Some(*character);
                true
            }
            None => false,
        };
        before = *character;
        !is_quote
    })
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

fn fault(line: usize, column: usize, text: impl Into<String>) -> YamlError {
    YamlError { position: Position { line, column }, text: text.into() }
}

#[cfg(test)]
mod tests {
    use crate::config::yaml::Node;

    /// Reads what is not YAML, and returns the place and the text.
    fn said(source: &str) -> String {
        let error = Node::parse(source).unwrap_err();
        format!("{}:{}: {}", error.position.line, error.position.column, error.text)
    }

    #[track_caller]
    fn assert_said(source: &str, expected: &str) {
        let said = said(source);
        assert!(said.starts_with(expected), "{source}\n{said}");
    }

    #[test]
    fn a_value_that_cannot_begin_so_is_to_be_quoted() {
        assert_said("a: { id: @record.key }\n", "1:10: a value cannot begin with `@`; put it in quotes");
        assert_said("a: %Y-%m-%d\n", "1:4: a value cannot begin with `%`; put it in quotes");
        assert_said("a: `x`\n", "1:4: a value cannot begin with a backtick; put it in quotes");
        assert_said("a: [*]\n", "1:5: a value cannot begin with `*`; put it in quotes");
        assert_said("a: *\n", "1:4: a value cannot begin with `*`; put it in quotes");
        assert_said(
            "a: [b, *orders]\n",
            "1:8: nothing above is named like this (`&name`); put the value in quotes",
        );
    }

    #[test]
    fn a_line_that_is_indented_unlike_all_others_is_named() {
        let levels = "this line is indented by 3, and those above it by 0 or 2 or 4; line it up";
        assert_said("a:\n  b:\n    c: 1\n   d: 2\n", &format!("4:4: {levels}"));
        assert_said(" a: 1\nb: 2\n", "2:1: this line is indented by 0, and those above it by 1;");
        assert_said(
            "a:\n  b: 1\n    c: 2\n",
            "3:5: this line is indented deeper than line 2, which has its value already",
        );
        assert_said("a:\n\u{a0} b: 1\n c: [\n", "2:1: a space that is none of ASCII's indents this line");
    }

    #[test]
    fn a_quote_within_quotes_is_named() {
        let double = "this quote ends the text; write \\\" for it, or put the text in single quotes";
        assert_said("a:\n  text: \"say \"hi\" {{x}}\"\n", &format!("2:14: {double}"));
        assert_said("a: { text: \"say \"hi\" {{x}}\" }\n", &format!("1:17: {double}"));
        let single = "this quote ends the text; write it twice, or put the text in double quotes";
        assert_said("a:\n  text: 'it's {{x}}'\n", &format!("2:12: {single}"));
        assert!(Node::parse("a: 'it''s'\nb: \"x\\\"y\"\nc: it's\nd: { e: 'f', \"g\": h }\n").is_ok());
    }

    #[test]
    fn a_quote_or_a_brace_that_stays_open_is_named_where_it_opens() {
        assert_said("a: { b: \"x, c: 1 }\nd: 1\n", "1:9: the quote that opens here is never closed");
        assert_said("a: { b: 1, c: [x }\nd: 1\n", "1:15: the `[` that opens here is not closed by a `]`");
        assert_said("a: { b: 1, c: [x]\nd: 1\n", "1:4: the `{` that opens here is not closed by a `}`");
        assert_said("a: { b: 1, c: x #y }\nd: 1\n", "1:17: a comment begins with this `#`");
        assert_said("a: { b: \"x\" c: 1 }\n", "1:13: something is missing before this, such as a comma");
        assert_said("a: \"C:\\docs\"\n", "1:4: in double quotes a backslash begins an escape");
    }

    #[test]
    fn a_colon_that_lacks_a_space_or_has_one_too_many_is_named() {
        assert_said("a:\n  url:https://x.example\n  method: POST\n", "2:6: a space is missing behind `url:`");
        assert_said("a:\n  b: 1\n  topics:[orders]\nc: 1\n", "3:9: a space is missing behind `topics:`");
        assert_said("a: { b: x, topics:[orders] }\n", "1:18: a space is missing behind `topics:`");
        assert_said("a:\n  text: Hello: world\n", "2:9: a value with `: ` in it has to be put in quotes");
        assert_said("a:\tb\n", "1:4: a tab stands behind the colon");
    }

    #[test]
    fn a_line_among_items_lacks_its_dash() {
        assert_said(
            "a:\n  - b: 1\n  c: 2\n",
            "3:3: this line stands within a list, whose items begin with `- `",
        );
    }

    #[test]
    fn the_text_of_a_block_stands_below_and_deeper() {
        assert_said(
            "a:\n  text: | hello\n    x\n",
            "2:9: the text of a block begins in the line below the `|`",
        );
        assert_said(
            "a:\n  text: |\n  hello {{x}}\n",
            "3:3: the text below a `|` has to be indented deeper than its key",
        );
        assert_said(
            "- template:\n    text: |\n    costs {{x}}\n  b: 1\n",
            "3:5: the text below a `|` has to be indented deeper than its key",
        );
    }

    #[test]
    fn what_stays_unexplained_has_the_words_of_the_parser() {
        assert_said("{\"source\": [}\n", "1:13: not valid YAML: while parsing a node");
    }
}
