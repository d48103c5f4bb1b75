//! Bare loops of librdkafka, which this program runs of itself.

use std::path::Path;
use std::process::Command;

use super::{Contender, Sight};
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

pub(super) fn tuned(_: &Path) -> Result<Box<dyn Contender>, String> {
    Ok(Box::new(Loop::Tuned))
}

pub(super) fn defaults(_: &Path) -> Result<Box<dyn Contender>, String> {
    Ok(Box::new(Loop::Defaults))
}

pub(super) fn post(_: &Path) -> Result<Box<dyn Contender>, String> {
    Ok(Box::new(Loop::Post))
}

impl Contender for Loop {
    fn id(&self) -> &'static str {
        match self {
            Self::Tuned => "bare",
            Self::Defaults => "bare-defaults",
            Self::Post => "bare-post",
        }
    }

    fn label(&self) -> String {
        let (_, version) = rdkafka::util::get_rdkafka_version();
        let what = match self {
            Self::Tuned => "reads and does nothing else, tuned",
            Self::Defaults => "reads and does nothing else",
            Self::Post => "posts each record by itself",
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
        (*self == Self::Post && job.target.kind() != SinkKind::Http).then_some("it posts")
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let flow = job.flows.first().expect("a topic");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let records = job.records.to_string();
        match self {
            Self::Post => {
                command.args(["bare-post", &job.servers, &flow.topic, &flow.group, &job.target.word()])
            }
            Self::Tuned => {
                command.args(["bare-read", &job.servers, &flow.topic, &flow.group, &records, "--tuned"])
            }
            Self::Defaults => command.args(["bare-read", &job.servers, &flow.topic, &flow.group, &records]),
        };
        command
    }

    fn sight(&self, job: &Job<'_>) -> Sight {
        if *self == Self::Post { Sight::of(job) } else { Sight::Said }
    }
}
