//! What a collector of OpenTelemetry is sent, read by messages that nobody here wrote; and that records go on where it is away.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::collector::OtelCollector;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::python::Python;
use sluice_tests::sluice::{Exited, Running, Sluice};
use sluice_wire_testing::{HttpReply, HttpServer, SeenRequest};

const TRACE_A: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACE_B: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "00f067aa0ba902b7";
/// What the collector wants to see, and what the target wants to.
const SECRETS: [&str; 2] = ["hunter2-of-the-collector", "hunter2-of-the-target"];

fn traced(number: usize, trace: Option<&str>) -> NewRecord {
    let record = NewRecord::unkeyed(format!("{{\"n\":{number}}}"));
    match trace {
        Some(trace) => record.header("traceparent", format!("00-{trace}-{SPAN}-01")),
        None => record,
    }
}

/// A broker, a target and a collector, with connectors that put what they read as it is.
struct Stage {
    kafka: EmbeddedKafka,
    target: HttpServer,
    collector: HttpServer,
    folder: Folder,
}

impl Stage {
    async fn new(collector: impl IntoIterator<Item = HttpReply>) -> Self {
        Self {
            kafka: EmbeddedKafka::start().unwrap(),
            target: HttpServer::start([]).await,
            collector: HttpServer::start(collector).await,
            folder: Folder::new(),
        }
    }

    /// Adds a connector with lines of YAML behind the settings of its sink, and records to read.
    fn connect(&self, topic: &str, more: &str, records: impl IntoIterator<Item = NewRecord>) {
        self.kafka.create_topic(topic, 1).unwrap();
        let mut sink = format!("  http:\n    url: {}/{topic}\n", self.target.url);
        write!(sink, "    auth: {{ bearer: {{ token: \"${{env:TARGET_TOKEN}}\" }} }}\n{more}").unwrap();
        self.folder.write(
            &format!("{topic}.yaml"),
            ConnectorText::new(topic).transforms("  []\n").sink(sink).text(),
        );
        kafka::produce(kafka::client_of(&self.kafka.bootstrap_servers()), topic, records);
    }

    fn sluice(&self) -> Sluice {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .arg("--listen=none")
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
            .env("TARGET_TOKEN", SECRETS[1])
            .env("OTEL_METRIC_EXPORT_INTERVAL", "300")
            .env("OTEL_BSP_SCHEDULE_DELAY", "200")
            .env("OTEL_BLRP_SCHEDULE_DELAY", "200")
    }

    /// Returns the requests for a topic.
    fn put(&self, topic: &str) -> Vec<SeenRequest> {
        let path = format!("/{topic}");
        self.target.seen().into_iter().filter(|seen| seen.method == "POST" && seen.path == path).collect()
    }

    /// Has records of several traces put, together and alone, and all of that told to a collector.
    fn tell_all(&self, collector: &str) -> Exited {
        let together =
            [traced(1, Some(TRACE_A)), traced(2, Some(TRACE_A)), traced(3, Some(TRACE_B)), traced(4, None)];
        self.connect("together", "    batch: { format: json_lines }\n", together);
        self.connect("alone", "", [traced(1, Some(TRACE_A)), traced(2, None)]);
        let mut daemon = self
            .sluice()
            .arg(format!("--otlp-endpoint={collector}"))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
            .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization=Bearer%20{}", SECRETS[0]))
            .env("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
            .spawn();
        self.wait_for_records(&mut daemon, "together", 4);
        self.wait_for_records(&mut daemon, "alone", 2);
        daemon.terminate().expect_code(0)
    }

    fn wait_for_records(&self, daemon: &mut Running, topic: &str, count: usize) {
        daemon.wait_while_running("records", || {
            self.put(topic).iter().map(|seen| seen.text().lines().count()).sum::<usize>() >= count
        });
    }
}

/// Decodes what the collector was sent.
fn decoded(python: &Python, seen: &[SeenRequest]) -> Value {
    let folder = Folder::new();
    for (number, request) in seen.iter().enumerate() {
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        let kind = request.path.strip_prefix("/v1/").unwrap();
        let packed = if request.headers.contains_key("content-encoding") { ".gz" } else { "" };
        folder.write(&format!("{number}.{kind}{packed}"), &request.body);
    }
    let output = python.command(60, "decode_otlp.py", [folder.path()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Walks to each value at a path of names, through all lists on the way.
fn at<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    match (value, path) {
        (Value::Array(all), _) => all.iter().flat_map(|one| at(one, path)).collect(),
        (value, []) => vec![value],
        (value, [name, rest @ ..]) => value.get(*name).map_or_else(Vec::new, |below| at(below, rest)),
    }
}

/// Returns an attribute as text, whatever its type.
fn attribute(of: &Value, name: &str) -> Option<String> {
    let all = at(of, &["attributes"]);
    let found = all.into_iter().find(|attribute| attribute["key"] == name)?;
    let value = found["value"].as_object().unwrap().values().next().unwrap();
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn spans<'v>(decoded: &'v Value, connector: &str) -> Vec<&'v Value> {
    let all = at(&decoded["traces"], &["resourceSpans", "scopeSpans", "spans"]);
    all.into_iter().filter(|span| attribute(span, "sluice.connector").as_deref() == Some(connector)).collect()
}

/// Returns the number of a metric of a connector in the last message that has it.
fn counted(decoded: &Value, metric: &str, connector: &str) -> Option<u64> {
    let all = at(&decoded["metrics"], &["resourceMetrics", "scopeMetrics", "metrics"]);
    let metrics = all.into_iter().filter(|found| found["name"] == metric);
    let points = metrics.flat_map(|metric| at(metric, &["sum", "dataPoints"]));
    let mut points: Vec<_> = points.collect();
    points.retain(|point| attribute(point, "connector").as_deref() == Some(connector));
    points.last()?["asInt"].as_str()?.parse().ok()
}

/// What a real collector makes of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_collector_takes_all_of_it() {
    let Some(collector) = OtelCollector::start() else { return };
    let stage = Stage::new([]).await;
    stage.tell_all(&collector.url());
    let told = collector.end();
    assert_records_and_what_they_are_of(&told);
    assert_spans(&stage, &told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_metrics_logs_and_a_span_of_each_put_and_the_target_is_told_of_it() {
    let Some(python) = Python::with_packages() else { return };
    let stage = Stage::new([]).await;
    let ended = stage.tell_all(&stage.collector.url);
    let seen = stage.collector.seen();
    let authorised =
        |request: &SeenRequest| request.headers["authorization"] == format!("Bearer {}", SECRETS[0]);
    assert!(!seen.is_empty() && seen.iter().all(authorised), "{ended}");
    for secret in SECRETS {
        assert!(!ended.stderr.contains(secret), "{ended}");
        let told = |request: &&SeenRequest| String::from_utf8_lossy(&request.body).contains(secret);
        assert_eq!(seen.iter().find(told).map(|request| &request.path), None);
    }
    let decoded = decoded(&python, &seen);
    assert_records_and_what_they_are_of(&decoded);
    assert_spans(&stage, &decoded);
}

/// What was counted until the end is there, and lines of the log with whose they are.
fn assert_records_and_what_they_are_of(decoded: &Value) {
    assert_eq!(counted(decoded, "sluice_records_delivered", "together"), Some(4));
    assert_eq!(counted(decoded, "sluice_records_read", "alone"), Some(2));
    let puts = at(&decoded["metrics"], &["resourceMetrics", "scopeMetrics", "metrics"]);
    let puts = puts.into_iter().rfind(|metric| metric["name"] == "sluice_put_seconds").unwrap();
    assert_eq!(puts["unit"], "s");
    for point in at(puts, &["histogram", "dataPoints"]) {
        let counts: u64 = at(point, &["bucketCounts"])
            .iter()
            .map(|count| count.as_str().unwrap().parse::<u64>().unwrap())
            .sum();
        assert_eq!(point["count"].as_str().unwrap(), counts.to_string(), "{point}");
        let (bounds, buckets) = (at(point, &["explicitBounds"]).len(), at(point, &["bucketCounts"]).len());
        assert_eq!(bounds + 1, buckets, "{point}");
    }
    for (kind, path) in
        [("metrics", "resourceMetrics"), ("logs", "resourceLogs"), ("traces", "resourceSpans")]
    {
        let resources = at(&decoded[kind], &[path, "resource"]);
        assert!(!resources.is_empty(), "no {kind}");
        for resource in resources {
            assert_eq!(attribute(resource, "service.name").as_deref(), Some("sluice"), "{kind}");
            assert_eq!(attribute(resource, "deployment.environment").as_deref(), Some("test"), "{kind}");
            assert!(attribute(resource, "service.instance.id").is_some(), "{kind}");
        }
    }
    let lines = at(&decoded["logs"], &["resourceLogs", "scopeLogs", "logRecords"]);
    let line = |text: &str| lines.iter().find(|line| line["body"]["stringValue"] == text);
    assert!(line("sluice runs").is_some(), "{lines:?}");
    let started = line("started").unwrap();
    assert!(
        ["together", "alone"].map(String::from).map(Some).contains(&attribute(started, "connector")),
        "{started}"
    );
    assert_eq!(started["severityText"], "INFO");
}

fn assert_spans(stage: &Stage, decoded: &Value) {
    let together = spans(decoded, "together");
    let links: BTreeSet<_> = at(
        &Value::from(together.iter().map(|span| (*span).clone()).collect::<Vec<_>>()),
        &["links", "traceId"],
    )
    .into_iter()
    .map(|id| id.as_str().unwrap().to_owned())
    .collect();
    assert_eq!(links, BTreeSet::from([TRACE_A, TRACE_B].map(String::from)));
    let records =
        |span: &&Value| attribute(span, "messaging.batch.message_count").unwrap().parse::<usize>().unwrap();
    assert_eq!(together.iter().map(records).sum::<usize>(), 4, "{together:?}");
    assert!(together.iter().all(|span| span["name"] == "put http" && is_consumer(span)));

    let alone = spans(decoded, "alone");
    assert_eq!(alone.len(), 2);
    let child = alone.iter().find(|span| span["traceId"] == TRACE_A).unwrap();
    assert_eq!((&child["parentSpanId"], &child["links"][0]["spanId"]), (&SPAN.into(), &SPAN.into()));

    // Every request that the target got is of a span that the collector has.
    for (topic, spans) in [("together", together), ("alone", alone)] {
        let spans: BTreeSet<_> = spans.iter().map(|span| header_of(span)).collect();
        let told: BTreeSet<_> =
            stage.put(topic).iter().map(|seen| seen.headers["traceparent"].clone()).collect();
        assert_eq!(told, spans, "{topic}");
    }
}

/// By its name in one notation, and by its number in another.
fn is_consumer(span: &Value) -> bool {
    span["kind"] == "SPAN_KIND_CONSUMER" || span["kind"] == 5
}

fn header_of(span: &Value) -> String {
    format!("00-{}-{}-01", span["traceId"].as_str().unwrap(), span["spanId"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_a_line_and_no_record() {
    let stage = Stage::new([]).await;
    stage.connect("away", "", (0..100).map(|number| traced(number, Some(TRACE_A))));
    let mut daemon = stage.sluice().arg("--otlp-endpoint=http://127.0.0.1:1").spawn();
    stage.wait_for_records(&mut daemon, "away", 100);
    daemon.wait_for_log("telemetry is not taken by http://127.0.0.1:1, and is dropped");
    let ended = daemon.terminate().expect_code(0);
    let lines = ended.stderr.lines().filter(|line| line.contains("not taken"));
    assert_eq!(lines.count(), 1, "{ended}");
    assert!(ended.waited < Duration::from_secs(20), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_keeps_neither_records_nor_the_end() {
    let stage = Stage::new((0..1000).map(|_| HttpReply::Hang)).await;
    stage.connect("silent", "", (0..100).map(|number| traced(number, None)));
    let mut daemon = stage.sluice().arg(format!("--otlp-endpoint={}", stage.collector.url)).spawn();
    stage.wait_for_records(&mut daemon, "silent", 100);
    let ended = daemon.terminate().expect_code(0);
    // A second for each kind, and the machine may be busy.
    assert!(ended.waited < Duration::from_secs(20), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_where_it_is_not_wanted_and_the_trace_of_a_record_goes_on_all_the_same() {
    let stage = Stage::new([]).await;
    stage.connect("quiet", "", [traced(1, Some(TRACE_B))]);
    let mut daemon = stage
        .sluice()
        .arg("--otlp-endpoint=none")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &stage.collector.url)
        .spawn();
    stage.wait_for_records(&mut daemon, "quiet", 1);
    daemon.terminate().expect_code(0);
    assert_eq!(stage.collector.connections(), 0);
    assert_eq!(stage.put("quiet")[0].headers["traceparent"], format!("00-{TRACE_B}-{SPAN}-01"));
}

#[test]
fn an_address_that_is_none_is_refused_and_a_variable_for_others_is_said_and_left_out() {
    let folder = Folder::with("c.yaml", ConnectorText::new("c").sink("  blackhole: {}\n").text());
    let run = |more: &str| {
        Sluice::new(["run".as_ref(), folder.path()])
            .arg("--listen=none")
            .arg(format!("--otlp-endpoint={more}"))
    };
    let ended = run("localhost:4318").output().expect_code(2);
    assert!(
        ended.stderr.contains("`otlp_endpoint`: ") && ended.stderr.contains("http://localhost:4318"),
        "{ended}"
    );
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()])
        .arg("--listen=none")
        .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .spawn();
    let line = daemon.wait_for_log("telemetry is not sent");
    assert!(line.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && line.contains("http://127.0.0.1:4318"), "{line}");
    daemon.wait_for_log("sluice runs");
    daemon.terminate().expect_code(0);
}
