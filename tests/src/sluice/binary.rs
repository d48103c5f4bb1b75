//! Where the binary is, and that it is built.
//!
//! Cargo tells a test the path of its own package's binaries only, and `cargo test -p sluice-tests` does not
//! build those of another. So the first test of a process asks Cargo for it, which takes 0.3 s when nothing has
//! changed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::root::root;

/// What Cargo sets for the tests that it runs. Build scripts that look at these would be run again.
const OF_THIS_TEST: [&str; 8] = [
    "CARGO_BIN_",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "LD_LIBRARY_PATH",
    "OUT_DIR",
];

/// Returns the path of the binary, built with the profile and in the target directory of this test.
pub(super) fn path() -> &'static Path {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PATH.get_or_init(build).as_ref().unwrap_or_else(|problem| panic!("{problem}"))
}

fn build() -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|error| format!("where is this test? {error}"))?;
    let place = Place::of(&test);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.args(["build", "--locked", "--package=sluice", "--bin=sluice", "--message-format=json"]);
    if let Some(triple) = place.triple {
        cargo.arg("--target").arg(triple);
    }
    cargo.arg("--profile").arg(if place.profile == "debug" { "dev".as_ref() } else { place.profile });
    cargo.arg("--target-dir").arg(place.target).current_dir(root()).stderr(Stdio::piped());
    let foreign = |name: &str| OF_THIS_TEST.iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(foreign)) {
        cargo.env_remove(name);
    }
    let output = cargo.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let executable = said.lines().rev().find_map(executable);
    executable.filter(|_| output.status.success()).ok_or_else(|| {
        format!("the binary `sluice` cannot be built:\n{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// Reads the path from one of Cargo's messages, if it is the one about the binary.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    message.get("executable")?.as_str().map(PathBuf::from)
}

/// Where Cargo put a test: `<target>/[<triple>/]<profile>/deps/<test>`, or without `deps` for a binary.
#[derive(Debug, PartialEq)]
struct Place<'a> {
    target: &'a Path,
    triple: Option<&'a OsStr>,
    profile: &'a OsStr,
}

impl<'a> Place<'a> {
    /// What Cargo leaves in a target directory; the first is only there if Cargo made the directory.
    const MARKS: [&'static str; 2] = ["CACHEDIR.TAG", ".rustc_info.json"];

    fn of(test: &'a Path) -> Self {
        let mut above = test.ancestors().skip(1).skip_while(|folder| folder.ends_with("deps"));
        let profile = above.next().and_then(Path::file_name).unwrap_or_default();
        let target = above.next().unwrap_or(Path::new("target"));
        if Self::MARKS.iter().any(|mark| target.join(mark).exists()) {
            return Self { target, triple: None, profile };
        }
        Self { target: target.parent().unwrap_or(target), triple: target.file_name(), profile }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_target_directory_is_told_from_one_of_a_triple() {
        for mark in Place::MARKS {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path();
            std::fs::write(target.join(mark), "").unwrap();
            let place = |triple, profile| Place { target, triple, profile: OsStr::new(profile) };
            assert_eq!(Place::of(&target.join("debug/deps/test-0")), place(None, "debug"));
            assert_eq!(Place::of(&target.join("release/matrix")), place(None, "release"));
            let triple = "aarch64-unknown-linux-gnu";
            let test = target.join(triple).join("debug/deps/test-0");
            assert_eq!(Place::of(&test), place(Some(OsStr::new(triple)), "debug"));
        }
    }
}
