//! Every command that the documentation shows is one that there is, with the options that it is shown with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sluice_tests::sluice::{Sluice, root};

/// How a command begins on a page.
const BEGINNINGS: [&str; 4] = ["sluice ", "cargo run -q -- ", "cargo run -- ", "cargo run --quiet -- "];
/// What ends a command, or says where its output goes.
const ENDS: [char; 7] = ['`', '|', ')', ';', '&', '>', '#'];

#[test]
fn every_command_of_the_documentation_is_one_that_there_is() {
    let commands = documented();
    assert!(commands.len() > 40, "{commands:?}");
    for words in commands {
        let mut arguments = words.clone();
        arguments.push("--help".to_owned());
        let ended = Sluice::new(&arguments).output();
        assert_eq!(ended.code, Some(0), "{}: {ended}", words.join(" "));
    }
}

/// Returns the words of every command of every page, each once.
fn documented() -> BTreeSet<Vec<String>> {
    let mut pages = Vec::new();
    for place in ["README.md", "CONTRIBUTING.md", "docs", "infra", "connectors.d", "runtime/plugin-template"]
    {
        collect(&root().join(place), &mut pages);
    }
    let mut commands = BTreeSet::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap().replace("\\\n", " ");
        for line in code_of(&text) {
            commands.extend(commands_in(&line));
        }
    }
    commands
}

fn collect(place: &Path, pages: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in std::fs::read_dir(place).unwrap() {
            collect(&entry.unwrap().path(), pages);
        }
    } else if place.extension().is_some_and(|extension| extension == "md") {
        pages.push(place.to_owned());
    }
}

/// Returns the lines of blocks of code, and what stands between backticks elsewhere.
fn code_of(page: &str) -> Vec<String> {
    let mut code = Vec::new();
    let mut is_fenced = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || line.starts_with("    ") {
            code.push(line.trim_start().trim_start_matches("$ ").to_owned());
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

fn commands_in(line: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for beginning in BEGINNINGS {
        for (start, _) in line.match_indices(beginning) {
            let (before, rest) = line.split_at(start);
            let before = before.chars().next_back();
            if !before.is_none_or(|before| matches!(before, ' ' | '(')) {
                continue;
            }
            let rest = rest.strip_prefix(beginning).unwrap();
            let words = words(rest.split(ENDS).next().unwrap());
            // Versions, files and the names of packages are none.
            let is_command =
                |word: &String| word.len() > 1 && word.chars().all(|each| each.is_ascii_lowercase());
            if words.first().is_some_and(is_command) {
                commands.push(words);
            }
        }
    }
    commands
}

/// Splits a command at its spaces, but for those between quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in command.split(['"', '\'']).enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
