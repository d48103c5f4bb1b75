//! `infra/deploy` and `infra/destroy`, with an `aws` that writes down what it is asked and answers what it must.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sluice_tests::program::write_program;
use sluice_tests::sluice::root;
use tempfile::TempDir;

/// Answers as the CLI does. `BUCKETS` are those of this account; `STATUS` is the stack's, and where it is empty there is no
/// stack; `PARAMETERS` are what the stack was given, `OUTPUTS` what it says, both as lines; `LEFT` is what a removed stack left;
/// `FAIL` names a command that fails.
const AWS: &str = r#"#!/usr/bin/env bash
printf '%s\n' "$*" >>"$CALLS"
if [[ -n ${FAIL:-} && $* == "$FAIL"* ]]; then echo "refused" >&2; exit 254; fi
case $* in
  "sts get-caller-identity"*) echo 123456789012 ;;
  "lambda get-account-settings"*) echo "$UNRESERVED" ;;
  "s3api head-bucket --bucket "*" --expected-bucket-owner 123456789012") [[ " $BUCKETS " == *" $4 "* ]] || exit 254 ;;
  "cloudformation deploy"*) touch "$CALLS.there" ;;
  "cloudformation delete-stack"*) touch "$CALLS.gone" ;;
  "cloudformation describe-stacks"*)
    if [[ -e $CALLS.gone || -z $STATUS && ! -e $CALLS.there ]]; then
      echo "An error occurred (ValidationError): Stack with id sluice does not exist" >&2
      exit 254
    fi
    case $* in
      *StackStatus*) echo "$STATUS" ;;
      *StackId*) echo "arn:of:the:stack" ;;
      *Parameters*) printf '%s' "$PARAMETERS" ;;
      *OutputKey==*) all=$* && output=${all#*OutputKey==\'} && printf '%s' "$OUTPUTS" | sed -n "s/^${output%%\'*}=//p" ;;
    esac ;;
  "cloudformation list-stacks"*) if [[ -n $LEFT ]]; then echo "arn:of:the:stack"; fi ;;
  "cloudformation list-stack-resources"*DELETE_SKIPPED*) if [[ $* == *arn:of:a:nested:one* ]]; then printf '%s' "$LEFT"; fi ;;
  "cloudformation list-stack-resources"*) printf 'arn:of:a:nested:one\n' ;;
  "ec2 describe-availability-zones"*) printf 'use1-az1\tuse1-az2\n' ;;
  "lambda get-alias"*) echo 7 ;;
  "lambda list-versions-by-function"*) printf '$LATEST\t2\t5\t7\t9\n' ;;
  "kafka get-bootstrap-brokers"*) echo b-1.example:9098,b-2.example:9098 ;;
  "lambda invoke"*) cp "${8#fileb://}" "$CALLS.event" && echo '{"said":"2 records sent"}' >"${!#}" && echo "${FAILED:-None}" ;;
  "kafka describe-cluster-v2"*NumberOfBrokerNodes*) printf '%s\n' "$CLUSTER" ;;
  "bedrock-agent get-"* | "kafka describe-cluster-v2"*) exit 254 ;;
esac
"#;

/// The bucket for code, by its default name.
const CODE: &str = "sluice-code-123456789012-eu-central-1";

/// What is left of a stack that held everything.
const LEFT: &str = "AWS::Bedrock::DataSource\tKB12345678|DS12345678
AWS::Bedrock::KnowledgeBase\tKB12345678
AWS::EC2::SecurityGroup\tsg-1
AWS::EC2::SecurityGroupIngress\tsgr-1
AWS::EC2::Subnet\tsubnet-1
AWS::EC2::VPC\tvpc-1
AWS::IAM::Role\tsluice-KnowledgeBaseRole-1
AWS::Logs::LogGroup\t/aws/msk/sluice
AWS::MSK::Cluster\tarn:aws:kafka:eu-central-1:123456789012:cluster/sluice/1-2
AWS::MSK::Topic\tarn:aws:kafka:eu-central-1:123456789012:topic/sluice/1-2/streamtopic
AWS::S3::Bucket\tthe-failures
AWS::S3Vectors::Index\tarn:aws:s3vectors:eu-central-1:123456789012:bucket/b/index/documents
AWS::S3Vectors::VectorBucket\tarn:aws:s3vectors:eu-central-1:123456789012:bucket/b
";

/// The connector that is deployed where nobody says another: its name, a blank, its text.
fn shipped() -> String {
    let text = fs::read_to_string(root().join("connectors.d/msk/stock-prices.yaml")).unwrap();
    format!("stock-prices.yaml {text}")
}

/// Packs what `infra/lambda/package` packs: a program, and one connector.
fn package(folder: &Path, name: &str, program: &str, connector: &str) {
    let (file, text) = connector.split_once(' ').unwrap();
    let work = tempfile::tempdir_in(folder).unwrap();
    fs::create_dir(work.path().join("connectors.d")).unwrap();
    fs::write(work.path().join("bootstrap"), program).unwrap();
    fs::write(work.path().join("connectors.d").join(file), text).unwrap();
    let zip = folder.join(name);
    fs::remove_file(&zip).ok();
    let packed = Command::new("zip").args(["-q", "-r"]).arg(&zip).arg(".").current_dir(work.path()).status();
    assert!(packed.unwrap().success());
}

/// A folder with the stub, what it was asked, and a package to deploy.
struct Stub {
    folder: TempDir,
    buckets: &'static str,
    status: &'static str,
    parameters: String,
    left: &'static str,
    unreserved: &'static str,
    region: &'static str,
    cluster: &'static str,
}

impl Stub {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_program(&folder.path().join("aws"), AWS);
        package(folder.path(), "package.zip", "a program", &shipped());
        let parameters = String::new();
        Self {
            folder,
            buckets: "",
            status: "",
            parameters,
            left: "",
            unreserved: "900",
            region: "eu-central-1",
            cluster: "PROVISIONED\t3\tTrue",
        }
    }

    /// One whose stack runs, with these parameters and the template's defaults.
    fn running(parameters: &[&str]) -> Self {
        let template = fs::read_to_string(root().join("infra/cloudformation/sluice.yaml")).unwrap();
        let template = template.split("\nParameters:\n").nth(1).unwrap().split("\nRules:\n").next().unwrap();
        let mut known: Vec<(String, String)> = Vec::new();
        for line in template.lines() {
            if let Some(name) = line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')) {
                if !name.starts_with(' ') {
                    known.push((name.to_owned(), String::new()));
                }
            } else if let Some(default) = line.strip_prefix("    Default: ") {
                known.last_mut().unwrap().1 = String::from(default.trim_matches('"'));
            }
        }
        for parameter in parameters {
            let (name, value) = parameter.split_once('=').unwrap();
            known.iter_mut().find(|(known, _)| known == name).unwrap().1 = String::from(value);
        }
        assert!(known.len() > 30, "{known:?}");
        let lines: Vec<_> = known.iter().map(|(name, value)| format!("{name}\t{value}")).collect();
        let parameters = lines.join("\n") + "\n";
        Self { status: "CREATE_COMPLETE", parameters, buckets: CODE, ..Self::new() }
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
            .env("STATUS", self.status)
            .env("PARAMETERS", &self.parameters)
            .env("OUTPUTS", OUTPUTS)
            .env("LEFT", self.left)
            .env("SLUICE_POLL_SECONDS", "0")
            .env("UNRESERVED", self.unreserved)
            .env("CLUSTER", self.cluster)
            .env("AWS_REGION", self.region)
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
        let looks = [
            "sts get",
            "s3api head",
            "cloudformation describe",
            "cloudformation list",
            "cloudformation wait",
        ];
        let asks = ["bedrock-agent get", "kafka describe"];
        let looks = |call: &String| looks.iter().chain(&asks).any(|look| call.starts_with(look));
        self.calls().into_iter().filter(|call| !looks(call)).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const OUTPUTS: &str = "ClusterArn=arn:aws:kafka:eu-central-1:123456789012:cluster/sluice/1-2
SendFunctionName=sluice-send
";

const DEPLOYING: [&str; 15] = [
    "sts get-caller-identity",
    "cloudformation describe-stacks",
    "lambda get-account-settings",
    "s3api head-bucket",
    "s3 mb",
    "s3 cp",
    "cloudformation package",
    "cloudformation deploy",
    "cloudformation list-stack-resources",
    "cloudformation set-stack-policy",
    "cloudformation set-stack-policy",
    "cloudformation update-termination-protection",
    "cloudformation describe-stacks",
    "cloudformation describe-stacks",
    "kafka get-bootstrap-brokers",
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
    let key = |program: &str| {
        let stub = Stub::new();
        package(stub.folder.path(), "package.zip", program, &shipped());
        stub.deploy(&[], "");
        stub.log()
            .split("CodeKey=")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .map(str::to_owned)
            .unwrap()
    };
    assert_ne!(key("a program"), key("another program"));
    let stub = Stub::new();
    stub.deploy(&[], "");
    stub.deploy(&[], "");
    let log = stub.log();
    let keys: BTreeSet<_> = log.split("CodeKey=").skip(1).map(|rest| rest.split(' ').next()).collect();
    assert_eq!(keys.len(), 1, "the same code");
}

#[test]
fn a_step_that_fails_ends_the_deployment() {
    // What is not there yet is no failure; and what the outputs say of the cluster is only shown.
    let asks = ["s3api head-bucket"];
    for (step, command) in DEPLOYING.iter().enumerate().filter(|(_, command)| !asks.contains(command)) {
        if DEPLOYING.iter().position(|other| other == command) != Some(step) {
            continue;
        }
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
    let output =
        stub.run("send", &["--dry-run", root().join("infra/demo/TestData.csv").to_str().unwrap()], "");
    assert!(output.status.success() && stub.log().is_empty(), "{}", stderr(&output));
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
    assert_eq!(stub.changes(), [""; 0]);
}

/// Topic, group and metrics are known by the connector; the one in the package is the one that runs.
#[test]
fn a_package_with_another_connector_is_refused() {
    let stub = Stub::new();
    let folder = stub.folder.path();
    let changed = shipped().replace("streamtopic", "orders");
    for (connector, says) in [
        (shipped().replacen("stock-prices", "orders", 1), "holds connectors.d/orders.yaml"),
        (changed, "is another one than"),
    ] {
        package(folder, "package.zip", "a program", &connector);
        let output = stub.deploy(&["--dry-run"], "");
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    package(folder, "package.zip", "a program", &shipped());
    package(folder, "other.zip", "a program", "orders.yaml topics: [orders]");
    let other = stub.path("other.zip");
    let output = stub.deploy(&["--send-zip", other.to_str().unwrap()], "");
    assert!(stderr(&output).contains("holds connectors.d/orders.yaml"), "{}", stderr(&output));
    fs::write(stub.path("package.zip"), "no zip").unwrap();
    assert!(stderr(&stub.deploy(&[], "")).contains("is not a zip file"));
    assert_eq!(stub.changes(), [""; 0]);
}

/// What the service would refuse when everything is uploaded is refused at once, by a dry run, too.
#[test]
fn a_value_that_is_none_is_named_before_anything_is_done() {
    for (given, says) in [
        ("ClusterType=serverles", "is none of: provisioned, serverless"),
        ("EmbeddingDimension=768", "is none of: 256, 512, 1024"),
        ("CreateTopic=true", "is none of: yes, no"),
        ("ExistingVpcId=10.0.0.0/16", "is not of the form ^$|^vpc-"),
        ("ExistingClusterArn=arn:aws:kafka:eu-central-1:123456789012:topic/a/b", "is not of the form"),
        ("TopicConfiguration=retention.ms=1,retention.bytes=2", "is not of the form"),
        ("PolicyArns=AmazonSQSFullAccess", "is not of the form"),
        ("MemorySize=64", "MemorySize=64 is less than 128"),
        ("MemorySize=20000", "MemorySize=20000 is more than 10240"),
        ("BatchSize=ten", "BatchSize=ten is not a number"),
        ("BatchSize=-1", "BatchSize=-1 is not a number"),
    ] {
        let stub = Stub::new();
        let output = stub.run("deploy", &["--dry-run", given], "");
        assert_eq!(output.status.code(), Some(2), "{given}");
        assert!(stderr(&output).contains(says), "{given}: {}", stderr(&output));
    }
    let policies = "PolicyArns=arn:aws:iam::aws:policy/A,arn:aws:iam::123456789012:policy/b";
    for given in ["TopicConfiguration=", "AlarmEmail=me@example.com", "LagAlarmSeconds=600", policies] {
        let output = Stub::new().run("deploy", &["--dry-run", given], "");
        assert!(output.status.success(), "{given}: {}", stderr(&output));
    }
}

/// Each rule of the template is one of the script, in the template's words.
#[test]
fn a_broken_rule_is_named_before_anything_is_done() {
    let template = fs::read_to_string(root().join("infra/cloudformation/sluice.yaml")).unwrap();
    let mut left: BTreeSet<_> =
        template.lines().filter_map(|line| line.trim().strip_prefix("AssertDescription: ")).collect();
    assert!(left.len() > 8, "{left:?}");
    for given in [
        &["ExistingKnowledgeBaseId=KB12345678"][..],
        &["ExistingDataSourceId=DS12345678"],
        &["ExistingVpcId=vpc-1"],
        &["ExistingSubnetIds=subnet-1,subnet-2"],
        &["ZoneB=euc1-az1"],
        &["ZoneA=euc1-az1", "ZoneB=euc1-az1"],
        &["EmbeddingModel=cohere.embed-english-v3", "EmbeddingDimension=512"],
        &["ClusterType=serverless"],
        &["TopicReplicationFactor=3"],
    ] {
        let output = Stub::new().run("deploy", &[&["--dry-run"], given].concat(), "");
        assert_eq!(output.status.code(), Some(2), "{given:?}");
        let said = stderr(&output);
        assert!(left.remove(said.trim_start_matches("deploy: ").trim_end()), "{given:?}: {said}");
    }
    assert_eq!(left, BTreeSet::new(), "rules that only the service holds to");
}

#[test]
fn an_account_that_has_no_concurrency_to_reserve_is_told_before_anything_is_made() {
    let stub = Stub { unreserved: "10", ..Stub::new() };
    let output = stub.deploy(&[], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("say ReservedConcurrency=0"), "{}", stderr(&output));
    assert_eq!(stub.calls(), DEPLOYING[..3]);
    let update = Stub { unreserved: "10", ..Stub::running(&[]) };
    assert!(update.deploy(&[], "").status.success(), "what was said at the creation still holds");
    for said in ["ReservedConcurrency=0", "ReservedConcurrency=1"] {
        let stub = Stub { unreserved: "10", ..Stub::new() };
        assert!(stub.deploy(&[said], "").status.success(), "{said}");
        assert!(stub.log().contains(said), "{}", stub.log());
    }
}

#[test]
fn a_change_that_would_leave_data_behind_is_refused_before_anything_is_done() {
    let cluster = "ExistingClusterArn=arn:aws:kafka:eu-central-1:123456789012:cluster/other/1-2";
    let zones = "ZoneA=euc1-az1 ZoneB=euc1-az2";
    let network = "ExistingVpcId=vpc-1 ExistingSubnetIds=subnet-1,subnet-2";
    let base = "ExistingKnowledgeBaseId=KB12345678 ExistingDataSourceId=DS12345678";
    for (running, change, named) in [
        ("", "TopicName=streamtopic2", "the topic is streamtopic2"),
        ("", "CreateTopic=no", "CreateTopic=yes"),
        ("", "TopicReplicationFactor=1", "TopicReplicationFactor=0"),
        ("", cluster, "ExistingClusterArn="),
        ("CreateTopic=no", "ClusterType=serverless", "ClusterType=provisioned"),
        ("", "VpcCidr=10.1.0.0/16", "VpcCidr=10.0.0.0/16"),
        ("", zones, "ZoneA="),
        (zones, "ZoneB=euc1-az3", "ZoneB=euc1-az2"),
        ("", network, "ExistingVpcId="),
        (network, "ExistingSubnetIds=subnet-1,subnet-3", "ExistingSubnetIds=subnet-1,subnet-2"),
        ("", base, "ExistingKnowledgeBaseId="),
        (base, "ExistingDataSourceId=DS87654321", "ExistingDataSourceId=DS12345678"),
        ("", "EmbeddingDimension=512", "EmbeddingDimension=1024"),
        ("", "EmbeddingModel=cohere.embed-english-v3", "EmbeddingModel=amazon.titan-embed-text-v2:0"),
        ("", "ChunkTokens=500", "ChunkTokens=300"),
        ("", "StartingPosition=LATEST", "StartingPosition=TRIM_HORIZON"),
        ("", "ConsumerGroup=other", "the consumer group connect-stock-prices"),
        ("", "ConnectorName=other", "the consumer group connect-stock-prices"),
        ("", "TopicPartitions=2", "TopicPartitions=3"),
        ("", "BrokerStorageGiB=4", "BrokerStorageGiB=5"),
        ("", "BrokerKeyArn=arn:aws:kms:eu-central-1:123456789012:key/1", "BrokerKeyArn="),
        ("", "VectorKeyArn=arn:aws:kms:eu-central-1:123456789012:key/1", "VectorKeyArn="),
    ] {
        let words = |text: &'static str| text.split_whitespace().collect::<Vec<_>>();
        let stub = Stub::running(&words(running));
        let output = stub.deploy(&words(change), "");
        assert_eq!(output.status.code(), Some(2), "{change}");
        assert!(stderr(&output).contains(named), "{change}: {}", stderr(&output));
        assert_eq!(stub.changes(), [""; 0], "{change}");
    }
    // Another connector is another group, which would read the topic anew.
    let stub = Stub::running(&[]);
    let other = stub.path("other.yaml");
    fs::copy(root().join("connectors.d/msk/stock-prices.yaml"), &other).unwrap();
    package(stub.folder.path(), "package.zip", "a program", &shipped().replacen("stock-prices", "other", 1));
    let output = stub.deploy(&["--connector", other.to_str().unwrap()], "");
    assert!(stderr(&output).contains("say ConsumerGroup=connect-stock-prices"), "{}", stderr(&output));
    let output =
        stub.deploy(&["--connector", other.to_str().unwrap(), "ConsumerGroup=connect-stock-prices"], "");
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn an_update_keeps_what_was_said_before() {
    let stub = Stub::running(&["TopicName=orders", "ChunkTokens=500"]);
    let orders = stub.path("stock-prices.yaml");
    let text = fs::read_to_string(root().join("connectors.d/msk/stock-prices.yaml")).unwrap();
    fs::write(&orders, text.replace("streamtopic", "orders")).unwrap();
    package(stub.folder.path(), "package.zip", "a program", &shipped().replace("streamtopic", "orders"));
    let output = stub
        .deploy(&["--connector", orders.to_str().unwrap(), "TopicPartitions=4", "BrokerStorageGiB=8"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stub.log().contains("TopicName"), "{}", stub.log());
    package(stub.folder.path(), "package.zip", "a program", &shipped());
    let plain = stub.deploy(&[], "");
    assert!(stderr(&plain).contains("the topic is orders"), "the file names another: {}", stderr(&plain));
}

#[test]
fn a_replacement_that_is_asked_for_is_let_through_and_locked_again() {
    let stub = Stub::running(&[]);
    let output = stub.deploy(&["--replace", "ChunkTokens=500"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let log = stub.log();
    let steps: Vec<_> = log
        .lines()
        .filter(|line| {
            line.starts_with("cloudformation set-stack-policy") || line.starts_with("cloudformation deploy")
        })
        .map(|line| {
            if line.contains("stack-policy.json") {
                "lock"
            } else if line.contains("Allow") {
                "open"
            } else {
                "deploy"
            }
        })
        .collect();
    // The stack and the one nested in it, each time.
    assert_eq!(steps, ["open", "open", "deploy", "lock", "lock"]);
    assert!(log.contains("--enable-termination-protection"), "{log}");
}

#[test]
fn pollers_change_to_provisioned_in_two_steps() {
    let on_demand = Stub::running(&["PollerMode=on-demand"]);
    let output = on_demand.deploy(&["PollerMode=provisioned"], "");
    assert!(stderr(&output).contains("first with BatchResponse=whole"), "{}", stderr(&output));
    assert_eq!(on_demand.changes(), [""; 0]);
    assert!(on_demand.deploy(&["PollerMode=provisioned", "BatchResponse=whole"], "").status.success());
    let between = Stub::running(&["BatchResponse=whole"]);
    assert!(between.deploy(&["BatchResponse=partial"], "").status.success());
}

#[test]
fn a_stack_that_was_never_created_is_told_from_one_that_runs() {
    let stub = Stub { status: "ROLLBACK_COMPLETE", ..Stub::new() };
    let output = stub.deploy(&[], "");
    assert!(stderr(&output).contains("infra/destroy --stack sluice"), "{}", stderr(&output));
    assert_eq!(stub.changes(), [""; 0]);
    // Whoever may not look at the stack must not take it for one that is not there.
    let stub = Stub::running(&[]);
    let output = stub.deploy(&["ChunkTokens=500"], "cloudformation describe-stacks");
    assert!(stderr(&output).contains("cannot look at the stack"), "{}", stderr(&output));
    assert_eq!(stub.changes(), [""; 0]);
}

#[test]
fn what_it_costs_is_said_before_anything_is_made() {
    let stub = Stub::new();
    let output = stub.deploy(&["--trial"], "s3 mb");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("At rest this costs about 97."), "{shown}");
    assert!(shown.contains("interface endpoints"), "{shown}");
    assert!(!stub.log().contains("deploy"), "nothing was made: {}", stub.log());
    // An update is priced as it will be, with what it had before.
    let update = Stub::running(&["PollerMode=on-demand", "FunctionPlacement=private-subnet"]);
    let shown = String::from_utf8(update.deploy(&[], "").stdout).unwrap();
    assert!(shown.contains("1 interface endpoint in 2 zones (Bedrock)"), "{shown}");
}

#[test]
fn a_topic_that_would_fill_the_disks_is_refused() {
    let fits = ["TopicPartitions=3", "BrokerStorageGiB=5"];
    assert!(Stub::new().run("deploy", &[&["--dry-run"], &fits[..]].concat(), "").status.success());
    for (given, says) in [
        (&["TopicPartitions=4"][..], "may keep 4608 MiB"),
        (&["TopicConfiguration=retention.bytes=1073741824"], "may keep 6144 MiB"),
        (&["BrokerStorageGiB=4"], "whose disk of 4096 MiB"),
    ] {
        let output = Stub::new().run("deploy", &[&["--dry-run"], given].concat(), "");
        assert_eq!(output.status.code(), Some(2), "{given:?}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    // Where nothing is bounded by bytes, or the brokers are not ours, nobody can say.
    let cluster = "ExistingClusterArn=arn:aws:kafka:eu-central-1:123456789012:cluster/other/1-2";
    for given in [&["TopicConfiguration=retention.ms=60000"][..], &[cluster, "TopicPartitions=100"]] {
        let output = Stub::new().run("deploy", &[&["--dry-run"], given].concat(), "");
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn a_cluster_that_is_there_is_looked_at_before_anything_is_made() {
    let arn = "ExistingClusterArn=arn:aws:kafka:eu-central-1:123456789012:cluster/other/1-2";
    for (cluster, given, replicas) in [
        ("PROVISIONED\t2\tTrue", &[arn][..], Some("TopicReplicationFactor=2")),
        ("PROVISIONED\t3\tTrue", &[arn], None),
        ("PROVISIONED\t2\tTrue", &[arn, "TopicReplicationFactor=1"], Some("TopicReplicationFactor=1")),
        ("PROVISIONED\t2\tTrue", &[arn, "CreateTopic=no"], None),
        ("SERVERLESS\tNone\tNone", &[arn, "ClusterType=serverless", "CreateTopic=no"], None),
    ] {
        let stub = Stub { cluster, ..Stub::new() };
        let output = stub.deploy(given, "");
        assert!(output.status.success(), "{cluster} {given:?}: {}", stderr(&output));
        let log = stub.log();
        let said: Vec<_> =
            log.split_whitespace().filter(|word| word.starts_with("TopicReplicationFactor=")).collect();
        assert_eq!(said, replicas.into_iter().collect::<Vec<_>>(), "{cluster} {given:?}");
    }
    for (cluster, named) in [
        ("PROVISIONED\t3\tFalse", "does not take IAM authentication"),
        ("PROVISIONED\t3\tNone", "does not take IAM authentication"),
        ("SERVERLESS\tNone\tNone", "say ClusterType=serverless"),
    ] {
        let stub = Stub { cluster, ..Stub::new() };
        let output = stub.deploy(&[arn], "");
        assert_eq!(output.status.code(), Some(2), "{cluster}");
        assert!(stderr(&output).contains(named), "{}", stderr(&output));
        assert_eq!(stub.changes(), ["lambda get-account-settings"], "it only looked");
    }
    // What runs was looked at when it was made.
    let stub = Stub { cluster: "", ..Stub::running(&[arn]) };
    assert!(stub.deploy(&[], "").status.success());
}

#[test]
fn the_zone_that_has_no_brokers_is_left_out() {
    let stub = Stub { region: "us-east-1", ..Stub::new() };
    assert!(stub.deploy(&[], "").status.success());
    assert!(stub.log().contains("ZoneA=use1-az1 ZoneB=use1-az2"), "{}", stub.log());
    for given in [
        &["ZoneA=use1-az4", "ZoneB=use1-az5"][..],
        &["ExistingVpcId=vpc-1", "ExistingSubnetIds=subnet-1,subnet-2"],
    ] {
        let stub = Stub { region: "us-east-1", ..Stub::new() };
        assert!(stub.deploy(given, "").status.success());
        assert!(!stub.log().contains("use1-az1"), "{}", stub.log());
    }
}

#[test]
fn destroying_keeps_the_data_and_says_what_stays() {
    let stub = Stub { left: LEFT, ..Stub::running(&[]) };
    let output = stub.run("destroy", &["--yes"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let changes =
        ["cloudformation update-termination-protection", "cloudformation delete-stack", "s3 rm", "s3 rb"];
    assert_eq!(stub.changes(), changes);
    let shown = String::from_utf8(output.stdout).unwrap();
    for (kind, id) in LEFT.lines().map(|line| line.split_once('\t').unwrap()) {
        assert!(shown.lines().any(|line| line.contains(kind) && line.contains(id)), "{kind} {id}: {shown}");
    }
    assert!(shown.contains("--with-data"), "{shown}");
    assert!(stub.log().contains("--no-enable-termination-protection"), "{}", stub.log());
}

#[test]
fn destroying_with_the_data_leaves_nothing() {
    let stub = Stub { left: LEFT, ..Stub::running(&[]) };
    let output = stub.run("destroy", &["--yes", "--with-data"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let changes = [
        "cloudformation update-termination-protection",
        "cloudformation delete-stack",
        "s3 rm",
        "s3 rb",
        "bedrock-agent delete-data-source",
        "bedrock-agent delete-knowledge-base",
        "s3vectors delete-index",
        "s3vectors delete-vector-bucket",
        "iam delete-role-policy",
        "iam delete-role",
        "kafka delete-topic",
        "kafka delete-cluster",
        "logs delete-log-group",
        "s3 rm",
        "s3 rb",
        "ec2 delete-security-group",
        "ec2 delete-subnet",
        "ec2 delete-vpc",
    ];
    assert_eq!(stub.changes(), changes);
    let log = stub.log();
    assert!(log.contains("--knowledge-base-id KB12345678 --data-source-id DS12345678"), "{log}");
    let topic =
        "--cluster-arn arn:aws:kafka:eu-central-1:123456789012:cluster/sluice/1-2 --topic-name streamtopic";
    assert!(log.contains(topic), "{log}");
}

#[test]
fn what_is_gone_already_does_not_keep_the_rest() {
    // The stack is gone, and it was removed without its data.
    let stub = Stub { left: LEFT, buckets: CODE, ..Stub::new() };
    let output = stub.run("destroy", &["--yes", "--with-data"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stub.log().contains("cloudformation delete-stack"), "{}", stub.log());
    assert!(stub.log().contains("ec2 delete-vpc"), "{}", stub.log());
    let output = stub.run("destroy", &["--yes", "--with-data"], "kafka delete-cluster");
    assert_eq!(output.status.code(), Some(1), "it could not be removed, and not because it is gone");
    assert!(stderr(&output).contains("run this again"), "{}", stderr(&output));
}

#[test]
fn destroying_goes_on_where_it_was_cut_short() {
    let stub = Stub::running(&[]);
    let output = stub.run("destroy", &["--yes"], "cloudformation wait");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("run this again"), "{}", stderr(&output));
    let nothing_left = Stub::new();
    assert!(nothing_left.run("destroy", &["--yes"], "").status.success());
    assert_eq!(nothing_left.changes(), [""; 0]);
}

#[test]
fn a_rollback_takes_the_version_before_the_one_in_use() {
    let stub = Stub::running(&[]);
    let output = stub.run("rollback", &["--stack", "prices"], "");
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = "lambda update-alias --function-name prices --name live --function-version 5";
    assert!(stub.log().contains(expected), "7 is in use, and 9 is newer: {}", stub.log());
    assert!(stub.run("rollback", &["--to", "2"], "").status.success());
    assert!(stub.log().contains("--function-version 2"), "{}", stub.log());
    let output = stub.run("rollback", &["--to", "newest"], "");
    assert!(stderr(&output).contains("newest is not a version"), "{}", stderr(&output));
    let dry = Stub::new();
    assert!(dry.run("rollback", &["--dry-run"], "").status.success());
    assert_eq!(dry.log(), "");
}

#[test]
fn records_are_sent_by_the_function_beside_the_brokers() {
    let stub = Stub::running(&[]);
    let file = stub.path("prices.csv");
    fs::write(&file, "ticker,price\nOOOO,$44.50\n").unwrap();
    let args = ["--key", "ticker", "--add", "timestamp=now", file.to_str().unwrap()];
    let output = stub.run("send", &args, "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"said\":\"2 records sent\"}\n\n");
    let event: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(stub.path("calls.event")).unwrap()).unwrap();
    let expected = serde_json::json!({
        "brokers": "b-1.example:9098,b-2.example:9098",
        "format": "csv",
        "key": "ticker",
        "add": "timestamp=now",
        "input": "dGlja2VyLHByaWNlCk9PT08sJDQ0LjUwCg==",
    });
    assert_eq!(event, expected);
    // The CLI would call again after a minute, and send the records twice.
    assert!(
        stub.log().contains("invoke --cli-read-timeout 150 --function-name sluice-send"),
        "{}",
        stub.log()
    );
}

#[test]
fn what_cannot_be_sent_is_said() {
    let stub = Stub::running(&[]);
    fs::write(stub.path("large.jsonl"), vec![b'x'; 5 << 20]).unwrap();
    for (args, named) in [
        (&["nowhere.csv"][..], "there is no file nowhere.csv"),
        (&["--key", "a\"b", "large.jsonl"], "cannot be passed on"),
        (&["large.jsonl"], "larger than a call takes"),
        (&["--stak", "x"], "--stak"),
    ] {
        let output = stub.run("send", args, "");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(named), "{}", stderr(&output));
    }
    assert!(!stub.log().contains("invoke"), "{}", stub.log());
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

/// macOS has bash 3.2 and no GNU tools.
#[test]
fn the_scripts_run_on_the_shell_of_macos() {
    let scripts = ["deploy", "destroy", "rollback", "send", "lib.sh", "lambda/package", "release/archive"];
    let newer = [
        "mapfile",
        "readarray",
        "declare -A",
        "local -A",
        "local -n",
        "^^}",
        ",,}",
        "&>>",
        "coproc",
        "EPOCHSECONDS",
    ];
    let gnu = [
        "realpath",
        "touch -d",
        "sed -i",
        "readlink -f",
        "date -d",
        "grep -P",
        "xargs -r",
        "base64 -w",
        "cp -t",
    ];
    for script in scripts {
        let text = fs::read_to_string(root().join("infra").join(script)).unwrap();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'))
        {
            let found = newer.iter().chain(&gnu).find(|word| line.contains(**word));
            assert_eq!(found, None, "{script}:{}: {line}", number + 1);
        }
        // Where the one is not, the other is.
        assert_eq!(text.contains("sha256sum"), text.contains("shasum"), "{script}");
    }
}

#[test]
fn destroying_asks_first() {
    let stub = Stub::new();
    let output = stub.run("destroy", &[], "");
    assert!(!output.status.success());
    assert!(!stub.log().contains("delete-stack"), "{}", stub.log());
}
