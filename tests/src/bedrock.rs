//! The emulator of Bedrock for tests that run the binary: on a runtime of its own, so that a test may block.

use std::collections::BTreeSet;
use std::ops::Deref;

use sluice_emulator::{Call, Emulator, Fault, Operation, Settings};
use tokio::runtime::Runtime;

/// A running emulator. Dropping it stops it.
#[derive(Debug)]
pub struct LocalKnowledgeBase {
    emulator: Emulator,
    /// Dropped after the emulator.
    _runtime: Runtime,
}

impl LocalKnowledgeBase {
    /// Starts an emulator that indexes at once.
    pub fn start() -> Self {
        Self::start_with(Settings { indexing_delay: std::time::Duration::ZERO, ..Settings::default() })
    }

    /// Starts an emulator with settings of the caller's own.
    pub fn start_with(settings: Settings) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let emulator = runtime.block_on(Emulator::start(settings)).expect("the emulator starts");
        Self { emulator, _runtime: runtime }
    }

    /// Makes the next `times` ingest calls meet this fault.
    pub fn fail(&self, times: usize, fault: &Fault) {
        (0..times).for_each(|_| self.script(Operation::Ingest, fault.clone()));
    }

    /// Returns the ids of all documents.
    pub fn ids(&self) -> BTreeSet<String> {
        self.documents().into_iter().map(|document| document.id).collect()
    }

    /// Returns the texts of all documents, by id.
    pub fn texts(&self) -> Vec<String> {
        self.documents().into_iter().map(|document| document.text).collect()
    }

    /// Returns the ingest calls in the order in which they arrived.
    pub fn ingests(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.operation == Operation::Ingest).collect()
    }
}

impl Deref for LocalKnowledgeBase {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.emulator
    }
}
