use std::path::PathBuf;

use clap::Args;
use sluice_runtime::config::interpolate::ProcessEnv;
use sluice_runtime::connector::load::Connector;
use sluice_runtime::kafka::{Access, KafkaSettings};

use crate::exit::Exit;

/// Where the brokers are, for the commands that talk to them without running a connector.
#[derive(Debug, Args)]
pub(crate) struct Brokers {
    /// Brokers to begin with, parted by commas
    #[arg(
        long,
        short,
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "localhost:9092",
        value_name = "ADDRESSES"
    )]
    pub(crate) bootstrap_servers: String,
    /// Take addresses, `auth`, `tls` and properties from the source of this connector file instead
    #[arg(long, value_name = "FILE")]
    pub(crate) connector: Option<PathBuf>,
    /// A property of librdkafka, such as security.protocol=ssl
    #[arg(long, short = 'X', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) property: Vec<(String, String)>,
}

impl Brokers {
    /// Returns the name and the source of the connector, if one is named.
    pub(crate) fn source(&self) -> Result<Option<(String, KafkaSettings)>, Exit> {
        let Some(file) = &self.connector else { return Ok(None) };
        let connector = Connector::load(file, &crate::registry(), &ProcessEnv)?;
        Ok(Some((connector.name.to_string(), connector.source.kafka)))
    }

    /// Returns how to become a client of theirs.
    pub(crate) fn access(&self) -> Result<Access, Exit> {
        let source = self.source()?;
        let mut access =
            source.map_or_else(|| Access::to(&self.bootstrap_servers), |(_, kafka)| kafka.access());
        for (name, value) in &self.property {
            access.config.set(name, value);
        }
        Ok(access)
    }
}

/// Takes `NAME=VALUE` apart.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not written as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
