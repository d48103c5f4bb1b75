//! How a function finds its connector, and what it says when it cannot begin.

use std::fs;
use std::time::Duration;

use sluice_tests::connector::Folder;
use sluice_tests::kafka;
use sluice_tests::kafka::secure::{PASSWORD, SecureBroker, USER};
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

/// A connector into nothing, with this dead letter queue at these brokers.
fn with_letters(servers: &str, queue: &str, security: &str) -> String {
    format!(
        "source:\n  kafka:\n    bootstrap_servers: {servers}\n    topics: [prices]\n{security}  value: json\n\
         sink: {{ blackhole: {{}} }}\nerrors: {{ tolerance: all, dead_letter_queue: {{ topic: {queue} }} }}\n"
    )
}

#[test]
fn a_dead_letter_queue_that_may_not_be_written_is_told_to_the_service_before_anything_is_put() {
    let Some(secure) = SecureBroker::shared() else { return };
    let folder = Folder::with("ca.pem.txt", &secure.ca);
    let queue = kafka::unique("not-written");
    secure.open().create_topic(&queue, 1);
    secure.allow(USER, "Describe", &queue);
    let security = format!(
        "    auth: {{ scram: {{ username: {USER}, password: \"${{env:PASSWORD}}\", mechanism: sha_512 }} }}\n    \
         tls: {{ ca: \"${{file:{}/ca.pem.txt}}\" }}\n",
        folder.path().display()
    );
    let file = folder.write("prices.yaml", with_letters(secure.sasl(), &queue, &security));
    let api = RuntimeApi::start();
    let function = api.function(Sluice::new(["lambda"]).arg(file)).env("PASSWORD", PASSWORD);
    let process = function.spawn();
    let reply = api.init_error();
    for part in ["the dead letter queue is not as the file has it", &queue, "may not be written", "`Write`"] {
        assert!(reply.error().contains(part), "{part}: {reply:?}");
    }
    process.wait().expect_code(2);
}

/// Functions often reach no broker: the service reads for them. What is good does not wait for the queue.
#[test]
fn a_dead_letter_queue_whose_brokers_are_away_keeps_no_good_record_waiting() {
    let folder = Folder::with("prices.yaml", with_letters("127.0.0.1:1", "letters", ""));
    let mut api = RuntimeApi::start();
    let _process = api.function(Sluice::new(["lambda"]).arg(folder.path())).spawn();
    assert_eq!(api.invoke(numbers(3).to_string(), Duration::from_secs(8)).failures(), []);
}
