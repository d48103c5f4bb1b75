//! Patterns as Java's `SimpleDateFormat` has them, which Kafka Connect's transforms take, as patterns for strftime.

/// What a run of a letter stands for; the count is that of the letters.
fn specifier(letter: char, count: usize) -> Option<&'static str> {
    Some(match (letter, count) {
        ('y', 2) => "%y",
        ('y', _) => "%Y",
        ('M' | 'L', 1) => "%-m",
        ('M' | 'L', 2) => "%m",
        ('M' | 'L', 3) => "%b",
        ('M' | 'L', _) => "%B",
        ('d', 1) => "%-d",
        ('d', _) => "%d",
        ('D', 3) => "%j",
        ('D', 1) => "%-j",
        ('E', 1..=3) => "%a",
        ('E', _) => "%A",
        ('u', 1) => "%u",
        ('H', 1) => "%-H",
        ('H', _) => "%H",
        ('h', 1) => "%-I",
        ('h', _) => "%I",
        ('m', 1) => "%-M",
        ('m', _) => "%M",
        ('s', 1) => "%-S",
        ('s', _) => "%S",
        ('S', 3) => "%3f",
        ('S', 6) => "%6f",
        ('S', 9) => "%9f",
        ('a', _) => "%p",
        ('Z', _) => "%z",
        ('X', 3) => "%:z",
        ('z', _) => "%Z",
        _ => return None,
    })
}

/// Says whether a text looks like a pattern of Java's: years, months, days or hours are in it, and no `%`.
pub(super) fn is_java(text: &str) -> bool {
    !text.contains('%') && ["yy", "MM", "dd", "HH", "hh", "mm"].iter().any(|run| text.contains(run))
}

/// Translates a pattern, or says which part has no counterpart.
pub(super) fn to_strftime(text: &str) -> Result<String, String> {
    let (mut pattern, mut rest) = (String::with_capacity(2 * text.len()), text);
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            rest = quoted(rest, &mut pattern)?;
            continue;
        }
        let end = rest.find(|char| char != first).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        if first.is_ascii_alphabetic() {
            let found = specifier(first, run.len());
            pattern.push_str(found.ok_or_else(|| format!("`{run}` has no counterpart here"))?);
        } else {
            pattern.push_str(run);
        }
        rest = behind;
    }
    Ok(pattern)
}

/// Takes a text between quotes, of which two stand for one, and returns what is behind it.
fn quoted<'a>(text: &'a str, pattern: &mut String) -> Result<&'a str, String> {
    let inner = text.strip_prefix('\'').unwrap_or(text);
    if let Some(rest) = inner.strip_prefix('\'') {
        pattern.push('\'');
        return Ok(rest);
    }
    let (mut taken, mut rest) = inner.split_once('\'').ok_or("a quote is not closed")?;
    pattern.push_str(taken);
    while let Some(more) = rest.strip_prefix('\'') {
        pattern.push('\'');
        (taken, rest) = more.split_once('\'').ok_or("a quote is not closed")?;
        pattern.push_str(taken);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_java_is_translated() {
        for (java, expected) in [
            ("yyyyMMdd", "%Y%m%d"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "%Y-%m-%dT%H:%M:%S.%3f%:z"),
            ("d MMM yy, h 'o''clock' a", "%-d %b %y, %-I o'clock %p"),
            ("EEEE D''", "%A %-j'"),
        ] {
            assert_eq!(to_strftime(java), Ok(expected.to_owned()), "{java}");
        }
    }

    #[test]
    fn what_has_no_counterpart_is_named() {
        for (java, part) in [("YYYY-ww", "`YYYY`"), ("yyyy G", "`G`"), ("SS", "`SS`"), ("yyyy'", "quote")] {
            assert!(to_strftime(java).is_err_and(|reason| reason.contains(part)), "{java}");
        }
    }
}
