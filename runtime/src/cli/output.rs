//! What a command writes to standard output.

use std::io::Write;

use clap::ValueEnum;
use serde_json::Value;

use crate::cli::exit::Exit;

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A line for each
    Text,
    /// A JSON object a line for each, with all that is known of it
    Json,
}

/// Writes a line to standard output. A reader that has gone, as in `sluice schema | head`, ends the command.
pub fn print(line: impl AsRef<str>) -> Result<(), Exit> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", line.as_ref())
        .map_err(|error| Exit::Running(format!("cannot write to standard output: {error}")))
}

/// Writes JSON over several lines.
pub(crate) fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
