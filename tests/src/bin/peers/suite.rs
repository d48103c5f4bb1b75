//! All that docs/performance.md shows of the comparison, in one go.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use sluice_tests::{report_page, today};

use crate::compare::{Rounds, compare};
use crate::contender::Contenders;
use crate::latency;
use crate::options::{
    CommonOptions, KindOptions, LatencyOptions, Millis, Part, PeerCompression, SinkKind, SuiteOptions,
};

/// Shapes come last: the broker that speaks TLS stays.
const PARTS: [Part; 6] =
    [Part::Http, Part::TenMillion, Part::Blackhole, Part::File, Part::Latency, Part::Shapes];
/// Those whose start weighs little of ten million records, or is to be seen there.
const TEN_MILLION: [&str; 4] = ["sluice", "sluice-again", "go", "connect"];
const BLACKHOLE: [&str; 5] = ["sluice", "sluice-again", "bare", "bare-defaults", "mq-bridge"];
const FILE: [&str; 4] = ["sluice", "sluice-again", "mq-bridge", "go"];
const SHAPES: [&str; 3] = ["sluice", "go", "bento"];

/// The whole measurement.
pub(crate) struct PeerSuite<'a> {
    options: &'a SuiteOptions,
    common: &'a CommonOptions,
    /// The report so far, as the page has it.
    text: String,
    is_whole: bool,
    has_all: bool,
}

impl<'a> PeerSuite<'a> {
    /// Measures the parts that are asked for, and writes the page after each. Returns whether all ran to their end.
    pub(crate) fn run(options: &'a SuiteOptions, common: &'a CommonOptions) -> bool {
        let text = format!("{}, Sluice {}.\n", today(), env!("CARGO_PKG_VERSION"));
        let mut suite = Self { options, common, text, is_whole: true, has_all: true };
        for part in PARTS.into_iter().filter(|part| options.parts.is_empty() || options.parts.contains(part))
        {
            let start = Instant::now();
            eprintln!("\n=== {part:?}");
            suite.part(part);
            eprintln!("--- {part:?}: {} s", start.elapsed().as_secs());
            write_page(common.page.as_deref(), &suite.text);
        }
        print!("{}", suite.text);
        suite.is_whole && (suite.has_all || !common.strict)
    }

    fn part(&mut self, part: Part) {
        let usual = KindOptions::usual();
        match part {
            Part::Http => {
                let contenders = self.contenders(None, SinkKind::Http);
                self.table("HTTP, 500 lines of JSON per request", &usual, &contenders, 5);
            }
            Part::TenMillion => {
                let contenders = self.contenders(Some(&TEN_MILLION), SinkKind::Http);
                let kind = KindOptions { records: 10_000_000, ..usual };
                self.table("HTTP, ten million records", &kind, &contenders, 1);
            }
            Part::Blackhole => {
                let contenders = self.contenders(Some(&BLACKHOLE), SinkKind::Blackhole);
                let kind = KindOptions { sink: SinkKind::Blackhole, ..usual };
                self.table("A sink that stores nothing", &kind, &contenders, 5);
            }
            Part::File => {
                let contenders = self.contenders(Some(&FILE), SinkKind::File);
                let kind = KindOptions { sink: SinkKind::File, ..usual };
                self.table("A file, synced for each batch", &kind, &contenders, 3);
            }
            Part::Shapes => self.shapes(),
            Part::Latency => self.latency(),
        }
    }

    /// Makes those ready that are named here, unless the command line names others.
    fn contenders(&mut self, named: Option<&[&str]>, sink: SinkKind) -> Contenders {
        let program = self.common.sluice.as_deref();
        let contenders = match named {
            Some(named) if self.common.contenders.is_empty() => Contenders::named(named, program),
            Some(named) => {
                let both = |id: &&str| self.common.contenders.iter().any(|asked| asked == id);
                Contenders::named(&named.iter().copied().filter(both).collect::<Vec<_>>(), program)
            }
            None => Contenders::of(&self.common.contenders, sink, false, program),
        };
        self.has_all &= contenders.missing.is_empty();
        contenders
    }

    fn table(&mut self, title: &str, kind: &KindOptions, contenders: &Contenders, rounds: usize) {
        let has_warm_up = rounds > 1 && self.options.divide == 1;
        let rounds =
            Rounds { count: rounds.div_ceil(self.options.divide), at_least: Duration::ZERO, has_warm_up };
        self.measured(title, kind, contenders, rounds);
    }

    fn measured(&mut self, title: &str, kind: &KindOptions, contenders: &Contenders, rounds: Rounds) {
        // So few that something is left to count for each of a hundred connectors.
        let records = (kind.records / self.options.divide).max(200);
        let kind = KindOptions { records, ..kind.clone() };
        let Some(report) = compare(&kind, contenders, rounds) else {
            self.is_whole = false;
            return;
        };
        self.is_whole &= report.is_whole();
        write!(self.text, "\n### {title}\n\n{report}").unwrap();
    }

    fn shapes(&mut self) {
        let contenders = self.contenders(Some(&SHAPES), SinkKind::Http);
        let divide = u32::try_from(self.options.divide).expect("a divisor");
        let at_least = Duration::from_secs(self.options.shape_seconds) / divide;
        let rounds = Rounds { count: 1, at_least, has_warm_up: false };
        for (title, kind) in shapes() {
            self.measured(title, &kind, &contenders, rounds);
        }
    }

    fn latency(&mut self) {
        let fixed = self.contenders(Some(&latency::AT_A_RATE), SinkKind::Http);
        let parts = self.contenders(Some(&latency::AT_PARTS), SinkKind::Http);
        let divide = u32::try_from(self.options.divide).expect("a divisor");
        let options = LatencyOptions {
            rate: 1000,
            percent: vec![10, 50, 90],
            seconds: (6 / divide).max(1),
            latency_rounds: 2,
            capacity_records: 300_000 / self.options.divide,
            embedded: false,
        };
        let Some(report) = latency::measure(&options, &fixed, &parts) else {
            self.is_whole = false;
            return;
        };
        self.is_whole &= report.is_whole();
        write!(self.text, "\n### From the producer to the target's door\n\n{report}").unwrap();
    }
}

/// What people have, with so many records that a run takes seconds.
fn shapes() -> [(&'static str, KindOptions); 12] {
    let of = |records: usize| KindOptions { records, ..KindOptions::usual() };
    [
        ("Records of 1 KB", KindOptions { size: 1024, ..of(300_000) }),
        ("Records of 10 KB", KindOptions { size: 10_240, ..of(40_000) }),
        ("Records of 1 MB", KindOptions { size: 1 << 20, ..of(400) }),
        ("gzip", KindOptions { compression: PeerCompression::Gzip, ..of(1_000_000) }),
        ("zstd", KindOptions { compression: PeerCompression::Zstd, ..of(1_000_000) }),
        ("Nested records of 2 KB, a template of ten fields", KindOptions { nested: true, ..of(150_000) }),
        ("A target that takes 5 ms", KindOptions { target_latency: Millis(5), ..of(500_000) }),
        ("A target that takes 50 ms", KindOptions { target_latency: Millis(50), ..of(50_000) }),
        ("One partition", KindOptions { partitions: 1, ..of(1_000_000) }),
        ("64 partitions", KindOptions { partitions: 64, ..of(1_000_000) }),
        ("100 connectors in one process", KindOptions { connectors: 100, partitions: 1, ..of(500_000) }),
        ("TLS to broker and target", KindOptions { tls: true, ..of(500_000) }),
    ]
}

pub(crate) fn write_page(page: Option<&Path>, text: &str) {
    if let Some(page) = page {
        report_page::write(page, "The comparison", text);
    }
}
