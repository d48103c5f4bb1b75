//! What a daemon takes, at rest and behind a sink that stands still.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::listener;
use sluice_tests::memory_group::MemoryGroup;
use sluice_tests::process::{own_memory, peak_memory, resident_memory};
use sluice_tests::sluice::{PATIENCE, Sluice};
use sluice_tests::target::{CountingTarget, Manners, Mishap};

/// What comes back at the least, in MiB; in a release it is 8 and more.
const LEAST: f64 = 4.0;

#[test]
fn what_only_the_start_needed_is_given_back() {
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), Folder::new());
    kafka.create_topic("prices", 1).unwrap();
    let servers = kafka.bootstrap_servers();
    let source = format!("source: {{ kafka: {{ bootstrap_servers: \"{servers}\", topics: [prices] }} }}");
    folder.write("prices.yaml", format!("{source}\nsink: {{ blackhole: {{}} }}\n"));
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()]).arg("--listen=127.0.0.1:0").spawn();
    daemon.wait_for_log("partitions assigned");
    let begun = Instant::now();
    let given_back = || peak_memory(daemon.id()) - resident_memory(daemon.id());
    while given_back() < LEAST {
        assert!(begun.elapsed() < PATIENCE, "{:.1} MiB of {:.1}", given_back(), peak_memory(daemon.id()));
        sleep(Duration::from_millis(50));
    }
    daemon.terminate().expect_code(0);
}

/// What one batch can take: no property bounds it, and docs/operations.md says how much it is.
#[test]
fn a_batch_that_unpacks_to_a_thousand_times_its_size_takes_twice_that_and_no_more() {
    const MIB: usize = 1024 * 1024;
    const UNPACKED: usize = 96;
    const BUDGET: f64 = 16.0;
    /// What the binary of the tests takes at rest, and what librdkafka holds beside.
    const REST: f64 = 35.0 + 40.0;
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("unpacked");
    broker.create_topic(&topic, 1);
    let mut client = broker.client();
    client.set("compression.type", "gzip").set("message.max.bytes", "200000000");
    kafka::produce(client, &topic, [NewRecord::unkeyed(vec![b'x'; UNPACKED * MIB])]);
    broker.produce(&topic, [NewRecord::unkeyed("small")]);
    let connector = ConnectorText::new(&topic).value("bytes").transforms("  []\n").tolerant();
    let text = connector.sink("  blackhole: {}\n").text();
    let folder = Folder::with("unpacked.yaml", format!("{text}buffer_memory: {BUDGET}MiB\n"));
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()])
        .arg("--listen=127.0.0.1:0")
        .env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers())
        .spawn();
    daemon.wait_while_running("both are done", || broker.committed(&topic, &topic) == [Some(2)]);
    let (peak, unpacked) = (peak_memory(daemon.id()), f64::from(u32::try_from(UNPACKED).unwrap()));
    assert!(peak > unpacked && peak < REST + BUDGET + 2.0 * unpacked, "{peak:.1} MiB at most");
    daemon.terminate().expect_code(0);
}

/// Returns how many MiB a pod may have as it is shipped.
fn shipped_limit() -> u32 {
    let deployment = include_str!("../../infra/kubernetes/base/deployment.yaml");
    let limit = deployment.split("limits: { memory: ").nth(1).and_then(|rest| rest.split("Mi").next());
    limit.unwrap().parse().unwrap()
}

/// What docs/operations.md makes of that limit: a buffer as it is by default, which is all but full, of records that were packed
/// forty to one, and a batch of 45 MiB on top. The kernel kills whoever takes more; where no group can be made here, what is resident
/// is looked at.
#[test]
fn a_connector_as_it_is_by_default_lives_within_the_limit_that_is_shipped() {
    const MIB: u64 = 1024 * 1024;
    /// What the pages of the tests' binary take more than those of a release: the kernel gives them back where there is a limit.
    const MORE: f64 = 40.0;
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("shipped");
    broker.create_topic(&topic, 5);
    let mut client = broker.client();
    client.set("compression.type", "zstd").set("batch.size", "1000000").set("linger.ms", "50");
    let mut random = fastrand::Rng::with_seed(1);
    let mut backlog: Vec<NewRecord> = Vec::new();
    // Each takes 640 bytes beside its own.
    for number in 0..12_900 {
        let text: String = (0..100).map(|_| random.alphanumeric()).collect();
        backlog.push(NewRecord::unkeyed(text.repeat(40)).partition(number % 4));
    }
    kafka::produce(client, &topic, backlog);
    let manners = Manners { faults: &[(100, Mishap::Hang)], pause: Duration::ZERO, names_poison: false };
    let target = CountingTarget::start(manners, 1);
    let sink = format!("  http: {{ url: \"{}\", request_timeout: 5m }}\n", target.url());
    let connector = ConnectorText::new(&topic).value("bytes").transforms("  []\n").sink(sink);
    let folder = Folder::with("shipped.yaml", connector.text());
    let group = MemoryGroup::new(u64::from(shipped_limit()) * MIB);
    let arguments = ["run".as_ref(), folder.path().as_os_str()];
    let sluice = group.as_ref().map_or_else(|| Sluice::new(arguments), |group| group.sluice(arguments));
    let mut daemon =
        sluice.arg("--listen=127.0.0.1:0").env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers()).spawn();
    let address = listener::address(&mut daemon);
    let buffered = || {
        let status: Value = serde_json::from_str(&listener::get(&address, "/status").body).unwrap();
        status.pointer("/0/buffered_bytes").and_then(Value::as_u64).unwrap()
    };
    daemon.wait_while_running("a buffer that is all but full", || buffered() > 56 * MIB);
    let mut client = broker.client();
    client.set("compression.type", "gzip").set("message.max.bytes", "200000000");
    kafka::produce(client, &topic, [NewRecord::unkeyed(vec![b'x'; 45 * 1024 * 1024]).partition(4)]);
    daemon.wait_while_running("the large batch", || buffered() > 100 * MIB);
    let peak = peak_memory(daemon.id());
    match &group {
        Some(group) => {
            assert_eq!(group.killed(), 0, "{peak:.0} MiB were resident, {:.0} charged", group.peak());
        }
        None => assert!(peak < f64::from(shipped_limit()) + MORE, "{peak:.0} MiB"),
    }
    assert!(daemon.is_alive(), "{}", daemon.log());
    daemon.kill();
}

/// Two connectors whose target stands still would fill what they may, 64 MiB each.
#[test]
fn connectors_together_stay_within_the_bound_of_the_process_and_none_is_starved() {
    const MIB: u64 = 1024 * 1024;
    /// Twice the bound, and no more than the broker in this process keeps.
    const RECORDS: u64 = 3_000;
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), Folder::new());
    kafka.create_topic("prices", 1).unwrap();
    let servers = kafka.bootstrap_servers();
    let value = |n: u64| format!("{{\"k\":\"k\",\"n\":{n},\"text\":\"{}\"}}", "x".repeat(1000));
    kafka::produce(kafka::client_of(&servers), "prices", (0..RECORDS).map(|n| NewRecord::unkeyed(value(n))));
    let manners = Manners { faults: &[(100, Mishap::Hang)], pause: Duration::ZERO, names_poison: false };
    let target = CountingTarget::start(manners, 1);
    let stuck = format!("  http: {{ url: \"{}\" }}\n", target.url());
    for (name, sink) in [("stuck-a", stuck.as_str()), ("stuck-b", &stuck), ("quick", "  blackhole: {}\n")] {
        let text = ConnectorText::new("prices").transforms("  []\n").sink(sink).text();
        folder.write(&format!("{name}.yaml"), text.replace("group: prices", &format!("group: {name}")));
    }
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()])
        .arg("--listen=127.0.0.1:0")
        .arg("--buffer-memory=2MiB")
        .env("KAFKA_BOOTSTRAP_SERVERS", &servers)
        .spawn();
    let address = listener::address(&mut daemon);
    let seen = || -> Value { serde_json::from_str(&listener::get(&address, "/status").body).unwrap() };
    let of = |status: &Value, name: &str| {
        let all = status.as_array().unwrap();
        all.iter().find(|connector| connector["name"] == name).unwrap().clone()
    };
    let mut most = 0;
    daemon.wait_while_running("the one whose target answers", || {
        let status = seen();
        let buffered = status.as_array().unwrap().iter().filter_map(|one| one["buffered_bytes"].as_u64());
        most = most.max(buffered.sum());
        let is_held =
            ["stuck-a", "stuck-b"].iter().all(|name| of(&status, name)["buffered_bytes"].as_u64() > Some(0));
        of(&status, "quick")["records"]["delivered"].as_u64() == Some(RECORDS) && is_held && most > MIB
    });
    // What each of them reads in one turn comes on top; without the bound it would be 9 MiB and more.
    assert!(most < 5 * MIB, "{most} bytes in use");
    daemon.kill();
}

/// A backlog of ten budgets, none of which is ever stored. A group that hears nothing of a member for two seconds, or a
/// member that does not ask for records that long, would see a rebalance.
#[test]
fn behind_a_sink_that_stands_still_memory_is_flat_and_the_membership_lives() {
    const BUDGET: f64 = 16.0;
    /// What is its own, without the pages of the program: in the first seconds those of the whole start are there, too.
    const AT_REST: f64 = 18.0;
    /// What librdkafka has in hand of an answer that came in when the budget was used up.
    const FETCHED: f64 = 24.0;
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("backlog");
    broker.create_topic(&topic, 2);
    let value = |n: usize| format!("{{\"k\":\"k\",\"n\":{n},\"text\":\"{}\"}}", "x".repeat(4000));
    broker.produce(&topic, (0..40_000).map(|n| NewRecord::unkeyed(value(n))));
    let target = CountingTarget::start(
        Manners { faults: &[(100, Mishap::Hang)], pause: Duration::ZERO, names_poison: false },
        1,
    );
    let connector = ConnectorText::new(&topic)
        .transforms("  []\n")
        .sink(format!("  http: {{ url: \"{}\", request_timeout: 5m }}\n", target.url()))
        .property("session.timeout.ms", "2000")
        .property("max.poll.interval.ms", "2000");
    let text = format!("{}buffer_memory: {BUDGET}MiB\n", connector.text());
    let folder = Folder::with("backlog.yaml", text);
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()])
        .arg("--listen=127.0.0.1:0")
        .env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers())
        .spawn();
    daemon.wait_for_log("partitions assigned");
    let most_within = |time: Duration| {
        let (begun, mut most) = (Instant::now(), 0.0_f64);
        while begun.elapsed() < time {
            most = most.max(own_memory(daemon.id()));
            sleep(Duration::from_millis(20));
        }
        (most, own_memory(daemon.id()))
    };
    let (peak, full) = most_within(Duration::from_secs(3));
    let (later_peak, later) = most_within(Duration::from_secs(6));
    let peak = peak.max(later_peak);
    assert!((later - full).abs() < 4.0, "{full:.1} MiB, and {later:.1} six seconds later");
    assert!(full > BUDGET && peak < AT_REST + BUDGET + FETCHED, "{full:.1} MiB, {peak:.1} at most");
    assert_eq!(daemon.log_lines("partitions assigned").len(), 1, "{}", daemon.log());
    daemon.kill();
}
