//! What a row of the matrix says.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::targets::{Target, TargetKind};
use crate::connector::ConnectorText;
use crate::target::{Manners, Mishap};

/// One row: what is set up, and what happens while records flow.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What is done, for the reader of the table.
    pub(super) what: &'static str,
    pub(super) act: Act,
    pub(super) group: Group,
    pub(super) faults: &'static [(u8, Mishap)],
    pub(super) poison: Poison,
    pub(super) queue: Queue,
    /// Records, if not as many as in other cases.
    pub(super) records: Option<usize>,
    pub(super) target: TargetKind,
}

/// What happens while records flow.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Nothing but what the target does.
    Flow,
    /// The same; and no partition may change hands meanwhile.
    Stay,
    /// Sluice is killed with SIGKILL at random moments: so often in the short form, and in the long one.
    Kill(usize, usize),
    /// Sluice is stopped with SIGTERM and started again, so often.
    Restart(usize, usize),
    /// The broker is away at the start, and is stopped in good order and started again later.
    BrokerStop,
    /// The broker is killed and started again.
    BrokerKill,
    /// A second and a third instance join and leave.
    Join,
    /// A second instance joins and is killed.
    Die,
    /// A second instance is stopped, or killed, and is back within its session.
    Bounce { kill: bool },
    /// The target refuses everything while a second instance joins and leaves.
    Outage,
    /// The target refuses everything until the buffer is full and a second instance has joined, which leaves later.
    Full,
    /// The queue refuses letters until somebody mends it.
    Mend,
    /// The topic is deleted and made again, and is longer than before: while it is read, or while nobody reads it.
    Recreate { away: bool },
    /// Records are removed before they were read, while nobody reads.
    Trim,
    /// The group's offsets lie beyond the ends of the partitions.
    Beyond,
}

/// How the members share the partitions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    strategy: &'static str,
    /// Members have a `group.instance.id`.
    pub(super) fixed: bool,
    /// How long a member may be silent, in milliseconds.
    session: u32,
}

pub(super) const COOPERATIVE: Group = Group { strategy: "cooperative-sticky", fixed: false, session: 10_000 };
pub(super) const EAGER: Group = Group { strategy: "range", ..COOPERATIVE };

impl Group {
    pub(super) const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    pub(super) const fn session(self, millis: u32) -> Self {
        Self { session: millis, ..self }
    }
}

/// Which stage has something against every tenth record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Poison {
    None,
    KeyConverter,
    ValueConverter,
    Transform,
    /// The target names it.
    Named,
    /// The target refuses the whole request.
    Vague,
    /// A real server, or the sink for it, does not take it: the target knows which record that is.
    Server,
}

/// What the dead letter queue is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// There is none.
    None,
    /// Its topic is created by the first letter.
    Missing,
    /// Its topic takes no record of a usual size.
    TooSmall,
    /// Its topic takes no record that is not of this moment.
    TooOld,
}

impl Queue {
    /// The properties of its topic that refuse letters, and those that mend it.
    pub(super) fn refusal(self) -> Option<[(&'static str, &'static str); 2]> {
        match self {
            Self::None | Self::Missing => None,
            Self::TooSmall => Some([("max.message.bytes", "100"), ("max.message.bytes", "1000000")]),
            Self::TooOld => Some([
                ("message.timestamp.before.max.ms", "0"),
                ("message.timestamp.before.max.ms", "9223372036854775807"),
            ]),
        }
    }
}

impl Case {
    pub(super) const fn new(name: &'static str, what: &'static str, act: Act) -> Self {
        Self {
            name,
            what,
            act,
            group: COOPERATIVE,
            faults: &[],
            poison: Poison::None,
            queue: Queue::None,
            records: None,
            target: TargetKind::Http,
        }
    }

    pub(super) fn seed(&self, run: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (run, self.name).hash(&mut hasher);
        hasher.finish()
    }

    /// How often its act is repeated.
    pub(super) fn rounds(&self, long: bool) -> usize {
        match self.act {
            Act::Kill(few, many) | Act::Restart(few, many) => {
                if long {
                    many
                } else {
                    few
                }
            }
            _ => 1,
        }
    }

    /// How many records flow.
    pub(super) fn size(&self, long: bool) -> usize {
        let usual = match (long, self.poison) {
            // Each record at fault takes a transaction or two, one after the other.
            (true, Poison::Server) if self.target == TargetKind::Kafka => 1500,
            (true, _) => 5000,
            // Each batch is narrowed down, by a transaction for each step where there are such.
            (false, Poison::Server) => 150,
            (false, _) => 400,
        };
        self.records.unwrap_or(usual)
    }

    /// Says whether it does something to the broker, which is then its own.
    pub(super) fn needs_broker(&self) -> bool {
        matches!(self.act, Act::BrokerStop | Act::BrokerKill)
    }

    pub(super) fn manners(&self) -> Manners {
        let pause = Duration::from_millis(5);
        Manners { faults: self.faults, pause, names_poison: self.poison != Poison::Vague }
    }

    /// Returns of how many of a hundred puts nobody hears although they are stored.
    pub(super) fn silent(&self) -> u8 {
        let silent = self.faults.iter().filter(|(_, fault)| *fault == Mishap::HangStored);
        silent.map(|(share, _)| *share).sum()
    }

    /// Writes the connector's file.
    pub(super) fn connector(&self, topic: &str, queue: &str, target: &dyn Target) -> String {
        let Group { strategy, fixed, session } = self.group;
        let mut connector = ConnectorText::new(topic)
            .sink(target.sink())
            .transforms(target.transforms())
            .key(if self.poison == Poison::KeyConverter { "json" } else { "bytes" })
            .commit_interval("100ms")
            .property("session.timeout.ms", session.to_string())
            .property("partition.assignment.strategy", strategy);
        if matches!(self.act, Act::Stay) {
            connector = connector.property("max.poll.interval.ms", session.to_string());
        }
        if fixed {
            connector = connector.property("group.instance.id", "${env:INSTANCE}");
        }
        if self.queue != Queue::None {
            connector = connector.dead_letter_queue(format!("{{ topic: {queue} }}"));
        }
        // A share of the records fills it.
        let buffer = if matches!(self.act, Act::Full) { "buffer_memory: 64KiB\n" } else { "" };
        let guarantee = if target.is_exactly_once() { "guarantee: exactly_once\n" } else { "" };
        connector.text() + guarantee + buffer
    }
}
