//! Throughput of one kind: all contenders in turn, over the same records.

use std::time::Duration;

use sluice_tests::process::load;

use crate::contender::Contenders;
use crate::door::{CountingDoor, DoorKind};
use crate::options::{KindOptions, SinkKind};
use crate::report::{PeerReport, PeerRow};
use crate::run::{measure, refusal};
use crate::stage::PeerStage;

/// How often one may fail before it is left out.
const PATIENCE: usize = 2;

/// Rounds, and for how long each contender is to run in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    /// At least so many count.
    pub(crate) count: usize,
    /// More follow until the quickest has run for so long.
    pub(crate) at_least: Duration,
    /// Whether one comes first that does not count.
    pub(crate) has_warm_up: bool,
}

/// Measures all. `None` where there is no real Kafka and one is asked for.
pub(crate) fn compare(options: &KindOptions, contenders: &Contenders, rounds: Rounds) -> Option<PeerReport> {
    let stage = PeerStage::set_up(options)?;
    let tls = options.tls.then(|| stage.folder.path().to_owned());
    let door = CountingDoor::open(&DoorKind { latency: options.target_latency.duration(), tls });
    let mut report = begin(options, contenders, &stage, &door);
    let mut round = usize::from(!rounds.has_warm_up);
    let turns = contenders.ready.len();
    let bench = Bench { contenders, stage: &stage, door: &door, sink: options.sink };
    while round <= rounds.count || !have_run_for(&report, rounds.at_least) {
        for turn in 0..turns {
            // Another goes first each time, so that none always finds the warmer machine.
            let index = (turn + round) % turns;
            bench.turn(index, round, &mut report.rows[index]);
        }
        round += 1;
    }
    report.load.1 = load();
    Some(report)
}

fn begin(
    options: &KindOptions,
    contenders: &Contenders,
    stage: &PeerStage,
    door: &CountingDoor,
) -> PeerReport {
    let mut rows = Vec::new();
    for contender in &contenders.ready {
        let absence = refusal(contender.as_ref(), stage, door, options.sink).map(str::to_owned);
        let (label, has_jvm) = (contender.label(), contender.has_jvm());
        rows.push(PeerRow { label, has_jvm, runs: Vec::new(), absence, failure: None });
    }
    for (id, reason) in &contenders.missing {
        let absence = Some(format!("it cannot be had ({reason})"));
        rows.push(PeerRow { label: id.clone(), has_jvm: false, runs: Vec::new(), absence, failure: None });
    }
    let mut stage_text = stage.description();
    if options.target_latency.0 > 0 {
        stage_text = format!("{stage_text}; the target answers after {} ms", options.target_latency.0);
    }
    if options.tls {
        stage_text = format!("{stage_text}; the target speaks TLS, too");
    }
    let is_compared = options.sink != SinkKind::Blackhole;
    PeerReport {
        stage: stage_text,
        records: stage.expected.records,
        rows,
        is_compared,
        load: (load(), String::new()),
    }
}

/// Where all take their turns.
struct Bench<'a> {
    contenders: &'a Contenders,
    stage: &'a PeerStage,
    door: &'a CountingDoor,
    sink: SinkKind,
}

impl Bench<'_> {
    /// Runs one once, unless it takes no part or has failed.
    fn turn(&self, index: usize, round: usize, row: &mut PeerRow) {
        let contender = self.contenders.ready[index].as_ref();
        let limit = contender.rounds();
        // The round that does not count is not worth the time of one that takes long.
        let is_slow = row.runs.len() >= limit || (round == 0 && limit < usize::MAX);
        if row.absence.is_some() || row.failure.is_some() || is_slow {
            return;
        }
        let tries = if round == 0 { PATIENCE } else { 1 };
        for tried in 1..=tries {
            match measure(contender, self.stage, self.door, self.sink) {
                Ok(run) => {
                    eprintln!(
                        "round {round}: {}: {:.0}/s, {:.2} CPU-s per million",
                        row.label, run.rate, run.cpu
                    );
                    if round > 0 {
                        row.runs.push(run);
                    }
                    return;
                }
                Err(reason) => {
                    eprintln!("ROUND {round} FAILED: {}: {reason}", row.label);
                    if tried == tries {
                        row.failure = Some(format!("round {round}: {reason}"));
                    }
                }
            }
        }
    }
}

/// Whether each has run so long as is asked for; who runs once only does not matter, nor who failed.
fn have_run_for(report: &PeerReport, at_least: Duration) -> bool {
    let takes_part = |row: &&PeerRow| row.absence.is_none() && row.failure.is_none();
    let still_running = report.rows.iter().filter(takes_part);
    let spent = still_running.map(|row| row.runs.iter().map(|run| run.wall).sum::<Duration>());
    spent.min().is_none_or(|least| least >= at_least)
}
