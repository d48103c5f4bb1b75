//! The fault matrix in its short form; `cargo run -p sluice-tests --bin fault-matrix` runs single cases and the long
//! form.
#![allow(clippy::print_stderr, reason = "a seed is for whoever repeats a failure")]

use sluice_tests::matrix::{self, MatrixOptions};

#[test]
fn whatever_fails_nothing_is_lost_and_order_holds() {
    let plan = MatrixOptions {
        long: false,
        seed: fastrand::u64(..),
        only: Vec::new(),
        parallel: 6,
        servers: false,
        program: None,
    };
    eprintln!("seed {}", plan.seed);
    let Some(report) = matrix::run(&plan, |row| eprintln!("{row}")) else { return };
    let broken: Vec<_> = report.rows.iter().filter(|row| !row.holds()).map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
