//! What a command says where there is no broker: which one was asked, and what to look at. Never the names of an error.

use sluice_tests::sluice::Sluice;

const AWAY: &str = "Kafka at 127.0.0.1:1 cannot be reached; check the address, the network, `auth` and `tls`";

#[test]
fn every_command_names_the_brokers_and_what_to_check() {
    let topics = Sluice::new(["topics", "list", "-b=127.0.0.1:1"]).spawn();
    let offsets = Sluice::new(["offsets", "show", "--group=g", "-b=127.0.0.1:1"]).spawn();
    let letters = Sluice::new(["dlq", "list", "--topic=t", "-b=127.0.0.1:1"]).spawn();
    assert_eq!(topics.wait().expect_code(3).stderr, format!("error: {AWAY}"));
    assert_eq!(offsets.wait().expect_code(3).stderr, format!("error: {AWAY}"));
    assert_eq!(letters.wait().expect_code(3).stderr, format!("error: cannot read t: {AWAY}"));
}

#[test]
fn produce_says_once_what_is_wrong_with_a_broker() {
    let produce = Sluice::new(["produce", "-b=127.0.0.1:1", "-t=t", "-X=message.timeout.ms=2000"]);
    let ended = produce.input("{}\n").output().expect_code(3);
    let warnings: Vec<_> = ended.stderr.lines().filter(|line| line.contains("Connection refused")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("127.0.0.1:1"), "{ended}");
    assert!(ended.stderr.ends_with("error: 1 record(s) were not acknowledged: Message timed out"), "{ended}");
    assert_eq!(ended.stderr.lines().count(), 2, "{ended}");
}
