//! Sluice's runtime: connector files, the engine, sources, and the worker that runs connectors.
//!
//! ```text
//! cli          the command line
//! control      Kafka Connect's REST API
//! reference    pages in Markdown, made of the settings and the metrics
//! lambda       one run of the engine per invocation, for AWS Lambda
//! observe      metrics, health and status over HTTP
//! worker       runs connectors side by side and restarts the ones that fail
//! offline      preview and replay: the engine on other sources than a topic's consumer group
//! connector    a connector file -> what the engine runs, or every problem at once
//! config       YAML with positions, references, schema, validation, process settings
//! kafka        the source of records: a consumer, its authentication, the dead letter topic
//! engine       batches, puts, retries, tracks offsets
//! meter        counts, times and rates; says once what happens again and again
//! source       what the engine reads from, as a trait
//! transform    converters and transforms, record by record
//! pace         how many calls a target takes
//! retry        how long to wait, and for how long
//! guard        calls plug-ins, and answers for one that panics
//! tap          where whoever wants to see records as they pass can stand
//! trace        where whoever traces puts can stand
//! shown        what of somebody else's texts may be shown
//! dead_letter  what a dead letter holds, and how it is made smaller
//! ```
//!
//! A room imports only rooms that stand below it here; `engine` and `kafka` stand side by side and do not know each
//! other. The library names no plug-in. A program puts its registry together and hands it to [`cli::main`]; that
//! of the workspace is the package `sluice` in `sluice/`.

pub mod cli;
pub mod config;
pub mod connector;
pub mod control;
pub mod dead_letter;
pub mod engine;
mod guard;
pub mod kafka;
pub mod lambda;
pub mod meter;
pub mod observe;
pub mod offline;
pub mod pace;
pub mod reference;
pub mod retry;
mod shown;
pub mod source;
pub mod tap;
pub mod trace;
pub mod transform;
pub mod worker;
