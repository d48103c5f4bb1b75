//! The comparison with peers in its short form: what it measures of few records on a busy machine means nothing, but it works, and all
//! send the same lines. It takes some seconds, since each contender is a process that joins a group.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};

use sluice_tests::requirement::{is_required, tell};
use sluice_tests::sluice::binary;

/// Runs the comparison with the Sluice of this test.
fn peers(arguments: &[&str]) -> (Output, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peers"));
    let output = command.args(arguments).arg("--sluice").arg(binary()).output().unwrap();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, table)
}

#[track_caller]
fn measured(arguments: &[&str]) -> String {
    let (output, table) = peers(arguments);
    assert!(output.status.success(), "{arguments:?}\n{table}\n{}", String::from_utf8_lossy(&output.stderr));
    table
}

/// Finds the cells behind what a row begins with.
#[track_caller]
fn row<'a>(table: &'a str, label: &str) -> Vec<&'a str> {
    let row = table.lines().find(|line| line.starts_with('|') && line.contains(label));
    row.unwrap_or_else(|| panic!("no row `{label}` in\n{table}")).split('|').map(str::trim).collect()
}

#[test]
fn sluice_is_measured_beside_a_bare_loop_whatever_the_sink() {
    for sink in ["http", "file", "blackhole"] {
        let contenders = if sink == "file" { "sluice,sluice-again" } else { "sluice,sluice-again,bare" };
        let table = measured(&[
            "--embedded",
            "--records=4000",
            "--rounds=1",
            "--sink",
            sink,
            "--contenders",
            contenders,
        ]);
        for label in contenders.split(',').map(|id| if id == "bare" { "Bare loop" } else { "**Sluice**" }) {
            let cells = row(&table, label);
            let rate: f64 = cells.get(3).unwrap().parse().unwrap();
            assert!(rate > 0.0 && rate.is_finite(), "{table}");
        }
        assert_eq!(table.contains("All made the same lines"), sink != "blackhole", "{table}");
    }
}

#[test]
fn latency_is_measured_at_a_rate_and_at_parts_of_what_the_slowest_can_do() {
    let arguments = "latency --embedded --contenders=sluice,bare-post --rate=200 --percent=50 --seconds=1 --latency-rounds=1 \
                     --capacity-records=4000";
    let table = measured(&arguments.split_whitespace().collect::<Vec<_>>());
    let at_a_rate: Vec<&str> = table.lines().filter(|line| line.starts_with("| 200 |")).collect();
    assert_eq!(at_a_rate.len(), 2, "{table}");
    let parts = table.lines().filter(|line| line.starts_with("| ") && line.contains("**Sluice**")).count();
    assert_eq!(parts, 2, "{table}");
    for line in at_a_rate {
        let times = line.split('|').skip(3).take(3).map(|cell| cell.trim().parse::<f64>().unwrap());
        let times: Vec<f64> = times.collect();
        assert!(times.is_sorted() && times.first().is_some_and(|time| *time > 0.0), "{table}");
    }
    assert!(!table.contains("never came"), "{table}");
}

#[test]
fn a_contender_that_cannot_be_had_is_told_and_fails_only_what_is_strict() {
    let run = |strict: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peers"));
        command.args([
            "--embedded",
            "--records=200",
            "--rounds=1",
            "--contenders=sluice,bare",
            "--sluice=/nowhere",
        ]);
        command.args(strict).output().unwrap()
    };
    let output = run(&[]);
    let (table, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("CANNOT BE HAD, AND DOES NOT RUN: sluice"), "{said}");
    assert!(table.contains("sluice is not in the table"), "{table}");
    assert!(!run(&["--strict"]).status.success());
}

#[test]
fn the_page_keeps_what_stands_around_the_tables() {
    let page = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        page.path(),
        "above\n<!-- The comparison writes from here -->\nold\n<!-- to here. -->\nbelow\n",
    )
    .unwrap();
    let path = page.path().to_str().unwrap();
    let table = measured(&["--embedded", "--records=200", "--rounds=1", "--contenders=bare", "--page", path]);
    let written = fs::read_to_string(page.path()).unwrap();
    assert!(written.starts_with("above\n") && written.ends_with("<!-- to here. -->\nbelow\n"), "{written}");
    assert!(written.contains(table.trim()) && !written.contains("old"), "{written}");
}

/// Says whether all peers are asked for, which are fetched then, or that the test did not run.
fn are_asked_for(test: &str) -> bool {
    let is_asked = is_required("SLUICE_REQUIRE_PEERS");
    if !is_asked {
        tell(&format!("DID NOT RUN for want of SLUICE_REQUIRE_PEERS=1, which fetches the peers: {test}\n"));
    }
    is_asked
}

#[test]
fn all_peers_send_the_same_lines() {
    if !are_asked_for("all_peers_send_the_same_lines") {
        return;
    }
    for (sink, contenders) in [("http", 9), ("file", 7), ("blackhole", 8)] {
        let table = measured(&["--strict", "--records=5000", "--rounds=1", "--sink", sink]);
        assert_eq!(table.lines().filter(|line| line.starts_with("| ")).count() - 1, contenders, "{table}");
    }
}

#[test]
fn every_part_of_the_whole_measurement_runs() {
    if are_asked_for("every_part_of_the_whole_measurement_runs") {
        let table = measured(&["all", "--strict", "--divide=1000"]);
        assert!(table.matches("\n### ").count() >= 17, "{table}");
    }
}
