//! What is wrong with a configuration file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A place in a file; line and column count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Something wrong with a configuration file: where, what, and the way out.
///
/// Shown as `file:line:column: text`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The place, where there is one.
    pub position: Option<Position>,
    /// What is wrong. Never holds a value that came from the environment or a file.
    pub text: String,
}

impl Problem {
    /// Reports something about a whole file.
    pub fn of_file(file: &Path, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), position: None, text: text.into() }
    }

    /// Reports something at a place in a file.
    pub fn at(file: &Path, position: Position, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), position: Some(position), text: text.into() }
    }
}

impl Problem {
    /// Writes it as `check --output json` does.
    pub fn to_json(&self) -> Value {
        let (line, column) = self.position.map(|Position { line, column }| (line, column)).unzip();
        json!({ "file": self.file, "ok": false, "line": line, "column": column, "problem": self.text })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.text)
    }
}

impl std::error::Error for Problem {}
