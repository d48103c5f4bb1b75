//! How a command ends: the exit code tells a script whose turn it is.

use std::process::ExitCode;

use serde_json::json;

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
    /// Says why on standard error, as a line or as an object of JSON for each thing, and returns the code.
    pub(crate) fn report(self, as_json: bool) -> ExitCode {
        let error = |code: u8, text: String| {
            let plain = || format!("error: {text}");
            let line =
                if as_json { json!({ "error": text, "exit_code": code }).to_string() } else { plain() };
            (code, vec![line])
        };
        let told = |problem: &Problem| {
            if as_json { problem.to_json().to_string() } else { problem.to_string() }
        };
        let (code, lines) = match self {
            Self::Running(text) => error(1, text),
            Self::Configuration(problems) => (2, problems.iter().map(told).collect()),
            Self::BadFiles => (2, Vec::new()),
            Self::Environment(text) => error(3, text),
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
