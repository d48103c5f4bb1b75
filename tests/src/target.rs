//! An HTTP target that writes down what arrives, and misbehaves as a test asks it to.
//!
//! It speaks just enough HTTP/1.1 over plain sockets: what a server framework would not do is the point of it, such
//! as a reset in place of an answer.

mod exchange;

use self::exchange::TargetAnswer;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

/// What a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is stored, and answered so many milliseconds later.
    Slow(u64),
    /// It is answered with this status, and nothing is stored.
    Status(u16),
    /// It is answered with 429 and a wait of so many seconds, and nothing is stored.
    Throttle(u64),
    /// It is never answered, and nothing is stored.
    Hang,
    /// It is stored, and never answered.
    HangStored,
    /// The connection is reset, and nothing is stored.
    Reset,
    /// It is stored, and the connection is reset.
    ResetStored,
    /// Some of its records are stored; the answer names those that were not (503).
    Busy,
}

impl Mishap {
    /// Says whether the sender waits in vain.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Self::Hang | Self::HangStored)
    }
}

/// How the target treats what it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Faults, each with the share of requests that meet it, in per cent.
    pub faults: &'static [(u8, Mishap)],
    /// How long each put takes at least.
    pub pause: Duration,
    /// Whether an answer names the poisoned records of a request (422 each), or the request is refused as a whole
    /// (400).
    pub names_poison: bool,
}

/// A record that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its key.
    pub key: String,
    /// Its number among all records of the case.
    pub number: usize,
    /// It was stored although an older record of its key in the same request was not; the sender has to put it again.
    pub early: bool,
}

/// A running target. Dropping it lets it take no more connections.
#[derive(Debug)]
pub struct CountingTarget {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    manners: Manners,
    log: Mutex<Log>,
    down: AtomicBool,
    ended: AtomicBool,
}

#[derive(Debug)]
struct Log {
    random: fastrand::Rng,
    arrivals: Vec<Arrival>,
    /// How often a record may come again, since its sender could not know that it was stored.
    excuses: BTreeMap<usize, usize>,
}

/// A record on the wire.
#[derive(Debug, Deserialize)]
struct Line {
    k: String,
    n: usize,
    #[serde(default)]
    poison: bool,
}

impl CountingTarget {
    /// Starts a target whose luck follows from a seed.
    pub fn start(manners: Manners, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let random = fastrand::Rng::with_seed(seed);
        let log = Mutex::new(Log { random, arrivals: Vec::new(), excuses: BTreeMap::new() });
        let (down, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(Shared { manners, log, down, ended });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Returns the URL to put to.
    pub fn url(&self) -> String {
        format!("http://{}/records", self.address)
    }

    /// Answers everything with 503 until it is called again.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::SeqCst);
    }

    /// Returns what was stored, in the order stored, each record as often as it was.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.log().arrivals.clone()
    }

    /// Returns how many records were stored, repeats included.
    pub fn count(&self) -> usize {
        self.shared.log().arrivals.len()
    }

    /// Returns how often each record may come again because of how it was answered.
    pub fn excuses(&self) -> BTreeMap<usize, usize> {
        self.shared.log().excuses.clone()
    }
}

impl Drop for CountingTarget {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then ends; if it has ended, there is nobody to wake.
        TcpStream::connect(self.address).ok();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        // A client that is gone in the middle of an exchange is no matter.
        thread::spawn(move || exchange::serve(stream, |body| shared.take(body)).ok());
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, body: &[u8]) -> TargetAnswer {
        let lines = serde_json::Deserializer::from_slice(body).into_iter();
        let lines: Vec<Line> = lines.collect::<Result<_, _>>().expect("lines of JSON");
        let plain = |status| TargetAnswer::Status(status, None, Vec::new(), self.manners.pause);
        if self.down.load(Ordering::SeqCst) {
            return plain(503);
        }
        let mut log = self.log();
        match log.fault(self.manners.faults) {
            Some(Mishap::Status(status)) => plain(status),
            Some(Mishap::Throttle(seconds)) => {
                TargetAnswer::Status(429, Some(seconds), Vec::new(), self.manners.pause)
            }
            Some(Mishap::Hang) => TargetAnswer::Hang,
            Some(Mishap::Reset) => TargetAnswer::Reset,
            _ if !self.manners.names_poison && lines.iter().any(|line| line.poison) => plain(400),
            Some(Mishap::HangStored) => log.store_unanswered(&lines, TargetAnswer::Hang),
            Some(Mishap::ResetStored) => log.store_unanswered(&lines, TargetAnswer::Reset),
            Some(Mishap::Busy) => log.store(&lines, true, self.manners.pause),
            Some(Mishap::Slow(millis)) => log.store(&lines, false, Duration::from_millis(millis)),
            None => log.store(&lines, false, self.manners.pause),
        }
    }
}

impl Log {
    fn fault(&mut self, faults: &[(u8, Mishap)]) -> Option<Mishap> {
        let mut dice = self.random.u8(0..100);
        faults.iter().find_map(|(share, fault)| {
            let met = dice < *share;
            dice = dice.saturating_sub(*share);
            met.then_some(*fault)
        })
    }

    /// Stores what is not poisoned, and part of it only where the target is `busy`. The sender has to put what comes
    /// behind a busy record of its key again.
    fn store(&mut self, lines: &[Line], busy: bool, pause: Duration) -> TargetAnswer {
        let mut statuses = Vec::new();
        let mut busy_keys = Vec::new();
        for line in lines {
            let status = match () {
                () if line.poison => 422,
                () if busy && self.random.u8(0..3) == 0 => 503,
                () => 200,
            };
            statuses.push(status);
            if status == 503 {
                busy_keys.push(&line.k);
            } else if status == 200 {
                self.keep(line, busy_keys.contains(&&line.k));
            }
        }
        TargetAnswer::Status(200, None, statuses, pause)
    }

    fn store_unanswered(&mut self, lines: &[Line], answer: TargetAnswer) -> TargetAnswer {
        for line in lines.iter().filter(|line| !line.poison) {
            self.keep(line, false);
            self.excuse(line);
        }
        answer
    }

    fn keep(&mut self, line: &Line, early: bool) {
        self.arrivals.push(Arrival { key: line.k.clone(), number: line.n, early });
        if early {
            self.excuse(line);
        }
    }

    fn excuse(&mut self, line: &Line) {
        *self.excuses.entry(line.n).or_default() += 1;
    }
}
