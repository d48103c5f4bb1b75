//! A worker in this process, steered through [`Control`]: what an operator asks for happens, nothing is lost on
//! the way, and no connector feels what happens to another.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupInfo;
use sluice_connector_api::Registry;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::connector::load::Connector;
use sluice_runtime::worker::{
    Applied, ConnectorStatus, Control, Kept, State, TaskStatus, UnknownConnector, Worker,
};
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::recorder::{Mood, Recorder, RecorderSettings};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// A connector from a topic into the recorder of the same name; so is the group.
fn connector(servers: &str, topic: &str, tasks_max: usize) -> Connector {
    changed_connector(servers, topic, tasks_max, "linger: 5ms")
}

/// Another version of it, with these settings of its batches.
fn changed_connector(servers: &str, topic: &str, tasks_max: usize, batch: &str) -> Connector {
    let text = format!(
        "\
source:
  kafka:
    bootstrap_servers: {servers}
    topics: [{topic}]
    group: {topic}
    commit_interval: 50ms
    properties: {{ session.timeout.ms: 1000, heartbeat.interval.ms: 200, fetch.wait.max.ms: 50 }}
  value: string
sink:
  recorder: {{ name: {topic} }}
batch: {{ {batch} }}
errors: {{ retry_timeout: 1s }}
tasks_max: {tasks_max}
"
    );
    let registry = sluice_transforms::register(Registry::new()).with_sink::<RecorderSettings>();
    let file = format!("{topic}.yaml");
    let parsed = Connector::parse(Path::new(&file), &text, &registry, Follow::Every);
    parsed.now_or_never().unwrap().unwrap()
}

/// A worker with a connector of one partition for each topic, at a broker in this process.
struct Stage {
    kafka: EmbeddedKafka,
    worker: Worker,
    stop: CancellationToken,
}

impl Stage {
    fn start(topics: &[&str]) -> Self {
        let kafka = EmbeddedKafka::start().unwrap();
        for topic in topics {
            kafka.create_topic(topic, 1).unwrap();
        }
        let servers = kafka.bootstrap_servers();
        let connectors = topics.iter().map(|topic| connector(&servers, topic, 1)).collect();
        let stop = CancellationToken::new();
        Self { worker: Worker::start(connectors, stop.clone()), kafka, stop }
    }

    fn produce(&self, topic: &str, count: usize) {
        kafka::produce(kafka::client_of(&self.kafka.bootstrap_servers()), topic, records(count));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A worker with one connector at Apache Kafka, which lets members leave and join at once.
struct RealStage {
    broker: &'static Broker,
    topic: String,
    recorder: Arc<Recorder>,
    worker: Worker,
    stop: CancellationToken,
}

impl RealStage {
    fn start(stem: &str, partitions: i32, tasks_max: usize) -> Option<Self> {
        let broker = Broker::shared()?;
        let topic = kafka::unique(stem);
        broker.create_topic(&topic, partitions);
        let stop = CancellationToken::new();
        let connectors = vec![connector(&broker.bootstrap_servers(), &topic, tasks_max)];
        let (recorder, worker) = (Recorder::named(&topic), Worker::start(connectors, stop.clone()));
        Some(Self { broker, topic, recorder, worker, stop })
    }

    fn control(&self) -> Control {
        self.worker.control()
    }

    fn status(&self) -> ConnectorStatus {
        self.control().status(&self.topic).unwrap()
    }

    fn produce(&self, count: usize) {
        self.broker.produce(&self.topic, records(count));
    }

    /// Waits until the first `count` records are stored, each once.
    async fn wait_for(&self, count: i64) {
        until("records", || self.recorder.stored().len() >= usize::try_from(count).unwrap()).await;
        assert_eq!(self.recorder.stored(), first(count));
    }

    /// The ids of the group's members.
    fn members(&self) -> BTreeSet<String> {
        members_of(self.broker, &self.topic)
    }

    /// The connector as it runs.
    fn connector(&self) -> Connector {
        connector(&self.broker.bootstrap_servers(), &self.topic, 1)
    }

    /// Another version of it.
    fn changed(&self) -> Connector {
        changed_connector(&self.broker.bootstrap_servers(), &self.topic, 1, "linger: 6ms")
    }
}

impl Drop for RealStage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn members_of(broker: &Broker, group: &str) -> BTreeSet<String> {
    let consumer: BaseConsumer = broker.client().create().unwrap();
    let groups = consumer.fetch_group_list(Some(group), PATIENCE).unwrap();
    let members = groups.groups().iter().flat_map(GroupInfo::members);
    members.map(|member| member.id().to_owned()).collect()
}

fn records(count: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::unkeyed(n.to_string())).collect()
}

fn first(count: i64) -> Vec<(i32, i64)> {
    (0..count).map(|offset| (0, offset)).collect()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let late = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < late, "no {what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Lets the worker's clock jump; only on a runtime of one thread.
async fn skip(time: Duration) {
    // Whoever is to wait does so by now.
    pass(200).await;
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

fn task(control: &Control, name: &str) -> TaskStatus {
    control.status(name).unwrap().tasks[0].clone()
}

async fn until_task(control: &Control, name: &str, state: State) {
    until(&format!("task {state:?}"), || task(control, name).state == state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_reads_nothing_and_keeps_the_partitions_until_a_resume_goes_on() {
    let Some(stage) = RealStage::start("pause", 1, 1) else { return };
    let control = stage.control();
    stage.produce(20);
    stage.wait_for(20).await;
    let members = stage.members();
    assert_eq!(members.len(), 1);

    control.pause(&stage.topic).unwrap();
    until_task(&control, &stage.topic, State::Paused).await;
    assert_eq!(stage.status().state, State::Paused);
    pass(300).await;
    stage.produce(20);
    // Longer than the session of a member that does nothing.
    pass(1500).await;
    assert_eq!(stage.status().records.read, 20);
    assert_eq!(stage.members(), members);

    control.resume(&stage.topic).unwrap();
    stage.wait_for(40).await;
    assert_eq!(stage.members(), members);
    let status = stage.status();
    assert_eq!((status.state, status.tasks[0].state), (State::Running, State::Running));
    assert_eq!((status.records.read, status.records.delivered), (40, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_the_partitions_back_and_a_resume_begins_at_the_committed_offset() {
    let Some(stage) = RealStage::start("stopped", 1, 1) else { return };
    let control = stage.control();
    stage.produce(25);
    stage.wait_for(25).await;
    control.stop(&stage.topic).unwrap();
    assert_eq!(stage.status().state, State::Stopped);
    until_task(&control, &stage.topic, State::Stopped).await;
    assert_eq!(stage.members(), BTreeSet::new());
    assert_eq!(stage.broker.committed(&stage.topic, &stage.topic), [Some(25)]);

    stage.produce(25);
    pass(300).await;
    assert_eq!(stage.recorder.stored().len(), 25);
    control.resume(&stage.topic).unwrap();
    stage.wait_for(50).await;
    until_task(&control, &stage.topic, State::Running).await;
    assert_eq!(stage.members().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_joins_anew_and_repeats_nothing() {
    let Some(stage) = RealStage::start("restart", 1, 1) else { return };
    stage.produce(25);
    stage.wait_for(25).await;
    let members = stage.members();
    stage.control().restart(&stage.topic).unwrap();
    stage.produce(25);
    stage.wait_for(50).await;
    let after = stage.members();
    assert!(after.len() == 1 && after.is_disjoint(&members), "{after:?}, before {members:?}");
    let task = task(&stage.control(), &stage.topic);
    assert_eq!((task.state, task.failures, task.trace), (State::Running, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_connector_that_is_paused_joins_and_reads_nothing() {
    let Some(stage) = RealStage::start("stop-pause", 1, 1) else { return };
    let control = stage.control();
    control.stop(&stage.topic).unwrap();
    until_task(&control, &stage.topic, State::Stopped).await;
    control.pause(&stage.topic).unwrap();
    until("member", || stage.members().len() == 1).await;
    stage.produce(5);
    pass(1000).await;
    assert_eq!(stage.status().records.read, 0);
    assert_eq!(task(&control, &stage.topic).state, State::Paused);
    control.resume(&stage.topic).unwrap();
    stage.wait_for(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_cuts_the_wait_after_a_failure_short() {
    let Some(stage) = RealStage::start("restart-failed", 1, 1) else { return };
    let control = stage.control();
    stage.recorder.set(Mood::Fails);
    stage.produce(5);
    // The wait after the third failure is at least 2s.
    let failed = |times| {
        let task = task(&control, &stage.topic);
        task.state == State::Failed && task.failures == times
    };
    until("third failure", || failed(3)).await;
    let trace = task(&control, &stage.topic).trace.unwrap();
    assert!(trace.contains("the key to the store is gone"), "{trace}");
    stage.recorder.set(Mood::Stores);
    let asked = Instant::now();
    control.restart(&stage.topic).unwrap();
    until_task(&control, &stage.topic, State::Running).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    stage.wait_for(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tasks_read_two_partitions() {
    let Some(stage) = RealStage::start("two-tasks", 2, 2) else { return };
    until("members", || stage.members().len() == 2).await;
    let delivered = || stage.status().tasks.iter().all(|task| task.records.delivered > 0);
    let late = Instant::now() + PATIENCE;
    while !delivered() {
        assert!(Instant::now() < late, "a task reads nothing: {:?}", stage.status());
        let both = [0, 1].map(|partition| NewRecord::unkeyed("x").partition(partition));
        stage.broker.produce(&stage.topic, both);
        pass(100).await;
    }
    let status = stage.status();
    assert_eq!(status.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [0, 1]);
    let ends = stage.broker.end_offsets(&stage.topic);
    until("all records", || {
        let stored: BTreeSet<_> = stage.recorder.stored().into_iter().collect();
        (0..2)
            .zip(&ends)
            .all(|(partition, end)| (0..*end).all(|offset| stored.contains(&(partition, offset))))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_fails_does_not_touch_its_neighbour() {
    let (bad, good) = ("fails", "neighbour-of-fails");
    let stage = Stage::start(&[bad, good]);
    let control = stage.worker.control();
    Recorder::named(bad).set(Mood::Fails);
    stage.produce(bad, 5);
    until_task(&control, bad, State::Failed).await;
    stage.produce(good, 50);
    until("records", || Recorder::named(good).stored().len() >= 50).await;
    assert_eq!(Recorder::named(good).stored(), first(50));
    let names: Vec<_> = control.statuses().into_iter().map(|status| status.name).collect();
    assert_eq!(names, [bad, good]);
    let task = task(&control, good);
    assert_eq!((task.state, task.failures, task.trace), (State::Running, 0, None));
    let status = control.status(bad).unwrap();
    assert_eq!((status.state, status.sink.as_str()), (State::Running, "recorder"));
    assert!(status.tasks[0].failures > 0 && status.records.delivered == 0, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_panics_fails_its_connector_only_and_the_status_says_why() {
    let (bad, good) = ("panics", "neighbour-of-panics");
    let stage = Stage::start(&[bad, good]);
    let control = stage.worker.control();
    Recorder::named(bad).set(Mood::Panics);
    stage.produce(bad, 5);
    until_task(&control, bad, State::Failed).await;
    let trace = task(&control, bad).trace.unwrap();
    assert!(trace.contains("panicked") && trace.contains("the sink has a bug"), "{trace}");
    stage.produce(good, 50);
    until("records", || Recorder::named(good).stored() == first(50)).await;

    Recorder::named(bad).set(Mood::Stores);
    until("records", || control.status(bad).is_ok_and(|status| status.records.delivered == 5)).await;
    assert_eq!(Recorder::named(bad).stored(), first(5));
    until_task(&control, bad, State::Running).await;
    let status = control.status(bad).unwrap();
    assert_eq!(status.records.in_flight(), 0, "{status:?}");
    assert_eq!(status.buffered_bytes, 0);
}

#[tokio::test]
async fn a_connector_that_runs_for_a_while_has_recovered_and_says_so() {
    let name = "recovers";
    let stage = Stage::start(&[name]);
    let control = stage.worker.control();
    Recorder::named(name).set(Mood::Fails);
    stage.produce(name, 5);
    until_task(&control, name, State::Failed).await;
    Recorder::named(name).set(Mood::Stores);
    until("records", || Recorder::named(name).stored() == first(5)).await;
    let before = task(&control, name);
    assert!(before.state == State::Running && before.failures > 0 && before.trace.is_some(), "{before:?}");
    skip(Duration::from_mins(3)).await;
    until("recovery", || task(&control, name).trace.is_none()).await;
    assert_eq!(task(&control, name).failures, 0);
}

#[tokio::test]
async fn a_stop_gives_a_put_up_that_hangs() {
    let name = "hangs-at-stop";
    let stage = Stage::start(&[name]);
    let control = stage.worker.control();
    Recorder::named(name).set(Mood::Hangs);
    stage.produce(name, 5);
    until("put", || Recorder::named(name).puts() == 1).await;
    control.stop(name).unwrap();
    skip(Duration::from_mins(1)).await;
    until_task(&control, name, State::Stopped).await;
    let status = control.status(name).unwrap();
    assert_eq!((status.records.abandoned, status.records.in_flight()), (5, 0), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_connector_has_is_an_error() {
    let stage = Stage::start(&["known"]);
    let control = stage.worker.control();
    let unknown = Err(UnknownConnector("unknown".to_owned()));
    for wish in [Control::pause, Control::resume, Control::stop] {
        assert_eq!(wish(&control, "unknown").map(drop), unknown);
        assert_eq!(wish(&control, "known"), Ok(Kept::Process), "there is no state directory");
    }
    assert_eq!(control.restart("unknown"), unknown);
    assert_eq!(control.restart("known"), Ok(()));
    assert_eq!(control.status("unknown").unwrap_err().to_string(), "no connector is named `unknown`");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_of_a_worker_is_bounded_whatever_a_sink_does() {
    let (hangs, good) = ("hangs", "ends");
    let mut stage = Stage::start(&[hangs, good]);
    Recorder::named(hangs).set(Mood::Hangs);
    stage.produce(hangs, 5);
    stage.produce(good, 5);
    until("puts", || Recorder::named(hangs).puts() == 1 && Recorder::named(good).stored().len() == 5).await;
    stage.stop.cancel();
    let asked = Instant::now();
    let ended = stage.worker.ended(Duration::from_millis(500)).await;
    assert!((400..3000).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    assert_eq!(ended.late, 1);
    let delivered: Vec<_> = ended.tallies.iter().map(|(name, tally)| (&**name, tally.delivered)).collect();
    assert_eq!(delivered, [(good, 5), (hangs, 0)]);
}

fn names(topic: &str) -> Vec<Arc<str>> {
    vec![topic.into()]
}

/// How often partitions came to a task or left it.
fn rebalances(metrics: &str, connector: &str) -> Vec<String> {
    let of = format!("connector=\"{connector}\"");
    let lines =
        metrics.lines().filter(|line| line.starts_with("sluice_rebalances_total") && line.contains(&of));
    lines.map(str::to_owned).collect()
}

fn metrics(control: &Control) -> String {
    let mut text = String::new();
    let registry = sluice_runtime::observe::metrics::registry(control.clone());
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_connectors_applied_again_change_nothing() {
    let Some(stage) = RealStage::start("idempotent", 1, 1) else { return };
    let control = stage.control();
    stage.produce(10);
    stage.wait_for(10).await;
    let members = stage.members();
    for _ in 0..3 {
        let applied = control.apply(vec![stage.connector()]);
        assert_eq!(applied, Applied { unchanged: names(&stage.topic), ..Applied::default() });
    }
    stage.produce(10);
    stage.wait_for(20).await;
    assert_eq!(stage.members(), members);
    assert!(
        metrics(&control).contains(&format!("restarts_total{{connector=\"{}\",task=\"0\"}} 0", stage.topic))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_one_connector_does_not_touch_another() {
    let Some(stage) = RealStage::start("untouched", 1, 1) else { return };
    let control = stage.control();
    let other = kafka::unique("changes");
    stage.broker.create_topic(&other, 1);
    let servers = stage.broker.bootstrap_servers();
    let with = |linger: &str| vec![stage.connector(), changed_connector(&servers, &other, 1, linger)];
    let applied = control.apply(with("linger: 1ms"));
    assert_eq!((applied.started, applied.unchanged), (names(&other), names(&stage.topic)));
    stage.produce(5);
    stage.wait_for(5).await;
    let (members, before) = (stage.members(), rebalances(&metrics(&control), &stage.topic));
    assert_eq!(before.len(), 3, "{before:?}");

    stage.broker.produce(&other, records(5));
    until("records", || Recorder::named(&other).stored() == first(5)).await;
    assert_eq!(control.apply(with("linger: 2ms")).replaced, names(&other));
    stage.broker.produce(&other, records(5));
    until("records", || Recorder::named(&other).stored() == first(10)).await;
    assert_eq!(control.apply(vec![stage.connector()]).stopped, names(&other));
    until("nobody", || members_of(stage.broker, &other).is_empty()).await;

    stage.produce(5);
    stage.wait_for(10).await;
    assert_eq!((stage.members(), rebalances(&metrics(&control), &stage.topic)), (members, before));
    let status = stage.status();
    assert_eq!((status.tasks[0].state, status.records.read), (State::Running, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_connector_delivers_commits_and_leaves_before_its_successor_joins() {
    let Some(stage) = RealStage::start("replaced", 1, 1) else { return };
    let control = stage.control();
    stage.produce(10);
    stage.wait_for(10).await;
    let before = stage.members();
    stage.recorder.set(Mood::Dawdles);
    let puts = stage.recorder.puts();
    stage.produce(5);
    until("put", || stage.recorder.puts() > puts).await;
    assert_eq!(control.apply(vec![stage.changed()]).replaced, names(&stage.topic));
    until_task(&control, &stage.topic, State::Restarting).await;
    assert_eq!(stage.status().state, State::Running, "what is wanted of it has not changed");
    until("successor", || {
        let members = stage.members();
        assert!(members.len() <= 1, "both at once: {members:?}");
        members.len() == 1 && members.is_disjoint(&before)
    })
    .await;
    assert_eq!(stage.broker.committed(&stage.topic, &stage.topic), [Some(15)]);
    stage.recorder.set(Mood::Stores);
    stage.produce(5);
    stage.wait_for(20).await;
    let status = stage.status();
    assert_eq!((status.tasks[0].state, status.records.delivered), (State::Running, 20), "it counts on");
    let applied = control.apply(vec![stage.changed()]);
    assert_eq!(applied.unchanged, names(&stage.topic));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_connector_delivers_commits_and_leaves_and_may_come_back() {
    let Some(stage) = RealStage::start("removed", 1, 1) else { return };
    let control = stage.control();
    stage.produce(10);
    stage.wait_for(10).await;
    let before = stage.members();
    stage.recorder.set(Mood::Dawdles);
    let puts = stage.recorder.puts();
    stage.produce(5);
    until("put", || stage.recorder.puts() > puts).await;
    assert_eq!(control.apply(Vec::new()).stopped, names(&stage.topic));
    assert_eq!(control.status(&stage.topic), Err(UnknownConnector(stage.topic.clone())));
    // It is still closing.
    assert_eq!(control.apply(vec![stage.connector()]).started, names(&stage.topic));
    assert_eq!(control.apply(Vec::new()).stopped, names(&stage.topic));
    assert_eq!(control.apply(vec![stage.connector()]).started, names(&stage.topic));
    until("successor", || {
        let members = stage.members();
        assert!(members.len() <= 1, "both at once: {members:?}");
        members.len() == 1 && members.is_disjoint(&before)
    })
    .await;
    assert_eq!(stage.broker.committed(&stage.topic, &stage.topic), [Some(15)]);
    stage.recorder.set(Mood::Stores);
    stage.produce(5);
    stage.wait_for(20).await;
    assert_eq!(control.apply(Vec::new()).stopped, names(&stage.topic));
    until("nobody", || stage.members().is_empty()).await;
    assert_eq!(stage.broker.committed(&stage.topic, &stage.topic), [Some(20)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_the_wait_after_a_failure_starts_at_once() {
    let Some(stage) = RealStage::start("changed-in-backoff", 1, 1) else { return };
    let control = stage.control();
    stage.recorder.set(Mood::Fails);
    stage.produce(5);
    // The wait after the third failure is at least 2s.
    let failed = |times| {
        let task = task(&control, &stage.topic);
        task.state == State::Failed && task.failures == times
    };
    until("third failure", || failed(3)).await;
    let same = control.apply(vec![stage.connector()]);
    assert_eq!((same.unchanged, task(&control, &stage.topic).failures), (names(&stage.topic), 3));
    stage.recorder.set(Mood::Stores);
    let asked = Instant::now();
    control.apply(vec![stage.changed()]);
    until_task(&control, &stage.topic, State::Running).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let task = task(&control, &stage.topic);
    assert_eq!((task.failures, task.trace), (0, None), "a new version begins anew");
    stage.wait_for(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_removed_in_the_wait_after_a_failure_is_gone_at_once() {
    let name = "removed-in-backoff";
    let mut stage = Stage::start(&[name]);
    let control = stage.worker.control();
    Recorder::named(name).set(Mood::Fails);
    stage.produce(name, 5);
    until("third failure", || task(&control, name).failures == 3).await;
    control.apply(Vec::new());
    stage.stop.cancel();
    let ended = stage.worker.ended(Duration::from_secs(1)).await;
    assert_eq!(ended.late, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_or_stopped_connector_that_is_changed_stays_so() {
    let Some(stage) = RealStage::start("changed-paused", 1, 1) else { return };
    let control = stage.control();
    control.pause(&stage.topic).unwrap();
    until_task(&control, &stage.topic, State::Paused).await;
    let before = stage.members();
    control.apply(vec![stage.changed()]);
    until("successor", || {
        let members = stage.members();
        members.len() == 1 && members.is_disjoint(&before)
    })
    .await;
    stage.produce(5);
    pass(500).await;
    assert_eq!((stage.status().state, stage.status().records.read), (State::Paused, 0));
    control.stop(&stage.topic).unwrap();
    until_task(&control, &stage.topic, State::Stopped).await;
    control.apply(vec![stage.connector()]);
    until_task(&control, &stage.topic, State::Stopped).await;
    assert_eq!((stage.status().state, stage.members()), (State::Stopped, BTreeSet::new()));
    control.resume(&stage.topic).unwrap();
    stage.wait_for(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_of_a_worker_waits_for_connectors_that_are_closing() {
    let name = "closing-at-stop";
    let mut stage = Stage::start(&[name]);
    let control = stage.worker.control();
    Recorder::named(name).set(Mood::Hangs);
    stage.produce(name, 5);
    until("put", || Recorder::named(name).puts() == 1).await;
    control.apply(Vec::new());
    stage.stop.cancel();
    let ended = stage.worker.ended(Duration::from_millis(300)).await;
    assert_eq!((ended.late, ended.tallies), (1, vec![]));
    assert_eq!(control.apply(vec![connector(&stage.kafka.bootstrap_servers(), name, 1)]), Applied::default());
}
