//! Converters and transforms on every core, while the order holds.
//!
//! Records come in chunks and take their tickets as they are read, in order. Several chunks are then transformed at
//! once, on the threads of the runtime, and what became of them is taken in the order read: nobody behind this step
//! can tell that it was not one record after the other. docs/decisions/0007-chunks-on-all-cores.md says why chunks.

use std::collections::VecDeque;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_connector_api::{Origin, Record, Transformed};
use tokio::task::{JoinError, JoinHandle, yield_now};
use tracing::Instrument;

use crate::engine::ledger::tracker::Ticket;
use crate::engine::pipeline::schemas::{NotChanged, Schemas};
use crate::engine::pipeline::tapping::apply_tapped;
use crate::engine::pipeline::threads::{ChainThreads, cores};
use crate::retry::policy::RetryPolicy;
use crate::tap::TapPoint;
use crate::transform::chain::{Chain, NotApplied, PendingRecord, StageError};

/// Records that are transformed at once where they are if nothing is under way: they would wait longer for another
/// thread to wake up than they take.
const AT_ONCE: usize = 8;

/// Records of a chunk after which other tasks of the runtime have their turn: a slow transform must not keep the
/// threads from other connectors (invariant 10).
const TURN: usize = 32;

/// What became of a record in the chain.
pub(super) struct Changed {
    pub(super) ticket: Ticket,
    /// As it was read, where somebody may want it so.
    pub(super) read: Option<Arc<Record>>,
    /// What it became; or which record was rejected, where, and why.
    pub(super) result: Result<Transformed, Box<NotChanged>>,
}

impl Changed {
    /// What became of a record that the source could not read.
    pub(super) fn unreadable(ticket: Ticket, record: Record, error: StageError) -> Self {
        let fault = NotChanged::Rejected(record.origin().clone(), error);
        Self { ticket, read: Some(Arc::new(record)), result: Err(Box::new(fault)) }
    }
}

/// What became of the records of a chunk.
struct ChangedChunk {
    changed: Vec<Changed>,
    /// How long a thread was busy with them.
    busy: Duration,
}

/// A record that waits for a schema.
struct Waiting {
    ticket: Ticket,
    read: Option<Arc<Record>>,
    origin: Origin,
    pending: PendingRecord,
}

/// Chunks of records on their way through the chain.
pub(super) struct Transforming {
    schemas: Arc<Schemas>,
    /// In the order read.
    under_way: VecDeque<JoinHandle<ChangedChunk>>,
    threads: ChainThreads,
    /// The most chunks at once: enough to keep the cores busy, and few enough for an event that is read behind them,
    /// such as a revoke, not to wait long.
    max_chunks: usize,
    way: Way,
}

/// How records go through the chain.
#[derive(Clone)]
struct Way {
    /// Each record is kept as it was read beside what it becomes.
    keep_read: bool,
    /// Where whoever wants to see records stands.
    tap: TapPoint,
    /// Where the record before was read: the next one is mostly of the same partition.
    origin: Option<Origin>,
}

impl Transforming {
    /// `retry` says how long a schema is waited for that cannot be fetched.
    pub(super) fn new(chain: Arc<Chain>, retry: RetryPolicy, tap: TapPoint) -> Self {
        let schemas = Arc::new(Schemas::new(chain, retry));
        let way = Way { keep_read: false, tap, origin: None };
        Self {
            schemas,
            under_way: VecDeque::new(),
            threads: ChainThreads::default(),
            max_chunks: 2 * cores(),
            way,
        }
    }

    /// Keeps each record as it was read beside what it becomes, or does not.
    pub(super) fn keep_read(&mut self, keep_read: bool) {
        self.way.keep_read = keep_read;
    }

    /// Says whether another chunk may come.
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < self.max_chunks
    }

    /// Says whether no chunk is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Takes records in. Gives back what they became if that is known at once; else [`Transforming::next`] does.
    pub(super) fn push(&mut self, chunk: Vec<(Ticket, Record)>) -> Vec<Changed> {
        if !self.is_empty() || chunk.len() > AT_ONCE {
            self.start(None, chunk);
            return Vec::new();
        }
        let mut changed = Vec::with_capacity(chunk.len());
        let looked_at = self.way.tap.looks_at(chunk.len());
        let mut chunk = chunk.into_iter();
        while let Some((ticket, record)) = chunk.next() {
            match self.way.change(self.schemas.chain(), changed.len() < looked_at, ticket, record) {
                Ok(done) => changed.push(done),
                Err(waiting) => {
                    self.start(Some(*waiting), chunk.collect());
                    break;
                }
            }
        }
        changed
    }

    /// Has another thread work, behind what is under way.
    fn start(&mut self, first: Option<Waiting>, chunk: Vec<(Ticket, Record)>) {
        let change_all = change_all(Arc::clone(&self.schemas), self.way.clone(), first, chunk);
        self.under_way.push_back(self.threads.spawn(change_all.in_current_span()));
    }

    /// Lets a record whose fate is known wait for those read before it. Gives it back where nothing is under way.
    pub(super) fn queue(&mut self, changed: Changed) -> Vec<Changed> {
        if self.is_empty() {
            return vec![changed];
        }
        let chunk = ChangedChunk { changed: vec![changed], busy: Duration::ZERO };
        self.under_way.push_back(tokio::spawn(async move { chunk }));
        Vec::new()
    }

    /// Waits for the next chunk in the order read; for ever where none is under way. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Vec<Changed> {
        let Some(first) = self.under_way.front_mut() else { return pending().await };
        let result = first.await;
        self.under_way.pop_front();
        match result.map_err(JoinError::try_into_panic) {
            Ok(ChangedChunk { changed, busy }) => {
                self.threads.note(busy, changed.len());
                changed
            }
            Err(Ok(panic)) => resume_unwind(panic),
            // Only the end of the runtime cancels it, and that ends this task, too.
            Err(Err(_)) => pending().await,
        }
    }

    /// Gives up what is under way: it will be read again.
    pub(super) fn close(&mut self) {
        self.under_way.drain(..).for_each(|chunk| chunk.abort());
    }
}

/// What no thread has begun with is not worth its time any more.
impl Drop for Transforming {
    fn drop(&mut self) {
        self.close();
    }
}

async fn change_all(
    schemas: Arc<Schemas>,
    mut way: Way,
    first: Option<Waiting>,
    chunk: Vec<(Ticket, Record)>,
) -> ChangedChunk {
    let mut changed = Vec::with_capacity(chunk.len() + usize::from(first.is_some()));
    if let Some(waiting) = first {
        changed.push(fetch_and_change(&schemas, waiting).await);
    }
    let looked_at = changed.len() + way.tap.looks_at(chunk.len());
    let mut busy = Duration::ZERO;
    let mut since = Instant::now();
    for (ticket, record) in chunk {
        if changed.len() % TURN == TURN - 1 {
            busy += since.elapsed();
            yield_now().await;
            since = Instant::now();
        }
        match way.change(schemas.chain(), changed.len() < looked_at, ticket, record) {
            Ok(done) => changed.push(done),
            Err(waiting) => {
                busy += since.elapsed();
                changed.push(fetch_and_change(&schemas, *waiting).await);
                since = Instant::now();
            }
        }
    }
    busy += since.elapsed();
    ChangedChunk { changed, busy }
}

impl Way {
    /// Takes a record through the chain, as far as that can be done at once.
    fn change(
        &mut self,
        chain: &Chain,
        looked_at: bool,
        ticket: Ticket,
        record: Record,
    ) -> Result<Changed, Box<Waiting>> {
        let read = self.keep_read.then(|| Arc::new(record.clone()));
        let origin = match &mut self.origin {
            Some(origin) => {
                origin.clone_from(record.origin());
                origin
            }
            none => none.insert(record.origin().clone()),
        };
        let applied = if looked_at {
            apply_tapped(chain, &self.tap, origin, record)
        } else {
            chain.apply(origin, record)
        };
        let result = match applied {
            Ok(transformed) => Ok(transformed),
            Err(NotApplied::Rejected(error)) => Err(Box::new(NotChanged::Rejected(origin.clone(), error))),
            Err(NotApplied::NeedsSchema(pending)) => {
                return Err(Box::new(Waiting { ticket, read, origin: origin.clone(), pending: *pending }));
            }
        };
        Ok(Changed { ticket, read, result })
    }
}

async fn fetch_and_change(schemas: &Schemas, waiting: Waiting) -> Changed {
    let Waiting { ticket, read, origin, pending } = waiting;
    Changed { ticket, read, result: schemas.go_on(origin, pending).await }
}
