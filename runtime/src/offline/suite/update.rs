//! Writes what was found into a file of tests as what is expected from now on.

use serde_json::Value;

use crate::config::yaml_writer::to_yaml;
use crate::offline::suite::cases::CasePlace;

/// Replaces the `expect` of tests in the text of their file, or adds it, and leaves all else as it is. Says which line cannot
/// be changed.
pub fn updated(text: &str, mut changes: Vec<(CasePlace, Value)>) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the last one up, so that the places of those before it hold.
    changes.sort_by_key(|(place, _)| std::cmp::Reverse(place.begin.line));
    for (place, expect) in changes {
        let margin = place.begin.column.saturating_sub(1);
        must_be_a_block(&lines, place)?;
        let end = end_of(&lines, place.begin.line, margin);
        let (from, to) = place
            .expect
            .map_or((end, end), |expect| (expect.line - 1, end_of(&lines, expect.line, margin + 1)));
        let mut block = vec![format!("{}expect:", " ".repeat(margin))];
        block.extend(to_yaml(&expect, margin + 2).lines().map(str::to_owned));
        lines.splice(from..to, block);
    }
    Ok(lines.join("\n") + "\n")
}

/// A test that is written in one line, or whose `expect` does not begin a line, is not taken apart.
fn must_be_a_block(lines: &[String], place: CasePlace) -> Result<(), String> {
    let before = |line: usize, column: usize| -> String {
        lines.get(line - 1).map(|text| text.chars().take(column - 1).collect()).unwrap_or_default()
    };
    let first = before(place.begin.line, place.begin.column);
    let begins = first.chars().all(|c| c == ' ' || c == '-');
    let expects = place
        .expect
        .is_none_or(|expect| before(expect.line, expect.column).chars().all(|c| c == ' ' || c == '-'));
    if begins && expects && place.expect.is_none_or(|expect| expect.line > place.begin.line) {
        return Ok(());
    }
    Err(format!(
        "line {}: the test is not written as a block with `expect` on a line of its own, so that it cannot be updated",
        place.begin.line
    ))
}

/// Returns the index of the line behind a block: its lines are indented by `margin` columns at least. Empty lines at its end
/// are not part of it.
fn end_of(lines: &[String], first: usize, margin: usize) -> usize {
    let mut end = first;
    for (index, line) in lines.iter().enumerate().skip(first) {
        if line.trim().is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        if indent < margin {
            break;
        }
        end = index + 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::problem::Position;

    const TEXT: &str = "\
# Comment
tests:
  - name: one
    expect:
      requests: []

    # about the records
    records: [{ value: 1 }]

  - name: two
    records:
      - value: 2

# the end
";

    fn place(begin: (usize, usize), expect: Option<(usize, usize)>) -> CasePlace {
        let position = |(line, column)| Position { line, column };
        CasePlace { begin: position(begin), expect: expect.map(position) }
    }

    #[test]
    fn what_is_expected_is_replaced_or_added_and_all_else_stays() {
        let changes = vec![
            (place((3, 5), Some((4, 5))), json!({ "requests": [{ "a": 1 }] })),
            (place((10, 5), None), json!({ "records": [] })),
        ];
        let expected = TEXT
            .replace("      requests: []\n", "      requests:\n        - a: 1\n")
            .replace("      - value: 2\n", "      - value: 2\n    expect:\n      records: []\n");
        assert_eq!(updated(TEXT, changes).unwrap(), expected);
    }

    #[test]
    fn a_test_in_one_line_is_left_alone_and_said() {
        let text = "tests:\n  - { name: one, records: [], expect: {} }\n";
        let error = updated(text, vec![(place((2, 7), Some((2, 32))), json!({}))]).unwrap_err();
        assert!(error.starts_with("line 2: the test is not written as a block"), "{error}");
    }
}
