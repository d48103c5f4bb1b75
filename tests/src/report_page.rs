//! The page that holds the tables of a benchmark, between two marks.

use std::fs;
use std::path::Path;

const END: &str = "<!-- to here. -->";

/// Puts the report in the place of the one before it, which begins behind the line `<!-- WRITER writes from here -->`; what stands
/// around it stays.
pub fn write(page: &Path, writer: &str, report: &str) {
    let old =
        fs::read_to_string(page).unwrap_or_else(|error| panic!("cannot read {}: {error}", page.display()));
    let begin = format!("<!-- {writer} writes from here -->\n");
    let (before, rest) = old.split_once(&begin).expect("the page has a place for the report");
    let (_, after) = rest.split_once(END).expect("the place has an end");
    fs::write(page, format!("{before}{begin}\n{report}\n{END}{after}")).expect("the page can be written");
}
