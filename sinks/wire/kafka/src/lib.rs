//! What the clients of Kafka's brokers share, be they a source's or a sink's: who they are to the brokers, and how connections are
//! encrypted.
//!
//! ```text
//! settings    what an operator writes: `auth` and `tls`
//! servers     what is no address of a broker
//! ports       what the ports of Amazon MSK ask for
//! security    the properties of librdkafka that follow
//! trial       whether librdkafka takes properties, without reaching anybody
//! meant       which property is meant by a name that librdkafka does not have
//! msk_iam     tokens for Amazon MSK
//! tokens      one that is fresh whenever it is asked for
//! identity    hands it to librdkafka
//! access      makes clients of all this
//! rights      what a client may do to a topic
//! topic_query asks the brokers what topics are
//! ```

mod access;
mod identity;
mod meant;
mod msk_iam;
pub mod ports;
mod rights;
mod security;
mod servers;
mod set_token;
mod settings;
mod tokens;
mod topic_query;
pub mod trial;

pub use access::{Access, CLIENT_DEFAULTS};
pub use identity::Identity;
pub use rights::{TopicRights, rights_of};
pub use security::{SECURITY_KEYS, Security};
pub use servers::check_servers;
pub use settings::{AuthSettings, MskIamAuth, PlainAuth, ScramAuth, ScramMechanism, TlsAuth, TlsSettings};
pub use topic_query::{TopicAnswer, TopicQuery};
