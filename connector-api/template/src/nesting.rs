//! How deep a template is nested: Handlebars takes room on the stack for each level, and would end the process.

use crate::delimited::TemplateSource;
use crate::error::TextFault;

/// So many blocks, branches of `else` and brackets may stand within each other.
const MOST_LEVELS: usize = 64;

/// Refuses a template that is nested deeper than anybody writes.
pub(crate) fn check(source: &TemplateSource) -> Result<(), TextFault> {
    let mut blocks = Blocks::default();
    let (mut rest, mut offset) = (source.handlebars(), 0);
    while let Some((before, tag)) = rest.split_once("{{") {
        offset += before.chars().count() + 2;
        let end = tag.find("}}").unwrap_or(tag.len());
        let (inner, behind) = tag.split_at(end);
        if blocks.enter(inner) + brackets(inner) > MOST_LEVELS {
            let reason = format!("the template is nested deeper than {MOST_LEVELS} levels here");
            return Err(TextFault::new(reason, source.position(offset)));
        }
        offset += inner.chars().count();
        rest = behind;
    }
    Ok(())
}

/// The blocks that are open, each with the branches that it has: each branch stands within the one before.
#[derive(Default)]
struct Blocks(Vec<usize>);

impl Blocks {
    /// Counts a tag, and returns how deep it leads.
    fn enter(&mut self, tag: &str) -> usize {
        let tag = tag.trim_start_matches(['{', '~']).trim_start();
        if tag.starts_with('#') {
            self.0.push(1);
        } else if tag.starts_with('/') {
            self.0.pop();
        } else if (tag.starts_with("else") || tag.starts_with('^'))
            && let Some(branches) = self.0.last_mut()
        {
            *branches += 1;
        }
        self.0.iter().sum()
    }
}

/// Counts the brackets that stand within each other in a tag.
fn brackets(tag: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for char in tag.chars() {
        match char {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}
