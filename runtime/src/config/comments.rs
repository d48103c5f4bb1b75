//! Whether a file holds comments: they are lost where it is written anew.

use saphyr_parser::{Event, Parser};

/// Says whether there is a comment in YAML, apart from lines at its beginning that begin like this.
pub(crate) fn has_comments(source: &str, but: &str) -> bool {
    let own = |line: &&str| line.starts_with(but);
    let head: usize = source.lines().take_while(own).map(|line| line.chars().count() + 1).sum();
    let mut within: Vec<(usize, usize)> = Vec::new();
    let mut parser = Parser::new_from_str(source);
    while let Some(Ok((event, span))) = parser.next_event() {
        if matches!(event, Event::Scalar(..)) {
            within.push((span.start.index(), span.end.index()));
        }
    }
    let mut scalars = within.into_iter().peekable();
    let mut before = '\n';
    for (index, character) in source.chars().enumerate() {
        while scalars.next_if(|(_, end)| *end <= index).is_some() {}
        let is_text = scalars.peek().is_some_and(|(start, _)| *start <= index);
        if character == '#' && before.is_whitespace() && !is_text && index >= head {
            return true;
        }
        before = character;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_from_texts() {
        for with in
            ["# x\na: 1\n", "a: 1 # x\n", "a: |\n  # text\n# x\nb: 1\n", "a: [1, # x\n2]\n", "a: b\n#"]
        {
            assert!(has_comments(with, "# Written by"), "{with}");
        }
        for without in [
            "a: 'x # y'\nb: c#d\n",
            "a: |\n  # text\n  x\nb: \"\u{17c} # x\"\n",
            "# Written by somebody\na: 1\n",
            "a: >-\n  x\n  # y\n",
            "",
        ] {
            assert!(!has_comments(without, "# Written by"), "{without}");
        }
    }
}
