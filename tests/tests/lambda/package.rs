//! The zip of a function, and what its binary asks of the system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use sluice_tests::connector::Folder;
use sluice_tests::program::write_program;
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

/// Builds nothing, writes down what it was asked, and puts a program that is there where Cargo, or the engine, would put it.
const BUILDS: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
out=$CARGO_TARGET_DIR/release
case "$*" in
  *--output*) out=$(echo "$*" | sed 's/.*dest=\([^ ]*\).*/\1/') ;;
  *--target*) out=$CARGO_TARGET_DIR/$(echo "$*" | sed 's/.*--target \([^ ]*\).*/\1/; s/\.2\.34$//')/release ;;
esac
mkdir -p "$out"
cp "${BUILT:-/bin/true}" "$out/sluice"
"#;

/// What the script finds on the machine, and what it did with it.
struct Machine {
    folder: Folder,
    environment: Vec<(&'static str, String)>,
}

impl Machine {
    /// One of this kind, which Rust calls so, with these commands beside Cargo.
    fn new(host: &str, commands: &[&str]) -> Self {
        let machine = Self { folder: Folder::new(), environment: Vec::new() };
        machine.command("cargo", BUILDS);
        machine.command("rustc", &format!("#!/bin/sh\necho {host}\n"));
        for command in commands {
            machine.command(command, BUILDS);
        }
        machine
    }

    fn command(&self, name: &str, text: &str) {
        write_program(&self.folder.path().join(name), text);
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn package(&self, args: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(root().join("infra/lambda/package"));
        // Nothing else that may be on the machine of the test, such as an engine of containers.
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        command.args(args).env("PATH", path).env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        command.env("CALLS", self.folder.path().join("calls")).env_remove("CC");
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.output().unwrap()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
    }
}

const LINUX: &str = "x86_64-unknown-linux-gnu";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn listed(zip: &str) -> Vec<String> {
    let zip = root().join("target/lambda/sluice").join(zip);
    let listed = printed(Command::new("zip").arg("-sf").arg(zip));
    listed.lines().filter_map(|line| line.strip_prefix("  ").map(str::to_owned)).collect()
}

/// The scripts write into the checkout, one at a time.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn the_package_holds_the_bootstrap_and_one_connector() {
    let _alone = ONE_AT_A_TIME.lock();
    let built = Machine::new(LINUX, &[]).package(&["--connector", "connectors.d/examples/webhook.yaml"]);
    assert!(built.status.success(), "{}", said(&built));
    assert_eq!(String::from_utf8_lossy(&built.stdout), "target/lambda/sluice/bootstrap.zip\n");
    let names = listed("bootstrap.zip");
    assert_eq!(names, ["bootstrap", "connectors.d/", "connectors.d/webhook.yaml"]);
    assert_eq!(listed("send.zip"), ["bootstrap", "sluice", "connectors.d/", "connectors.d/webhook.yaml"]);
    // Whoever packs them, the function is somebody else.
    for (name, mode) in names.iter().zip([0o755, 0o755, 0o644]) {
        let file = root().join("target/lambda/sluice").join(name);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
}

#[test]
fn what_cannot_be_packed_is_said_before_anything_is_built() {
    for (args, named) in [
        (["--arch", "riscv"], "there is no package for riscv"),
        (["--connector", "none.yaml"], "there is no connector none.yaml"),
        (["--zip", "x"], "infra/lambda/package [--arch"),
        (["--build", "magic"], "there is no build magic"),
    ] {
        let machine = Machine::new(LINUX, &[]);
        let output = machine.package(&args);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(named), "{output:?}");
        assert_eq!(machine.calls(), "");
    }
}

#[test]
fn a_binary_that_asks_for_a_newer_c_library_is_not_packed() {
    let _alone = ONE_AT_A_TIME.lock();
    fs::remove_dir_all(root().join("target/lambda/sluice")).ok();
    for (shown, named) in [
        ("file format elf64-x86-64\n0x09 0x00 07 GLIBC_2.39\n0x09 0x00 07 GLIBC_2.4", "needs glibc 2.39"),
        ("file format elf64-littleaarch64\n0x09 0x00 07 GLIBC_2.35", "--build zig or --build container"),
        ("file format elf64-x86-64\n", "names no version of the C library"),
        ("file format mach-o arm64\n", "no program for Linux"),
    ] {
        let machine = Machine::new(LINUX, &[]);
        machine.command("objdump", &format!("#!/bin/sh\nprintf '%s' '{shown}'\n"));
        let output = machine.package(&[]);
        assert_eq!(output.status.code(), Some(2), "{shown}");
        assert!(said(&output).contains(named), "{}", said(&output));
        assert!(!root().join("target/lambda/sluice").exists(), "{shown}: nothing is packed");
    }
}

#[test]
fn zig_links_against_the_c_library_of_the_runtime() {
    let _alone = ONE_AT_A_TIME.lock();
    for (arch, triple) in [("x86_64", "x86_64-unknown-linux-gnu"), ("arm64", "aarch64-unknown-linux-gnu")] {
        let machine = Machine::new(LINUX, &[]);
        let output = machine.package(&["--arch", arch, "--build", "zig"]);
        assert!(output.status.success(), "{}", said(&output));
        let asked = format!(
            "cargo zigbuild --locked --release --package sluice --bin sluice --no-default-features --features kafka,opensearch \
             --target {triple}.2.34\n"
        );
        assert_eq!(machine.calls(), asked);
    }
}

/// Sinks that are large are left out of a function that does not use them.
#[test]
fn a_build_has_the_plug_ins_that_the_connector_names() {
    let _alone = ONE_AT_A_TIME.lock();
    for (args, features) in [
        (&["--connector", "connectors.d/msk/stock-prices.yaml"][..], "kafka,opensearch"),
        (&["--connector", "connectors.d/examples/orders-table.yaml"], "kafka,opensearch,postgres"),
        (&["--everything"], "kafka,opensearch,parquet,postgres"),
        (&["--everything", "--build", "container"], "kafka,opensearch,parquet,postgres"),
    ] {
        let machine = Machine::new(LINUX, &["podman"]);
        let output = machine.package(args);
        assert!(output.status.success(), "{}", said(&output));
        let calls = machine.calls().replace("--build-arg FEATURES=", "--features ");
        assert!(
            calls.contains(&format!("--features {features} "))
                || calls.contains(&format!("--features {features}\n")),
            "{calls}"
        );
    }
    // Each is one of the program, and all of them are in what everybody else builds; a sink that is added is added here, too.
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let default = |path: &str| {
        let text = read(path);
        let line = text.lines().find(|line| line.starts_with("default = ")).unwrap();
        line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let (script, program) = (read("infra/lambda/package"), read("runtime/sluice/Cargo.toml"));
    let named = default("runtime/sluice/Cargo.toml");
    assert!(named.len() > 3, "{named:?}");
    assert_eq!(named, default("sinks/Cargo.toml"));
    for feature in named {
        assert!(program.contains(&format!("{feature} = [\"sluice-sinks/{feature}\"]")), "{feature}");
        assert!(script.contains(&feature), "{feature}");
    }
}

#[test]
fn a_machine_without_a_build_that_fits_takes_another_one_that_is_at_hand() {
    let _alone = ONE_AT_A_TIME.lock();
    let mac = "aarch64-apple-darwin";
    for (host, arch, commands, called) in [
        (mac, "arm64", &["cargo-zigbuild", "podman"][..], "cargo zigbuild"),
        (mac, "x86_64", &["podman", "docker"], "podman build --platform linux/amd64"),
        (mac, "arm64", &["docker"], "docker build --platform linux/arm64"),
        (LINUX, "arm64", &["aarch64-linux-gnu-gcc", "cargo-zigbuild"], "cargo build"),
        (LINUX, "arm64", &["cargo-zigbuild"], "cargo zigbuild"),
        (LINUX, "x86_64", &["cargo-zigbuild", "podman"], "cargo build"),
    ] {
        let machine = Machine::new(host, commands);
        let output = machine.package(&["--arch", arch]);
        assert!(output.status.success(), "{host} {arch}: {}", said(&output));
        assert!(machine.calls().starts_with(called), "{host} {arch}: {}", machine.calls());
    }
    let output = Machine::new(mac, &[]).package(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("pip install cargo-zigbuild ziglang"), "{}", said(&output));
}

#[test]
fn the_same_content_makes_the_same_zip() {
    let _alone = ONE_AT_A_TIME.lock();
    let zip = || {
        assert!(Machine::new(LINUX, &[]).package(&[]).status.success());
        ["bootstrap.zip", "send.zip"]
            .map(|name| fs::read(root().join("target/lambda/sluice").join(name)).unwrap())
    };
    assert_eq!(zip(), zip());
    let other = Machine::new(LINUX, &[]).with("BUILT", "/bin/false");
    let before = zip();
    assert!(other.package(&[]).status.success());
    assert_ne!(before[0], fs::read(root().join("target/lambda/sluice/bootstrap.zip")).unwrap());
}
