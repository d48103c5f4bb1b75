//! The grammar of conditions: words to a filter.

use aws_sdk_bedrockagentruntime::types::{FilterAttribute, RetrievalFilter};
use aws_smithy_types::{Document, Number};

use super::error::FilterError;
use super::words::{Kind, Word};

/// The longest key that `Retrieve` takes, in characters.
const MAX_KEY: usize = 100;
/// The deepest nesting of parentheses.
const MAX_DEPTH: usize = 32;

type Parsed<T> = Result<T, FilterError>;
type Operator = fn(FilterAttribute) -> RetrievalFilter;

/// Reads a whole condition.
pub(super) fn parse(words: Vec<Word>) -> Parsed<RetrievalFilter> {
    let mut parser = Parser { words: words.into_iter(), ahead: None, depth: 0 };
    let filter = parser.either()?;
    match parser.next() {
        Word { kind: Kind::End, .. } => Ok(filter),
        other => Err(other.instead_of("`and`, `or` or the end")),
    }
}

struct Parser {
    words: std::vec::IntoIter<Word>,
    ahead: Option<Word>,
    depth: usize,
}

impl Parser {
    fn next(&mut self) -> Word {
        let end = Word { column: 1, kind: Kind::End };
        self.ahead.take().or_else(|| self.words.next()).unwrap_or(end)
    }

    /// Takes the next word if it fits.
    fn next_if(&mut self, fits: impl Fn(&Word) -> bool) -> bool {
        let next = self.next();
        let fitting = fits(&next);
        if !fitting {
            self.ahead = Some(next);
        }
        fitting
    }

    fn either(&mut self) -> Parsed<RetrievalFilter> {
        self.chain("or", Self::both, RetrievalFilter::OrAll)
    }

    fn both(&mut self) -> Parsed<RetrievalFilter> {
        self.chain("and", Self::condition, RetrievalFilter::AndAll)
    }

    /// Reads one or more; several are joined, as the service wants two at least.
    fn chain(
        &mut self,
        keyword: &str,
        one: fn(&mut Self) -> Parsed<RetrievalFilter>,
        join: fn(Vec<RetrievalFilter>) -> RetrievalFilter,
    ) -> Parsed<RetrievalFilter> {
        let first = one(self)?;
        let mut all = vec![first];
        while self.next_if(|word| word.is(keyword)) {
            all.push(one(self)?);
        }
        Ok(if all.len() > 1 { join(all) } else { all.remove(0) })
    }

    fn condition(&mut self) -> Parsed<RetrievalFilter> {
        let word = self.next();
        if !word.is_sign("(") {
            return self.comparison(&word);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let reason = format!("more than {MAX_DEPTH} parentheses within one another");
            return Err(FilterError { column: word.column, reason });
        }
        let filter = self.either()?;
        self.depth -= 1;
        self.expect(")", "`)`, `and` or `or`").map(|()| filter)
    }

    fn comparison(&mut self, word: &Word) -> Parsed<RetrievalFilter> {
        let key = key(word)?;
        let operator = self.next();
        let (filter, value): (Operator, _) = match &operator.kind {
            Kind::Sign(sign) => self.sign(sign, &operator)?,
            Kind::Plain(_) => self.keywords(&operator)?,
            _ => return Err(operator.instead_of(OPERATORS)),
        };
        let attribute = FilterAttribute::builder().key(key).value(value).build();
        attribute.map(filter).map_err(|error| FilterError { column: word.column, reason: error.to_string() })
    }

    fn sign(&mut self, sign: &str, operator: &Word) -> Parsed<(Operator, Document)> {
        let filter: Operator = match sign {
            "=" => return Ok((RetrievalFilter::Equals, self.value()?)),
            "!=" => return Ok((RetrievalFilter::NotEquals, self.value()?)),
            "<" => RetrievalFilter::LessThan,
            "<=" => RetrievalFilter::LessThanOrEquals,
            ">" => RetrievalFilter::GreaterThan,
            ">=" => RetrievalFilter::GreaterThanOrEquals,
            _ => return Err(operator.instead_of(OPERATORS)),
        };
        let word = self.next();
        match value(&word)? {
            number @ Document::Number(_) => Ok((filter, number)),
            _ => Err(word.instead_of(&format!("a number after `{sign}`"))),
        }
    }

    fn keywords(&mut self, first: &Word) -> Parsed<(Operator, Document)> {
        if first.is("in") {
            Ok((RetrievalFilter::In, self.list()?))
        } else if first.is("not") {
            self.expect("in", "`in` after `not`")?;
            Ok((RetrievalFilter::NotIn, self.list()?))
        } else if first.is("starts") {
            self.expect("with", "`with` after `starts`")?;
            Ok((RetrievalFilter::StartsWith, self.text()?))
        } else if first.is("contains") {
            Ok((RetrievalFilter::StringContains, self.text()?))
        } else if first.is("list") {
            self.expect("contains", "`contains` after `list`")?;
            Ok((RetrievalFilter::ListContains, self.text()?))
        } else {
            Err(first.instead_of(OPERATORS))
        }
    }

    fn list(&mut self) -> Parsed<Document> {
        self.expect("(", "`(` and values")?;
        let mut values = vec![self.value()?];
        while self.next_if(|word| word.is_sign(",")) {
            values.push(self.value()?);
        }
        self.expect(")", "`,` or `)`").map(|()| Document::Array(values))
    }

    fn value(&mut self) -> Parsed<Document> {
        value(&self.next())
    }

    /// Reads a value that is text, whatever it looks like.
    fn text(&mut self) -> Parsed<Document> {
        match self.next() {
            Word { kind: Kind::Plain(text) | Kind::Quoted(text), .. } => Ok(Document::String(text)),
            other => Err(other.instead_of("a text")),
        }
    }

    fn expect(&mut self, word: &str, expected: &str) -> Parsed<()> {
        let next = self.next();
        if next.is_sign(word) || next.is(word) { Ok(()) } else { Err(next.instead_of(expected)) }
    }
}

pub(super) const OPERATORS: &str =
    "`=`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, `starts with`, `contains` or `list contains`";

fn key(word: &Word) -> Parsed<String> {
    let (Kind::Plain(key) | Kind::Quoted(key)) = &word.kind else {
        return Err(word.instead_of("the key of an attribute"));
    };
    match key.chars().count() {
        1..=MAX_KEY => Ok(key.clone()),
        length => {
            let reason = format!("a key has 1 to {MAX_KEY} characters, and this one has {length}");
            Err(FilterError { column: word.column, reason })
        }
    }
}

fn value(word: &Word) -> Parsed<Document> {
    match &word.kind {
        Kind::Quoted(text) => Ok(Document::String(text.clone())),
        Kind::Plain(_) if ["and", "or", "in", "not"].iter().any(|keyword| word.is(keyword)) => {
            Err(word.instead_of("a value, in quotes if it is that word"))
        }
        Kind::Plain(text) => Ok(plain(text)),
        _ => Err(word.instead_of("a value")),
    }
}

fn plain(text: &str) -> Document {
    if let Ok(number) = text.parse::<u64>() {
        return Document::Number(Number::PosInt(number));
    }
    match (text, text.parse::<i64>(), text.parse::<f64>()) {
        ("true" | "false", ..) => Document::Bool(text == "true"),
        // That is -0.
        (_, Ok(0), _) => Document::Number(Number::PosInt(0)),
        (_, Ok(number), _) => Document::Number(Number::NegInt(number)),
        // `inf` and `nan` are words.
        (_, _, Ok(number)) if number.is_finite() && text.contains(|c: char| c.is_ascii_digit()) => {
            Document::Number(Number::Float(number))
        }
        _ => Document::String(text.to_owned()),
    }
}
