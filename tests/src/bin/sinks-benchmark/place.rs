//! The servers that are written to, and an empty place in them for each run.

use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::kafka::unique;
use sluice_tests::object_store::{CREDENTIALS, ObjectStore};
use sluice_tests::opensearch::OpenSearch;
use sluice_tests::plain_http::PlainConnection;
use sluice_tests::postgres::Postgres;

/// What is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TargetName {
    Postgres,
    Kafka,
    Opensearch,
    S3,
}

impl TargetName {
    /// Returns its name on the command line and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
            Self::Opensearch => "opensearch",
            Self::S3 => "s3",
        }
    }

    /// Says what the bare loop does with a batch.
    pub(crate) fn bare(self) -> &'static str {
        match self {
            Self::Postgres => "`insert ... select from unnest`, 1000 rows each, prepared (tokio-postgres)",
            Self::Kafka => "librdkafka's idempotent producer, zstd, nothing waited for but the end",
            Self::Opensearch => "`_bulk`, 1000 documents each, over one connection",
            Self::S3 => "a `PUT` of 10000 lines, not signed, over one connection",
        }
    }

    /// Returns how many records are a batch, for both.
    pub(crate) fn batch(self) -> usize {
        if self == Self::S3 { 10_000 } else { 1000 }
    }

    /// Returns the goal: how much of the bare loop's rate is to be reached.
    pub(crate) fn goal(self) -> f64 {
        if self == Self::Postgres { 0.8 } else { 0.7 }
    }
}

/// A server with room for many runs.
pub(crate) struct TargetPlaces {
    pub(crate) target: TargetName,
    server: Server,
}

enum Server {
    Postgres(Postgres),
    Kafka(String),
    Opensearch(OpenSearch),
    Store(ObjectStore),
}

impl TargetPlaces {
    /// Starts the server of a target; `None` where it is not to be had.
    pub(crate) fn of(target: TargetName, stage: &BenchmarkStage) -> Option<Self> {
        let server = match target {
            TargetName::Postgres => Server::Postgres(Postgres::start()?),
            TargetName::Kafka => Server::Kafka(stage.bootstrap_servers()),
            TargetName::Opensearch => Server::Opensearch(OpenSearch::start()?),
            TargetName::S3 => {
                let store = ObjectStore::start()?;
                // A bucket that anybody may write, for the loop that does not sign.
                let (status, _) = PlainConnection::open(&address(&store.url())).ask("PUT", "/open", "", b"");
                assert_eq!(status, 200, "a bucket");
                Server::Store(store)
            }
        };
        Some(Self { target, server })
    }

    /// Makes an empty place, and returns its name.
    pub(crate) fn make(&self, stage: &BenchmarkStage) -> String {
        let name = unique("place").replace('-', "");
        match &self.server {
            Server::Postgres(server) => {
                server.sql(&format!(
                    "create table {name} (timestamp double precision, ticker text, price text)"
                ));
            }
            Server::Kafka(_) => stage.create_other(&name),
            Server::Opensearch(node) => {
                let text = serde_json::json!({ "type": "keyword" });
                let settings = serde_json::json!({ "mappings": { "properties": {
                    "timestamp": { "type": "double" }, "ticker": text, "price": text,
                } } });
                node.call("PUT", &format!("/{name}"), Some(&settings));
            }
            Server::Store(_) => {}
        }
        name
    }

    /// Empties a place, so that the next run finds a server as the last one did.
    pub(crate) fn clear(&self, name: &str) {
        match &self.server {
            Server::Postgres(server) => drop(server.sql(&format!("drop table {name}"))),
            Server::Opensearch(node) => drop(node.call("DELETE", &format!("/{name}"), None)),
            Server::Kafka(_) | Server::Store(_) => {}
        }
    }

    /// Returns where the server is, as the bare loop takes it.
    pub(crate) fn address(&self) -> String {
        match &self.server {
            Server::Postgres(server) => server.url("postgres"),
            Server::Kafka(servers) => servers.clone(),
            Server::Opensearch(node) => address(&node.url()),
            Server::Store(store) => address(&store.url()),
        }
    }

    /// Returns the sink that writes to a place: lines of YAML.
    pub(crate) fn sink(&self, name: &str) -> String {
        match &self.server {
            Server::Postgres(server) => {
                format!("  postgres:\n    url: {}\n    table: {name}\n", server.url("postgres"))
            }
            Server::Kafka(servers) => {
                format!("  kafka:\n    bootstrap_servers: {servers}\n    topic: {name}\n")
            }
            Server::Opensearch(node) => {
                format!(
                    "  opensearch:\n    urls: [\"{}\"]\n    index: {name}\n    document_id: origin\n",
                    node.url()
                )
            }
            Server::Store(store) => format!(
                "  s3:\n    bucket: archive\n    prefix: {name}/\n    region: eu-west-3\n    endpoint_url: {}\n    format: raw\n",
                store.url()
            ),
        }
    }

    /// Returns what the process of Sluice needs in its environment.
    pub(crate) fn environment(&self) -> &'static [(&'static str, &'static str)] {
        if matches!(self.server, Server::Store(_)) { &CREDENTIALS } else { &[] }
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}
