//! Apache Kafka: where records come from, and the only room that names librdkafka.
//!
//! # How the parts work together
//!
//! ```text
//!              brokers
//!                |  fetches, group protocol, log                       ^ commits, questions
//!                v                                                     |
//!           librdkafka's threads                                  committer (a thread)
//!                |  native::queue: records of all partitions           ^
//!                v                                                     | commits
//!   poller (a thread) -- record --> event_sender -- channel --> source -- next / commit --> the engine
//!       ^    |                          ^
//!       |    +-- positions              |
//!       +------- context: rebalances, inside the poller's `poll`
//! ```
//!
//! The poller never waits for a broker: it turns records, rebalances and errors into [`Event`](crate::source::Event)s and
//! goes on polling, without taking records, while the byte budget is used up, so that the group never evicts a
//! connector whose sink is slow. What does wait for brokers, commits and questions about lag, is the committer's.
//! librdkafka takes partitions away inside `poll`: the context tells the pipeline which, waits until it has let go of
//! them, and commits what it says is done before librdkafka lets go, too.
//!
//! Which topics the patterns in `topics` match is found by `subscription`, on the committer's thread, in one dialect
//! (`patterns`): librdkafka gets a list of names, and another one when topics come or go.
//!
//! What keeps the consumer from reading is noted in the source's meter: `obstacles` puts librdkafka's words with the way
//! out (`words` keeps what it says apart from its errors), `watch`, which is the poller's, says them again and notices what
//! librdkafka does not say, and `stalls` and `leaderless`, which are the committer's, notice partitions that hold more and of which
//! nothing comes, and those that no broker leads.
//!
//! # Where a record can wait
//!
//! | where | what bounds it | what wakes it |
//! |---|---|---|
//! | librdkafka's fetch queue (`native::queue`) | `queued.max.messages.kbytes` (16 MiB) and `queued.min.messages` (10000) | the poller's next take, once the budget has room |
//! | the outbox of `event_sender` | one take: 500 records or about 1 MiB | the end of that take, or whatever event comes behind it |
//! | the channel to the engine | 4000 records (`event_sender`), then the poller waits; in bytes `buffer_memory` (`Budget`) | the engine's `next` |
//! | an offset, in `commits` | one for each partition | the committer, at once; at a rebalance or the end whoever leads that |
//!
//! # What an offset is a position in
//!
//! `start` finds (by what it is `asking`) where reading begins when partitions come, before librdkafka fetches: at the offset that the group has
//! committed, unless that is one in another topic of the name. Before anything is fetched `validation` has the leaders asked
//! whether the record before it is still the one that was read. `positions` follows every record; one that does not follow
//! what was read before is a lost position (`losses`), or a gap that compaction and transactions leave. Every 10 s the
//! committer looks whether the topics are still the same, and has an onlooker read on (`tail`) where a partition stands
//! still before its end. What goes with a commit (`stamp`) changes where the engine learns of a new beginning, behind the
//! last record of the old one: an offset of the one topic is never committed as a position in the other.
//!
//! Where a sink stores positions together with its records (exactly once), `taking_over` asks it for these at each
//! assignment, before `start` chooses: what the sink says comes before what the group has committed.
//!
//! What stands apart from the source: `sluice-kafka-client` (who a client is, which the sink `kafka` needs, too), `problems` (what is wrong with the settings, for which
//! its `trial` makes clients that reach nothing), `probe` (`check --connect`), `dead_letter_topic`, and what
//! the commands ask: `reach`, `scan`, `newest`, `groups` (and `reset_to`, where one is moved), `topics`, `producer`.

mod asking;
mod chunk;
pub(crate) mod cluster;
mod commits;
mod committer;
mod context;
mod correction;
mod event_sender;
mod faulty;
mod leaderless;
mod letter_failure;
mod letter_topic;
mod losses;
mod native;
mod obstacles;
pub(crate) mod patterns;
mod poller;
#[cfg(test)]
mod ports_tests;
mod positions;
mod problems;
mod record;
#[cfg(test)]
mod security_tests;
mod selection;
mod severity;
mod stalls;
mod stamp;
mod start;
mod subscription;
mod tail;
mod taking_over;
mod validation;
mod watch;
mod words;

pub mod dead_letter_topic;
mod group_past;
pub mod groups;
pub mod newest;
pub mod probe;
pub mod producer;
pub mod reach;
mod reason;
pub mod reset_to;
pub mod scan;
pub mod settings;
pub mod source;
pub mod topics;

pub use crate::kafka::reason::reason;
pub use crate::kafka::settings::KafkaSettings;
pub use crate::kafka::source::KafkaSource;
pub use sluice_kafka_client::Access;
pub use sluice_kafka_client::Identity;
pub use sluice_kafka_client::{AuthSettings, TlsSettings};
