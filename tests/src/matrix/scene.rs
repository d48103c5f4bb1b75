//! What a case is played on: a topic, a target, instances of the binary, and what is written down.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::case::{Act, Case, Poison, Queue};
use super::judge::{Crash, Evidence, Sent};
use super::keys::key_of;
use super::report::Row;
use super::targets::{Luck, Servers, Target, open};
use crate::connector::Folder;
use crate::kafka::{self, Broker, NewRecord, StoredRecord};
use crate::sluice::{Running, Sluice};
use crate::target::Arrival;

pub(super) const PARTITIONS: i32 = 4;
/// How long nothing may go on when nothing evil happens any more, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long all may take to arrive and be committed then.
const LONGEST: Duration = Duration::from_mins(20);
/// How long a request may take from its sender's end to the target, on a busy machine.
const IN_TRANSIT: Duration = Duration::from_millis(300);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A broker that other cases have, too, or one that a case may stop.
pub(super) enum BrokerInUse<'a> {
    Shared(&'a Broker),
    Own(Box<Broker>),
}

impl Deref for BrokerInUse<'_> {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        match self {
            Self::Shared(broker) => broker,
            Self::Own(broker) => broker,
        }
    }
}

pub(super) struct Scene<'a> {
    pub(super) case: &'static Case,
    pub(super) long: bool,
    pub(super) host: BrokerInUse<'a>,
    pub(super) target: Box<dyn Target + 'a>,
    /// What was stored at the last look, and when that was.
    looked: RefCell<Option<(Instant, Vec<Arrival>)>>,
    pub(super) random: fastrand::Rng,
    pub(super) evidence: Evidence,
    /// What went wrong beside what the judge sees.
    pub(super) problems: Vec<String>,
    pub(super) topic: String,
    pub(super) queue: String,
    /// From which number on, and up to which count, arrivals came before they were to.
    early: (usize, usize),
    /// How many numbers were given to records that were removed.
    removed: usize,
    folder: Folder,
    /// What is run, if not the program of this build.
    program: Option<&'a Path>,
    /// What instances that have ended said.
    logs: Vec<String>,
}

/// An instance of the binary, and the name that it has as a static member.
pub(super) struct Instance(pub(super) Running);

impl<'a> Scene<'a> {
    /// Plays a case to its end, in its long form or not, with a program of its own if there is one.
    pub(super) fn live(
        case: &'static Case,
        (long, program): (bool, Option<&'a Path>),
        seed: u64,
        servers: &'a Servers,
    ) -> Row {
        let began = Instant::now();
        let mut scene = Self::set_up(case, (long, program), seed, servers);
        let instances = scene.play();
        scene.end(instances);
        let row = Row::of(case, scene.rounds(), &scene.evidence, scene.problems, began.elapsed());
        if !row.holds() {
            eprintln!("{}: seed {}\n{}", case.name, seed, noteworthy(&scene.logs));
        }
        row
    }

    fn set_up(
        case: &'static Case,
        (long, program): (bool, Option<&'a Path>),
        seed: u64,
        servers: &'a Servers,
    ) -> Self {
        let shared = match servers.broker(case.target) {
            Some(broker) => broker,
            None => Broker::shared().expect("a broker"),
        };
        let host = if case.needs_broker() {
            BrokerInUse::Own(Box::new(Broker::start().expect("a broker")))
        } else {
            BrokerInUse::Shared(shared)
        };
        let topic = kafka::unique(case.name);
        let queue = format!("{topic}-letters");
        host.create_topic(&topic, PARTITIONS);
        if let Some([refusal, _]) = case.queue.refusal() {
            host.create_topic_with(&queue, 1, &[refusal]);
        }
        let luck = Luck { silent: case.silent(), seed, long };
        let target = open(case.target, servers, &topic, case.manners(), luck);
        let folder = Folder::with("c.yaml", case.connector(&topic, &queue, &*target));
        let random = fastrand::Rng::with_seed(seed);
        let evidence = Evidence {
            is_exactly_once: target.is_exactly_once(),
            newest_wins: target.newest_wins(),
            ..Evidence::default()
        };
        let (looked, problems) = (RefCell::default(), Vec::new());
        let (early, removed, logs) = Default::default();
        Self {
            case,
            long,
            host,
            target,
            looked,
            random,
            evidence,
            problems,
            topic,
            queue,
            early,
            removed,
            folder,
            program,
            logs,
        }
    }

    pub(super) fn rounds(&self) -> usize {
        self.case.rounds(self.long)
    }

    /// Writes the next share of all records: one of so many.
    pub(super) fn send(&mut self, shares: usize) {
        let first = self.evidence.sent.len() + self.removed;
        let numbers = first..first + (self.case.size(self.long) / shares).max(1);
        let records: Vec<_> = numbers.clone().map(|number| self.record(number)).collect();
        let places = self.host.produce(&self.topic, records);
        for (number, (partition, offset)) in numbers.zip(places) {
            let poison = self.is_poison(number);
            self.evidence.sent.push(Sent { number, partition, offset, poison });
        }
    }

    /// Counts the records that can be there by now: those of whole objects, where the target has no others.
    fn whole(&self) -> usize {
        let Some(size) = self.target.object_size() else { return usize::MAX };
        let mut whole = 0;
        for partition in 0..PARTITIONS {
            whole += self.count_in(partition) / size * size;
        }
        whole
    }

    /// Counts the records of a partition that belong to the target.
    fn count_in(&self, partition: i32) -> usize {
        let is_inside = |sent: &&Sent| sent.partition == partition && !sent.poison;
        self.evidence.sent.iter().filter(is_inside).count()
    }

    /// Writes what the last objects lack to be whole, where the target has whole objects only.
    fn fill(&mut self) {
        let Some(size) = self.target.object_size() else { return };
        for partition in 0..PARTITIONS {
            let count = self.count_in(partition);
            let first = self.evidence.sent.len() + self.removed;
            let numbers = first..first + (size - count % size) % size;
            // A key of its own: those of the case may be in another partition.
            let key = format!("\"fill-{partition}\"");
            let record = |number: usize| {
                NewRecord::new(&key, format!("{{\"k\":{key},\"n\":{number},\"t\":{number}}}"))
                    .partition(partition)
            };
            let places = self.host.produce(&self.topic, numbers.clone().map(record));
            for (number, (partition, offset)) in numbers.zip(places) {
                self.evidence.sent.push(Sent { number, partition, offset, poison: false });
            }
        }
    }

    fn is_poison(&self, number: usize) -> bool {
        self.case.poison != Poison::None && number % 10 == 7
    }

    fn record(&self, number: usize) -> NewRecord {
        // Keys are JSON.
        let key = format!("\"{}\"", key_of(number));
        let value = |rest: &str| format!("{{\"k\":{key},\"n\":{number},\"t\":{number}{rest}}}");
        match self.case.poison {
            _ if !self.is_poison(number) => NewRecord::new(&key, value("")),
            Poison::None => NewRecord::new(&key, value("")),
            Poison::KeyConverter => NewRecord::new(format!("no JSON {number}"), value("")),
            Poison::ValueConverter => NewRecord::new(&key, format!("no JSON {number}").repeat(20)),
            Poison::Transform => NewRecord::new(&key, value(",\"t\":\"never\"")),
            Poison::Named | Poison::Vague | Poison::Server => self.target.poison(number),
        }
    }

    /// Starts an instance; `name` is its own among the members.
    pub(super) fn start(&self, name: &str) -> Instance {
        let sluice = match self.program {
            Some(program) => Sluice::of(program).arg("run").arg(self.folder.path()),
            None => Sluice::new(["run".as_ref(), self.folder.path()]),
        };
        let sluice = sluice
            .env("KAFKA_BOOTSTRAP_SERVERS", self.host.bootstrap_servers())
            .env("SLUICE_LISTEN", "none")
            .env("INSTANCE", name)
            .envs(self.target.environment());
        Instance(sluice.spawn())
    }

    /// Starts an instance and waits until it has partitions.
    pub(super) fn join(&self, name: &str) -> Instance {
        let mut instance = self.start(name);
        instance.0.wait_for_log("partitions assigned");
        instance
    }

    /// Counts the lines with a text in the logs of instances that have ended.
    fn said(&self, text: &str) -> usize {
        self.logs.iter().flat_map(|log| log.lines()).filter(|line| line.contains(text)).count()
    }

    /// Stops an instance in good order.
    pub(super) fn stop(&mut self, instance: Instance) {
        let ended = instance.0.terminate();
        if ended.code != Some(0) {
            self.problems.push(format!("a stop ended with {:?}", ended.code));
        }
        self.logs.push(ended.stderr);
    }

    /// Kills an instance with SIGKILL.
    pub(super) fn kill(&mut self, instance: Instance) {
        self.logs.push(instance.0.kill().stderr);
        self.crashed();
    }

    /// Waits until so many more records have arrived, or all.
    pub(super) fn wait_for_more(&self, instance: &mut Instance, more: usize) {
        let wanted = (self.arrivals().len() + more).min(self.whole());
        instance.0.wait_while_running(&format!("{more} more arrivals"), || {
            self.arrivals().len() >= wanted || self.is_all_there()
        });
    }

    /// Waits until all that was sent is there and committed.
    pub(super) fn wait_for_commits(&self) {
        let ends: Vec<_> = self.host.end_offsets(&self.topic).into_iter().map(Some).collect();
        let deadline = Instant::now() + PATIENCE;
        while !(self.is_all_there() && self.committed() == ends) {
            assert!(
                Instant::now() < deadline,
                "{:?} of {ends:?} committed after {PATIENCE:?}",
                self.committed()
            );
            thread::sleep(LOOK);
        }
    }

    /// Gives no number of a record that was removed again.
    pub(super) fn skip_numbers(&mut self, shares: usize) {
        self.removed += self.case.size(self.long) / shares;
    }

    /// Writes down that what arrived so far of the records from this number on came before it was to, and comes again.
    pub(super) fn mark_early(&mut self, from: usize) {
        self.early = (from, self.arrivals().len());
        let arrived = self.evidence.sent.iter().map(|sent| sent.number).collect();
        let committed = vec![None; self.committed().len()];
        self.evidence.crashes.push(Crash { committed, arrived });
    }

    fn is_all_there(&self) -> bool {
        let arrived = self.arrived();
        self.evidence.sent.iter().all(|sent| sent.poison || arrived.contains(&sent.number))
    }

    fn arrived(&self) -> BTreeSet<usize> {
        self.arrivals().iter().map(|arrival| arrival.number).collect()
    }

    /// Returns what is stored. A look at a real server is good for a while.
    fn arrivals(&self) -> Vec<Arrival> {
        if let Some((when, arrivals)) = &*self.looked.borrow()
            && when.elapsed() < self.target.look()
        {
            return arrivals.clone();
        }
        let arrivals = self.target.arrivals(&self.evidence.sent);
        self.looked.replace(Some((Instant::now(), arrivals.clone())));
        arrivals
    }

    pub(super) fn committed(&self) -> Vec<Option<i64>> {
        self.host.committed(&self.topic, &self.topic)
    }

    /// Writes down that something crashed: what had arrived and was not committed may come again.
    pub(super) fn crashed(&mut self) {
        // What was sent before the crash may still be on its way into the target.
        thread::sleep(IN_TRANSIT);
        // In this order: what is committed must have arrived.
        let crash = Crash { committed: self.committed(), arrived: self.arrived() };
        let early = self.evidence.committed_early(&crash);
        self.problems.extend(early.first().map(|first| format!("committed before it arrived: {first}")));
        self.evidence.crashes.push(crash);
    }

    /// Writes down that all members read again what was not committed, whether it had arrived already or not.
    pub(super) fn read_again(&mut self, times: usize) {
        let arrived = self.evidence.sent.iter().map(|sent| sent.number).collect();
        let crash = Crash { committed: self.committed(), arrived };
        self.evidence.crashes.extend(std::iter::repeat_n(crash, times));
    }

    /// Waits until everything is there and committed, ends the instances, and collects the evidence.
    fn end(&mut self, instances: Vec<Instance>) {
        self.fill();
        let ends: Vec<_> = self.host.end_offsets(&self.topic).into_iter().map(Some).collect();
        let (begun, mut last) = (Instant::now(), (Instant::now(), Vec::new()));
        while !(self.is_all_there() && self.committed() == ends) {
            let committed = self.committed();
            if last.1 != committed {
                last = (Instant::now(), committed);
            } else if last.0.elapsed() > PATIENCE || begun.elapsed() > LONGEST {
                let after = begun.elapsed();
                self.problems.push(format!("{committed:?} of {ends:?} committed after {after:?}"));
                break;
            }
            thread::sleep(LOOK);
        }
        for instance in instances {
            self.stop(instance);
        }
        self.read_again(self.said("lost=true"));
        self.evidence.handovers = self.said("SIGTERM: stopping") + self.said("lost=false");
        let mut failures = self.said("connector failed and is restarted");
        if self.target.keeps_positions() {
            // In doubt a connector begins again at what is stored (docs/decisions/0016-exactly-once.md).
            failures -=
                self.said("the connector begins again from") + self.said("where the put does not begin");
        }
        if failures > 0 && !matches!(self.case.act, Act::Mend) {
            self.problems.push(format!("the connector failed {failures} time(s)"));
        }
        self.evidence.arrivals = self.target.arrivals(&self.evidence.sent);
        if self.case.silent() > 0 && self.target.proxy().is_some_and(|proxy| proxy.swallowed() == 0) {
            self.problems.push("no answer was swallowed".to_owned());
        }
        let (from, count) = self.early;
        for arrival in self.evidence.arrivals.iter_mut().take(count).filter(|arrival| arrival.number >= from)
        {
            arrival.early = true;
        }
        self.evidence.excuses = self.target.excuses(&self.evidence.sent);
        if self.case.queue != Queue::None {
            let letters = self.host.read(&self.queue);
            self.evidence.letters = letters.iter().map(place).collect();
        }
    }
}

/// Picks what may explain a failure out of logs.
fn noteworthy(logs: &[String]) -> String {
    let is_usual = |line: &str| line.contains("for the dead letter queue");
    let lines = logs.iter().flat_map(|log| std::iter::once("---").chain(log.lines()));
    let lines: Vec<_> = lines.filter(|line| !is_usual(line)).take(200).collect();
    lines.join("\n")
}

/// Returns partition and offset of the record that a letter is of.
fn place(letter: &StoredRecord) -> (i32, i64) {
    let number = |name: &str| {
        let text = letter.header_text(&format!("__connect.errors.{name}")).expect("a header");
        text.parse::<i64>().expect("a number")
    };
    (i32::try_from(number("partition")).expect("a partition"), number("offset"))
}
