//! What is wrong with a template that does not parse, in words of its author.

use handlebars::{TemplateError, TemplateErrorReason};

use crate::delimited::{HANDLEBARS, TemplateSource};
use crate::error::TextFault;

/// Explains why a template does not parse. Handlebars knows the place and the rules of its grammar that might
/// have gone on there; an author wants to hear which tag or block is left open.
pub(crate) fn explain(source: &TemplateSource, error: &TemplateError) -> TextFault {
    let (line, column) = error.pos().unwrap_or((1, 1));
    let at = source.offset(line, column);
    let (reason, at) = match error.reason() {
        TemplateErrorReason::InvalidSyntax(_) => unexpected(source, at),
        TemplateErrorReason::MismatchingClosedHelper(opened, closed) => {
            (format!("`/{}` closes the block `{}`", unquoted(closed), unquoted(opened)), at)
        }
        other => (other.to_string(), at),
    };
    TextFault::new(reason, source.position(at))
}

fn unexpected(source: &TemplateSource, at: usize) -> (String, usize) {
    let next: String = source.rest_of_tag(at).chars().take(16).collect();
    match next.lines().next().map(str::trim).filter(|next| !next.is_empty()) {
        Some(next) => (format!("a tag cannot go on with `{next}`{}", way_out(next)), at),
        None => unfinished(source.handlebars()).unwrap_or_else(|| ("a tag cannot end here".to_owned(), at)),
    }
}

/// Says what to write in the place of what other dialects have.
fn way_out(next: &str) -> &'static str {
    let is_name = |rest: &str| rest.starts_with(|first: char| first.is_alphabetic() || first == '_');
    if next.starts_with('|') {
        "; there are no filters: a helper stands before what it takes, as in `{{default name \"none\"}}`"
    } else if next.strip_prefix('.').is_some_and(is_name) {
        "; a field is written without a dot before it"
    } else {
        ""
    }
}

/// Finds what is open at the end of a template: a tag, or else the innermost block.
fn unfinished(handlebars: &str) -> Option<(String, usize)> {
    let [open, close] = HANDLEBARS;
    let mut blocks = Vec::new();
    for (at, _) in handlebars.match_indices(open) {
        let tag = handlebars.get(at + open.len()..)?;
        let offset = handlebars.get(..at)?.chars().count();
        let Some((tag, _)) = tag.split_once(close) else {
            return Some(("a tag is not closed".to_owned(), offset));
        };
        let tag = tag.trim_start_matches('~');
        if let Some(name) = tag.strip_prefix('#') {
            let name = name.split_whitespace().next().unwrap_or_default();
            blocks.push((format!("the block `{name}` is not closed"), offset));
        } else if tag.starts_with('/') {
            blocks.pop();
        }
    }
    blocks.pop()
}

/// Handlebars shows what is not a name in Rust's notation.
fn unquoted(name: &str) -> &str {
    name.trim_matches('"')
}
