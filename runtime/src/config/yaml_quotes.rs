//! Texts in quotes that have the quote in them.

/// Finds a quote that ends a text in the middle of it, since the text has that quote in it: the column, from 1, and what to do.
pub(super) fn quote_within_quotes(text: &str) -> Option<(usize, String)> {
    let characters: Vec<char> = text.chars().collect();
    let (mut open, mut before) = (None, ' ');
    let mut index = 0;
    while let Some(character) = characters.get(index).copied() {
        let next = characters.get(index + 1).copied();
        match open {
            None if character == '#' && before == ' ' => return None,
            None if matches!(character, '"' | '\'') && matches!(before, ' ' | '{' | '[' | ',') => {
                open = Some(character);
            }
            Some('"') if character == '\\' => index += 1,
            Some('\'') if character == '\'' && next == Some('\'') => index += 1,
            Some(quote) if quote == character => {
                if next.is_some_and(|next| !matches!(next, ' ' | '\t' | ',' | '}' | ']' | ':')) {
                    let write = if quote == '"' { "write \\\" for it" } else { "write it twice" };
                    let other = if quote == '"' { "single" } else { "double" };
                    let text =
                        format!("this quote ends the text; {write}, or put the text in {other} quotes");
                    return Some((index + 1, text));
                }
                open = None;
            }
            None | Some(_) => {}
        }
        before = character;
        index += 1;
    }
    None
}
