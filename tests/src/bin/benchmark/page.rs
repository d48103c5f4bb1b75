//! The page that holds the table.

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- The benchmark writes from here -->\n";
const END: &str = "<!-- to here. -->";

/// Puts the report in the place of the one before it; what stands around it stays.
pub(crate) fn write(page: &Path, report: &str) {
    let old =
        fs::read_to_string(page).unwrap_or_else(|error| panic!("cannot read {}: {error}", page.display()));
    let (before, rest) = old.split_once(BEGIN).expect("the page has a place for the report");
    let (_, after) = rest.split_once(END).expect("the place has an end");
    fs::write(page, format!("{before}{BEGIN}\n{report}\n{END}{after}")).expect("the page can be written");
}
