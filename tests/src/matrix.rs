//! The fault matrix: a table of cases, each of which lets records flow from a real Apache Kafka broker through the
//! binary into a target that counts what arrives, does something evil meanwhile, and judges what came of it.
//!
//! The target is one of the tests' own, or a real server behind a proxy: then what arrived is what that server has.
//!
//! Ground truth is what arrived at the target and in the dead letter queue; the worker's own counters are not asked.
//! `cargo run -p sluice-tests --bin fault-matrix -- --help` runs it by hand.

mod act;
mod case;
mod cases;
mod judge;
mod keys;
mod report;
mod scene;
mod targets;

use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

use self::case::Case;
pub use self::report::{MatrixReport, Row};
use self::scene::Scene;
use self::targets::{Servers, TargetKind};
use crate::kafka::Broker;

/// How the matrix is run.
#[derive(Clone, Debug)]
pub struct MatrixOptions {
    /// Many records and kills, for minutes, rather than few for seconds.
    pub long: bool,
    /// What all luck of the run follows from.
    pub seed: u64,
    /// Names of the cases to run; all if there is none.
    pub only: Vec<String>,
    /// Cases that run side by side.
    pub parallel: usize,
    /// Cases of real servers alone.
    pub servers: bool,
    /// The program to try; the one of this build if there is none.
    pub program: Option<PathBuf>,
}

impl MatrixOptions {
    fn cases(&self) -> Vec<&'static Case> {
        let wanted = |case: &&Case| {
            let is_named = self.only.is_empty() || self.only.iter().any(|name| name == case.name);
            is_named && (!self.servers || case.target != TargetKind::Http)
        };
        cases::all().filter(wanted).collect()
    }

    /// Returns the names that no case has.
    pub fn unknown(&self) -> Vec<&str> {
        let is_unknown = |name: &&str| cases::all().all(|case| case.name != *name);
        self.only.iter().map(String::as_str).filter(is_unknown).collect()
    }
}

/// Runs the cases, and shows each row as it is done; those whose server is not to be had are left out. `None` where there is no
/// real Kafka.
pub fn run(plan: &MatrixOptions, shown: impl Fn(&Row) + Sync) -> Option<MatrixReport> {
    let broker = Broker::shared()?;
    let mut cases = plan.cases();
    let kinds: BTreeSet<TargetKind> = cases.iter().map(|case| case.target).collect();
    let servers = Servers::start(&kinds);
    cases.retain(|case| servers.have(case.target));
    // What takes longest begins first, so that nothing is left to wait for at the end.
    cases.sort_by_key(|case| std::cmp::Reverse(case.rounds(plan.long)));
    let (waiting, rows) = (Mutex::new(VecDeque::from(cases)), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(case) = next else { return };
            let row = row(case, plan, &servers);
            shown(&row);
            rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        }
    };
    thread::scope(|scope| (0..plan.parallel.max(1)).for_each(|_| drop(scope.spawn(work))));
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|row| cases::all().position(|case| case.name == row.name));
    Some(MatrixReport { rows, long: plan.long, seed: plan.seed, broker: broker.version() })
}

/// Lives through a case. What panics on the way is its verdict.
fn row(case: &'static Case, plan: &MatrixOptions, servers: &Servers) -> Row {
    let seed = case.seed(plan.seed);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        Scene::live(case, (plan.long, plan.program.as_deref()), seed, servers)
    }));
    lived.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Row::broken(case, words.unwrap_or_else(|| "it panicked".to_owned()))
    })
}
