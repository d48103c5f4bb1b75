//! A text as the words of a condition.

use super::error::FilterError;

/// Characters that are words of their own; `!`, `<` and `>` may be followed by `=`.
const SIGNS: &str = "=!<>(),";

/// A word and the column that it begins at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) column: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `=`, `<=`, `(` and the like.
    Sign(String),
    /// Letters, digits and whatever else is no sign.
    Plain(String),
    /// What stood in quotes.
    Quoted(String),
    /// Nothing is left.
    End,
}

impl Word {
    /// Says whether it is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(&self.kind, Kind::Plain(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(&self.kind, Kind::Sign(word) if word == sign)
    }

    /// Says that something else was expected here.
    pub(super) fn instead_of(&self, expected: &str) -> FilterError {
        let found = match &self.kind {
            Kind::Sign(word) | Kind::Plain(word) => format!("`{word}`"),
            Kind::Quoted(text) => format!("the text '{text}'"),
            Kind::End => "the end".to_owned(),
        };
        FilterError { column: self.column, reason: format!("expected {expected}, found {found}") }
    }
}

/// Takes a text apart; the last word is the end.
pub(super) fn words(text: &str) -> Result<Vec<Word>, FilterError> {
    let mut rest = text.chars().zip(1..).peekable();
    let (mut words, mut after) = (Vec::new(), 1);
    while let Some((first, column)) = rest.next() {
        after = column + 1;
        let kind = match first {
            _ if first.is_whitespace() => continue,
            '\'' | '"' => Kind::Quoted(quoted(first, column, &mut rest)?),
            _ if SIGNS.contains(first) => {
                let doubled = "!<>".contains(first) && rest.next_if(|(next, _)| *next == '=').is_some();
                Kind::Sign(if doubled { format!("{first}=") } else { first.to_string() })
            }
            _ => {
                let mut word = first.to_string();
                while let Some((next, _)) = rest.next_if(|(next, _)| is_plain(*next)) {
                    word.push(next);
                }
                Kind::Plain(word)
            }
        };
        words.push(Word { column, kind });
        after = rest.peek().map_or_else(|| text.chars().count() + 1, |(_, column)| *column).max(after);
    }
    words.push(Word { column: after, kind: Kind::End });
    Ok(words)
}

fn is_plain(c: char) -> bool {
    !c.is_whitespace() && !SIGNS.contains(c) && c != '\'' && c != '"'
}

/// Reads up to the closing quote.
fn quoted(
    quote: char,
    column: usize,
    rest: &mut impl Iterator<Item = (char, usize)>,
) -> Result<String, FilterError> {
    let mut text = String::new();
    while let Some((c, _)) = rest.next() {
        match c {
            _ if c == quote => return Ok(text),
            '\\' => text.extend(rest.next().map(|(escaped, _)| escaped)),
            _ => text.push(c),
        }
    }
    Err(FilterError { column, reason: format!("the quote {quote} is not closed") })
}
