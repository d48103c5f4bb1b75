//! A local, in-memory emulator of the Amazon Bedrock Knowledge Base document API.
//!
//! It speaks the wire protocol of two AWS services on one port: the four document operations of
//! `bedrock-agent` (2023-06-05) and `Retrieve` of `bedrock-agent-runtime` (2023-07-26). Any AWS SDK
//! reaches it through `AWS_ENDPOINT_URL`. Requests are checked against the service model as shipped
//! in botocore 1.44.5, so that what passes here has the shape that AWS takes.
//!
//! `sluice demo` and the tests run it in process; the binary `sluice-emulator` runs it by itself.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use sluice_emulator::{Emulator, Fault, Operation, Settings};
//!
//! let emulator = Emulator::start(Settings::default()).await?;
//! emulator.script(Operation::Ingest, Fault::throttled());
//! // ... point a client at emulator.url(), then look at what arrived:
//! assert!(emulator.calls().is_empty());
//! emulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What differs from AWS
//!
//! - A signature must be present and well formed, but it is not verified: no secret is known here.
//! - Only inline text documents of a custom data source are stored. Whatever the model allows
//!   beyond that (S3, byte content, filters, reranking, guardrails) is refused by name, never ignored.
//! - Unknown members are refused; AWS may let them pass.
//! - Retrieval is full text (BM25) over whole documents: nothing is chunked, nothing is embedded.
//! - There are no quotas: throttling happens when it is scripted.
//! - Everything lives in memory and grows until [`Emulator::clear`] or the end of the process.

mod call;
mod connection;
mod emulator;
mod error;
mod fault;
mod json;
mod model;
mod operation;
mod request;
mod retrieve;
mod server;
mod settings;
mod shape;
mod signature;
mod status;
mod store;

pub use call::Call;
pub use emulator::Emulator;
pub use fault::{DocumentFault, DocumentRef, Fault};
pub use operation::Operation;
pub use request::MAX_BODY_BYTES;
pub use settings::{Resource, Settings};
pub use status::DocumentStatus;
pub use store::StoredDocument;
