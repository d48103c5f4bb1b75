//! Where the brokers are.

use std::path::{Path, PathBuf};

use clap::Args;
use sluice_connector_api::{BoxError, Registry};
use sluice_kafka_client::check_servers;

use crate::cli::exit::Exit;
use crate::cli::parse::pair;
use crate::config::interpolate::Follow;
use crate::config::problem::Problem;
use crate::connector::load::Connector;
use crate::kafka::reach::out_of_reach;
use crate::kafka::{Access, reason};

/// Ends a command that asked the brokers.
pub(crate) fn failed(access: &Access, error: &BoxError) -> Exit {
    Exit::Environment(reason(access, error))
}

/// Ends a command at once where every broker refuses the connection.
pub(crate) async fn reachable(access: &Access) -> Result<(), Exit> {
    match out_of_reach(access).await {
        Some(reason) => Err(Exit::Environment(reason)),
        None => Ok(()),
    }
}

/// Ends a command whose addresses are none.
fn no_brokers(why: &str) -> Exit {
    let text = format!("`--bootstrap-servers`, or the variable KAFKA_BOOTSTRAP_SERVERS: {why}");
    Exit::Configuration(vec![Problem::of_file(Path::new("settings"), text)])
}

/// Where the brokers are, for the commands that talk to them without running a connector.
#[derive(Debug, Args)]
pub(crate) struct Brokers {
    /// Brokers to begin with, comma-separated
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
    /// Returns the connector, if one is named.
    pub(crate) async fn connector(&self, registry: &Registry) -> Result<Option<Connector>, Exit> {
        let Some(file) = &self.connector else { return Ok(None) };
        Ok(Some(Connector::load(file, registry, Follow::Every).await?))
    }

    /// Returns how to become a client of theirs.
    pub(crate) async fn access(&self, registry: &Registry) -> Result<Access, Exit> {
        let mut access = if let Some(connector) = self.connector(registry).await? {
            connector.source.kafka.access()
        } else {
            check_servers(&self.bootstrap_servers).map_err(|why| no_brokers(&why))?;
            Access::from_servers(&self.bootstrap_servers)
        };
        for (name, value) in &self.property {
            access.set(name, value);
        }
        reachable(&access).await?;
        Ok(access)
    }
}
