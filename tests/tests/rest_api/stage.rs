//! A worker whose REST API is asked.

use std::net::TcpListener;

use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::listener::{ListenerAnswer, send};
use sluice_tests::sluice::{Running, Sluice};
use sluice_tests::target::{CountingTarget, Manners};

/// Where the connector is that a stage begins with.
pub(crate) const PRICES: &str = "/connectors/prices";

/// A worker with a connector from a topic into a target.
pub(crate) struct Stage {
    /// In this process, unless there is a real broker.
    _embedded: Option<EmbeddedKafka>,
    pub(crate) servers: String,
    pub(crate) topic: String,
    pub(crate) target: CountingTarget,
    pub(crate) folder: Folder,
    pub(crate) address: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_tasks(1)
    }

    pub(crate) fn with_tasks(tasks: usize) -> Self {
        let kafka = EmbeddedKafka::start().unwrap();
        kafka.create_topic("prices", i32::try_from(tasks).unwrap()).unwrap();
        let servers = kafka.bootstrap_servers();
        Self { _embedded: Some(kafka), ..Self::of_topic("prices".to_owned(), servers, tasks) }
    }

    /// At a real broker, which knows what offsets of a group are.
    pub(crate) fn at(broker: &Broker) -> Self {
        let topic = kafka::unique("rest");
        broker.create_topic(&topic, 2);
        Self::of_topic(topic, broker.bootstrap_servers(), 1)
    }

    fn of_topic(topic: String, servers: String, tasks: usize) -> Self {
        let manners = Manners { faults: &[], pause: std::time::Duration::ZERO, names_poison: false };
        let target = CountingTarget::start(manners, 1);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let sink = format!("  http: {{ url: \"{}\", headers: {{ x-secret: \"hunter2\" }} }}\n", target.url());
        let text = ConnectorText::new(&topic).transforms("  []\n").sink(sink).text();
        let folder = Folder::with("prices.yaml", format!("{text}tasks_max: {tasks}\n"));
        Self { _embedded: None, servers, topic, target, folder, address: format!("127.0.0.1:{port}") }
    }

    pub(crate) fn sluice(&self) -> Sluice {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .arg(format!("--listen={}", self.address))
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.servers)
    }

    pub(crate) fn spawn(&self) -> Running {
        let mut daemon = self.sluice().spawn();
        daemon.wait_for_log("partitions assigned");
        daemon
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> ListenerAnswer {
        send(&self.address, method, path, &[], body)
    }

    /// Asks for something that is there.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) fn produce(&self, count: usize) {
        let records = (0..count).map(|n| NewRecord::unkeyed(format!("{{\"k\":\"k\",\"n\":{n}}}")));
        kafka::produce(kafka::client_of(&self.servers), &self.topic, records);
    }

    pub(crate) fn wait_for_state(&self, daemon: &mut Running, state: &str) {
        daemon.wait_until(state, |_| {
            let status = self.get("/connectors/prices/status");
            (status["connector"]["state"] == state).then_some(())
        });
    }
}

/// Reads an error's body.
pub(crate) fn error(answer: &ListenerAnswer) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["error_code"], answer.status, "{}", answer.body);
    (answer.status, body["message"].as_str().unwrap().to_owned())
}
