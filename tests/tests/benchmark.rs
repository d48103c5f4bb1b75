//! The benchmark in its short form: what it measures of small numbers on a busy machine means nothing, but it works.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;

#[test]
fn the_benchmark_measures_sluice_beside_a_bare_loop() {
    let benchmark = env!("CARGO_BIN_EXE_benchmark");
    let arguments = [
        "--embedded",
        "--records",
        "20000",
        "--partitions",
        "2",
        "--rounds",
        "2",
        "--idle",
        "1",
        "--with-page",
    ];
    let output = Command::new(benchmark).args(arguments).output().unwrap();
    let (table, problems) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{problems}");
    assert!(table.contains("| Page open | Closed | Ratio |"), "{table}");
    // Not the processor's time: of so few records it may be none.
    for row in ["Records a second", "Peak RSS, MiB", "Process start to first record, ms"] {
        let row = table.lines().find(|line| line.starts_with(&format!("| {row} |")));
        let cells: Vec<&str> = row.unwrap_or_else(|| panic!("{table}")).split('|').map(str::trim).collect();
        for ratio in cells.get(5..7).unwrap() {
            let ratio: f64 = ratio.split(' ').next().unwrap().parse().unwrap();
            assert!(ratio > 0.0 && ratio.is_finite(), "{table}");
        }
    }
}
