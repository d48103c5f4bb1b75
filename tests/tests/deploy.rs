//! `infra/deploy` and `infra/destroy`, with an `aws` that writes down what it is asked and answers what it must.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use sluice_tests::sluice::root;
use tempfile::TempDir;

/// Answers as the CLI does. The bucket for code is not there yet; `FAIL` names a command that fails.
const AWS: &str = r#"#!/usr/bin/env bash
printf '%s\n' "$*" >>"$CALLS"
if [[ -n ${FAIL:-} && $* == "$FAIL"* ]]; then echo "refused" >&2; exit 254; fi
case $* in
  "sts get-caller-identity"*) echo 123456789012 ;;
  "s3api head-bucket"*) exit 254 ;;
  "cloudformation describe-stacks"*FailureBucket*) echo the-failures ;;
esac
"#;

/// A folder with the stub, what it was asked, and a package to deploy.
struct Stub {
    folder: TempDir,
}

impl Stub {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let aws = folder.path().join("aws");
        fs::write(&aws, AWS).unwrap();
        fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("package.zip"), "a package").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, script: &str, args: &[&str], fail: &str) -> Output {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        Command::new(root().join("infra").join(script))
            .args(args)
            .current_dir(root())
            .env("PATH", path)
            .env("CALLS", self.path("calls"))
            .env("FAIL", fail)
            .env("AWS_REGION", "eu-central-1")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn deploy(&self, args: &[&str], fail: &str) -> Output {
        let zip = self.path("package.zip").display().to_string();
        self.run("deploy", &[&["--zip", &zip], args].concat(), fail)
    }

    /// What was asked, in order, by the first two words of each call.
    fn calls(&self) -> Vec<String> {
        let first_two = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        self.log().lines().map(first_two).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const DEPLOYING: [&str; 7] = [
    "sts get-caller-identity",
    "s3api head-bucket",
    "s3 mb",
    "s3 cp",
    "cloudformation package",
    "cloudformation deploy",
    "cloudformation describe-stacks",
];

#[test]
fn deploying_uploads_code_and_templates_and_then_makes_the_stack() {
    let stub = Stub::new();
    let output = stub.deploy(&["--stack", "prices", "AlarmEmail=me@example.com"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stub.calls(), DEPLOYING);
    let log = stub.log();
    let key = log.split("s3://sluice-code-123456789012-eu-central-1/").nth(1).unwrap();
    let key = key.split('\n').next().unwrap();
    assert!(key.starts_with("prices/"), "{log}");
    let parameters = format!(
        "CodeBucket=sluice-code-123456789012-eu-central-1 CodeKey={key} Architecture=x86_64 ConnectorName=stock-prices AlarmEmail=me@example.com"
    );
    assert!(log.contains(&parameters), "{log}");
}

#[test]
fn other_code_has_another_key() {
    let stub = Stub::new();
    stub.deploy(&[], "");
    let first = stub.log();
    fs::remove_file(stub.path("calls")).unwrap();
    stub.deploy(&[], "");
    let key =
        |log: &str| log.split("CodeKey=").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    assert_eq!(key(&first), key(&stub.log()), "the same code");
    fs::write(stub.path("package.zip"), "another package").unwrap();
    fs::remove_file(stub.path("calls")).unwrap();
    stub.deploy(&[], "");
    assert_ne!(key(&first), key(&stub.log()));
}

#[test]
fn a_step_that_fails_ends_the_deployment() {
    for (step, command) in
        DEPLOYING.iter().enumerate().filter(|(_, command)| **command != "s3api head-bucket")
    {
        let stub = Stub::new();
        let output = stub.deploy(&[], command);
        assert!(!output.status.success(), "{command}");
        assert_eq!(stub.calls(), DEPLOYING[..=step], "nothing follows {command}");
    }
}

#[test]
fn a_dry_run_asks_nobody_and_shows_every_step() {
    let stub = Stub::new();
    let output = stub.run("deploy", &["--dry-run"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stub.log(), "");
    let shown = String::from_utf8(output.stdout).unwrap();
    for command in ["infra/lambda/package", "aws s3 mb", "aws s3 cp", "aws cloudformation deploy"] {
        assert!(shown.contains(command), "{shown}");
    }
    let output = stub.run("destroy", &["--dry-run"], "");
    assert!(output.status.success() && stub.log().is_empty(), "{}", stderr(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("aws cloudformation delete-stack"));
}

#[test]
fn what_is_not_understood_is_named_before_anything_is_done() {
    let stub = Stub::new();
    let cases: [(&[&str], &str); 4] = [
        (&["--stak", "prices"], "--stak"),
        (&["--stack", "Prices!"], "Prices!"),
        (&["--connector", "nowhere.yaml"], "nowhere.yaml"),
        (&["--zip", "nowhere.zip"], "nowhere.zip"),
    ];
    for (args, named) in cases {
        let output = stub.run("deploy", args, "");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(named), "{}", stderr(&output));
    }
    assert_eq!(stub.log(), "");
}

#[test]
fn destroying_empties_the_failure_bucket_first_and_leaves_nothing() {
    let stub = Stub::new();
    let output = stub.run("destroy", &["--stack", "prices", "--yes"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let calls = stub.calls();
    let done = ["s3 rm", "cloudformation delete-stack", "cloudformation wait", "s3 rm", "s3 rb"];
    assert_eq!(calls[2..], done);
    let log = stub.log();
    assert!(log.contains("s3 rm --only-show-errors --recursive s3://the-failures"), "{log}");
    assert!(log.contains("s3://sluice-code-123456789012-eu-central-1/prices/"), "{log}");
}

#[test]
fn destroying_asks_first() {
    let stub = Stub::new();
    let output = stub.run("destroy", &[], "");
    assert!(!output.status.success());
    assert!(!stub.log().contains("delete-stack"), "{}", stub.log());
}
