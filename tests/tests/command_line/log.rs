//! What the log of `sluice run` shows to who asks for more, and at the end.

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::sluice::Sluice;

#[test]
fn each_put_is_shown_at_debug_and_the_tally_names_every_fate() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("t", 1).unwrap();
    let servers = kafka.bootstrap_servers();
    let text = ConnectorText::new("t").transforms("  []\n").sink("  blackhole: {}\n".to_owned()).text();
    let folder = Folder::with("c.yaml", text);
    let produce = Sluice::new(["produce", "--topic=t", "--output=json"]).input("{\"n\":1}\n{\"n\":2}\n");
    let sent = produce.env("KAFKA_BOOTSTRAP_SERVERS", &servers).output().expect_code(0);
    assert_eq!(sent.stdout, "{\"topic\":\"t\",\"acknowledged\":2}");
    let run = Sluice::new(["run", "c.yaml", "--listen=none", "--log-level=debug"]).current_dir(folder.path());
    let mut daemon = run.env("KAFKA_BOOTSTRAP_SERVERS", &servers).spawn();
    let put = daemon.wait_for_log("put: stored");
    assert!(put.contains("first=t-0-0") && put.contains("records="), "{put}");
    daemon.wait_for_log("last=t-0-1");
    let ended = daemon.terminate().expect_code(0);
    let tally = "2 read, 2 delivered, 0 filtered, 0 skipped, 0 dead-lettered, 0 superseded, 0 abandoned";
    assert!(ended.stderr.contains(tally), "{ended}");
    assert!(!ended.stderr.contains("\"n\""), "a log holds nothing of a record: {ended}");
}
