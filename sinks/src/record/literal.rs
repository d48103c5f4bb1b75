//! Texts that are taken as they are, and look as if they were meant otherwise.

/// Says whether a text looks like a template of some tool: it has a brace, or `<<`.
pub(crate) fn is_like_a_template(text: &str) -> bool {
    text.contains(['{', '}']) || text.contains("<<")
}

/// Says whether a text looks like a pattern of a date: `%Y` and the like, or `yyyy`.
pub(crate) fn is_like_a_date(text: &str) -> bool {
    let is_letter_of_a_date = |c: char| matches!(c, 'Y' | 'y' | 'M' | 'd' | 'D' | 'H' | 'h' | 'm' | 's');
    let mut runs = text.split(|c: char| !is_letter_of_a_date(c));
    let is_specifier = |(place, _): (usize, &str)| {
        text.get(place + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    runs.any(|run| matches!(run, "YYYY" | "yyyy")) || text.match_indices('%').any(is_specifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_template_or_a_date_is_told() {
        for text in ["{topic}/", "{{topic}}", "!{timestamp:yyyy}/", "<<ticker>>", "a}"] {
            assert!(is_like_a_template(text), "{text}");
        }
        for text in ["%Y", "a-%m-b", "year=yyyy/", "logs-%{+YYYY.MM}", "out-yyyy.log", "'year'=YYYY"] {
            assert!(is_like_a_date(text), "{text}");
        }
        for text in ["", "kafka/", "100%/", "summary/day/", "2026/11/", "myfolder/", "my", "a%"] {
            assert!(!is_like_a_template(text) && !is_like_a_date(text), "{text}");
        }
    }
}
