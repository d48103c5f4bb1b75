//! How a command ends: the exit code tells a script whose turn it is.

use std::process::ExitCode;

use crate::cli::logging::say;
use crate::config::problem::Problem;

/// Why a command failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Exit {
    /// Code 1: it failed while running.
    Running(String),
    /// Code 2: the configuration is bad.
    Configuration(Vec<Problem>),
    /// Code 2, and everything was said already.
    BadFiles,
    /// Code 3: the environment is not as needed: something cannot be reached, or a right is missing.
    Environment(String),
    /// Code 3, and everything was said already.
    Unreachable,
    /// Code 0: whoever read the output has gone, as in `sluice schema | head`, and has what he wanted.
    Unread,
}

impl Exit {
    /// Says why on standard error, and returns the code.
    pub(crate) fn report(self) -> ExitCode {
        let (code, lines) = match self {
            Self::Running(text) => (1, vec![format!("error: {text}")]),
            Self::Configuration(problems) => (2, problems.iter().map(ToString::to_string).collect()),
            Self::BadFiles => (2, Vec::new()),
            Self::Environment(text) => (3, vec![format!("error: {text}")]),
            Self::Unreachable => (3, Vec::new()),
            Self::Unread => (0, Vec::new()),
        };
        say(lines);
        ExitCode::from(code)
    }
}

impl From<Vec<Problem>> for Exit {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Configuration(problems)
    }
}
