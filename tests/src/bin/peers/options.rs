//! What may be asked for on the command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;

use crate::shape::RecordShape;

/// Measures Sluice beside its peers. Without a subcommand: throughput, of the one kind that the options tell.
#[derive(Debug, clap::Parser)]
pub(crate) struct PeerOptions {
    #[command(flatten)]
    pub(crate) kind: KindOptions,
    #[command(flatten)]
    pub(crate) common: CommonOptions,
    #[command(subcommand)]
    pub(crate) task: Option<PeerTask>,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum PeerTask {
    /// The time from the producer to the target's door, at the same rates for all.
    Latency(LatencyOptions),
    /// All that docs/performance.md shows: throughput into each sink, the sizes and shapes that people have, and latency.
    All(SuiteOptions),
    /// Builds and fetches all contenders, and says which cannot be had.
    Prepare,
    /// The bare loop: reads, and looks at no record.
    #[command(hide = true)]
    BareRead(crate::bare::BareRead),
    /// The bare loop that posts each record by itself.
    #[command(hide = true)]
    BarePost(crate::bare::BarePost),
}

/// What holds for all tasks.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CommonOptions {
    /// Who takes part; otherwise all that the sink suits.
    #[arg(long, value_delimiter = ',', global = true)]
    pub(crate) contenders: Vec<String>,
    /// Takes this program instead of building Sluice.
    #[arg(long, global = true)]
    pub(crate) sluice: Option<PathBuf>,
    /// The page whose tables are written anew.
    #[arg(long, global = true)]
    pub(crate) page: Option<PathBuf>,
    /// Fails where a contender cannot be had or does not run to its end.
    #[arg(long, global = true)]
    pub(crate) strict: bool,
}

/// What is read and where it goes.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KindOptions {
    /// How often each is measured, after one round that does not count.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Records in the topic.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) records: usize,
    /// Where they go.
    #[arg(long, value_enum, default_value_t = SinkKind::Http)]
    pub(crate) sink: SinkKind,
    /// Two contenders, few records, two rounds.
    #[arg(long)]
    pub(crate) short: bool,
    /// Bytes of a record: 62 has no note, any more has one.
    #[arg(long, default_value_t = 62)]
    pub(crate) size: usize,
    /// How the producer compresses.
    #[arg(long, value_enum, default_value_t = PeerCompression::None)]
    pub(crate) compression: PeerCompression,
    /// Takes nested JSON of 2 KB, and a template of ten fields.
    #[arg(long, conflicts_with = "size")]
    pub(crate) nested: bool,
    /// How long the target takes to answer, such as `5ms`.
    #[arg(long, default_value = "0ms")]
    pub(crate) target_latency: Millis,
    /// Partitions of the topic.
    #[arg(long, default_value_t = 4)]
    pub(crate) partitions: i32,
    /// Speaks TLS to broker (which asks for a certificate) and target.
    #[arg(long)]
    pub(crate) tls: bool,
    /// So many connectors in one process, each with a topic of its own that has its share of the records.
    #[arg(long, default_value_t = 1)]
    pub(crate) connectors: usize,
    /// Takes the broker inside the process, which needs no Java. It holds 5 MiB per partition.
    #[arg(long, conflicts_with = "tls")]
    pub(crate) embedded: bool,
}

/// At which rates latency is measured, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LatencyOptions {
    /// Records per second for all, the bare loop among them.
    #[arg(long, default_value_t = 1000)]
    pub(crate) rate: u32,
    /// Percent of what the slowest can do, for those that can do it.
    #[arg(long, value_delimiter = ',', default_value = "10,50,90")]
    pub(crate) percent: Vec<u32>,
    /// Seconds of each run that count.
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u32,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    pub(crate) latency_rounds: usize,
    /// Records that tell how much each can do, while they are produced; as many before them warm it up.
    #[arg(long, default_value_t = 300_000)]
    pub(crate) capacity_records: usize,
    /// Takes the broker inside the process. It holds 5 MiB per partition.
    #[arg(long)]
    pub(crate) embedded: bool,
}

/// Which parts, and how thorough.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SuiteOptions {
    /// The parts to measure; otherwise all.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) parts: Vec<Part>,
    /// Seconds for which each contender runs with each shape. What is published of other sizes than 62 bytes wants 60.
    #[arg(long, default_value_t = 6)]
    pub(crate) shape_seconds: u64,
    /// Divides records and seconds by this, to see that all works.
    #[arg(long, default_value_t = 1)]
    pub(crate) divide: usize,
}

/// A part of the whole measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Http,
    TenMillion,
    Blackhole,
    File,
    Shapes,
    Latency,
}

/// Where records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SinkKind {
    Http,
    File,
    Blackhole,
}

/// How the producer compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeerCompression {
    None,
    Gzip,
    Zstd,
}

impl PeerCompression {
    /// The name that Kafka knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// A time in milliseconds, written with `ms`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Millis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix("ms").unwrap_or(text);
        number.parse().map(Self).map_err(|_| format!("`{text}` is no time such as `5ms`"))
    }
}

impl KindOptions {
    /// What the options stand for where nothing is said.
    pub(crate) fn usual() -> Self {
        Self {
            rounds: 5,
            records: 1_000_000,
            sink: SinkKind::Http,
            short: false,
            size: 62,
            compression: PeerCompression::None,
            nested: false,
            target_latency: Millis(0),
            partitions: 4,
            tls: false,
            connectors: 1,
            embedded: false,
        }
    }

    pub(crate) fn shape(&self) -> RecordShape {
        match (self.nested, self.size) {
            (true, _) => RecordShape::Order,
            (false, 62) => RecordShape::Price,
            (false, size) => RecordShape::Note(size),
        }
    }

    /// Returns what is meant by the short form.
    pub(crate) fn shortened(mut self) -> Self {
        if self.short {
            self.records = self.records.min(200_000);
            self.rounds = self.rounds.min(2);
        }
        self
    }
}
