//! The emulator as its users see it: start, script, look, stop.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connection::CuttableListener;
use crate::state::Shared;
use crate::{Call, Fault, Operation, RateLimits, Rule, Settings, StoredDocument, server};

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
    /// Fails with `InvalidInput` when an id, a name or a limit makes no sense, and with the operating
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
        let mut environment = vec![
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_REGION", "us-east-1".to_owned()),
            // Botocore, and so the Python SDK, reads this one instead.
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", key.unwrap_or("emulator").to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "emulator".to_owned()),
        ];
        if let Some(first) = settings.knowledge_bases.first() {
            environment.push(("KBID", first.id.clone()));
            environment.extend(first.data_sources.first().map(|first| ("DSID", first.id.clone())));
        }
        environment
    }

    /// Returns all documents that are not deleted, by knowledge base, data source and id.
    pub fn documents(&self) -> Vec<StoredDocument> {
        self.shared.state().documents(self.shared.now())
    }

    /// Returns all calls in the order in which they arrived, those still being answered included.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// Makes the next call of `operation` that has no fault yet meet `fault`. Each fault is used
    /// up by one call, in the order of scripting.
    pub fn script(&self, operation: Operation, fault: Fault) {
        self.shared.state().script(operation, fault);
    }

    /// Puts these rules in the place of those there were. They hold for documents that come from now on.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        self.shared.state().rules = rules;
    }

    /// Changes what the account may use, from now on. Fails on limits that make no sense.
    pub fn set_limits(&self, limits: RateLimits) -> Result<(), String> {
        limits.check()?;
        self.shared.state().quotas.set(limits, Instant::now());
        Ok(())
    }

    /// Forgets documents, client tokens, calls, faults and rules. Limits stay as they are.
    pub fn clear(&self) {
        self.shared.state().clear();
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
