//! How to become a client of the brokers: the properties and the identity that each of them needs.

use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer};
use sluice_connector_api::BoxError;

use crate::identity::Identity;
use crate::msk_iam::MskIam;
use crate::security::Security;
use crate::tokens::{Token, Tokens, in_time};

/// What every client has unless `properties` says otherwise.
pub const CLIENT_DEFAULTS: [(&str, &str); 1] = [
    // Authorities where the system keeps them; those that OpenSSL was built with are on no machine.
    ("ssl.ca.location", "probe"),
];

/// What every client has that is no member of a group, whatever the properties of the source say. Where brokers create topics
/// by themselves, as they do by default, a topic would be there once it was asked for, or written to, and so would one that
/// was mistyped. To a producer librdkafka says that this is a consumer's property, and obeys it.
const CREATES_NOTHING: [(&str, &str); 2] = [(CREATES, "false"), ("log_level", "3")];
/// The property that lets a client have topics created by asking for them.
const CREATES: &str = "allow.auto.create.topics";

/// How to become a client of the brokers.
#[derive(Clone)]
pub struct Access {
    /// The properties, addresses and security among them.
    pub config: ClientConfig,
    iam: Option<MskIam>,
}

impl Access {
    /// Takes properties, among which are those of the security.
    pub fn new(config: ClientConfig, security: Security<'_>) -> Self {
        Self { config, iam: security.msk_iam() }.without_creation()
    }

    /// Names brokers, comma-separated. Who the client is follows from properties that the caller sets.
    pub fn from_servers(bootstrap_servers: &str) -> Self {
        let mut config = ClientConfig::new();
        for (name, value) in CLIENT_DEFAULTS {
            config.set(name, value);
        }
        config.set("bootstrap.servers", bootstrap_servers);
        Self { config, iam: None }.without_creation()
    }

    fn without_creation(mut self) -> Self {
        for (name, value) in CREATES_NOTHING {
            self.config.set(name, value);
        }
        self
    }

    /// Says whether brokers may create the topics that are written to, as the caller has set it.
    pub fn creates_topics(&self) -> bool {
        matches!(self.config.get(CREATES), Some("true" | "t" | "1"))
    }

    /// Sets a property of librdkafka, over what was set before.
    pub fn set(&mut self, name: &str, value: &str) {
        self.config.set(name, value);
    }

    /// Returns the identity of a client once it can authenticate, or says why it cannot.
    pub async fn identity(&self) -> Result<Identity, BoxError> {
        let Some(iam) = &self.iam else { return Ok(Identity::default()) };
        let first = in_time(iam.token()).await?;
        Ok(keep(iam.clone(), Some(first)))
    }

    /// Makes a client for questions about topics and groups, which joins no group but names one.
    pub async fn consumer(&self, group: &str) -> Result<BaseConsumer<Identity>, BoxError> {
        let identity = self.identity().await?;
        let mut config = self.clone().without_creation().config;
        config.set("group.id", group).set("enable.auto.commit", "false");
        let consumer: BaseConsumer<Identity> = config.create_with_context(identity.clone())?;
        identity.show_to(consumer.client())?;
        Ok(consumer)
    }

    /// Makes a client that creates and deletes topics.
    pub async fn admin(&self) -> Result<AdminClient<Identity>, BoxError> {
        let identity = self.identity().await?;
        let admin: AdminClient<Identity> = self.config.create_with_context(identity.clone())?;
        identity.show_to(admin.inner())?;
        Ok(admin)
    }

    /// Returns the identity of a client at once; it becomes ready when the first token is there.
    pub fn identity_soon(&self) -> Identity {
        self.iam.clone().map(|iam| keep(iam, None)).unwrap_or_default()
    }
}

fn keep(iam: MskIam, first: Option<Token>) -> Identity {
    Identity::from_tokens(Tokens::keep(first, move || {
        let iam = iam.clone();
        async move { iam.token().await }
    }))
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("iam", &self.iam).finish_non_exhaustive()
    }
}
