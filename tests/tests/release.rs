//! What a release is made of, and how it is installed: the scripts of `infra/release` and `infra/container`, without a network.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use sluice_tests::connector::Folder;
use sluice_tests::program::{copy_program, write_program};
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
        write_program(&self.path(name), text);
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

/// Answers as registries do, from a folder: a token by its realm, the list of an image by tag or digest to whoever has the token.
const REGISTRY: &str = r#"#!/bin/bash
while (($#)); do
  case $1 in
    --output) to=$2 && shift ;;
    --dump-header) head=$2 && shift ;;
    --header) if [[ $2 == "Authorization: Bearer let-me-in" ]]; then known=yes; fi && shift ;;
    https://*) url=$1 ;;
  esac
  shift
done
echo "$url" >>"$FETCHED"
if [[ $url == https://auth.example/* ]]; then
  [[ $url == *"service=images&scope=repository:"*":pull" ]] && echo '{ "token": "let-me-in" }' >"$to"
elif [[ -z ${known:-} ]]; then
  printf 'HTTP/2 401\r\nwww-authenticate: Bearer realm="https://auth.example/token",service="images",scope="x"\r\n' >"$head"
  printf 401
elif [[ -e $LISTS/${url##*/} ]]; then
  cp "$LISTS/${url##*/}" "$to" && printf 200
else
  printf 404
fi
"#;

/// A copy of the Containerfiles, and registries on a folder.
struct Bases(Folder);

impl Bases {
    fn new() -> Self {
        let bases = Self(Folder::new());
        for folder in ["container", "lambda", "bin", "lists"] {
            fs::create_dir(bases.0.path().join(folder)).unwrap();
        }
        for file in ["container/Containerfile", "lambda/Containerfile"] {
            fs::copy(root().join("infra").join(file), bases.0.path().join(file)).unwrap();
        }
        copy_program(&root().join("infra/container/bases"), &bases.0.path().join("container/bases"));
        write_program(&bases.0.path().join("bin/curl"), REGISTRY);
        bases
    }

    fn run(&self, mode: &str) -> Output {
        let path = self.0.path();
        Command::new(path.join("container/bases"))
            .arg(mode)
            .env("PATH", format!("{}:/usr/bin:/bin", path.join("bin").display()))
            .env("LISTS", path.join("lists"))
            .env("FETCHED", path.join("fetched"))
            .output()
            .unwrap()
    }

    /// What the registries have under a tag or a digest; returns its digest.
    fn serve(&self, reference: &str, list: &str) -> String {
        let file = self.0.write(&format!("lists/{reference}"), list);
        let sum = Command::new("sha256sum").arg(file).output().unwrap().stdout;
        format!("sha256:{}", String::from_utf8(sum).unwrap().split(' ').next().unwrap())
    }

    fn images(&self) -> Vec<String> {
        let mut found = Vec::new();
        for file in ["container/Containerfile", "lambda/Containerfile"] {
            let text = fs::read_to_string(self.0.path().join(file)).unwrap();
            let named = text.lines().filter(|line| line.starts_with("ARG ") && line.contains("_IMAGE="));
            found.extend(named.map(|line| line.split_once('=').unwrap().1.to_owned()));
        }
        found
    }
}

const BOTH: &str =
    r#"{"manifests": [{"platform": {"architecture": "amd64"}}, {"platform": {"architecture": "arm64"}}]}"#;

/// A tag moves; what is built today has to be built of the same tomorrow.
#[test]
fn what_images_are_built_on_is_named_by_digest() {
    let digest = regex::Regex::new("^[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}$").unwrap();
    let images = Bases::new().images();
    assert_eq!(images.len(), 3, "{images:?}");
    for image in images {
        assert!(digest.is_match(&image), "{image}");
    }
    // Nothing is built on an image that is named elsewhere.
    for file in ["infra/container/Containerfile", "infra/lambda/Containerfile"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for from in text.lines().filter_map(|line| line.strip_prefix("FROM ")) {
            let of = from.split(' ').next().unwrap();
            assert!(["${BUILD_IMAGE}", "${BASE_IMAGE}", "base", "scratch"].contains(&of), "{file}: {from}");
        }
    }
}

#[test]
fn digests_are_looked_up_and_written_in() {
    let bases = Bases::new();
    let now = bases.serve("1.95-slim-bookworm", BOTH);
    bases.serve("nonroot", BOTH);
    bases.serve("2023", BOTH);
    let output = bases.run("--update");
    assert!(output.status.success(), "{}", stderr(&output));
    for image in bases.images() {
        assert!(image.ends_with(&format!("@{now}")), "{image}");
    }
    // Docker Hub answers by another name than the one that images are named by.
    let asked = fs::read_to_string(bases.0.path().join("fetched")).unwrap();
    assert!(
        asked.contains("https://registry-1.docker.io/v2/library/rust/manifests/1.95-slim-bookworm"),
        "{asked}"
    );
    // What was written is there by its digest, too, until a registry has it no more.
    bases.serve(&now, BOTH);
    assert!(bases.run("--check").status.success());
    fs::remove_file(bases.0.path().join("lists").join(&now)).unwrap();
    let output = bases.run("--check");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("does not serve library/rust"), "{}", stderr(&output));
}

#[test]
fn a_base_for_one_processor_or_with_other_content_is_refused() {
    let bases = Bases::new();
    let before = bases.images();
    for tag in ["1.95-slim-bookworm", "nonroot", "2023"] {
        bases.serve(tag, r#"{"manifests": [{"platform": {"architecture": "amd64"}}]}"#);
    }
    let output = bases.run("--update");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("has no image for arm64"), "{}", stderr(&output));
    assert_eq!(bases.images(), before, "nothing is written");
    for image in &before {
        bases.serve(image.split('@').nth(1).unwrap(), BOTH);
    }
    let output = bases.run("--check");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("was asked for"), "{}", stderr(&output));
}

#[test]
fn a_release_has_a_word_on_it() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path().join("infra/release")).unwrap();
    copy_program(&root().join("infra/release/notes"), &folder.path().join("infra/release/notes"));
    folder.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- later\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- two\n\n## 0.1.0\n\n- one\n");
    let notes = |version: &str| {
        Command::new(folder.path().join("infra/release/notes")).arg(version).output().unwrap()
    };
    for (version, says) in [("0.2.0", "### Added\n\n- two\n"), ("0.1.0", "- one\n")] {
        let output = notes(version);
        assert_eq!(String::from_utf8_lossy(&output.stdout), says, "{}", stderr(&output));
    }
    for version in ["0.3.0", "0.1", "0.1.0.1"] {
        let output = notes(version);
        assert_eq!(output.status.code(), Some(1), "{version}");
        assert!(stderr(&output).contains(&format!("no section \"## {version}\"")), "{}", stderr(&output));
    }
}

/// The image is made of the programs that were tried, and of nothing that was built beside them.
#[test]
fn the_image_of_a_release_holds_the_programs_of_the_release() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let workflow = read(".github/workflows/release.yml");
    assert_eq!(workflow.matches("target: released\n").count(), 2);
    assert!(workflow.contains("image/sluice-$PROCESSOR"));
    assert!(workflow.contains("path: dist/image,"));
    assert!(workflow.contains("infra/container/bases --check"));
    assert!(
        read("infra/container/Containerfile").contains("COPY --chmod=755 dist/image/sluice-${TARGETARCH} ")
    );
    assert!(read(".dockerignore").lines().any(|line| line == "!dist/image"));
}
