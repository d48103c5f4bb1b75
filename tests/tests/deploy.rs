//! `infra/deploy` and `infra/destroy`, with an `aws` that writes down what it is asked and answers what it must.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use sluice_tests::sluice::root;
use tempfile::TempDir;

/// Answers as the CLI does. `BUCKETS` are those of this account, `FAILURES` is what the stack says of its bucket; `FAIL`
/// names a command that fails.
const AWS: &str = r#"#!/usr/bin/env bash
printf '%s\n' "$*" >>"$CALLS"
if [[ -n ${FAIL:-} && $* == "$FAIL"* ]]; then echo "refused" >&2; exit 254; fi
case $* in
  "sts get-caller-identity"*) echo 123456789012 ;;
  "lambda get-function-concurrency"*) [[ $BUCKETS == *sluice-code* ]] || exit 254 ;;
  "lambda get-account-settings"*) echo "$UNRESERVED" ;;
  "s3api head-bucket --bucket "*" --expected-bucket-owner 123456789012") [[ " $BUCKETS " == *" $4 "* ]] || exit 254 ;;
  "cloudformation describe-stacks"*FailureBucket*) echo "$FAILURES" ;;
esac
"#;

/// The bucket for code, by its default name.
const CODE: &str = "sluice-code-123456789012-eu-central-1";

/// A folder with the stub, what it was asked, and a package to deploy.
struct Stub {
    folder: TempDir,
    buckets: &'static str,
    failures: &'static str,
    unreserved: &'static str,
}

impl Stub {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let aws = folder.path().join("aws");
        fs::write(&aws, AWS).unwrap();
        fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("package.zip"), "a package").unwrap();
        Self { folder, buckets: "", failures: "the-failures", unreserved: "900" }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, script: &str, args: &[&str], fail: &str) -> Output {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        Command::new(root().join("infra").join(script))
            .args(args)
            // Neither needs to be called from the repository.
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("CALLS", self.path("calls"))
            .env("FAIL", fail)
            .env("BUCKETS", self.buckets)
            .env("FAILURES", self.failures)
            .env("UNRESERVED", self.unreserved)
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

    /// The calls that change something.
    fn changes(&self) -> Vec<String> {
        let looks = ["sts get-caller-identity", "s3api head-bucket", "cloudformation describe-stacks"];
        let waits = "cloudformation wait";
        self.calls().into_iter().filter(|call| !looks.contains(&call.as_str()) && call != waits).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const DEPLOYING: [&str; 9] = [
    "sts get-caller-identity",
    "lambda get-function-concurrency",
    "lambda get-account-settings",
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
    // What is not there yet is no failure.
    let asks = ["lambda get-function-concurrency", "s3api head-bucket"];
    for (step, command) in DEPLOYING.iter().enumerate().filter(|(_, command)| !asks.contains(command)) {
        let stub = Stub::new();
        let output = stub.deploy(&[], command);
        assert!(!output.status.success(), "{command}");
        assert_eq!(stub.calls(), DEPLOYING[..=step], "nothing follows {command}");
    }
}

#[test]
fn a_parameter_that_there_is_not_is_named_by_a_dry_run_too() {
    let output = Stub::new().run("deploy", &["--dry-run", "Topicname=orders"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("TopicPartitions"), "it names those there are: {}", stderr(&output));
}

/// The brokers of the stack take IAM and nothing else, and so every command on this file has to sign in with it.
#[test]
fn the_connector_that_is_deployed_signs_in_as_the_brokers_ask_for() {
    let output = Stub::new().run("deploy", &["--dry-run"], "");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("connectors.d/msk/stock-prices.yaml"), "{shown}");
    let file = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let with_iam: Vec<_> = file("connectors.d/msk/stock-prices.yaml").lines().map(str::to_owned).collect();
    assert!(with_iam.contains(&"    auth: { msk_iam: {} }".to_owned()), "{with_iam:?}");
    let plain = file("connectors.d/stock-prices.yaml");
    let added = with_iam.iter().filter(|line| !plain.lines().any(|other| other == *line));
    assert_eq!(added.count(), 4, "the schema's path, the brokers, and what signs in");
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
    let cases: [(&[&str], &str); 7] = [
        (&["--stak", "prices"], "--stak"),
        (&["--stack", "Prices!"], "Prices!"),
        (&["--stack", "prices--2"], "prices--2"),
        (&["--connector", "nowhere.yaml"], "nowhere.yaml"),
        (&["--zip", "nowhere.zip"], "nowhere.zip"),
        (&["Topicname=orders"], "no parameter Topicname"),
        (&["TopicName=orders"], "the topic is orders"),
    ];
    for (args, named) in cases {
        let output = stub.run("deploy", args, "");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(named), "{}", stderr(&output));
    }
    assert_eq!(stub.log(), "");
}

#[test]
fn an_account_that_has_no_concurrency_to_reserve_is_told_before_anything_is_made() {
    let stub = Stub { unreserved: "10", ..Stub::new() };
    let output = stub.deploy(&[], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("say ReservedConcurrency=0"), "{}", stderr(&output));
    assert_eq!(stub.calls(), DEPLOYING[..3]);
    let update = Stub { unreserved: "10", buckets: CODE, ..Stub::new() };
    assert!(update.deploy(&[], "").status.success(), "what was said at the creation still holds");
    for said in ["ReservedConcurrency=0", "ReservedConcurrency=1"] {
        let stub = Stub { unreserved: "10", ..Stub::new() };
        assert!(stub.deploy(&[said], "").status.success(), "{said}");
        assert!(stub.log().contains(said), "{}", stub.log());
    }
}

#[test]
fn destroying_empties_the_failure_bucket_first_and_leaves_nothing() {
    let stub = Stub { buckets: "the-failures sluice-code-123456789012-eu-central-1", ..Stub::new() };
    let output = stub.run("destroy", &["--stack", "prices", "--yes"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stub.changes(), ["s3 rm", "cloudformation delete-stack", "s3 rm", "s3 rb"]);
    let log = stub.log();
    assert!(log.contains("s3 rm --only-show-errors --recursive s3://the-failures"), "{log}");
    assert!(log.contains("s3://sluice-code-123456789012-eu-central-1/prices/"), "{log}");
}

#[test]
fn a_stack_that_never_came_up_is_destroyed_all_the_same() {
    // Such a stack has no outputs, which the CLI writes as `None`.
    let stub = Stub { failures: "None", buckets: CODE, ..Stub::new() };
    let output = stub.run("destroy", &["--yes"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stub.changes(), ["cloudformation delete-stack", "s3 rm", "s3 rb"]);
    assert!(!stub.log().contains("s3://None"), "{}", stub.log());
}

#[test]
fn destroying_goes_on_where_it_was_cut_short() {
    let stub = Stub { buckets: CODE, ..Stub::new() };
    let output = stub.run("destroy", &["--yes"], "cloudformation wait");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("run this again"), "{}", stderr(&output));
    let gone = "cloudformation describe-stacks";
    let output = stub.run("destroy", &["--yes"], gone);
    assert!(output.status.success(), "{}", stderr(&output));
    let twice = ["cloudformation delete-stack", "cloudformation delete-stack", "s3 rm", "s3 rb"];
    assert_eq!(stub.changes(), twice, "the failure bucket is gone");
    let nothing_left = Stub::new();
    assert!(nothing_left.run("destroy", &["--yes"], gone).status.success());
    assert_eq!(nothing_left.changes(), ["cloudformation delete-stack"]);
}

#[test]
fn code_is_never_brought_to_somebody_elses_bucket() {
    // Whoever takes the name first could otherwise put code of their own into the function.
    let stub = Stub::new();
    let output = stub.deploy(&[], "s3 mb");
    assert!(!output.status.success());
    assert!(!stub.log().contains("s3 cp"), "{}", stub.log());
    let ours = Stub { buckets: CODE, ..Stub::new() };
    assert!(ours.deploy(&[], "").status.success());
    assert!(!ours.log().contains("s3 mb"), "{}", ours.log());
}

#[test]
fn destroying_asks_first() {
    let stub = Stub::new();
    let output = stub.run("destroy", &[], "");
    assert!(!output.status.success());
    assert!(!stub.log().contains("delete-stack"), "{}", stub.log());
}
