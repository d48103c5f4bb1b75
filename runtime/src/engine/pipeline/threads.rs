//! The threads on which chunks of records are transformed: those of the runtime, or others where the chain is slow.
//!
//! A thread of the runtime that is busy with records hears from no network meanwhile, and handing a chunk that takes
//! microseconds to another core costs more than it gains. Where a chunk takes milliseconds it is the other way about.

use std::future::Future;
use std::sync::OnceLock;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::JoinHandle;

/// What a record takes in a slow chain at least: a chunk of 500 is then five milliseconds.
const SLOW: Duration = Duration::from_micros(10);

/// How much the last chunk counts beside those before it: the system may have stopped its thread meanwhile.
const LAST: u32 = 4;

/// Where the chunks of a connector are transformed.
#[derive(Debug, Default)]
pub(super) struct ChainThreads {
    /// What a record took of late.
    per_record: Duration,
}

impl ChainThreads {
    /// Notes how long a thread was busy with so many records.
    pub(super) fn note(&mut self, busy: Duration, records: usize) {
        let records = u32::try_from(records).unwrap_or(u32::MAX).max(1);
        self.per_record = (self.per_record * (LAST - 1) + busy / records) / LAST;
    }

    /// Has a chunk transformed.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        chunk: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let slow = if self.per_record < SLOW { None } else { slow_threads() };
        match slow {
            Some(threads) => threads.spawn(chunk),
            None => tokio::spawn(chunk),
        }
    }
}

/// Returns how many cores there are, as far as the system tells.
pub(super) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// The threads for slow chains of all connectors, one per core. None where the runtime is a single thread by choice, as in a
/// function, or where the system gives no threads.
fn slow_threads() -> Option<&'static Runtime> {
    static THREADS: OnceLock<Option<Runtime>> = OnceLock::new();
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return None;
    }
    let start = || {
        let threads =
            Builder::new_multi_thread().worker_threads(cores()).thread_name("chain").enable_all().build();
        threads.inspect_err(|error| tracing::warn!("no threads for slow transforms: {error}")).ok()
    };
    THREADS.get_or_init(start).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_slow_after(chunks: &[(u64, usize)]) -> bool {
        let mut threads = ChainThreads::default();
        for (micros, records) in chunks {
            threads.note(Duration::from_micros(*micros), *records);
        }
        threads.per_record >= SLOW
    }

    #[test]
    fn a_chain_is_slow_by_what_its_records_take() {
        assert!(!is_slow_after(&[]));
        assert!(!is_slow_after(&[(500, 500); 9]), "a microsecond per record");
        assert!(is_slow_after(&[(50_000, 500); 3]), "a hundred");
        assert!(!is_slow_after(&[(500, 500), (10_000, 500), (500, 500)]), "its thread stood still once");
        assert!(!is_slow_after(&[
            (50_000, 500),
            (50, 500),
            (50, 500),
            (50, 500),
            (50, 500),
            (50, 500),
            (50, 500),
            (50, 500),
            (50, 500)
        ]));
        assert!(!is_slow_after(&[(0, 0)]));
    }
}
