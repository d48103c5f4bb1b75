//! Records as records of another topic, on the same brokers or on others.
//!
//! *Stored* means acknowledged by every in-sync replica. `topic` says where a record goes, `writer` what goes there, `client`
//! makes clients of librdkafka, `check` looks, `verdict` says what an error means, `sink` puts at least once, and `transactions` exactly
//! once, with `batch_send` for what goes into one, `suspects` for what is known of records at fault, and `positions` for how far a partition
//! is.

mod batch_send;
mod check;
mod client;
mod positions;
mod settings;
mod sink;
mod suspects;
#[cfg(test)]
mod tests;
mod topic;
mod transactions;
mod verdict;
mod writer;

pub use settings::KafkaSinkSettings;
