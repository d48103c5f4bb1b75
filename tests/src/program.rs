//! Programs that a test puts somewhere and runs.
//!
//! Another thread that starts a process at the moment when such a file is written hands the open file on to it, and until that
//! process has its own program the file cannot be run ("Text file busy"). So `install` writes them, and this process has none open.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a script.
#[track_caller]
pub fn write_program(to: &Path, text: &str) {
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(to)
        .stdin(Stdio::piped())
        .spawn()
        .expect("`install`");
    install.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a script");
    assert!(install.wait().expect("its end").success(), "{}", to.display());
}

/// Copies a program.
#[track_caller]
pub fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("install").args(["-m", "755"]).args([from, to]).status().expect("`install`");
    assert!(status.success(), "{}", to.display());
}
