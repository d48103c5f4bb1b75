//! Transforms that do as the record says.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::sleep;
use std::time::Duration;

use sluice_connector_api::{Origin, Record, Rejection, RepeatKey, Transform, Transformed};
use sluice_runtime::transform::chain::Step;

/// Longer than anything here may take.
const HUNG: Duration = Duration::from_secs(20);

/// Holds the threads of transforms until it is opened, or until so many are there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Arc<(Mutex<usize>, Condvar)>);

impl Door {
    /// More threads than there are.
    const OPEN: usize = usize::MAX / 2;

    pub(crate) fn open(&self) {
        self.enter(Self::OPEN);
    }

    fn enter(&self, count: usize) {
        *self.0.0.lock().unwrap() += count;
        self.0.1.notify_all();
    }

    fn wait_for(&self, count: usize) {
        let waiting = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), HUNG, |there| *there < count);
        assert!(!waiting.unwrap().1.timed_out(), "nobody came");
    }
}

/// Does what a record's value says: `drop`, `foul` (it is rejected), `split N`, `forge` (a new origin), `panic`,
/// `same X` (as all others with X), `halves X Y` (two records, which are the same as others with X and with Y),
/// `slow N` (milliseconds), `wait` (until the door is open), `meet N` (until so many threads are there) or, for any
/// other, nothing.
struct Obey(Door);

impl Transform for Obey {
    fn apply(&self, record: Record) -> Result<Transformed, Rejection> {
        let value = record.value_text().unwrap_or_default();
        match value.split_once(' ').unwrap_or((value, "")) {
            ("drop", _) => Ok(Transformed::Dropped),
            ("foul", _) => Err(Rejection::new("it is foul")),
            ("forge", _) => Ok(forged(record).into()),
            ("split", parts) => Ok(Transformed::Several(vec![record.clone(); parts.parse().unwrap()])),
            ("panic", _) => panic!("the record says so"),
            ("same", what) => Ok(repeatable(record.clone(), what).into()),
            ("halves", what) => {
                let halves = what.split(' ').map(|what| repeatable(record.clone(), what));
                Ok(Transformed::Several(halves.collect()))
            }
            _ => {
                self.pass_time(value);
                Ok(record.into())
            }
        }
    }
}

impl Obey {
    fn pass_time(&self, value: &str) {
        match value.split_once(' ').unwrap_or((value, "")) {
            ("slow", millis) => sleep(Duration::from_millis(millis.parse().unwrap())),
            ("wait", _) => self.0.wait_for(Door::OPEN),
            ("meet", threads) => {
                self.0.enter(1);
                self.0.wait_for(threads.parse().unwrap());
            }
            _ => {}
        }
    }
}

/// What is the same is remembered for a minute, and three of it.
fn repeatable(record: Record, what: &str) -> Record {
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().zip(what.bytes()) {
        *place = byte;
    }
    record.with_repeat_key(RepeatKey { digest, window: Duration::from_mins(1), max_records: 3 })
}

fn forged(mut record: Record) -> Record {
    let mut forged = Record::new(Origin::new("elsewhere", 7, 99));
    forged.value = record.value.take();
    forged
}

/// The chain of every test.
pub(crate) fn steps(door: Door) -> Vec<Step> {
    vec![Step { name: "obey", transform: Box::new(Obey(door)), condition: None }]
}
