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

pub mod batch;
pub mod lane;
pub mod ledger;
pub mod letters;
pub mod pipeline;

pub use lane::settings::PipelineSettings;
pub use ledger::counters::{Counters, Tally};
pub use letters::rejection::{Letters, Window};
pub use pipeline::phase::Failed;
pub use pipeline::report::Report;
pub use pipeline::run::Pipeline;
