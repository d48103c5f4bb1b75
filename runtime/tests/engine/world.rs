//! A broker, a consumer group of one, and a supervisor, around one pipeline after another.

use std::sync::{Arc, Mutex};

use sluice_connector_api::{Confirmation, Failure, Order, Record};

use crate::support::{Answer, ConfirmScript, Reply, Run, Script, Setup, record};
use crate::witness::Witness;

pub(crate) const PARTITIONS: usize = 3;
/// More than a revoke may take, in milliseconds.
const REVOKE_BOUND: u64 = 5100;
/// Records larger than this are rejected, in bytes.
const MAX_RECORD_BYTES: usize = 40;

/// What is to become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// A transform drops it.
    Dropped,
    /// A transform makes so many of it.
    Split(usize),
    /// A transform rejects it.
    Foul,
    /// The sink rejects it.
    Bad,
    /// It is over the sink's limit.
    Huge,
}

/// How the sink takes a put. Bad records are rejected in every mood that stores something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// Names what is bad.
    Good,
    /// Rejects a batch with something bad in it as a whole.
    Vague,
    Down,
    /// Fails at the indices whose bit is set.
    DownAt(u8),
    /// Good, after so many milliseconds.
    Slow(u64),
    Fatal,
}

/// What a sink that stores later says to a confirmation. Bad records of odd offsets are at fault in every answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doubt {
    /// All the others are stored.
    None,
    Pending,
    /// Lost are those at the indices whose bit is set.
    LostAt(u8),
    Down,
    /// None, after so many milliseconds.
    Slow(u64),
    Fatal,
}

/// Something that happens to the connector.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Read(usize, usize),
    Pass(u64),
    /// A revoke; `true`: the partition is lost.
    TakeAway(usize, bool),
    Assign(usize),
    RefuseCommit(usize),
    Stop,
}

#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Case {
    pub(crate) ordered_by: Order,
    pub(crate) max_in_flight: usize,
    pub(crate) max_records: usize,
    pub(crate) tolerant: bool,
    pub(crate) newest_wins: bool,
    /// Batches go at once while nothing is in flight.
    pub(crate) at_once: bool,
    /// Batches are of one stripe each.
    pub(crate) striped: bool,
    /// What a sink says that stores later than it answers.
    pub(crate) doubts: Option<Vec<Doubt>>,
    /// For each partition its records: what becomes of it, its key, and the step to the next offset.
    pub(crate) logs: Vec<Vec<(Kind, usize, i64)>>,
    pub(crate) moods: Vec<Mood>,
    pub(crate) ops: Vec<Op>,
}

impl Case {
    /// The records of each partition, and what is to become of them.
    pub(crate) fn topic(&self) -> Vec<Vec<(Kind, Record)>> {
        let log = |(partition, log): (i32, &Vec<(Kind, usize, i64)>)| {
            let mut offset = 0;
            let mut records = Vec::new();
            for (kind, key, step) in log {
                offset += step;
                let key = if *key == 0 { String::new() } else { format!("{partition}/{key}") };
                records.push((*kind, record(partition, offset, &key, &kind.value())));
            }
            records
        };
        (0..).zip(&self.logs).map(log).collect()
    }
}

impl Kind {
    fn value(self) -> String {
        match self {
            Self::Plain => "plain".to_owned(),
            Self::Dropped => "drop".to_owned(),
            Self::Split(parts) => format!("split {parts}"),
            Self::Foul => "foul".to_owned(),
            Self::Bad => "bad".to_owned(),
            Self::Huge => "huge".repeat(MAX_RECORD_BYTES),
        }
    }
}

pub(crate) struct World {
    case: Case,
    topic: Vec<Vec<(Kind, Record)>>,
    moods: Arc<Mutex<usize>>,
    witness: Witness,
    owned: [bool; PARTITIONS],
    /// For each partition the index in its log of the record to read next.
    position: [usize; PARTITIONS],
    run: Run,
    /// Records at fault are skipped.
    tolerant: bool,
    /// Entries of the run's journal that the witness has.
    seen: usize,
}

impl World {
    /// Lives through a case and checks everything on the way.
    pub(crate) async fn live(case: Case) {
        let topic = case.topic();
        let moods = Arc::default();
        let tolerant = case.tolerant;
        let witness = Witness::new(&case, topic.clone());
        let run = setup(&case, &moods, tolerant).start();
        let (owned, position) = ([false; PARTITIONS], [0; PARTITIONS]);
        let ops = case.ops.clone();
        let mut world = Self { case, topic, moods, witness, owned, position, run, tolerant, seen: 0 };
        for op in ops {
            world.act(op).await;
            world.run.pass(1).await;
            world.look();
            if world.run.has_ended() {
                world.restart(tolerant).await;
            }
        }
        world.come_to_an_end().await;
    }

    async fn act(&mut self, op: Op) {
        match op {
            Op::Read(partition, count) if self.owned[partition] => self.read(partition, count),
            Op::Pass(millis) => self.run.pass(millis).await,
            Op::TakeAway(partition, lost) if self.owned[partition] => self.take_away(partition, lost).await,
            Op::Assign(partition) if !self.owned[partition] => self.assign(partition),
            Op::RefuseCommit(partition) => self.run.refuse_commit(i32::try_from(partition).unwrap()),
            Op::Stop => self.run.stop.cancel(),
            Op::Read(..) | Op::TakeAway(..) | Op::Assign(..) => {}
        }
    }

    fn read(&mut self, partition: usize, count: usize) {
        let from = self.position[partition];
        let log = &self.topic[partition];
        let until = (from + count).min(log.len());
        self.position[partition] = until;
        self.run.read(log[from..until].iter().map(|(_, record)| record.clone()).collect());
    }

    fn assign(&mut self, partition: usize) {
        self.look();
        let committed = self.witness.committed(partition).unwrap_or(0);
        let is_before = |(_, record): &&(Kind, Record)| record.origin().offset() < committed;
        self.position[partition] = self.topic[partition].iter().take_while(is_before).count();
        self.owned[partition] = true;
        self.witness.owned[partition] = true;
        self.run.assign([i32::try_from(partition).unwrap()]);
    }

    /// As Kafka does: nothing is read until the pipeline has answered.
    async fn take_away(&mut self, partition: usize, lost: bool) {
        let ack = self.run.take_away([i32::try_from(partition).unwrap()], lost);
        // Time stands still until the pipeline has heard of it.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.look();
        self.owned[partition] = false;
        self.witness.owned[partition] = false;
        self.witness.leave(partition);
        for _ in 0..REVOKE_BOUND {
            self.run.pass(1).await;
            if let Ok(offsets) = ack.try_recv() {
                assert!(!lost || offsets.is_empty(), "a lost partition is not committed");
                self.look();
                return self.witness.commit(&offsets, self.tolerant);
            }
            if self.run.has_ended() {
                return;
            }
        }
        panic!("the revoke was not answered (invariant 6)");
    }

    /// Hands what the run saw since to the witness.
    fn look(&mut self) {
        let entries = self.run.journal.entries();
        for (_, entry) in &entries[self.seen..] {
            self.witness.enter(entry, self.tolerant);
        }
        self.seen = entries.len();
    }

    /// Waits for the run to end, checks its counts, and starts the next one.
    async fn restart(&mut self, tolerant: bool) {
        while !self.run.has_ended() {
            self.run.pass(100).await;
        }
        self.look();
        self.witness.end_of_run();
        let tally = self.run.tally();
        let done = tally.delivered + tally.superseded + tally.filtered + tally.skipped;
        let ended = done + tally.abandoned;
        assert_eq!(tally.read, ended, "invariant 2: {tally:?}");
        assert_eq!(self.run.budget.used(), 0, "invariant 7: {tally:?}");
        self.run = setup(&self.case, &self.moods, tolerant).start();
        (self.seen, self.tolerant, self.owned) = (0, tolerant, [false; PARTITIONS]);
        (0..PARTITIONS).for_each(|partition| self.assign(partition));
    }

    /// Restarts the connector, now with tolerance and the set-up mended, until it gets through.
    async fn come_to_an_end(&mut self) {
        self.run.stop.cancel();
        self.case.moods.retain(|mood| !matches!(mood, Mood::Fatal));
        self.case.doubts.iter_mut().for_each(|doubts| doubts.retain(|doubt| !matches!(doubt, Doubt::Fatal)));
        for _ in 0..20 {
            self.restart(true).await;
            (0..PARTITIONS).for_each(|partition| self.read(partition, usize::MAX / 2));
            if self.run.finish().await.is_ok() {
                self.look();
                let tally = self.run.tally();
                let done = tally.delivered + tally.superseded + tally.filtered + tally.skipped;
                assert_eq!(tally.read, done, "nothing is left");
                assert_eq!(self.run.budget.used(), 0);
                return self.witness.end();
            }
        }
        panic!("the connector does not get through");
    }
}

fn setup(case: &Case, moods: &Arc<Mutex<usize>>, tolerant: bool) -> Setup {
    let script = script(case.moods.clone(), Arc::clone(moods), case.doubts.is_some());
    let setup = Setup::new(script).in_flight(case.max_in_flight).with(|settings| {
        settings.lane.limits.order = match case.ordered_by {
            Order::Id { .. } => Order::Id { newest_wins: case.newest_wins },
            other => other,
        };
        settings.lane.limits.max_record_bytes = MAX_RECORD_BYTES;
        settings.lane.limits.is_striped = case.striped;
        settings.lane.batch.max_records = case.max_records;
        settings.lane.at_once = case.at_once;
    });
    let setup = if tolerant { setup.tolerant() } else { setup };
    match case.doubts.clone() {
        Some(doubts) => setup.confirm(confirmations(doubts)),
        None => setup,
    }
}

/// Goes from mood to mood; between two rounds the sink is good.
fn script(moods: Vec<Mood>, next: Arc<Mutex<usize>>, accepts: bool) -> Script {
    Box::new(move |batch| {
        let mut next = next.lock().unwrap();
        let mood = moods.get(*next).copied().unwrap_or(Mood::Good);
        *next = if *next < moods.len() { *next + 1 } else { 0 };
        answer(mood, batch, accepts)
    })
}

/// Goes from doubt to doubt; between two rounds there is none.
fn confirmations(doubts: Vec<Doubt>) -> ConfirmScript {
    let mut rounds = doubts.into_iter().chain([Doubt::None]).collect::<Vec<_>>().into_iter().cycle();
    Box::new(move |batch| reply(rounds.next().unwrap(), batch))
}

/// A sink that stores later finds out later about every other bad record.
fn is_bad_later(record: &Record) -> bool {
    record.value_text() == Some("bad") && record.origin().offset() % 2 == 1
}

fn reply(doubt: Doubt, batch: &[Record]) -> Reply {
    let each = |say: &dyn Fn(usize) -> Confirmation| {
        let bad = || Confirmation::Failed(Failure::rejected("bad"));
        let say = |(index, record)| if is_bad_later(record) { bad() } else { say(index) };
        Reply::Each(batch.iter().enumerate().map(say).collect())
    };
    match doubt {
        Doubt::None => each(&|_| Confirmation::Stored),
        Doubt::Pending => each(&|_| Confirmation::Pending),
        Doubt::LostAt(bits) => each(&|index| match bits >> (index % 8) & 1 {
            1 => Confirmation::Failed(Failure::retriable("lost")),
            _ => Confirmation::Stored,
        }),
        Doubt::Down => Reply::Fail(Failure::retriable("the target is down")),
        Doubt::Slow(millis) => {
            Reply::Late(std::time::Duration::from_millis(millis), Box::new(reply(Doubt::None, batch)))
        }
        Doubt::Fatal => Reply::Fail(Failure::fatal("no rights")),
    }
}

fn answer(mood: Mood, batch: &[Record], accepts: bool) -> Answer {
    let is_bad =
        |index: usize| batch[index].value_text() == Some("bad") && !(accepts && is_bad_later(&batch[index]));
    let rejected = |index: usize| is_bad(index).then(|| Failure::rejected("bad"));
    let fail_at = |failure: &dyn Fn(usize) -> Option<Failure>| {
        let failures: Vec<_> = (0..batch.len()).filter_map(|index| Some((index, failure(index)?))).collect();
        if failures.is_empty() { Answer::Store } else { Answer::FailAt(failures) }
    };
    match mood {
        Mood::Good => fail_at(&rejected),
        Mood::Vague if (0..batch.len()).any(is_bad) => Answer::Fail(Failure::rejected("something is bad")),
        Mood::Vague => Answer::Store,
        Mood::Down => Answer::down(),
        Mood::DownAt(bits) => {
            let is_down = |index: usize| bits >> (index % 8) & 1 == 1;
            let down = |index| is_down(index).then(|| Failure::retriable("busy"));
            fail_at(&|index| down(index).or_else(|| rejected(index)))
        }
        Mood::Slow(millis) => Answer::Late(
            std::time::Duration::from_millis(millis),
            Box::new(answer(Mood::Good, batch, accepts)),
        ),
        Mood::Fatal => Answer::Fail(Failure::fatal("no rights")),
    }
}
