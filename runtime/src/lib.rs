//! Sluice's runtime: connector files, the engine, sources, and the worker that runs connectors.
//!
//! ```text
//! config       a connector file -> a Connector, or every problem at once
//! source       where records come from: Kafka
//! chain        converters and transforms, record by record
//! engine       batches, puts, paces, retries, tracks offsets
//! dead_letter  what goes to the dead letter queue
//! worker       runs connectors side by side and restarts the ones that fail
//! observe      metrics, health and status over HTTP
//! repeats      says what happens again and again once, and then sums it up
//! reference    pages in Markdown, made of the settings and the metrics
//! lambda       one run of the engine an invocation, for AWS Lambda
//! preview      runs the same chain on sample records and shows what the sink would get
//! ```
//!
//! The library names no plug-in. The binary `sluice` (`src/bin/sluice`) is the composition root: it puts the
//! registry together and picks a host.

pub mod chain;
pub mod config;
pub mod converter;
pub mod dead_letter;
pub mod engine;
pub mod lambda;
pub mod observe;
pub mod preview;
pub mod reference;
mod repeats;
pub mod source;
pub mod worker;
