//! Tests for plug-ins of your own: the contract that every sink, transform and predicate keeps, as functions that fail a
//! test where a plug-in breaks it, and builders of the records that tests put.
//!
//! Put it under `[dev-dependencies]`. It needs no Kafka and no engine: a plug-in is a value, and these functions call it as
//! the engine does.
//!
//! | you have | call | it sees to it that |
//! |---|---|---|
//! | a sink | [`sink_contract`], or [`SinkContract`] where not every record is good | batches of every size are stored, twice, too, and after a put that was dropped |
//! | a sink that stores exactly once | [`exactly_once_contract`], or [`ExactlyOnceContract`] with a record that it refuses | positions are stored with the records or not at all, and predecessors store nothing |
//! | a transform | [`transform_contract`] | the same record gives the same result, its origin stays, and nothing panics |
//! | a predicate | [`predicate_contract`] | the same record gives the same answer, and nothing panics |
//! | settings | [`settings_contract`] | every key is documented, and an unknown one is refused |
//!
//! Then test what your plug-in alone does: [`record`] builds records, [`batch_failure`] and [`record_failures`] take the
//! outcome of a put apart.
//!
//! ```
//! use std::sync::Mutex;
//!
//! use async_trait::async_trait;
//! use sluice_connector_api::{Failure, FailureKind, Limits, PutError, Record, Sink};
//! use sluice_plugin_testing::{record_failures, sink_contract, text, tombstone};
//!
//! /// Keeps texts.
//! #[derive(Default)]
//! struct Shelf(Mutex<Vec<String>>);
//!
//! #[async_trait]
//! impl Sink for Shelf {
//!     fn limits(&self) -> Limits {
//!         Limits::default()
//!     }
//!
//!     async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
//!         PutError::from_each(batch.iter().map(|record| {
//!             let text = record.value_text().ok_or_else(|| Failure::rejected("the value is not text"))?;
//!             self.0.lock().unwrap().push(text.to_owned());
//!             Ok(())
//!         }))
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! sink_contract(&Shelf::default()).await;
//!
//! let shelf = Shelf::default();
//! let failures = record_failures(shelf.put(&[text(0, "a"), tombstone(1)]).await);
//! assert_eq!((failures[0].0, failures[0].1), (1, FailureKind::Rejected));
//! assert_eq!(*shelf.0.lock().unwrap(), ["a"]);
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod exactly_once;
mod memory_table;
mod outcome;
mod records;
mod settings;
mod sink;
mod transform;

pub use exactly_once::{ExactlyOnceContract, exactly_once_contract};
pub use memory_table::MemoryTable;
pub use outcome::{batch_failure, poll_once, record_failures};
pub use records::{RecordBuilder, odd_records, record, text, tombstone, with_value};
pub use settings::settings_contract;
pub use sink::{SinkContract, sink_contract};
pub use transform::{predicate_contract, transform_contract};
