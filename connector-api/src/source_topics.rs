//! What a connector reads, for a sink that may write there as well.

use async_trait::async_trait;

/// The topics that a connector reads; see [`Sink::meets`](crate::Sink::meets).
#[async_trait]
pub trait SourceTopics: Send + Sync {
    /// Returns the brokers that it reads from, comma-separated, as the file has them.
    fn bootstrap_servers(&self) -> &str;

    /// Returns the topics that are named one by one, and not by a pattern.
    fn names(&self) -> Vec<String>;

    /// Says whether a topic is read, be it by a pattern.
    fn reads(&self, topic: &str) -> bool;

    /// Asks the brokers for the id of their cluster, by which they are told to be others' by another address. `None` where none of them
    /// says it in time.
    async fn cluster_id(&self) -> Option<String>;
}
