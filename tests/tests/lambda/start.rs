//! How a function finds its connector, and what it says when it cannot begin.

use std::fs;

use sluice_tests::connector::Folder;
use sluice_tests::lambda::RuntimeApi;
use sluice_tests::program::copy_program;
use sluice_tests::sluice::{Sluice, binary};

use crate::{AMPLE, numbers};

const BLACKHOLE: &str = "source: { value: json }\nsink: { blackhole: {} }\n";

#[test]
fn the_binary_is_the_bootstrap_of_a_function_with_the_connector_beside_it() {
    let folder = Folder::new();
    let bootstrap = folder.path().join("bootstrap");
    fs::hard_link(binary(), &bootstrap).unwrap_or_else(|_| copy_program(binary(), &bootstrap));
    fs::create_dir(folder.path().join("connectors.d")).unwrap();
    fs::write(folder.path().join("connectors.d/prices.yaml"), BLACKHOLE).unwrap();
    let mut api = RuntimeApi::start();
    let mut process = api.function(Sluice::of(&bootstrap)).spawn();
    assert_eq!(api.invoke(numbers(3).to_string(), AMPLE).failures(), []);
    process.wait_for_log("`source.kafka` is not used");
}

#[test]
fn the_connector_may_be_a_text_in_the_environment() {
    let mut api = RuntimeApi::start();
    let mut process = api.function(Sluice::new(["lambda"])).env("SLUICE_CONNECTOR", BLACKHOLE).spawn();
    assert_eq!(api.invoke(numbers(3).to_string(), AMPLE).failures(), []);
    process.wait_for_output("\"connector\":\"prices\"");
}

#[test]
fn what_is_wrong_is_told_to_the_service_in_the_words_of_check() {
    let bad = "source:\n  kafka: { bootstrap_servers: a, topics: [t] }\n  valeu: json\nsink: { blackhole: { delay: soon } }\n";
    let folder = Folder::with("prices.yaml", bad);
    let checked = Sluice::new(["check"]).arg(folder.path()).output().expect_code(2);
    let api = RuntimeApi::start();
    let process = api.function(Sluice::new(["lambda"]).arg(folder.path())).spawn();
    let reply = api.init_error();
    assert_eq!(reply.error(), checked.stdout.trim_end());
    assert_eq!(reply.body["errorType"], "Sluice.BadConfiguration");
    assert_eq!(checked.lines().len(), 2, "{checked}");
    process.wait().expect_code(2);
}

#[test]
fn two_connectors_are_one_too_many() {
    let folder = Folder::with("a.yaml", BLACKHOLE);
    folder.write("b.yaml", BLACKHOLE);
    let api = RuntimeApi::start();
    let process = api.function(Sluice::new(["lambda"]).arg(folder.path())).spawn();
    let text = api.init_error();
    assert!(text.error().contains("a function runs one connector, and there are 2"), "{text:?}");
    process.wait().expect_code(2);
}

#[test]
fn outside_of_lambda_it_says_so() {
    let folder = Folder::with("prices.yaml", BLACKHOLE);
    let ended = Sluice::new(["lambda"]).arg(folder.path()).output().expect_code(3);
    assert!(ended.stderr.contains("AWS_LAMBDA_RUNTIME_API is not set"), "{ended}");
}
