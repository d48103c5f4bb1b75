//! The table.

use super::case::{Act, COOPERATIVE, Case, EAGER, Poison, Queue};
use super::targets::TargetKind;
use crate::target::Mishap;

/// Returns all cases, in the order of the table.
pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(ON_SERVERS.iter().flatten())
}

/// The cases of a real server: its kind, their beginning, what it is, and what its poison is.
macro_rules! on_server {
    ($kind:expr, $name:literal, $what:literal, $poison:literal) => {
        [
            Case {
                group: COOPERATIVE.session(2000),
                target: $kind,
                ..Case::new(
                    concat!($name, "-kill"),
                    concat!($what, "; Sluice is killed (SIGKILL) at random moments"),
                    Act::Kill(3, 20),
                )
            },
            Case {
                faults: &[(10, Mishap::HangStored)],
                target: $kind,
                ..Case::new(
                    concat!($name, "-hang-stored"),
                    concat!(
                        $what,
                        "; 1 of 10 answers, and the first one, is swallowed after the server stored"
                    ),
                    Act::Flow,
                )
            },
            Case {
                target: $kind,
                ..Case::new(
                    concat!($name, "-outage"),
                    concat!($what, "; no connection holds while a second instance joins and leaves"),
                    Act::Outage,
                )
            },
            Case {
                target: $kind,
                ..Case::new(
                    concat!($name, "-join"),
                    concat!($what, "; a second and a third instance join and leave"),
                    Act::Join,
                )
            },
            Case {
                poison: Poison::Server,
                queue: Queue::Missing,
                target: $kind,
                ..Case::new(
                    concat!($name, "-poison-batch"),
                    concat!($what, "; each 10th record is ", $poison),
                    Act::Flow,
                )
            },
        ]
    };
}

const ON_SERVERS: &[[Case; 5]] = &[
    on_server!(
        TargetKind::Postgres,
        "postgres",
        "rows, exactly once by `offsets_table`",
        "refused by the table with its batch"
    ),
    on_server!(
        TargetKind::PostgresUpsert,
        "postgres-upsert",
        "rows by their key, three puts in flight",
        "refused by the table with its batch"
    ),
    on_server!(
        TargetKind::Kafka,
        "kafka",
        "a topic, exactly once by transactions",
        "larger than the topic takes"
    ),
    on_server!(
        TargetKind::KafkaPlain,
        "kafka-plain",
        "a topic, at least once",
        "larger than the topic takes"
    ),
    on_server!(
        TargetKind::S3,
        "s3",
        "objects, exactly once by their names",
        "without a value, which makes no line"
    ),
    on_server!(
        TargetKind::Opensearch,
        "opensearch",
        "documents by their key, versions by offset",
        "refused by the index for its fields"
    ),
];

const CASES: &[Case] = &[
    Case {
        // What is in flight has mostly arrived; what is tried again has not, and is lost if it is committed.
        faults: &[(80, Mishap::Status(503))],
        group: COOPERATIVE.session(2000),
        ..Case::new(
            "kill",
            "Sluice is killed (SIGKILL) at random moments, and 4 of 5 puts fail",
            Act::Kill(4, 100),
        )
    },
    Case {
        faults: &[(80, Mishap::Status(503))],
        group: COOPERATIVE.fixed(),
        ..Case::new("kill-static", "the same, as a static member", Act::Kill(6, 100))
    },
    Case::new("restart", "Sluice is stopped (SIGTERM) and started again", Act::Restart(4, 15)),
    Case {
        group: COOPERATIVE.session(30_000),
        ..Case::new(
            "broker-stop",
            "broker away at the start; later stopped and started again",
            Act::BrokerStop,
        )
    },
    Case {
        group: COOPERATIVE.session(30_000),
        ..Case::new("broker-kill", "broker killed (SIGKILL) and started again", Act::BrokerKill)
    },
    Case::new("join", "a second and a third instance join and leave; cooperative-sticky", Act::Join),
    Case { group: EAGER, ..Case::new("join-eager", "the same; range, which is eager", Act::Join) },
    Case {
        group: COOPERATIVE.fixed().session(4000),
        ..Case::new("join-static", "the same; cooperative-sticky with static members", Act::Join)
    },
    Case {
        faults: &[(100, Mishap::Slow(400))],
        ..Case::new("join-slow", "the same as join, with puts in flight of 0.4 s", Act::Join)
    },
    Case {
        group: COOPERATIVE.session(2000),
        ..Case::new("die", "a second instance joins and is killed; cooperative-sticky", Act::Die)
    },
    Case {
        group: EAGER.session(2000),
        ..Case::new("die-eager", "the same; range, which is eager", Act::Die)
    },
    Case {
        group: COOPERATIVE.fixed(),
        ..Case::new(
            "bounce",
            "a static member stops and is back within its session: no rebalance",
            Act::Bounce { kill: false },
        )
    },
    Case {
        group: EAGER.fixed(),
        ..Case::new(
            "bounce-kill",
            "a static member is killed and is back within its session: no rebalance; range",
            Act::Bounce { kill: true },
        )
    },
    Case { faults: &[(30, Mishap::Slow(300))], ..Case::new("slow", "3 of 10 puts take 0.3 s", Act::Flow) },
    Case {
        faults: &[(100, Mishap::Slow(8000))],
        records: Some(10),
        group: COOPERATIVE.session(6000),
        ..Case::new("slower", "each put takes longer than `max.poll.interval.ms`: no rebalance", Act::Stay)
    },
    Case {
        faults: &[(10, Mishap::Hang)],
        ..Case::new("hang", "1 of 10 puts is never answered, nothing stored", Act::Flow)
    },
    Case {
        faults: &[(10, Mishap::HangStored)],
        ..Case::new("hang-stored", "1 of 10 puts is stored and never answered", Act::Flow)
    },
    Case {
        faults: &[(30, Mishap::Status(500))],
        ..Case::new("500", "3 of 10 puts are answered 500", Act::Flow)
    },
    Case {
        faults: &[(30, Mishap::Status(429))],
        ..Case::new("429", "3 of 10 puts are answered 429 without a wait", Act::Flow)
    },
    Case {
        faults: &[(10, Mishap::Throttle(1))],
        ..Case::new("429-wait", "1 of 10 puts is answered 429 with a wait of 1 s", Act::Flow)
    },
    Case {
        faults: &[(20, Mishap::Reset)],
        ..Case::new("reset", "1 of 5 connections is reset before the write", Act::Flow)
    },
    Case {
        faults: &[(20, Mishap::ResetStored)],
        ..Case::new("reset-stored", "1 of 5 connections is reset after the write", Act::Flow)
    },
    Case {
        faults: &[(40, Mishap::Busy)],
        ..Case::new("busy", "4 of 10 puts store two thirds of their records", Act::Flow)
    },
    Case::new(
        "outage",
        "the target answers 503 to all while a second instance joins and leaves",
        Act::Outage,
    ),
    Case::new(
        "outage-full",
        "the same, until the buffer is full and reading is paused; the second one leaves when the target is back",
        Act::Full,
    ),
    Case::new(
        "recreate",
        "the topic is deleted and made again while it is read, and is longer than before",
        Act::Recreate { away: false },
    ),
    Case::new("recreate-away", "the same, while nobody reads it", Act::Recreate { away: true }),
    Case::new(
        "trim",
        "records that nobody read are removed; all that are left arrive, and the gap is told",
        Act::Trim,
    ),
    Case::new("beyond", "the group's offsets lie beyond the ends of the partitions", Act::Beyond),
    Case {
        poison: Poison::KeyConverter,
        queue: Queue::Missing,
        ..Case::new("poison-key", "each 10th key is not valid JSON; the queue's topic is created", Act::Flow)
    },
    Case {
        poison: Poison::ValueConverter,
        queue: Queue::Missing,
        ..Case::new("poison-value", "each 10th value is not valid JSON", Act::Flow)
    },
    Case {
        poison: Poison::Transform,
        queue: Queue::Missing,
        ..Case::new("poison-transform", "a transform rejects each 10th record", Act::Flow)
    },
    Case {
        poison: Poison::Named,
        queue: Queue::Missing,
        ..Case::new("poison-sink", "the target rejects each 10th record and names it", Act::Flow)
    },
    Case {
        poison: Poison::Vague,
        queue: Queue::Missing,
        ..Case::new(
            "poison-batch",
            "the target rejects a batch with a 10th record in it as a whole",
            Act::Flow,
        )
    },
    Case {
        poison: Poison::Vague,
        queue: Queue::Missing,
        group: COOPERATIVE.session(2000),
        ..Case::new("poison-kill", "the same, and Sluice is killed at random moments", Act::Kill(3, 20))
    },
    Case {
        poison: Poison::ValueConverter,
        queue: Queue::TooSmall,
        ..Case::new(
            "queue-too-small",
            "the queue refuses letters by `max.message.bytes`; later mended",
            Act::Mend,
        )
    },
    Case {
        poison: Poison::ValueConverter,
        queue: Queue::TooOld,
        ..Case::new(
            "queue-too-old",
            "the queue refuses letters by `message.timestamp.before.max.ms`; later mended",
            Act::Mend,
        )
    },
    Case {
        faults: &[
            (5, Mishap::Hang),
            (5, Mishap::ResetStored),
            (10, Mishap::Busy),
            (5, Mishap::Status(503)),
            (5, Mishap::Throttle(1)),
        ],
        group: COOPERATIVE.session(2000),
        ..Case::new("all", "hangs, resets, 503, 429 and busy records, and kills on top", Act::Kill(3, 20))
    },
];
