//! Bare loops of librdkafka, which this program runs of itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::peer::{Peer, Sight};
use crate::job::Job;
use crate::options::SinkKind;

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loop {
    /// Reads, and looks at no record, with `fetch.queue.backoff.ms` of Sluice.
    Tuned,
    /// The same as librdkafka comes.
    Defaults,
    /// Posts each record by itself, as librdkafka comes.
    Post,
}

struct BareLoop {
    /// This program.
    program: PathBuf,
    kind: Loop,
}

pub(super) fn tuned(_: &Path) -> Result<Box<dyn Peer>, String> {
    make(Loop::Tuned)
}

pub(super) fn defaults(_: &Path) -> Result<Box<dyn Peer>, String> {
    make(Loop::Defaults)
}

pub(super) fn post(_: &Path) -> Result<Box<dyn Peer>, String> {
    make(Loop::Post)
}

fn make(kind: Loop) -> Result<Box<dyn Peer>, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(Box::new(BareLoop { program, kind }))
}

impl Peer for BareLoop {
    fn id(&self) -> &'static str {
        match self.kind {
            Loop::Tuned => "bare",
            Loop::Defaults => "bare-defaults",
            Loop::Post => "bare-post",
        }
    }

    fn label(&self) -> String {
        let (_, version) = rdkafka::util::get_rdkafka_version();
        let what = match self.kind {
            Loop::Tuned => "reads and does nothing else, tuned",
            Loop::Defaults => "reads and does nothing else",
            Loop::Post => "posts each record by itself",
        };
        format!("Bare loop of librdkafka {version}: {what}")
    }

    fn refusal(&self, job: &Job<'_>) -> Option<&'static str> {
        if job.flows.len() > 1 {
            return Some("it reads one topic");
        }
        if job.tls.is_some() {
            return Some("it knows no TLS");
        }
        (self.kind == Loop::Post && job.target.kind() != SinkKind::Http).then_some("it posts")
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let flow = job.flows.first().expect("a topic");
        let mut command = Command::new(&self.program);
        let records = job.records.to_string();
        match self.kind {
            Loop::Post => {
                command.args(["bare-post", &job.servers, &flow.topic, &flow.group, &job.target.word()])
            }
            Loop::Tuned => {
                command.args(["bare-read", &job.servers, &flow.topic, &flow.group, &records, "--tuned"])
            }
            Loop::Defaults => command.args(["bare-read", &job.servers, &flow.topic, &flow.group, &records]),
        };
        command
    }

    fn sight(&self, job: &Job<'_>) -> Sight {
        if self.kind == Loop::Post { Sight::of(job) } else { Sight::Said }
    }
}
