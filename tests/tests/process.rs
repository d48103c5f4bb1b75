//! The process among what surrounds it: logs that nobody takes, signals, and half-sent requests at the listener. Whatever
//! these are, records go on and a stop is a stop.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::{Write, pipe};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::listener::get;
use sluice_tests::open_metrics::Exposition;
use sluice_tests::sluice::{Exited, PATIENCE, Running, Sluice, binary};
use sluice_tests::target::{CountingTarget, Manners, Mishap};

/// A connector from a topic into a target of its own.
struct Stage {
    kafka: EmbeddedKafka,
    target: CountingTarget,
    folder: Folder,
    port: u16,
}

impl Stage {
    fn with(faults: &'static [(u8, Mishap)]) -> Self {
        let kafka = EmbeddedKafka::start().unwrap();
        kafka.create_topic("t", 1).unwrap();
        let manners = Manners { faults, pause: Duration::ZERO, names_poison: false };
        let target = CountingTarget::start(manners, 1);
        let connector = ConnectorText::new("t")
            .transforms("  []\n")
            .sink(format!("  http: {{ url: \"{}\", request_timeout: 5m }}\n", target.url()));
        let folder = Folder::with("t.yaml", connector.text());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { kafka, target, folder, port }
    }

    fn sluice(&self) -> Sluice {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .arg(format!("--listen={}", self.address()))
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn produce(&self, count: usize) {
        let records = (0..count).map(|n| NewRecord::unkeyed(format!("{{\"k\":\"k\",\"n\":{n}}}")));
        kafka::produce(kafka::client_of(&self.kafka.bootstrap_servers()), "t", records);
    }

    /// Waits until so many records have arrived.
    fn wait_for(&self, daemon: &mut Running, count: usize) {
        daemon.wait_while_running("records", || self.target.count() >= count);
    }

    fn dropped_lines(&self) -> f64 {
        let answer = get(&self.address(), "/metrics");
        Exposition::parse(&answer.body).value("sluice_log_lines_dropped_total", &[])
    }
}

/// Delivers with this log, and ends as it is told to.
fn delivers_with_log(log: impl Into<Stdio>) -> f64 {
    let stage = Stage::with(&[]);
    // Librdkafka is talkative: a pipe is full soon.
    let level = "--log-level=trace,hyper=off";
    let mut daemon = stage.sluice().arg(level).log_to(log.into()).spawn();
    for round in 1..=20 {
        stage.produce(100);
        stage.wait_for(&mut daemon, round * 100);
    }
    let dropped = stage.dropped_lines();
    let ended = daemon.terminate().expect_code(0);
    assert!(ended.waited < Duration::from_secs(10), "{ended}");
    dropped
}

#[test]
fn a_log_that_has_no_room_neither_holds_up_nor_ends_the_process() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    assert!(delivers_with_log(full) > 0.5, "lines that cannot be written are counted");
}

#[test]
fn a_log_that_is_closed_neither_holds_up_nor_ends_the_process() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    assert!(delivers_with_log(writer) > 0.5, "lines that cannot be written are counted");
}

#[test]
fn a_log_that_nobody_reads_neither_holds_up_nor_ends_the_process() {
    let (reader, writer) = pipe().unwrap();
    // What does not fit into the pipe waits in memory, within a bound.
    delivers_with_log(writer);
    drop(reader);
}

#[test]
fn a_command_that_fails_says_so_to_nobody_and_ends() {
    let (reader, writer) = pipe().unwrap();
    let mut full = writer.try_clone().unwrap();
    rustix::io::ioctl_fionbio(&full, true).unwrap();
    while full.write(&[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&full, false).unwrap();
    drop(full);
    let ended = Sluice::new(["check", "no-such-file.yaml"]).log_to(writer.into()).output();
    assert!(ended.waited < Duration::from_secs(10), "{ended}");
    ended.expect_code(2);
    drop(reader);
}

#[test]
fn signals_of_the_surroundings_do_not_end_it() {
    let stage = Stage::with(&[]);
    let mut daemon = stage.sluice().spawn();
    daemon.wait_for_log("partitions assigned");
    for signal in [Signal::HUP, Signal::XFSZ, Signal::PIPE, Signal::USR1, Signal::USR2] {
        daemon.signal(signal);
        sleep(Duration::from_millis(100));
        assert!(daemon.is_alive(), "{signal:?}");
    }
    daemon.wait_for_log("SIGHUP: looking at the connector files");
    stage.produce(10);
    stage.wait_for(&mut daemon, 10);
    daemon.signal(Signal::QUIT);
    let ended = daemon.wait().expect_code(0);
    assert!(ended.stderr.contains("SIGQUIT: stopping"), "{ended}");
}

/// Stops a connector whose put takes two seconds, and stops it again so many milliseconds later.
fn stopped_twice(apart: u64) -> (Stage, Exited) {
    let stage = Stage::with(&[(100, Mishap::Slow(2000))]);
    let mut daemon = stage.sluice().spawn();
    daemon.wait_for_log("partitions assigned");
    stage.produce(1);
    sleep(Duration::from_millis(700));
    daemon.signal(Signal::TERM);
    sleep(Duration::from_millis(apart));
    daemon.signal(Signal::TERM);
    let ended = daemon.wait();
    (stage, ended)
}

#[test]
fn one_signal_that_comes_twice_is_one_and_a_second_one_leaves_at_once() {
    let (stage, ended) = stopped_twice(100);
    let ended = ended.expect_code(0);
    assert!(stage.target.count() == 1 && ended.stderr.contains("stopped: 1 read"), "{ended}");
    let (_, ended) = stopped_twice(700);
    let ended = ended.expect_code(1);
    assert!(ended.stderr.contains("SIGTERM again"), "{ended}");
}

/// `timeout` sends its signal to the process, and to its group, which the process is in.
#[test]
fn the_time_limit_of_a_shell_is_one_signal() {
    let stage = Stage::with(&[]);
    let output = Command::new("timeout")
        .args(["--preserve-status", "3"])
        .arg(binary())
        .arg("run")
        .arg(stage.folder.path())
        .arg("--listen=none")
        .env("KAFKA_BOOTSTRAP_SERVERS", stage.kafka.bootstrap_servers())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(0) && !log.contains("again"), "{:?}: {log}", output.status);
}

#[test]
fn requests_that_are_sent_by_halves_do_not_take_the_listener() {
    let stage = Stage::with(&[]);
    let mut daemon = stage.sluice().spawn();
    daemon.wait_for_log("partitions assigned");
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).unwrap().count();
    let before = descriptors();
    let halves: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(stage.address()).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").unwrap();
            stream
        })
        .collect();
    sleep(Duration::from_secs(1));
    let taken = descriptors() - before;
    assert!(taken <= 64, "{taken} descriptors");
    let begun = Instant::now();
    // The others are served, and given up, before it.
    assert_eq!(get(&stage.address(), "/healthz").status, 200);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    drop(halves);
    daemon.terminate().expect_code(0);
}
