//! All contenders there are, and those that are ready.

use std::path::Path;

use super::peer::Peer;
use super::{bare_loop, bento, by_hand, connect, mq_bridge, sluice};
use crate::options::SinkKind;

/// Makes a contender ready, or says why it cannot be had.
type Maker = fn(&Path) -> Result<Box<dyn Peer>, String>;

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
    pub(crate) ready: Vec<Box<dyn Peer>>,
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
