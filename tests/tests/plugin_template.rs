//! The template of a program of one's own keeps its word: it is short, and what its page says to do is what CI does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use sluice_tests::sluice::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn main_is_ten_lines_and_the_sink_is_under_sixty() {
    let main = read("runtime/plugin-template/src/main.rs");
    assert!(main.lines().count() <= 10, "main.rs has {} lines", main.lines().count());
    let sink = read("runtime/plugin-template/src/folder.rs");
    let sink = sink.split("\n#[cfg(test)]").next().unwrap();
    assert!(sink.lines().count() < 60, "the sink has {} lines", sink.lines().count());
}

/// The script calls the programs that Cargo built, where the page has Cargo run them.
#[test]
fn every_command_of_the_page_is_run_by_the_checks() {
    let (page, script) = (read("runtime/plugin-template/README.md"), read(".ci/plugin-template"));
    let blocks = page.split("```").skip(1).step_by(2);
    let commands: Vec<_> = blocks.flat_map(|block| block.lines().skip(1)).collect();
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        let run = match command.strip_prefix("cargo run -- ") {
            Some(demo) if demo.starts_with("demo") => format!("\"$sluice\" {demo}"),
            Some(arguments) => format!("\"$acme\" {arguments}"),
            None => command.replace("../acme-sluice", "\"$copy\""),
        };
        assert!(script.contains(&run), "`{run}` is not in .ci/plugin-template");
    }
}
