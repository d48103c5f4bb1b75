//! Who takes part.

mod bare_loop;
mod bento;
mod by_hand;
mod connect;
mod fetch;
mod mq_bridge;
mod sluice;

use std::path::Path;
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
    fn of(job: &Job<'_>) -> Self {
        match job.target.kind() {
            SinkKind::Http => Self::Door,
            SinkKind::File => Self::File,
            SinkKind::Blackhole => Self::Committed,
        }
    }
}

/// A contender that is ready to run.
pub(crate) trait Contender {
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

/// Makes a contender ready, or says why it cannot be had.
type Maker = fn(&Path) -> Result<Box<dyn Contender>, String>;

/// All there are, by the word on the command line, with the sinks that they are measured with unless they are named.
const ALL: [(&str, Maker, &[SinkKind]); 12] = [
    ("sluice", sluice::first, &[SinkKind::Http, SinkKind::File, SinkKind::Blackhole]),
    ("sluice-again", sluice::again, &[SinkKind::Http, SinkKind::File, SinkKind::Blackhole]),
    ("go", by_hand::go, &[SinkKind::Http, SinkKind::File, SinkKind::Blackhole]),
    ("mq-bridge", mq_bridge::make, &[SinkKind::Http, SinkKind::File, SinkKind::Blackhole]),
    ("bento", bento::make, &[SinkKind::Http, SinkKind::File, SinkKind::Blackhole]),
    ("python", by_hand::python, &[SinkKind::Http, SinkKind::File]),
    ("connect", connect::one_task, &[SinkKind::Http, SinkKind::File, SinkKind::Blackhole]),
    ("connect-2", connect::two_tasks, &[]),
    ("quixstreams", by_hand::quix, &[SinkKind::Http]),
    ("bare", bare_loop::tuned, &[SinkKind::Http, SinkKind::Blackhole]),
    ("bare-defaults", bare_loop::defaults, &[SinkKind::Blackhole]),
    ("bare-post", bare_loop::post, &[]),
];

/// The short form's.
const SHORT: [&str; 3] = ["sluice", "sluice-again", "go"];

/// Contenders that are ready, and what those miss that are not.
pub(crate) struct Contenders {
    pub(crate) ready: Vec<Box<dyn Contender>>,
    /// The word and the reason.
    pub(crate) missing: Vec<(String, String)>,
}

impl Contenders {
    /// Makes those ready that are named, else those of the sink. One that cannot be had is told.
    pub(crate) fn of(named: &[String], sink: SinkKind, short: bool, sluice: Option<&Path>) -> Self {
        let wanted: Vec<&str> = if !named.is_empty() {
            named.iter().map(String::as_str).collect()
        } else if short {
            SHORT.to_vec()
        } else {
            ALL.iter().filter(|(_, _, sinks)| sinks.contains(&sink)).map(|(id, ..)| *id).collect()
        };
        Self::named(&wanted, sluice)
    }

    /// Makes these ready.
    pub(crate) fn named(wanted: &[&str], sluice: Option<&Path>) -> Self {
        let program = sluice.map_or_else(|| sluice_tests::sluice::binary().to_owned(), Path::to_owned);
        let mut contenders = Self { ready: Vec::new(), missing: Vec::new() };
        for id in wanted {
            let Some((_, make, _)) = ALL.iter().find(|(its, ..)| its == id) else {
                let all: Vec<&str> = ALL.iter().map(|(id, ..)| *id).collect();
                panic!("there is no contender `{id}`: there are {}", all.join(", "));
            };
            match make(&program) {
                Ok(contender) => contenders.ready.push(contender),
                Err(reason) => {
                    eprintln!(
                        "\n{0}\nCANNOT BE HAD, AND DOES NOT RUN: {id}: {reason}\n{0}\n",
                        "=".repeat(100)
                    );
                    contenders.missing.push(((*id).to_owned(), reason));
                }
            }
        }
        contenders
    }

    /// The words of all there are.
    pub(crate) fn all() -> Vec<&'static str> {
        ALL.iter().map(|(id, ..)| *id).collect()
    }
}
