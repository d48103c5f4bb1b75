//! What a release is made of, and how it is installed: the scripts of `infra/release`, without a network.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Sluice, root};

/// What the program answers when a release is made of it; packing the true one would take a minute.
const PROGRAM: &str = r#"#!/bin/sh
case $1 in
  --version) echo "sluice 0.1.0" ;;
  completions) echo "completes $2" ;;
  man) mkdir -p "$2" && echo page >"$2/sluice.1" && echo page >"$2/sluice-run.1" ;;
esac
"#;

/// Fetches from a folder, by the last part of the address.
const CURL: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    --output) to=$2 && shift ;;
    https://*) from=$1 ;;
  esac
  shift
done
echo "$from" >>"$FETCHED"
cp "$RELEASE/$(basename "$from")" "$to" 2>/dev/null || exit 22
"#;

/// A machine of some kind, and a release on the folder that stands for the network.
struct Machine(Folder);

impl Machine {
    fn new(system: &str, processor: &str, glibc: &str) -> Self {
        let machine = Self(Folder::new());
        fs::create_dir(machine.path("bin")).unwrap();
        machine.command("bin/program", PROGRAM);
        machine.command("bin/curl", CURL);
        machine.command(
            "bin/uname",
            &format!("#!/bin/sh\n[ \"$1\" = -s ] && echo {system} || echo {processor}\n"),
        );
        machine.command("bin/getconf", &format!("#!/bin/sh\necho {glibc}\n"));
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, name: &str, text: &str) {
        fs::set_permissions(self.0.write(name, text), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes the release for a target, as the workflow does.
    fn release(&self, target: &str) {
        let made = Command::new(root().join("infra/release/archive"))
            .args([self.path("bin/program"), target.into(), self.path("release")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let sums = "cd \"$1\" && sha256sum -- *.tar.gz >SHA256SUMS";
        assert!(
            Command::new("sh").args(["-c", sums, "sh"]).arg(self.path("release")).status().unwrap().success()
        );
    }

    fn install(&self, environment: &[(&str, &str)]) -> Output {
        Command::new("sh")
            .arg(root().join("infra/release/install.sh"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.path("home"))
            .env("RELEASE", self.path("release"))
            .env("FETCHED", self.path("fetched"))
            .env("SLUICE_REPOSITORY", "example/sluice")
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    fn fetched(&self) -> String {
        fs::read_to_string(self.path("fetched")).unwrap_or_default()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_release_of_this_machine_is_installed_with_its_pages() {
    for (system, processor, glibc, target) in [
        ("Linux", "x86_64", "glibc 2.36", "x86_64-unknown-linux-gnu"),
        ("Linux", "aarch64", "glibc 2.34", "aarch64-unknown-linux-gnu"),
        ("Linux", "x86_64", "glibc 2.31", "x86_64-unknown-linux-musl"),
        ("Linux", "aarch64", "", "aarch64-unknown-linux-musl"),
        ("Darwin", "arm64", "", "aarch64-apple-darwin"),
        ("Darwin", "x86_64", "", "x86_64-apple-darwin"),
    ] {
        let machine = Machine::new(system, processor, glibc);
        machine.release(target);
        let output = machine.install(&[]);
        assert!(output.status.success(), "{target}: {}", stderr(&output));
        let at = |name: &str| machine.path("home/.local").join(name);
        assert!(fs::metadata(at("bin/sluice")).unwrap().permissions().mode() & 0o111 != 0);
        for (name, content) in [
            ("share/man/man1/sluice-run.1", "page\n"),
            ("share/bash-completion/completions/sluice", "completes bash\n"),
            ("share/zsh/site-functions/_sluice", "completes zsh\n"),
            ("share/fish/vendor_completions.d/sluice.fish", "completes fish\n"),
        ] {
            assert_eq!(fs::read_to_string(at(name)).unwrap(), content, "{name}");
        }
        assert!(
            machine
                .fetched()
                .contains("https://github.com/example/sluice/releases/latest/download/SHA256SUMS")
        );
    }
}

#[test]
fn what_was_changed_on_the_way_is_not_installed() {
    let machine = Machine::new("Linux", "x86_64", "glibc 2.36");
    machine.release("x86_64-unknown-linux-gnu");
    let archive = machine.path("release/sluice-x86_64-unknown-linux-gnu.tar.gz");
    let mut bytes = fs::read(&archive).unwrap();
    bytes.push(0);
    fs::write(&archive, bytes).unwrap();
    let output = machine.install(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nothing was installed"), "{}", stderr(&output));
    assert!(!machine.path("home/.local/bin/sluice").exists());
}

#[test]
fn what_there_is_not_is_named() {
    let linux = || Machine::new("Linux", "x86_64", "glibc 2.36");
    let there = linux();
    there.release("aarch64-unknown-linux-gnu");
    for (machine, environment, named) in [
        (linux(), &[("SLUICE_REPOSITORY", "")][..], "set SLUICE_REPOSITORY"),
        (linux(), &[("SLUICE_VERSION", "9.9.9")], "releases/download/v9.9.9"),
        (there, &[], "has no sluice-x86_64-unknown-linux-gnu.tar.gz"),
        (Machine::new("Linux", "riscv64", "glibc 2.36"), &[], "the processor riscv64"),
        (Machine::new("FreeBSD", "x86_64", ""), &[], "no release for FreeBSD"),
    ] {
        let output = machine.install(environment);
        assert_eq!(output.status.code(), Some(1), "{named}");
        assert!(stderr(&output).contains(named), "{}", stderr(&output));
        assert!(!machine.path("home/.local/bin/sluice").exists());
    }
}

#[test]
fn an_older_release_goes_where_it_is_told_to() {
    let machine = Machine::new("Linux", "x86_64", "glibc 2.36");
    machine.release("x86_64-unknown-linux-musl");
    let prefix = machine.path("opt");
    let prefix = prefix.to_str().unwrap();
    let output =
        machine.install(&[("SLUICE_PREFIX", prefix), ("SLUICE_VERSION", "v0.1.0"), ("SLUICE_LIBC", "musl")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(machine.path("opt/bin/sluice").exists());
    assert!(machine.fetched().contains("/releases/download/v0.1.0/"), "{}", machine.fetched());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("add {prefix}/bin to your PATH")), "{said}");
}

/// The archive asks the program for these, and the archive's test has a program of its own.
#[test]
fn the_program_makes_what_a_release_packs() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(!Sluice::new(["completions", shell]).output().expect_code(0).stdout.is_empty());
    }
    let folder = Folder::new();
    Sluice::new(["man".as_ref(), folder.path()]).output().expect_code(0);
    assert!(folder.path().join("sluice.1").exists());
}

/// Where `cargo binstall` looks, `install.sh` looks, and the workflow puts it, has to be one place.
#[test]
fn everybody_names_the_archives_alike() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    assert!(
        read("runtime/sluice/Cargo.toml")
            .contains("/releases/download/v{ version }/sluice-{ target }.tar.gz")
    );
    assert!(read("infra/release/archive").contains("name=sluice-$2"));
    assert!(read("infra/release/install.sh").contains("name=sluice-$target"));
    let workflow = read(".github/workflows/release.yml");
    for target in [
        "x86_64-unknown-linux-gnu",
        "aarch64-unknown-linux-gnu",
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-musl",
        "x86_64-apple-darwin",
        "aarch64-apple-darwin",
    ] {
        assert!(workflow.contains(&format!("target: {target},")), "{target}");
    }
    // The C library that the zips of the function are held to is the one that the workflow links against.
    let newest = read("infra/lambda/package");
    let newest = newest.split("\nnewest=").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(workflow.matches(&format!("linux-gnu.2.{newest} }}")).count(), 2);
}
