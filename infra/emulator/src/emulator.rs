//! The emulator as its users see it: start, script, look, stop.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connection::CuttableListener;
use crate::store::Store;
use crate::{Call, Fault, Operation, Settings, StoredDocument, server};

/// How long a stop waits for requests that are being answered.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running emulator. Dropping it stops it, without waiting.
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped to stop.
    running: watch::Sender<()>,
    serving: JoinHandle<()>,
}

impl Emulator {
    /// Starts an emulator; it takes requests when this returns.
    ///
    /// Fails with `InvalidInput` when an id is not 10 letters and digits, and with the operating
    /// system's error when the address cannot be listened on.
    ///
    /// Must be called on a tokio runtime. Statuses follow tokio's clock, so they obey a paused one.
    pub async fn start(settings: Settings) -> std::io::Result<Self> {
        settings.check().map_err(|problem| std::io::Error::new(std::io::ErrorKind::InvalidInput, problem))?;
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let (running, stopped) = watch::channel(());
        let shared = Arc::new(Shared::new(settings, stopped));
        let serving = tokio::spawn(server::serve(CuttableListener(listener), Arc::clone(&shared)));
        tracing::debug!(%address, "the emulator listens");
        Ok(Self { address, shared, running, serving })
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL to give to a client as its endpoint, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the environment that points an AWS SDK, and the ready-made connectors, here.
    /// The credentials are made up: a signature's form is checked, not its truth.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let settings = &self.shared.settings;
        let key = settings.expected_access_key_id.as_deref();
        vec![
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_REGION", "us-east-1".to_owned()),
            // Botocore, and so the Python SDK, reads this one instead.
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", key.unwrap_or("emulator").to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "emulator".to_owned()),
            ("KBID", settings.knowledge_base.id.clone()),
            ("DSID", settings.data_source.id.clone()),
        ]
    }

    /// Returns all documents that are not deleted, by id.
    pub fn documents(&self) -> Vec<StoredDocument> {
        self.shared.state().store.documents(self.shared.now())
    }

    /// Returns all calls in the order in which they arrived, those still being answered included.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// Makes the next call of `operation` that has no fault yet meet `fault`. Each fault is used
    /// up by one call, in the order of scripting.
    pub fn script(&self, operation: Operation, fault: Fault) {
        let mut state = self.shared.state();
        state.faults.entry(operation).or_default().push_back(fault);
    }

    /// Forgets documents, client tokens, calls and faults.
    pub fn clear(&self) {
        let delay = self.shared.settings.indexing_delay;
        let mut state = self.shared.state();
        *state = State { cleared: state.cleared + 1, ..State::new(delay) };
    }

    /// Stops: takes no more connections, cuts scripted delays short, and waits up to 5 seconds for
    /// requests that are being answered.
    pub async fn stop(self) {
        let Self { running, serving, .. } = self;
        drop(running);
        if tokio::time::timeout(STOP_LIMIT, serving).await.is_err() {
            tracing::debug!("stopped with requests unanswered");
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("address", &self.address)
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

/// What the requests share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    state: Mutex<State>,
    stopped: watch::Receiver<()>,
    started: (Timestamp, Instant),
}

/// What requests change.
pub(crate) struct State {
    pub(crate) store: Store,
    calls: Vec<Call>,
    faults: HashMap<Operation, VecDeque<Fault>>,
    /// How often it was cleared: the calls of before are no longer there to be completed.
    cleared: u64,
}

/// Finds a call again to note its answer.
#[derive(Clone, Copy)]
pub(crate) struct CallId {
    index: usize,
    cleared: u64,
}

impl State {
    fn new(indexing_delay: Duration) -> Self {
        Self { store: Store::new(indexing_delay), calls: Vec::new(), faults: HashMap::new(), cleared: 0 }
    }
}

impl Shared {
    fn new(settings: Settings, stopped: watch::Receiver<()>) -> Self {
        Self {
            state: Mutex::new(State::new(settings.indexing_delay)),
            settings,
            stopped,
            started: (Timestamp::now(), Instant::now()),
        }
    }

    /// The state is sound after every statement, so a panic elsewhere does not spoil it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of day at the start plus tokio's clock since.
    pub(crate) fn now(&self) -> Timestamp {
        let (time, instant) = self.started;
        time.saturating_add(instant.elapsed()).unwrap_or(time)
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

    pub(crate) fn answered(&self, id: CallId, status: u16) {
        let mut state = self.state();
        if state.cleared != id.cleared {
            return;
        }
        if let Some(call) = state.calls.get_mut(id.index) {
            call.status = Some(status);
        }
    }

    /// Completes when the emulator is stopped or dropped.
    pub(crate) async fn stopped(&self) {
        let mut stopped = self.stopped.clone();
        // Nothing is ever sent: the one thing that can happen is that the sender is dropped.
        while stopped.changed().await.is_ok() {}
    }
}
