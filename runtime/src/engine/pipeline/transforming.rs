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
pub(super) struct Changed {
    pub(super) ticket: Ticket,
    /// As it was read, where somebody may want it so.
    pub(super) read: Option<Arc<Record>>,
    /// What it became; or which record was rejected, where, and why.
    pub(super) result: Result<Transformed, Box<(Origin, StageError)>>,
}

impl Changed {
    /// What became of a record that the source could not read.
    pub(super) fn unreadable(ticket: Ticket, record: Record, error: StageError) -> Self {
        let fault = (record.origin().clone(), error);
        Self { ticket, read: Some(Arc::new(record)), result: Err(Box::new(fault)) }
    }
}

/// Chunks of records on their way through the chain.
pub(super) struct Transforming {
    chain: Arc<Chain>,
    /// In the order read.
    under_way: VecDeque<JoinHandle<Vec<Changed>>>,
    /// The most chunks at once: enough to keep the cores busy, and few enough for an event that is read behind them,
    /// such as a revoke, not to wait long.
    max_chunks: usize,
    keep_read: bool,
}

impl Transforming {
    pub(super) fn new(chain: Arc<Chain>) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self { chain, under_way: VecDeque::new(), max_chunks: 2 * cores, keep_read: false }
    }

    /// Keeps each record as it was read beside what it becomes, or does not.
    pub(super) fn keep_read(&mut self, keep_read: bool) {
        self.keep_read = keep_read;
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
        if self.is_empty() && chunk.len() <= AT_ONCE {
            let mut changed = Vec::with_capacity(chunk.len());
            for (ticket, record) in chunk {
                changed.push(change(&self.chain, self.keep_read, ticket, record));
            }
            return changed;
        }
        let change_all = change_all(Arc::clone(&self.chain), self.keep_read, chunk);
        self.under_way.push_back(tokio::spawn(change_all.in_current_span()));
        Vec::new()
    }

    /// Lets a record whose fate is known wait for those read before it. Gives it back where nothing is under way.
    pub(super) fn queue(&mut self, changed: Changed) -> Vec<Changed> {
        if self.is_empty() {
            return vec![changed];
        }
        self.under_way.push_back(tokio::spawn(async move { vec![changed] }));
        Vec::new()
    }

    /// Waits for the next chunk in the order read; for ever where none is under way. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Vec<Changed> {
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

async fn change_all(chain: Arc<Chain>, keep_read: bool, chunk: Vec<(Ticket, Record)>) -> Vec<Changed> {
    let mut changed = Vec::with_capacity(chunk.len());
    for (ticket, record) in chunk {
        if changed.len() % TURN == TURN - 1 {
            yield_now().await;
        }
        changed.push(change(&chain, keep_read, ticket, record));
    }
    changed
}

fn change(chain: &Chain, keep_read: bool, ticket: Ticket, record: Record) -> Changed {
    let read = keep_read.then(|| Arc::new(record.clone()));
    let origin = record.origin().clone();
    let result = chain.apply(&origin, record);
    Changed { ticket, read, result: result.map_err(|error| Box::new((origin, error))) }
}
