//! What a connector reads, for a sink that may write there as well.

/// The topics that a connector reads; see [`Sink::meets`](crate::Sink::meets).
pub trait SourceTopics: Send + Sync {
    /// Returns the brokers that it reads from, comma-separated, as the file has them.
    fn bootstrap_servers(&self) -> &str;

    /// Returns the topics that are named one by one, and not by a pattern.
    fn names(&self) -> Vec<String>;

    /// Says whether a topic is read, be it by a pattern.
    fn reads(&self, topic: &str) -> bool;
}
