//! Invariant 8: a secret is never printed.

use rustix::process::Signal;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::sluice::{Exited, Sluice};

const SECRET: &str = "hunter2-never-shown";

#[track_caller]
fn assert_silent(ended: &Exited) {
    assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{ended}");
}

fn check(connector: &ConnectorText) -> Exited {
    let folder = Folder::with("c.yaml", connector.text());
    Sluice::new(["check", "--log-level=trace"])
        .arg(folder.path())
        .envs([("KBID", "DEMOKB0001"), ("DSID", "DEMODS0001"), ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")])
        .env("PASSWORD", SECRET)
        .output()
}

fn with_password() -> ConnectorText {
    ConnectorText::new("t")
        .property("security.protocol", "sasl_plaintext")
        .property("sasl.mechanisms", "PLAIN")
        .property("sasl.username", "user")
        .property("sasl.password", "${env:PASSWORD}")
}

#[test]
fn a_password_in_a_good_file_is_not_shown() {
    let ended = check(&with_password()).expect_code(0);
    assert_silent(&ended);
}

#[test]
fn a_password_under_a_misspelt_property_is_not_shown() {
    let ended = check(&ConnectorText::new("t").property("sasl.pasword", "${env:PASSWORD}")).expect_code(2);
    assert!(ended.stdout.contains("sasl.pasword"), "{ended}");
    assert_silent(&ended);
}

#[test]
fn a_secret_that_a_property_cannot_take_is_not_shown() {
    for property in ["session.timeout.ms", "security.protocol"] {
        let ended = check(&ConnectorText::new("t").property(property, "${env:PASSWORD}")).expect_code(2);
        assert_silent(&ended);
    }
}

#[test]
fn a_secret_where_a_setting_does_not_take_it_is_not_shown() {
    let text = ConnectorText::new("${env:PASSWORD} with a blank").tolerant().text();
    let text = text.replace("commit_interval: 200ms", "commit_interval: ${env:PASSWORD}");
    let text = text.replace("tolerance: all", "tolerance: ${env:PASSWORD}");
    let text = text.replace("${env:KBID}", "${env:PASSWORD}");
    let folder = Folder::with("c.yaml", text);
    let ended = Sluice::new(["check"])
        .arg(folder.path())
        .envs([("DSID", "DEMODS0001"), ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"), ("PASSWORD", SECRET)])
        .output()
        .expect_code(2);
    assert_silent(&ended);
}

#[test]
fn a_topic_name_from_the_environment_that_is_none_is_not_shown() {
    let folder = Folder::with("c.yaml", ConnectorText::new("\"${env:PASSWORD} \"").text());
    let ended = Sluice::new(["check"])
        .arg(folder.path())
        .envs([("KBID", "DEMOKB0001"), ("DSID", "DEMODS0001"), ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")])
        .env("PASSWORD", SECRET)
        .output()
        .expect_code(2);
    assert_silent(&ended);
}

#[test]
fn a_daemon_that_logs_everything_shows_no_password_and_no_aws_secret() {
    let knowledge_base = LocalKnowledgeBase::start();
    let folder = Folder::with("c.yaml", with_password().property("debug", "security,broker,conf").text());
    let mut daemon = Sluice::new(["run", "--log-level=trace,rdkafka=trace"])
        .arg(folder.path())
        .envs(knowledge_base.environment())
        .envs([("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"), ("PASSWORD", SECRET)])
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .spawn();
    daemon.wait_for_log("tried again until it passes");
    daemon.wait_for_log("TRACE");
    daemon.signal(Signal::TERM);
    let ended = daemon.wait().expect_code(0);
    assert_silent(&ended);
}

#[test]
fn a_key_that_is_none_is_refused_and_not_shown() {
    let knowledge_base = LocalKnowledgeBase::start();
    let text = ConnectorText::new("t").property("security.protocol", "ssl");
    let folder = Folder::with("c.yaml", text.property("ssl.key.pem", "${env:PASSWORD}").text());
    let command = |arguments: &[&str]| {
        Sluice::new(arguments)
            .arg(folder.path())
            .envs(knowledge_base.environment())
            .envs([("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"), ("PASSWORD", SECRET)])
    };
    let ran = command(&["run", "--log-level=trace"]).output().expect_code(2);
    assert!(ran.stderr.contains("librdkafka makes no consumer of this: ssl.key.pem failed"), "{ran}");
    assert_silent(&ran);
    assert_silent(&command(&["check", "--connect", "--log-level=trace"]).output().expect_code(2));
}

#[test]
fn a_check_that_connects_shows_no_password_and_no_aws_secret() {
    let knowledge_base = LocalKnowledgeBase::start();
    let folder = Folder::with("c.yaml", with_password().text());
    let ended = Sluice::new(["check", "--connect", "--timeout=1s", "--log-level=trace"])
        .arg(folder.path())
        .envs(knowledge_base.environment())
        .envs([("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"), ("PASSWORD", SECRET)])
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .output()
        .expect_code(3);
    assert_silent(&ended);
}

#[test]
fn preview_shows_no_password() {
    let folder = Folder::with("c.yaml", with_password().text());
    let ended = Sluice::new(["preview", "--input=-", "--json"])
        .arg(folder.path().join("c.yaml"))
        .env("PASSWORD", SECRET)
        .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .input("{\"n\":1}\n")
        .output()
        .expect_code(0);
    assert_silent(&ended);
}
