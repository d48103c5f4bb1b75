//! What requests share, and what they change.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::ServiceError;
use crate::quota::Quotas;
use crate::store::{Place, Store};
use crate::{
    Call, DataSource, Fault, KnowledgeBaseResource, Operation, RateLimits, Rule, Settings, StoredDocument,
};

/// What the requests share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    state: Mutex<EmulatorState>,
    stopped: watch::Receiver<()>,
    started: (Timestamp, Instant),
}

/// What requests change.
pub(crate) struct EmulatorState {
    /// By knowledge base and data source.
    stores: BTreeMap<(String, String), Store>,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: HashMap<Operation, VecDeque<Fault>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) quotas: Quotas,
    /// How often it was cleared: the calls of before are no longer there to be completed.
    cleared: u64,
}

/// Finds a call again to note its answer.
#[derive(Clone, Copy)]
pub(crate) struct CallId {
    index: usize,
    cleared: u64,
}

impl EmulatorState {
    fn new(limits: RateLimits) -> Self {
        Self {
            stores: BTreeMap::new(),
            calls: Vec::new(),
            faults: HashMap::new(),
            rules: Vec::new(),
            quotas: Quotas::new(limits, Instant::now()),
            cleared: 0,
        }
    }

    /// Returns what a request to a data source needs.
    pub(crate) fn parts(
        &mut self,
        knowledge_base: &KnowledgeBaseResource,
        data_source: &DataSource,
        indexing_delay: Duration,
    ) -> (&mut Store, &[Rule], &mut Quotas) {
        let place =
            Place { knowledge_base_id: knowledge_base.id.clone(), data_source_id: data_source.id.clone() };
        let key = (place.knowledge_base_id.clone(), place.data_source_id.clone());
        let store = self.stores.entry(key).or_insert_with(|| Store::new(place, indexing_delay));
        (store, &self.rules, &mut self.quotas)
    }

    /// Returns all documents that are not deleted, by knowledge base, data source and id.
    pub(crate) fn documents(&self, now: Timestamp) -> Vec<StoredDocument> {
        self.stores.values().flat_map(|store| store.documents(now)).collect()
    }

    /// Makes the next call of `operation` that has no fault yet meet `fault`.
    pub(crate) fn script(&mut self, operation: Operation, fault: Fault) {
        self.faults.entry(operation).or_default().push_back(fault);
    }

    /// Forgets all but the quotas, because calls are under way that they count.
    pub(crate) fn clear(&mut self) {
        self.stores.clear();
        self.calls.clear();
        self.faults.clear();
        self.rules.clear();
        self.cleared += 1;
    }
}

impl Shared {
    pub(crate) fn new(settings: Settings, stopped: watch::Receiver<()>) -> Self {
        Self {
            state: Mutex::new(EmulatorState::new(settings.limits.clone())),
            settings,
            stopped,
            started: (Timestamp::now(), Instant::now()),
        }
    }

    /// The state is sound after every statement, so a panic elsewhere does not spoil it.
    pub(crate) fn state(&self) -> MutexGuard<'_, EmulatorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of day at the start plus tokio's clock since.
    pub(crate) fn now(&self) -> Timestamp {
        let (time, instant) = self.started;
        time.saturating_add(instant.elapsed()).unwrap_or(time)
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        self.started.0
    }

    /// Notes a call and takes the fault scripted for it, if any.
    pub(crate) fn arrived(&self, call: Call) -> (CallId, Option<Fault>) {
        let mut state = self.state();
        let faults = state.faults.get_mut(&call.operation);
        let fault = faults.and_then(VecDeque::pop_front);
        let id = CallId { index: state.calls.len(), cleared: state.cleared };
        state.calls.push(call);
        (id, fault)
    }

    pub(crate) fn answered(&self, id: CallId, status: u16, error: Option<String>) {
        let now = self.now();
        let mut state = self.state();
        if state.cleared != id.cleared {
            return;
        }
        if let Some(call) = state.calls.get_mut(id.index) {
            call.status = Some(status);
            call.answered_at = Some(now);
            call.error = error;
        }
    }

    /// Takes what a call costs of its quotas of calls per second.
    pub(crate) fn take(&self, operation: Operation) -> Result<(), ServiceError> {
        self.state().quotas.take(operation, Instant::now())
    }

    /// Counts a call as under way.
    pub(crate) fn take_off(&self, operation: Operation) -> Flight<'_> {
        let mut state = self.state();
        let too_many = state.quotas.begin(operation, Instant::now()).then(|| state.quotas.too_many());
        Flight { shared: self, operation, too_many }
    }

    pub(crate) fn latency(&self) -> Duration {
        self.state().quotas.limits().latency
    }

    /// Completes when the emulator is stopped or dropped.
    pub(crate) async fn stopped(&self) {
        let mut stopped = self.stopped.clone();
        // Nothing is ever sent: the one thing that can happen is that the sender is dropped.
        while stopped.changed().await.is_ok() {}
    }
}

/// A call that is under way, as long as it is not dropped.
pub(crate) struct Flight<'a> {
    shared: &'a Shared,
    operation: Operation,
    too_many: Option<ServiceError>,
}

impl Flight<'_> {
    /// Refuses the call that was one too many when it arrived.
    pub(crate) fn check(&self) -> Result<(), ServiceError> {
        self.too_many.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.shared.state().quotas.end(self.operation);
    }
}
