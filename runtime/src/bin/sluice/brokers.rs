use clap::Args;
use rdkafka::ClientConfig;

/// Where the brokers are, for the commands that talk to them without a connector.
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
    /// A property of librdkafka, such as security.protocol=ssl
    #[arg(long, short = 'X', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) property: Vec<(String, String)>,
}

impl Brokers {
    /// Returns the configuration of a client of theirs.
    pub(crate) fn config(&self) -> ClientConfig {
        self.config_over([])
    }

    /// Returns the same over defaults of the caller's, which the user's properties may replace.
    pub(crate) fn config_over<const N: usize>(&self, defaults: [(&str, &str); N]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap_servers);
        let own = self.property.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in defaults.into_iter().chain(own) {
            config.set(name, value);
        }
        config
    }
}

/// Takes `NAME=VALUE` apart.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not written as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
