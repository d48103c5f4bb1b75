//! How a client of the brokers authenticates.
//!
//! ```text
//! settings    what an operator writes
//! ports       what the ports of Amazon MSK ask for
//! security    the properties of librdkafka that follow from it
//! msk_iam     tokens for Amazon MSK
//! tokens      one that is fresh whenever it is asked for
//! identity    hands it to librdkafka
//! access      makes clients of all this
//! ```

pub(super) mod access;
pub(super) mod identity;
mod msk_iam;
pub(super) mod ports;
pub(super) mod security;
pub(super) mod settings;
mod tokens;
