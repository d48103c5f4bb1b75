//! The zip of a function, and what its binary asks of the system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use sluice_tests::connector::Folder;
use sluice_tests::sluice::{binary, root};

/// The C library of `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);

/// Runs a tool and returns what it printed.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Reads a version such as `2.17` or `2.2.5`.
fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

#[test]
fn the_binary_runs_on_the_c_library_of_lambda_and_needs_nothing_else() {
    let headers = printed(Command::new("objdump").arg("-p").arg(binary()));
    let words = headers.split_whitespace();
    let newest = words.filter_map(|word| word.strip_prefix("GLIBC_")).map(version).max().unwrap();
    assert!(newest <= GLIBC, "needs glibc {newest:?}");
    let needed = headers.lines().filter_map(|line| line.trim().strip_prefix("NEEDED"));
    let of_glibc = ["libc.", "libm.", "libgcc_s.", "libdl.", "libpthread.", "librt.", "ld-linux"];
    let others: Vec<_> =
        needed.map(str::trim).filter(|name| !of_glibc.iter().any(|known| name.starts_with(known))).collect();
    assert_eq!(others, [""; 0], "libraries that `provided.al2023` may not have");
}

/// Runs the script with a Cargo that builds nothing but a file.
fn package(args: &[&str]) -> Output {
    let folder = Folder::new();
    let cargo = "#!/bin/sh\nmkdir -p \"$CARGO_TARGET_DIR/release\"\necho binary >\"$CARGO_TARGET_DIR/release/sluice\"\n";
    let rustc = "#!/bin/sh\necho x86_64-unknown-linux-gnu\n";
    for (name, text) in [("cargo", cargo), ("rustc", rustc)] {
        let path = folder.write(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(root().join("infra/lambda/package"));
    command.args(args).env("PATH", path).env("CARGO_TARGET_DIR", folder.path().join("target"));
    command.output().unwrap()
}

#[test]
fn the_package_holds_the_bootstrap_and_one_connector() {
    let built = package(&["--connector", "connectors.d/examples/webhook.yaml"]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert_eq!(String::from_utf8_lossy(&built.stdout), "target/lambda/sluice/bootstrap.zip\n");
    let zip = root().join("target/lambda/sluice/bootstrap.zip");
    let listed = printed(Command::new("zip").arg("-sf").arg(zip));
    let names: Vec<_> = listed.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(names, ["bootstrap", "connectors.d/", "connectors.d/webhook.yaml"]);
    // Whoever packs them, the function is somebody else.
    for (name, mode) in names.iter().zip([0o755, 0o755, 0o644]) {
        let file = root().join("target/lambda/sluice").join(name);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
}

#[test]
fn what_cannot_be_packed_is_said_before_anything_is_built() {
    for (args, said) in [
        (["--arch", "riscv"], "there is no package for riscv"),
        (["--connector", "none.yaml"], "there is no connector none.yaml"),
        (["--zip", "x"], "infra/lambda/package [--arch"),
    ] {
        let output = package(&args);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{output:?}");
    }
}
