//! The command line of a program, whatever plug-ins it has.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use sluice_connector_api::Registry;
//!
//! fn main() -> ExitCode {
//!     // Every plug-in of yours: Registry::new().with_sink::<YourSettings>()
//!     sluice_runtime::cli::main(Registry::new())
//! }
//! ```
//!
//! Each command is a file of this folder and implements [`Command`], as those that a program adds do. A command gets
//! what it works with, the registry among it, from its [`Context`], and ends with an [`Exit`]:
//!
//! ```text
//! program    every command, and the way from the arguments to an exit code
//! run, check, lambda (invocation), preview, test, produce (rows, produced_key, by_schema, even_pace), topics, offsets, dlq (replay), new, plugins, schema,
//! completions, man, health, steer (connectors, status, pause, resume, stop, restart), tap,
//! top (top_table)
//!            a command each
//! new_file   a connector file that a command writes
//! brokers    where the brokers are, for the commands that talk to them
//! remote     a running worker, for those that talk to it
//! command    what a command is, and what it is given
//! global     the process settings that every command takes as flags
//! logging, signals, code_pages                         the process
//! ask, output, parse, suggest, exit                             the terminal
//! ```

mod ask;
mod brokers;
mod by_schema;
mod check;
#[cfg(target_os = "linux")]
mod code_pages;
mod command;
mod completions;
mod context;
mod csv_rows;
mod dlq;
mod even_pace;
mod exit;
mod global;
mod health;
mod input;
mod invocation;
mod lambda;
mod listening;
mod logging;
mod man;
mod new;
mod new_file;
mod offsets;
mod output;
mod parse;
mod plugins;
mod preview;
mod produce;
mod produced_key;
mod program;
mod remote;
mod replay;
mod rows;
mod run;
mod schema;
mod signals;
mod steer;
mod suggest;
mod syntax;
mod tap;
mod test;
mod top;
mod top_table;
mod topics;

pub use ask::ask;
pub use command::Command;
pub use context::Context;
pub use csv_rows::rows;
pub use exit::Exit;
pub use new_file::write_new;
pub use output::{Output, print};
pub use produce::{TopicProducer, seconds};
pub use program::{Program, main};
pub use signals::Signals;
