//! What `sluice run` shows of itself over HTTP: metrics, health and status, and where it listens.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_emulator::Fault;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::listener::{address, ask, get};
use sluice_tests::open_metrics::Exposition;
use sluice_tests::sluice::{Running, Sluice};

/// Connectors, each with a topic of its own, at a broker of this process.
struct Stage {
    kafka: EmbeddedKafka,
    knowledge_base: LocalKnowledgeBase,
    folder: Folder,
}

impl Stage {
    fn set_up(connectors: &[(&str, ConnectorText)]) -> Self {
        let (kafka, folder) = (EmbeddedKafka::start().unwrap(), Folder::new());
        for (topic, connector) in connectors {
            kafka.create_topic(topic, 1).unwrap();
            folder.write(&format!("{topic}.yaml"), connector.text());
        }
        Self { kafka, knowledge_base: LocalKnowledgeBase::start(), folder }
    }

    fn produce(&self, topic: &str, values: &[&str]) {
        let client = kafka::client_of(&self.kafka.bootstrap_servers());
        kafka::produce(client, topic, values.iter().map(NewRecord::unkeyed));
    }

    fn sluice(&self) -> Sluice {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .envs(self.knowledge_base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
    }

    /// Runs it, and returns the address that its log gives.
    fn run(&self) -> (Running, String) {
        let mut daemon = self.sluice().arg("--listen=127.0.0.1:0").spawn();
        let address = address(&mut daemon);
        (daemon, address)
    }
}

fn metrics(address: &str) -> Exposition {
    let answer = get(address, "/metrics");
    assert_eq!(answer.status, 200);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(kind), "{}", answer.head);
    Exposition::parse(&answer.body)
}

/// What became of the records of a task, by the end of the name.
fn count(metrics: &Exposition, connector: &str, what: &str) -> f64 {
    metrics.value(&format!("sluice_records_{what}_total"), &[("connector", connector), ("task", "0")])
}

#[track_caller]
fn assert_adds_up(metrics: &Exposition, connector: &str) {
    let fates = ["delivered", "superseded", "filtered", "skipped", "dead_lettered", "abandoned"];
    let fates: f64 = fates.iter().map(|fate| count(metrics, connector, fate)).sum();
    let active =
        metrics.value("kafka_connect_sink_task_sink_record_active_count", &[("connector", connector)]);
    let read = count(metrics, connector, "read");
    assert!((read - fates - active).abs() < 0.5, "{read} read, {fates} done, {active} active");
}

#[track_caller]
fn assert_counts(metrics: &Exposition, connector: &str, expected: &[(&str, u32)]) {
    for (what, expected) in expected {
        let found = count(metrics, connector, what);
        assert!((found - f64::from(*expected)).abs() < 0.5, "{what}: {found}, expected {expected}");
    }
}

#[test]
fn metrics_are_open_metrics_and_every_record_read_is_in_one_counter() {
    let topic = "counted";
    let stage = Stage::set_up(&[(topic, ConnectorText::new(topic).tolerant())]);
    stage.produce(topic, &["{\"n\":1}", "no JSON", "{\"n\":2}", "{\"n\":3}"]);
    let (mut daemon, address) = stage.run();
    daemon.wait_while_running("records", || {
        let metrics = metrics(&address);
        assert_adds_up(&metrics, topic);
        count(&metrics, topic, "delivered") > 2.5
    });
    let metrics = metrics(&address);
    let expected = [("read", 4), ("delivered", 3), ("skipped", 1), ("filtered", 0), ("abandoned", 0)];
    assert_counts(&metrics, topic, &expected);
    let of = [("connector", topic), ("task", "0")];
    let exactly = |name: &str, labels: &[(&str, &str)], expected: f64| {
        let found = metrics.value(name, labels);
        assert!((found - expected).abs() < 0.001, "{name} {labels:?}: {found}, expected {expected}");
    };
    exactly("sluice_record_latency_seconds_count", &of, 3.0);
    exactly("sluice_batch_records_sum", &of, 3.0);
    let puts = metrics.value("sluice_batch_records_count", &of);
    exactly("sluice_put_seconds_count", &of, puts);
    exactly("kafka_connect_sink_task_sink_record_read_total", &of, 4.0);
    exactly("kafka_connect_sink_task_sink_record_send_total", &of, 3.0);
    exactly("kafka_connect_sink_task_sink_record_active_count", &of, 0.0);
    exactly("kafka_connect_task_error_total_records_skipped", &of, 1.0);
    exactly("kafka_connect_worker_connector_count", &[], 1.0);
    exactly("kafka_connect_worker_task_count", &[], 1.0);
    for (state, expected) in [("running", 1.0), ("paused", 0.0), ("stopped", 0.0), ("failed", 0.0)] {
        exactly("kafka_connect_connector_task_status", &[("status", state)], expected);
        exactly("kafka_connect_connector_status", &[("status", state)], expected);
    }
    exactly("kafka_connect_worker_connector_failed_task_count", &[], 0.0);
    exactly("sluice_learned_calls_per_second", &[("connector", topic)], 1000.0);
    exactly("sluice_buffered_bytes", &[("connector", topic)], 0.0);
    daemon.terminate().expect_code(0);
}

#[test]
fn counters_add_up_at_every_look_while_records_flow() {
    let topic = "flow";
    let stage = Stage::set_up(&[(topic, ConnectorText::new(topic))]);
    let (mut daemon, address) = stage.run();
    stage.produce(topic, &vec!["{\"n\":1}"; 2000]);
    daemon.wait_while_running("records", || {
        let metrics = metrics(&address);
        assert_adds_up(&metrics, topic);
        count(&metrics, topic, "delivered") > 1999.5
    });
    assert_counts(&metrics(&address), topic, &[("read", 2000), ("delivered", 2000)]);
}

#[test]
fn a_put_that_is_tried_again_is_counted() {
    let topic = "retried";
    let stage = Stage::set_up(&[(topic, ConnectorText::new(topic))]);
    let broken = Fault::Error {
        status: 500,
        code: "InternalServerException".to_owned(),
        message: "try again".to_owned(),
        retry_after: None,
    };
    stage.knowledge_base.fail(2, &broken);
    stage.produce(topic, &["{\"n\":1}"]);
    let (mut daemon, address) = stage.run();
    daemon.wait_while_running("record", || count(&metrics(&address), topic, "delivered") > 0.5);
    let metrics = metrics(&address);
    let exactly = |name: &str, labels: &[(&str, &str)], expected: f64| {
        let found = metrics.value(name, labels);
        assert!((found - expected).abs() < 0.5, "{name} {labels:?}: {found}");
    };
    exactly("sluice_put_seconds_count", &[], 3.0);
    exactly("sluice_put_retries_total", &[("class", "server_error")], 2.0);
    exactly("sluice_put_retries_total", &[("class", "throttled")], 0.0);
    exactly("sluice_put_failures_total", &[("kind", "retriable")], 2.0);
    exactly("kafka_connect_task_error_total_retries", &[], 2.0);
    exactly("kafka_connect_task_error_total_record_errors", &[], 2.0);
    exactly("kafka_connect_task_error_total_record_failures", &[], 0.0);
    exactly("sluice_dead_letter_put_seconds_count", &[], 0.0);
    let (last, failed) =
        ("sluice_last_success_timestamp_seconds", "kafka_connect_task_error_last_error_timestamp");
    assert!(metrics.value(last, &[]) * 1000.0 >= metrics.value(failed, &[]), "it failed first");
}

#[test]
fn the_lag_is_what_is_not_committed_even_where_the_sink_takes_nothing() {
    let topic = "lag";
    let stage = Stage::set_up(&[(topic, ConnectorText::new(topic))]);
    let busy = Fault::Error {
        status: 503,
        code: "ServiceUnavailableException".to_owned(),
        message: "try later".to_owned(),
        retry_after: Some(Duration::from_secs(6)),
    };
    stage.knowledge_base.fail(1, &busy);
    stage.produce(topic, &["{\"n\":1}"; 5]);
    let (mut daemon, address) = stage.run();
    let partition = [("connector", topic), ("topic", topic), ("partition", "0")];
    let lag = |metrics: &Exposition| {
        let known = !metrics.family("sluice_partition_lag_records").samples.is_empty();
        known.then(|| metrics.value("sluice_partition_lag_records", &partition))
    };
    let is = |lag: Option<f64>, expected: f64| lag.is_some_and(|lag| (lag - expected).abs() < 0.5);
    daemon.wait_while_running("lag", || is(lag(&metrics(&address)), 5.0));
    for name in ["sluice_task_lag_records", "sluice_task_lag_max_records"] {
        assert!(is(Some(metrics(&address).value(name, &[("connector", topic)])), 5.0), "{name}");
    }
    let status: Value = serde_json::from_str(&get(&address, "/status").body).unwrap();
    let expected = json!([{ "topic": topic, "partition": 0, "committed": 0, "lag": 5 }]);
    assert_eq!((&status[0]["tasks"][0]["partitions"], &status[0]["tasks"][0]["lag"]), (&expected, &json!(5)));

    daemon.wait_while_running("no lag", || is(lag(&metrics(&address)), 0.0));
    let metrics = metrics(&address);
    assert!(
        metrics.value("sluice_commits_total", &[("outcome", "success")]) > 1.5,
        "the first offset, and the last"
    );
    assert!(metrics.value("sluice_commit_seconds_count", &[]) > 1.5);
    assert!(is(Some(metrics.value("kafka_connect_sink_task_partition_count", &[])), 1.0));
    assert!(is(Some(metrics.value("sluice_rebalances_total", &[("change", "assigned")])), 1.0));
    daemon.terminate().expect_code(0);
}

#[test]
fn an_older_scraper_gets_the_older_format_and_a_head_no_body() {
    let stage = Stage::set_up(&[("formats", ConnectorText::new("formats"))]);
    let (_daemon, address) = stage.run();
    let plain = ask(&address, "GET", "/metrics", "text/plain;version=0.0.4;q=0.5");
    assert!(plain.head.contains("content-type: text/plain; version=0.0.4"), "{}", plain.head);
    assert!(
        plain.body.contains("# TYPE sluice_records_read_total counter\n") && !plain.body.contains("# EOF")
    );
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let open = ask(&address, "GET", "/metrics", prometheus);
    assert!(open.head.contains("content-type: application/openmetrics-text"), "{}", open.head);
    let head = ask(&address, "HEAD", "/metrics", "*/*");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let nothing = get(&address, "/metric");
    assert_eq!(
        (nothing.status, nothing.body.as_str()),
        (404, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}"),
        "as Kafka Connect says it"
    );
}

#[test]
fn it_is_not_ready_again_by_being_restarted() {
    let topic = "not-ready-for-long";
    let stage = Stage::set_up(&[(topic, ConnectorText::new(topic))]);
    stage.produce(topic, &["no JSON"]);
    let (mut daemon, address) = stage.run();
    daemon.wait_while_running("503", || get(&address, "/readyz").status == 503);
    // Through three restarts.
    daemon.wait_while_running("restarts", || {
        assert_eq!(get(&address, "/readyz").status, 503);
        metrics(&address).value("sluice_task_restarts_total", &[("connector", topic)]) > 2.5
    });
    daemon.terminate().expect_code(0);
}

#[test]
fn it_is_healthy_all_along_and_not_ready_while_a_connector_has_failed() {
    let (bad, good) = ("not-ready", "ready");
    let stage = Stage::set_up(&[(bad, ConnectorText::new(bad)), (good, ConnectorText::new(good))]);
    let (mut daemon, address) = stage.run();
    let (health, ready) = (get(&address, "/healthz"), get(&address, "/readyz"));
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    assert_eq!((ready.status, ready.body.as_str()), (200, "ok\n"));

    stage.produce(bad, &["no JSON"]);
    let reason = daemon.wait_until("503", |_| {
        let answer = get(&address, "/readyz");
        (answer.status == 503).then_some(answer.body)
    });
    let expected = "not-ready task 0: record not-ready-0-0 was rejected by value converter";
    assert!(reason.starts_with(expected) && reason.lines().count() == 1, "{reason}");
    assert_eq!(get(&address, "/healthz").status, 200);
    // The same from beside it, as a container is asked.
    let health = |arguments: &[&str]| {
        let arguments = [&["health"][..], arguments].concat();
        Sluice::new(arguments).arg(format!("--listen={address}")).output()
    };
    health(&[]).expect_code(0);
    let unready = health(&["--ready"]).expect_code(1);
    assert!(unready.stderr.contains(expected), "{unready}");

    stage.produce(good, &["{\"n\":1}"]);
    daemon.wait_while_running("record", || count(&metrics(&address), good, "delivered") > 0.5);
    daemon.wait_while_running("what was abandoned", || count(&metrics(&address), bad, "abandoned") > 0.5);
    let metrics = metrics(&address);
    assert_adds_up(&metrics, bad);
    assert!(metrics.value("sluice_task_failures_in_a_row", &[("connector", bad)]) > 0.5);
    assert!(metrics.value("sluice_task_failures_in_a_row", &[("connector", good)]) < 0.5);
    daemon.terminate().expect_code(0);
}

#[test]
fn nobody_is_healthy_where_nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = Sluice::new(["health"]).arg(format!("--listen={free}")).output().expect_code(3);
    assert!(ended.stderr.contains(&format!("no worker answers at {free}")), "{ended}");
    // One that takes connections and says nothing is given up.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", silent.local_addr().unwrap());
    let ended = Sluice::new(["health"]).arg(listen).output().expect_code(3);
    assert!(ended.stderr.contains("no answer in 4s"), "{ended}");
}

#[test]
fn status_is_json_with_every_connector_and_task() {
    let (bad, good) = ("status-bad", "status-good");
    let stage = Stage::set_up(&[(bad, ConnectorText::new(bad)), (good, ConnectorText::new(good))]);
    stage.produce(bad, &["no JSON"]);
    stage.produce(good, &["{\"n\":1}"]);
    let (mut daemon, address) = stage.run();
    let status = || {
        let answer = get(&address, "/status");
        assert!(answer.status == 200 && answer.head.contains("content-type: application/json"));
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    daemon.wait_while_running("failure and delivery", || {
        let status = status();
        status[0]["tasks"][0]["state"] == "FAILED" && status[1]["records"]["delivered"] == 1
    });
    let status = status();
    let records = json!({
        "read": 1, "delivered": 1, "superseded": 0, "filtered": 0, "skipped": 0, "dead_lettered": 0, "abandoned": 0,
        "retries": 0,
    });
    let mut status = status;
    let task = status[1]["tasks"][0].as_object_mut().unwrap();
    assert_eq!(task.remove("partitions").unwrap()[0]["topic"], good);
    task.remove("lag");
    let task = json!({ "id": 0, "state": "RUNNING", "failures": 0, "records": records });
    let expected = json!({
        "name": good, "sink": "bedrock_kb", "state": "RUNNING", "tasks": [task], "records": records,
        "buffered_bytes": 0, "buffer_memory": 64 * 1024 * 1024, "batch_max_records": 10, "calls_per_second": 1000.0,
        "calls_per_second_limit": 1000.0,
        "guarantee": { "kind": "idempotent", "why": "a document is named by its record, and written over" },
    });
    assert_eq!(status[1], expected);
    assert_eq!((&status[0]["name"], &status[0]["state"]), (&json!(bad), &json!("RUNNING")));
    assert!(status[0]["tasks"][0]["trace"].as_str().unwrap().contains("record status-bad-0-0 was rejected"));
    assert_eq!(status.as_array().unwrap().len(), 2);
    assert_eq!(get(&address, "/nothing").status, 404);
    daemon.terminate().expect_code(0);
}

#[test]
fn listen_none_serves_nothing() {
    let stage = Stage::set_up(&[("silent", ConnectorText::new("silent"))]);
    let mut daemon = stage.sluice().arg("--listen=none").spawn();
    daemon.wait_for_log("started");
    assert_eq!(daemon.log_lines("serving"), Vec::<String>::new());
    daemon.terminate().expect_code(0);
}

#[test]
fn the_address_can_be_set_in_the_file_or_the_environment() {
    let stage = Stage::set_up(&[("set", ConnectorText::new("set"))]);
    let settings = Folder::with("sluice.yaml", "listen: 127.0.0.1:0\n");
    for sluice in [
        stage.sluice().current_dir(settings.path()),
        stage.sluice().env("SLUICE_LISTEN", "127.0.0.1:0"),
        // The environment wins over the file, and the flag over both.
        stage.sluice().current_dir(settings.path()).env("SLUICE_LISTEN", "x").arg("--listen=127.0.0.1:0"),
    ] {
        let mut daemon = sluice.spawn();
        let address = address(&mut daemon);
        assert!(!address.ends_with(":8083"), "{address}");
        assert_eq!(get(&address, "/healthz").status, 200);
        daemon.terminate().expect_code(0);
    }
    let ended = stage.sluice().current_dir(settings.path()).env("SLUICE_LISTEN", "x").output();
    assert!(ended.expect_code(2).stderr.contains("`x` is no address"));
}

#[test]
fn the_help_says_where_it_listens() {
    for command in [vec!["--help"], vec!["run", "--help"]] {
        let ended = Sluice::new(command).output().expect_code(0);
        assert!(ended.stdout.contains("--listen <ADDRESS>"), "{ended}");
        assert!(ended.stdout.contains("127.0.0.1:8083") && ended.stdout.contains("none"), "{ended}");
    }
}

#[test]
fn an_address_that_is_taken_ends_it_with_code_3_before_a_record_is_read() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let stage = Stage::set_up(&[("taken", ConnectorText::new("taken"))]);
    let ended = stage.sluice().arg(format!("--listen={address}")).output().expect_code(3);
    assert!(ended.stderr.contains(&format!("cannot listen on {address}: ")), "{ended}");
    assert!(!ended.stderr.contains("started"), "{ended}");
}

#[test]
fn the_default_address_only_warns_when_it_is_taken() {
    // Whoever has it now, this test or another process, it is taken.
    let taken = TcpListener::bind("127.0.0.1:8083");
    let stage = Stage::set_up(&[("default", ConnectorText::new("default"))]);
    stage.produce("default", &["{\"n\":1}"]);
    let mut daemon = stage.sluice().spawn();
    if taken.is_ok() {
        let line = daemon.wait_for_log("metrics, health and status are not served");
        assert!(line.contains("WARN") && line.contains("127.0.0.1:8083"), "{line}");
    }
    daemon.wait_while_running("document", || stage.knowledge_base.documents().len() == 1);
    daemon.terminate().expect_code(0);
}

#[test]
fn what_is_no_address_ends_it_with_code_2_before_a_connector_starts() {
    let stage = Stage::set_up(&[("bad", ConnectorText::new("bad"))]);
    stage.produce("bad", &["{\"n\":1}"]);
    for bad in ["8083", "127.0.0.1", "127.0.0.1:99999", ""] {
        let ended = stage.sluice().arg(format!("--listen={bad}")).output().expect_code(2);
        assert!(ended.stderr.contains(&format!("`{bad}` is no address")), "{ended}");
        assert!(!ended.stderr.contains("started"), "{ended}");
        assert!(ended.took < Duration::from_secs(5), "{ended}");
    }
    assert_eq!(stage.knowledge_base.documents().len(), 0);
}
