//! Converters and transforms on every core, while the order holds.
//!
//! Records come in chunks and take their tickets as they are read, in order. Several chunks are then transformed at
//! once, on the threads of the runtime, and what became of them is taken in the order read: nobody behind this step
//! can tell that it was not one record after the other. docs/decisions/0007-chunks-on-all-cores.md says why chunks.

use std::collections::VecDeque;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::available_parallelism;

use sluice_connector_api::{Origin, Record, Transformed};
use tokio::task::{JoinError, JoinHandle, yield_now};
use tracing::Instrument;

use crate::engine::ledger::tracker::Ticket;
use crate::transform::chain::{Chain, StageError};

/// Records that are transformed at once where they are if nothing is under way: they would wait longer for another
/// thread to wake up than they take.
const AT_ONCE: usize = 8;

/// Records of a chunk after which other tasks of the runtime have their turn: a slow transform must not keep the
/// threads from other connectors (invariant 10).
const TURN: usize = 32;

/// What became of a record in the chain.
pub(in crate::engine) struct Changed {
    pub(in crate::engine) ticket: Ticket,
    /// As it was read, where a dead letter queue may want it.
    pub(in crate::engine) read: Option<Arc<Record>>,
    pub(in crate::engine) result: Result<Transformed, Box<Fault>>,
}

/// Which record the chain rejected, where, and why.
pub(in crate::engine) struct Fault {
    pub(in crate::engine) origin: Origin,
    pub(in crate::engine) error: StageError,
}

/// Chunks of records on their way through the chain.
pub(in crate::engine) struct Transforming {
    chain: Arc<Chain>,
    /// In the order read.
    under_way: VecDeque<JoinHandle<Vec<Changed>>>,
    /// The most chunks at once: enough to keep the cores busy, and few enough for an event that is read behind them,
    /// such as a revoke, not to wait long.
    places: usize,
    keep_read: bool,
    closed: bool,
}

impl Transforming {
    pub(in crate::engine) fn new(chain: Arc<Chain>) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { chain, under_way: VecDeque::new(), places: 2 * cores, keep_read: false, closed: false }
    }

    /// Keeps each record as it was read beside what it becomes.
    pub(in crate::engine) fn keep_read(&mut self) {
        self.keep_read = true;
    }

    /// Says whether another chunk may come.
    pub(in crate::engine) fn has_place(&self) -> bool {
        self.under_way.len() < self.places
    }

    /// Says whether no chunk is under way.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Takes records in. Gives back what they became if that is known at once; else [`Transforming::next`] does.
    pub(in crate::engine) fn push(&mut self, chunk: Vec<(Ticket, Record)>) -> Vec<Changed> {
        let work = Work { chain: Arc::clone(&self.chain), keep_read: self.keep_read };
        if self.is_empty() && chunk.len() <= AT_ONCE {
            return chunk.into_iter().map(|read| work.change(read)).collect();
        }
        self.under_way.push_back(tokio::spawn(work.change_all(chunk).in_current_span()));
        Vec::new()
    }

    /// Lets a record whose fate is known wait for those read before it. Gives it back where nothing is under way.
    pub(in crate::engine) fn queue(&mut self, changed: Changed) -> Vec<Changed> {
        if self.is_empty() {
            return vec![changed];
        }
        self.under_way.push_back(tokio::spawn(async move { vec![changed] }));
        Vec::new()
    }

    /// Waits for the next chunk in the order read; for ever where none is under way. Dropping the future loses nothing.
    /// A plug-in that panicked does so here, as if it had been called here.
    pub(in crate::engine) async fn next(&mut self) -> Vec<Changed> {
        let Some(first) = self.under_way.front_mut() else { return pending().await };
        let result = first.await;
        self.under_way.pop_front();
        match result.map_err(JoinError::try_into_panic) {
            Ok(chunk) => chunk,
            Err(Ok(panic)) => resume_unwind(panic),
            // Only the end of the runtime cancels it, and that ends this task, too.
            Err(Err(_)) => pending().await,
        }
    }

    /// Gives up what is under way: it will be read again.
    pub(in crate::engine) fn close(&mut self) {
        self.closed = true;
        self.under_way.drain(..).for_each(|chunk| chunk.abort());
    }

    /// Says whether what became of records is of no matter any more.
    pub(in crate::engine) fn is_closed(&self) -> bool {
        self.closed
    }
}

/// What no thread has begun with is not worth its time any more.
impl Drop for Transforming {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a thread needs for a chunk.
struct Work {
    chain: Arc<Chain>,
    keep_read: bool,
}

impl Work {
    async fn change_all(self, chunk: Vec<(Ticket, Record)>) -> Vec<Changed> {
        let mut changed = Vec::with_capacity(chunk.len());
        for read in chunk {
            if changed.len() % TURN == TURN - 1 {
                yield_now().await;
            }
            changed.push(self.change(read));
        }
        changed
    }

    fn change(&self, (ticket, record): (Ticket, Record)) -> Changed {
        let read = self.keep_read.then(|| Arc::new(record.clone()));
        let origin = record.origin().clone();
        let result = self.chain.apply(&origin, record);
        Changed { ticket, read, result: result.map_err(|error| Box::new(Fault { origin, error })) }
    }
}
