//! What a command writes to standard output.

use std::io::{ErrorKind, Write};

use clap::ValueEnum;
use serde_json::Value;

use crate::cli::exit::Exit;
use crate::shown::on_lines;

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A line for each
    Text,
    /// A JSON object per line for each, with all that is known of it
    Json,
}

/// Writes a line to standard output. What a terminal would act upon is escaped, but for line breaks and tabs. A reader that has gone, as in `sluice schema | head`, ends the command quietly.
pub fn print(line: impl AsRef<str>) -> Result<(), Exit> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{}", on_lines(line.as_ref())) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Exit::Unread),
        Err(error) => Err(Exit::Running(format!("cannot write to standard output: {error}"))),
    }
}

/// Returns what a command ends with that printed its findings: the verdict, whether or not somebody read them all.
pub(crate) fn verdict(printed: Result<(), Exit>, verdict: Result<(), Exit>) -> Result<(), Exit> {
    match printed {
        Err(Exit::Unread) | Ok(()) => verdict,
        Err(other) => Err(other),
    }
}

/// Writes JSON over several lines.
pub(crate) fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
