//! A local, in-memory emulator of the Amazon Bedrock Knowledge Base document API.
//!
//! It speaks the wire protocol of two AWS services on one port: of `bedrock-agent` (2023-06-05) the four document
//! operations and those that find and describe knowledge bases and data sources, and `Retrieve` of
//! `bedrock-agent-runtime` (2023-07-26). Any AWS SDK reaches it through `AWS_ENDPOINT_URL`. Requests are checked
//! against the service model as shipped in botocore 1.44.5, so that what passes here has the shape that AWS takes;
//! a test drives it with botocore itself.
//!
//! `sluice demo` and the tests run it in process; the binary `sluice-emulator` runs it by itself.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use sluice_emulator::{Emulator, Fault, RateLimits, Operation, Settings};
//!
//! let emulator = Emulator::start(Settings { limits: RateLimits::documented(), ..Settings::default() }).await?;
//! emulator.script(Operation::Ingest, Fault::throttled());
//! // ... point a client at emulator.url(), then look at what arrived:
//! assert!(emulator.calls().is_empty());
//! emulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What can go wrong
//!
//! As at AWS, and when it is wanted:
//!
//! - [`RateLimits`]: quotas of calls per second and of calls at a time, and latency. Clients cannot see them. They can change
//!   while the emulator runs.
//! - [`Fault`]: what one call meets: any error, a reset before or after the request is applied, a hang, a broken answer.
//! - [`Rule`]: what becomes of certain documents: `FAILED`, `IGNORED`, or the whole call refused for their sake.
//!
//! # The control endpoint
//!
//! The same for other languages, on the same port, without a signature:
//!
//! | request | what it does |
//! |---|---|
//! | `GET /_emulator/calls` | all calls, with time, operation, ids, status and error code |
//! | `GET /_emulator/documents` | all documents that are not deleted: the ground truth |
//! | `GET`, `PUT /_emulator/limits` | the [`RateLimits`], as JSON, or the word `none` or `documented` |
//! | `GET`, `PUT /_emulator/rules` | the list of [`Rule`]s |
//! | `POST /_emulator/faults` | scripts a [`Fault`]: `{"operation": "ingest", "times": 3, "fault": "throttled"}` |
//! | `GET`, `DELETE /_emulator/faults` | the faults that have not struck yet |
//! | `POST /_emulator/clear` | forgets all but the limits |
//!
//! ```sh
//! curl -X PUT http://127.0.0.1:4566/_emulator/limits \
//!   -d '{"rates": [{"operations": ["ingest", "delete"], "calls_per_second": 0.5}], "max_concurrent": 10}'
//! curl http://127.0.0.1:4566/_emulator/faults -d '{"operation": "ingest", "fault": {"delay_answer": "30s"}}'
//! ```
//!
//! # What differs from AWS
//!
//! - A signature must be present and well formed, but it is not verified: no secret is known here.
//! - What the model allows beyond what is emulated (images, reranking, guardrails) is refused by name, never ignored.
//! - Unknown members are refused; AWS may let them pass.
//! - Objects in S3 are never fetched: such documents have no text, and only their ids and metadata can be found.
//! - Retrieval is full text (BM25) over whole documents, each data source by its own words: nothing is chunked,
//!   nothing is embedded. What shares no word with the query is not found.
//! - A client token is remembered for good, and its body is not compared: AWS says neither.
//! - Everything lives in memory and grows until [`Emulator::clear`] or the end of the process.

mod answer;
mod apply;
mod call;
mod catalog;
mod connection;
mod control;
mod document;
mod duration;
mod emulator;
mod error;
mod fault;
mod filter;
mod json;
mod limits;
mod model;
mod operation;
mod paging;
mod quota;
mod request;
mod resource;
mod retrieve;
mod rule;
mod server;
mod settings;
mod shape;
mod signature;
mod state;
mod status;
mod store;

pub use call::Call;
pub use document::{DocumentContent, StoredDocument};
pub use emulator::Emulator;
pub use fault::{DocumentFault, DocumentRef, Fault};
pub use limits::{ConcurrentUntil, Rate, RateLimits};
pub use operation::Operation;
pub use request::MAX_BODY_BYTES;
pub use resource::{DataSource, DataSourceType, KnowledgeBaseResource, KnowledgeBaseType};
pub use rule::{DocumentOutcome, DocumentSelector, Rule};
pub use settings::Settings;
pub use status::DocumentStatus;
