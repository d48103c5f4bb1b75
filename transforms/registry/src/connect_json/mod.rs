//! `connect_json`: what Kafka Connect's `JsonConverter` writes with `schemas.enable`.

mod apply;
mod envelope;
mod kinds;
mod settings;
mod types;
mod written;

pub(crate) use settings::ConnectJsonSettings;
