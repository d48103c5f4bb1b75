//! What a contender is.

use std::process::Command;

use crate::job::Job;
use crate::options::SinkKind;

/// How it is seen how far a contender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// By what the counting server counts.
    Door,
    /// By the size of the file.
    File,
    /// By what its groups have committed.
    Committed,
    /// By its own status, at this port.
    Status(u16),
    /// By the words `first` and `last` in what it prints.
    Said,
}

impl Sight {
    /// What most are seen by.
    pub(super) fn of(job: &Job<'_>) -> Self {
        match job.target.kind() {
            SinkKind::Http => Self::Door,
            SinkKind::File => Self::File,
            SinkKind::Blackhole => Self::Committed,
        }
    }
}

/// A contender that is ready to run.
pub(crate) trait Peer {
    /// The word on the command line.
    fn id(&self) -> &'static str;

    /// The name in the table, with its version.
    fn label(&self) -> String;

    /// Says why it takes no part in this.
    fn refusal(&self, _job: &Job<'_>) -> Option<&'static str> {
        None
    }

    /// Makes the command line for a run, and writes the files that it needs.
    fn command(&self, job: &Job<'_>) -> Command;

    /// How it is seen how far it is.
    fn sight(&self, job: &Job<'_>) -> Sight {
        Sight::of(job)
    }

    /// Whether its lines in a file are JSON strings rather than text.
    fn quotes_in_files(&self) -> bool {
        false
    }

    /// Most rounds that are worth their time.
    fn rounds(&self) -> usize {
        usize::MAX
    }

    /// Whether it runs in a JVM, which is slow for its first million records.
    fn has_jvm(&self) -> bool {
        false
    }
}
