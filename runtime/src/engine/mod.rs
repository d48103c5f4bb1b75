//! The engine: it transforms, batches, delivers and tracks records, and it alone waits and retries.
//!
//! Five rooms, each of which knows only those below it:
//!
//! ```text
//! pipeline   the loop over a source, a chain and a sink
//! letters    what becomes of records at fault
//! lane       puts batches in flight, in order, until each record has a verdict
//! batch      which records make the next batch
//! ledger     which offsets may be committed, and what became of every record
//! ```
//!
//! The engine knows no file, no YAML, no Kafka and no plug-in: `connector` makes its settings and hands them over.
//!
//! # Where a record can wait
//!
//! | Where | What bounds it | What wakes it |
//! |---|---|---|
//! | the source's own queues (of Kafka: see the table in `kafka`) | `buffer_memory`: reading pauses above it | the pipeline asks for the next event |
//! | `pipeline::transforming`, chunks under way | two chunks per core, then the source is not asked | a chunk is through the chain; chunks leave in the order read |
//! | `pipeline::schemas`, for a schema that its converter needs | its chunk is one of those above; the fetch by `errors.retry_timeout`, then the connector fails | the schema is there |
//! | `pipeline::repeats`, behind a record on its way that it repeats | `buffer_memory` | that one is done, and so is this |
//! | `batch::queue`, the queue of its ordering key | `buffer_memory` | the batch is full, has lingered, or nothing is in flight (unless the sink or `batch.linger` has it wait), a put may be in flight, and nothing of its ordering key is |
//! | `lane::in_flight`, its batch in flight | `max_in_flight` of the sink; a put by the sink's own time-outs | the put ends |
//! | `pace::pacer`, its batch's turn | `max_in_flight` | a permit is free, and the moment of the next call has come |
//! | `lane::delivery`, the backoff before the next try | `errors.retry_timeout`, then the connector fails | the wait is over |
//! | `lane::confirmation`, accepted and not known to be stored | `buffer_memory`; the sink's `confirm` time-out, then it is put again | the confirmation is due and answered |
//! | `lane::confirmation`, to be put again | `errors.retry_timeout`, then the connector fails | the backoff is over |
//! | `lane::holding`, held by the sink after its put | half of `buffer_memory` by the sink's bytes; then the sink makes room | the sink stores it: by a later record, when it is due, or for room; a stop or a revoke drops it, and it is read again |
//! | the lane of the dead letter queue, where it is at fault | as in the lane of the sink | as in the lane of the sink |
//! | `ledger::tracker`, done behind one that is not | `buffer_memory` holds the one that is not | the lowest record is done: the next tick of `commit_interval` commits |
//!
//! A stop and a revoke wake every wait here (invariant 6); what is in flight ends by itself, within a bound.

pub mod batch;
pub mod lane;
pub mod ledger;
pub mod letters;
pub mod pipeline;

pub use ledger::counters::{Counters, Tally};
pub use letters::queue::{DeadLetterQueue, LetterSender};
pub use letters::window::Window;
pub use pipeline::Pipeline;
pub use pipeline::phase::{Failed, NextStart};
pub use pipeline::report::RunReport;
pub use pipeline::settings::PipelineSettings;
