//! Records as records of another topic, on the same brokers or on others.
//!
//! *Stored* means acknowledged by every in-sync replica. `topic` says where a record goes, `writer` what goes there, `client`
//! makes clients of librdkafka, `check` looks, `verdict` says what an error means, `sink` puts at least once, and `transactions` exactly
//! once, with `positions` for how far a partition is.

mod check;
mod client;
mod positions;
mod settings;
mod sink;
#[cfg(test)]
mod tests;
mod topic;
mod transactions;
mod verdict;
mod writer;

pub use settings::KafkaSinkSettings;
