//! Templates whose tags stand between other delimiters, as plain Handlebars, and the way back to what was written.

use crate::error::TextFault;

/// Handlebars' own delimiters.
pub const HANDLEBARS: [&str; 2] = ["{{", "}}"];

/// A template in Handlebars' own notation, and the way back to what the user wrote.
#[derive(Debug)]
pub(crate) struct TemplateSource {
    written: String,
    handlebars: String,
    /// Where the pieces start, in characters: in `handlebars` and in `written`.
    starts: Vec<(usize, usize)>,
    stand_ins: Vec<(char, char)>,
    delimiters: [String; 2],
}

impl TemplateSource {
    /// Takes a template that is written in Handlebars' own notation.
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            written: text.to_owned(),
            handlebars: text.to_owned(),
            starts: vec![(0, 0)],
            stand_ins: Vec::new(),
            delimiters: HANDLEBARS.map(str::to_owned),
        }
    }

    /// Translates a template whose tags stand between other delimiters. Everything outside them is literal.
    pub(crate) fn delimited(text: &str, open: &str, close: &str) -> Result<Self, TextFault> {
        let mut source = Self {
            stand_ins: stand_ins(text),
            delimiters: [open, close].map(str::to_owned),
            ..Self::plain("")
        };
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once(open) {
            source.push_literal(literal);
            let tag = split_tag(tail, close).and_then(|(tag, after)| check_tag(tag).map(|()| (tag, after)));
            let (tag, after) = tag.map_err(|reason| {
                TextFault::new(format!("`{open}` {reason}"), place(text, source.written.chars().count()))
            })?;
            source.push_tag(tag, open, close);
            rest = after;
        }
        source.push_literal(rest);
        Ok(source)
    }

    /// Returns the template in Handlebars' notation.
    pub(crate) fn handlebars(&self) -> &str {
        &self.handlebars
    }

    /// Counts the characters of [`TemplateSource::handlebars`] before a line and column.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let lines = self.handlebars.split_inclusive('\n').take(line.saturating_sub(1));
        lines.map(|line| line.chars().count()).sum::<usize>() + column.saturating_sub(1)
    }

    /// Finds line and column in the user's text for a number of characters of [`TemplateSource::handlebars`].
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        place(&self.written, self.written_offset(offset))
    }

    /// Returns the user's text from a number of characters of [`TemplateSource::handlebars`] on, up to the end of the tag. Where no
    /// end is in sight, that is one character: what follows may be a secret, as it may in a URL.
    pub(crate) fn rest_of_tag(&self, offset: usize) -> String {
        let rest: String = self.written.chars().skip(self.written_offset(offset)).collect();
        let [open, close] = &self.delimiters;
        match rest.split_once(close) {
            Some((tag, _)) if !tag.contains(open) => format!("{tag}{close}"),
            _ => rest.chars().take(1).collect(),
        }
    }

    fn written_offset(&self, offset: usize) -> usize {
        let next = self.starts.partition_point(|(start, _)| *start <= offset);
        let (start, written) =
            next.checked_sub(1).and_then(|last| self.starts.get(last)).copied().unwrap_or_default();
        // A piece may be longer in Handlebars' notation than what it stands for.
        let limit = self.starts.get(next).map_or(usize::MAX, |(_, written)| written.saturating_sub(1));
        (written + offset - start).min(limit.max(written))
    }

    /// Puts the user's characters back for those that stand in for them.
    pub(crate) fn restore(&self, text: &mut String) {
        for (special, stand_in) in &self.stand_ins {
            if text.contains(*stand_in) {
                *text = text.replace(*stand_in, special.encode_utf8(&mut [0; 4]));
            }
        }
    }

    /// Adds text that Handlebars must not look into.
    fn push_literal(&mut self, literal: &str) {
        self.start_piece();
        self.written.push_str(literal);
        let hidden = literal.chars().map(|char| {
            self.stand_ins
                .iter()
                .find(|(special, _)| *special == char)
                .map_or(char, |(_, stand_in)| *stand_in)
        });
        self.handlebars.extend(hidden);
    }

    fn push_tag(&mut self, tag: &str, open: &str, close: &str) {
        let [handlebars_open, handlebars_close] = HANDLEBARS;
        self.start_piece();
        self.written.push_str(open);
        self.handlebars.push_str(handlebars_open);
        self.start_piece();
        self.written.push_str(tag);
        match tag.strip_prefix('!') {
            Some(comment) => self.handlebars.extend("!".chars().chain(blanks(comment))),
            None => self.handlebars.push_str(tag),
        }
        self.start_piece();
        if is_long_comment(tag) {
            self.written.push_str(LONG_COMMENT_END);
        }
        self.written.push_str(close);
        self.handlebars.push_str(handlebars_close);
    }

    fn start_piece(&mut self) {
        self.starts.push((self.handlebars.chars().count(), self.written.chars().count()));
    }
}

/// What Handlebars would read something into, and what stands in for it while Handlebars parses: characters
/// for private use that the text does not have. Escapes would not do: Handlebars has none for some places.
fn stand_ins(text: &str) -> Vec<(char, char)> {
    ['{', '}', '\\']
        .into_iter()
        .zip(('\u{100000}'..='\u{10fffd}').filter(|char| !text.contains(*char)))
        .collect()
}

const LONG_COMMENT_END: &str = "--";

/// Says whether a tag is a comment that may hold the closing delimiter.
fn is_long_comment(tag: &str) -> bool {
    tag.starts_with("!--")
}

/// Splits off a tag; the delimiter that closes it is the next one, whatever stands around it.
fn split_tag<'a>(tail: &'a str, close: &str) -> Result<(&'a str, &'a str), &'static str> {
    let long_close = format!("{LONG_COMMENT_END}{close}");
    let close = if is_long_comment(tail) { &long_close } else { close };
    tail.split_once(close).ok_or("is not closed")
}

/// Makes sure that Handlebars reads a tag as one tag, and not as the end of it and the start of another.
fn check_tag(tag: &str) -> Result<(), &'static str> {
    if tag.starts_with('!') {
        return Ok(());
    }
    if tag.trim().is_empty() {
        return Err("opens an empty tag");
    }
    if HANDLEBARS.iter().any(|delimiter| tag.contains(delimiter)) {
        return Err("opens a tag that holds `{{` or `}}`");
    }
    if leaves_open(tag) { Err("opens a tag with a quote or bracket that is not closed") } else { Ok(()) }
}

/// Says whether a quote or a bracket is still open at the end of a tag: it would go on beyond the tag.
fn leaves_open(tag: &str) -> bool {
    let mut awaited = None;
    let mut chars = tag.chars();
    while let Some(char) = chars.next() {
        match (awaited, char) {
            (None, '"' | '\'') => awaited = Some(char),
            (None, '[') => awaited = Some(']'),
            (Some('"' | '\''), '\\') => drop(chars.next()),
            (Some(end), _) if end == char => awaited = None,
            _ => {}
        }
    }
    awaited.is_some()
}

/// Blanks out a comment: its content has no meaning, but `--` in it would have.
fn blanks(comment: &str) -> impl Iterator<Item = char> {
    comment.chars().map(|char| if char == '\n' { '\n' } else { ' ' })
}

/// Finds line and column after a number of characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let start = (1, 1);
    text.chars().take(offset).fold(start, |(line, column), char| match char {
        '\n' => (line + 1, 1),
        _ => (line, column + 1),
    })
}
