//! Where whoever wants to see the records of a connector stands. Nobody does at most times, and then it costs one look at a
//! flag for each chunk of records and each put.
//!
//! Who looks sees samples: so many records and puts per second, of so many bytes, over all who look. What is seen is copied into
//! a queue of each; one that is full takes no more, and what it does not take is counted. The engine never waits here.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use sluice_connector_api::{Origin, PutError, Record};
use tokio::sync::mpsc;

use crate::trace::{PutSpan, PutTracer, TracedConnector};

/// The most that look at one connector at a time.
const MOST_TAPS: usize = 4;
/// The most records that are looked at in a second.
const RECORDS_PER_SECOND: usize = 100;
/// The most bytes of records, as they are read, that are looked at in a second.
const BYTES_PER_SECOND: usize = 4 * 1024 * 1024;
/// The most puts that are looked at in a second.
const PUTS_PER_SECOND: usize = 20;
/// The most records of one stage, and of one put, that are kept: a transform may make thousands of one.
const MOST_RECORDS: usize = 10;
/// The most things that wait for one who looks.
const QUEUE: usize = 256;
/// The most bytes of records that wait for one who looks.
const QUEUED_BYTES: usize = 8 * 1024 * 1024;

/// Where records of one connector can be seen as they pass. Clones are the same place.
#[derive(Clone, Default)]
pub struct TapPoint(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Somebody looks.
    is_used: AtomicBool,
    places: Mutex<Places>,
    /// What makes a span of each put, where puts are traced.
    traced: OnceLock<TracedConnector>,
}

#[derive(Default)]
struct Places {
    taken: Vec<Place>,
    last_number: u64,
    allowance: Allowance,
}

/// The place of one who looks.
struct Place {
    number: u64,
    sender: mpsc::Sender<Arc<Tapped>>,
    missed: Arc<Missed>,
}

/// What one who looks has not seen, and what waits for him.
#[derive(Debug, Default)]
struct Missed {
    records: AtomicU64,
    puts: AtomicU64,
    queued_bytes: AtomicUsize,
}

/// What is left to be seen in this second.
#[derive(Debug, Default)]
struct Allowance {
    since: Option<Instant>,
    records: usize,
    bytes: usize,
    puts: usize,
}

/// Something that passed.
#[derive(Clone, Debug)]
pub enum Tapped {
    /// A record, and what the chain made of it.
    Record(TappedRecord),
    /// A put that was answered.
    Put(TappedPut),
}

/// A record on its way through the chain.
#[derive(Clone, Debug)]
pub struct TappedRecord {
    /// The record as it was read.
    pub read: Record,
    /// What it was after the converters, and after each transform that it came to.
    pub stages: Vec<TappedStage>,
    /// Why it was rejected, and where, if so.
    pub rejected: Option<String>,
}

/// The records that one became at a stage.
#[derive(Clone, Debug)]
pub struct TappedStage {
    /// `read`, or the name of the transform.
    pub name: String,
    /// The first ten of them.
    pub records: Vec<Record>,
    /// How many there were.
    pub count: usize,
}

/// A put that was answered.
#[derive(Clone, Debug)]
pub struct TappedPut {
    /// The first ten of its records.
    pub records: Vec<Record>,
    /// How many it had.
    pub count: usize,
    /// Where its last record was read.
    pub last: Option<Origin>,
    /// How long it took.
    pub took: Duration,
    /// What came of it: stored, failed, failed in part.
    pub outcome: &'static str,
    /// Why it failed, or the first of its records did; secrets are blanked.
    pub reason: Option<String>,
}

/// Sees what passes. Who drops it looks no more.
pub struct Tap {
    number: u64,
    receiver: mpsc::Receiver<Arc<Tapped>>,
    missed: Arc<Missed>,
    point: Weak<Shared>,
}

impl fmt::Debug for TapPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapPoint").field("is_used", &self.is_used()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("number", &self.number).finish_non_exhaustive()
    }
}

impl TapPoint {
    /// Says whether somebody looks: what is asked for each chunk and each put.
    pub fn is_used(&self) -> bool {
        self.0.is_used.load(Ordering::Relaxed)
    }

    /// Has each put of this connector, by its name and that of its sink, traced from now on. The first call counts.
    pub fn trace_puts(&self, tracer: Arc<dyn PutTracer>, connector: Arc<str>, sink: &str) {
        self.0.traced.get_or_init(|| TracedConnector::new(tracer, connector, sink));
    }

    /// Begins the span of a put, where puts are traced. One without records stores a position, and has none.
    pub(crate) fn begin_span(&self, records: &[Record]) -> Option<Box<dyn PutSpan>> {
        let traced = self.0.traced.get()?;
        if records.is_empty() { None } else { Some(traced.begin(records)) }
    }

    /// Lets somebody look; none where four do already.
    pub fn open(&self) -> Option<Tap> {
        let mut places = self.0.places();
        if places.taken.len() >= MOST_TAPS {
            return None;
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        places.last_number += 1;
        let (number, missed) = (places.last_number, Arc::<Missed>::default());
        places.taken.push(Place { number, sender, missed: Arc::clone(&missed) });
        self.0.is_used.store(true, Ordering::Relaxed);
        Some(Tap { number, receiver, missed, point: Arc::downgrade(&self.0) })
    }

    /// Returns how many of so many records may be looked at. The others count as missed.
    pub(crate) fn looks_at(&self, records: usize) -> usize {
        if !self.is_used() {
            return 0;
        }
        let mut places = self.0.places();
        let looked_at = places.allowance.take_records(records);
        places.miss_records(records - looked_at);
        looked_at
    }

    /// Says whether a record of so many bytes may be looked at. One that may not counts as missed.
    pub(crate) fn takes(&self, bytes: usize) -> bool {
        let mut places = self.0.places();
        let takes = places.allowance.take_bytes(bytes);
        if !takes {
            places.miss_records(1);
        }
        takes
    }

    /// Says whether a put may be looked at. One that may not counts as missed.
    fn takes_put(&self) -> bool {
        if !self.is_used() {
            return false;
        }
        let mut places = self.0.places();
        let takes = places.allowance.take_put();
        if !takes {
            places.taken.iter().for_each(|place| place.missed.put());
        }
        takes
    }

    /// Shows a put that was answered, if somebody looks. One without records stores a position, and is none.
    pub(crate) fn show_put(&self, records: &[Record], took: Duration, answer: &Result<(), PutError>) {
        if !records.is_empty() && self.takes_put() {
            self.show(Tapped::Put(TappedPut::new(records, took, answer)));
        }
    }

    /// Shows something to all who look. Who has no room for it misses it.
    pub(crate) fn show(&self, tapped: Tapped) {
        let (tapped, places) = (Arc::new(tapped), self.0.places());
        let bytes = tapped.bytes();
        for place in &places.taken {
            place.show(&tapped, bytes);
        }
    }
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, number: u64) {
        let mut places = self.places();
        places.taken.retain(|place| place.number != number);
        self.is_used.store(!places.taken.is_empty(), Ordering::Relaxed);
    }
}

impl Places {
    fn miss_records(&self, count: usize) {
        for place in &self.taken {
            place.missed.records.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

impl Place {
    fn show(&self, tapped: &Arc<Tapped>, bytes: usize) {
        let waits = self.missed.queued_bytes.load(Ordering::Relaxed);
        let fits = waits.saturating_add(bytes) <= QUEUED_BYTES;
        // Counted before it can be taken out.
        self.missed.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if !fits || self.sender.try_send(Arc::clone(tapped)).is_err() {
            self.missed.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            match **tapped {
                Tapped::Record(_) => self.missed.record(),
                Tapped::Put(_) => self.missed.put(),
            }
        }
    }
}

impl Missed {
    fn record(&self) {
        self.records.fetch_add(1, Ordering::Relaxed);
    }

    fn put(&self) {
        self.puts.fetch_add(1, Ordering::Relaxed);
    }
}

impl Allowance {
    fn renew(&mut self) {
        let now = Instant::now();
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            *self = Self {
                since: Some(now),
                records: RECORDS_PER_SECOND,
                bytes: BYTES_PER_SECOND,
                puts: PUTS_PER_SECOND,
            };
        }
    }

    fn take_records(&mut self, count: usize) -> usize {
        self.renew();
        let taken = count.min(self.records);
        self.records -= taken;
        taken
    }

    fn take_bytes(&mut self, bytes: usize) -> bool {
        self.renew();
        let fits = bytes <= self.bytes;
        if fits {
            self.bytes -= bytes;
        }
        fits
    }

    fn take_put(&mut self) -> bool {
        self.renew();
        let left = self.puts > 0;
        self.puts = self.puts.saturating_sub(1);
        left
    }
}

impl Tapped {
    fn bytes(&self) -> usize {
        match self {
            Self::Record(record) => {
                let stages = record.stages.iter().map(|stage| size_of(&stage.records));
                record.read.size() + stages.sum::<usize>()
            }
            Self::Put(put) => size_of(&put.records),
        }
    }
}

fn size_of(records: &[Record]) -> usize {
    records.iter().map(Record::size).sum()
}

impl TappedStage {
    pub(crate) fn new(name: &str, records: &[Record]) -> Self {
        let kept = records.iter().take(MOST_RECORDS).cloned().collect();
        Self { name: name.to_owned(), records: kept, count: records.len() }
    }
}

impl TappedPut {
    /// Copies what is shown of a put with this answer.
    fn new(records: &[Record], took: Duration, answer: &Result<(), PutError>) -> Self {
        let (outcome, reason) = match answer {
            Ok(()) => ("stored", None),
            Err(PutError::Batch(failure)) => ("failed", Some(failure)),
            Err(PutError::Records(failures)) => ("failed in part", failures.first().map(|(_, first)| first)),
        };
        Self {
            records: records.iter().take(MOST_RECORDS).cloned().collect(),
            count: records.len(),
            last: records.last().map(|record| record.origin().clone()),
            took,
            outcome,
            reason: reason.map(ToString::to_string),
        }
    }
}

impl Tap {
    /// Waits for what passes next; none once the connector is there no more. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<Tapped>> {
        let tapped = self.receiver.recv().await?;
        self.missed.queued_bytes.fetch_sub(tapped.bytes(), Ordering::Relaxed);
        Some(tapped)
    }

    /// Returns how many records and puts passed unseen since this was last asked.
    pub fn missed(&self) -> (u64, u64) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        (take(&self.missed.records), take(&self.missed.puts))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Some(point) = self.point.upgrade() {
            point.leave(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, bytes: usize) -> Tapped {
        let mut read = Record::new(Origin::new("t", 0, offset));
        read.value = Some("x".repeat(bytes).as_str().into());
        Tapped::Record(TappedRecord { read, stages: Vec::new(), rejected: None })
    }

    #[test]
    fn nothing_is_looked_at_before_somebody_looks_or_after() {
        let point = TapPoint::default();
        assert_eq!((point.is_used(), point.looks_at(5), point.takes_put()), (false, 0, false));
        let tap = point.open().unwrap();
        assert_eq!((point.is_used(), point.looks_at(5), point.takes_put()), (true, 5, true));
        drop(tap);
        assert_eq!((point.is_used(), point.looks_at(5)), (false, 0));
    }

    #[test]
    fn so_many_a_second_are_looked_at_and_the_others_are_counted() {
        let point = TapPoint::default();
        let tap = point.open().unwrap();
        assert_eq!(point.looks_at(60), 60);
        assert_eq!(point.looks_at(1000), RECORDS_PER_SECOND - 60);
        let puts = (0..PUTS_PER_SECOND + 3).filter(|_| point.takes_put()).count();
        assert_eq!((puts, tap.missed()), (PUTS_PER_SECOND, (960, 3)));
        assert!(point.takes(BYTES_PER_SECOND) && !point.takes(1), "nor more bytes");
        assert_eq!(tap.missed(), (1, 0), "counted once");
    }

    #[test]
    fn a_queue_that_is_full_in_number_or_in_bytes_takes_no_more_and_counts() {
        let point = TapPoint::default();
        let (full, empty) = (point.open().unwrap(), point.open().unwrap());
        drop(empty);
        (0..10).for_each(|offset| point.show(record(offset, QUEUED_BYTES / 4)));
        assert_eq!(full.missed(), (6, 0));
        let many = point.open().unwrap();
        (0..QUEUE + 7).for_each(|_| point.show(record(0, 1)));
        assert_eq!(many.missed(), (7, 0));
    }

    #[tokio::test]
    async fn what_is_taken_out_makes_room_and_the_end_of_the_connector_is_seen() {
        let point = TapPoint::default();
        let mut tap = point.open().unwrap();
        for offset in 0..20 {
            point.show(record(offset, QUEUED_BYTES / 2));
            let Some(Tapped::Record(seen)) = tap.next().await.as_deref().cloned() else { panic!() };
            assert_eq!(seen.read.origin().offset(), offset);
        }
        assert_eq!(tap.missed(), (0, 0));
        drop(point);
        assert!(tap.next().await.is_none());
    }

    #[test]
    fn only_so_many_may_look() {
        let point = TapPoint::default();
        let taps: Vec<_> = (0..10).filter_map(|_| point.open()).collect();
        assert_eq!(taps.len(), MOST_TAPS);
    }
}
