//! Which targets there are.

/// A kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::matrix) enum TargetKind {
    /// The HTTP target of the tests' own.
    Http,
    /// PostgreSQL, offsets in the transaction of the rows: exactly once.
    Postgres,
    /// PostgreSQL, rows by their key: idempotent.
    PostgresUpsert,
    /// A topic on the brokers of the source, in transactions: exactly once.
    Kafka,
    /// A topic without transactions: at least once.
    KafkaPlain,
    /// Objects whose names follow from their records: exactly once.
    S3,
    /// Documents by their key, with the offset as their version: idempotent.
    Opensearch,
}
