//! A table and a sink into it.

use serde_json::{Value, json};
use sluice_connector_api::{Payload, Record, Registry, Sink};
use sluice_plugin_testing::record;
use sluice_tests::postgres::Postgres;

/// Builds the sink for the table `t`, with more settings.
pub(crate) fn sink(server: &Postgres, more: Value) -> Box<dyn Sink> {
    sink_of(server, "postgres", more)
}

/// Builds the sink for the table `t` as a user.
pub(crate) fn sink_of(server: &Postgres, user: &str, more: Value) -> Box<dyn Sink> {
    let mut settings = json!({ "url": server.url(user), "table": "t" });
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    sluice_sinks::register(Registry::new()).sink("postgres").unwrap().build(settings).unwrap()
}

/// Makes a record with a JSON key and a JSON value.
pub(crate) fn row(offset: i64, key: impl Into<Payload>, value: Value) -> Record {
    record(offset).key(key).value(value).build()
}

/// Makes a tombstone.
pub(crate) fn gone(offset: i64, key: impl Into<Payload>) -> Record {
    record(offset).key(key).build()
}
