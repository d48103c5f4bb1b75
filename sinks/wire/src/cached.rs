//! Something that is fetched when needed and kept until it is about to expire.

use std::time::Duration;

use sluice_connector_api::Failure;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long before its end something is fetched again: more than a request and the difference of clocks take.
const MARGIN: Duration = Duration::from_mins(1);

/// A token or credentials. One caller fetches, the others wait for it.
pub(crate) struct Cached<T>(Mutex<Option<Fetched<T>>>);

/// What was fetched, and for how long it is good; `None` if nobody knows.
pub(crate) struct Fetched<T> {
    value: T,
    renew_at: Option<Instant>,
}

impl<T> Fetched<T> {
    pub(crate) fn new(value: T, lifetime: Option<Duration>) -> Self {
        // What lives shorter than two margins is used for half of its life.
        let renew_in = lifetime.map(|lifetime| lifetime.saturating_sub(MARGIN).max(lifetime / 2));
        Self { value, renew_at: renew_in.and_then(|renew_in| Instant::now().checked_add(renew_in)) }
    }
}

impl<T: Clone + PartialEq> Cached<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns what is kept, or else fetches it. A failure is not kept.
    pub(crate) async fn get(
        &self,
        fetch: impl Future<Output = Result<Fetched<T>, Failure>>,
    ) -> Result<T, Failure> {
        let mut cached = self.0.lock().await;
        if let Some(fetched) = cached.as_ref().filter(|fetched| fetched.is_fresh()) {
            return Ok(fetched.value.clone());
        }
        let fetched = fetch.await?;
        let value = fetched.value.clone();
        *cached = Some(fetched);
        Ok(value)
    }

    /// Drops what a target did not accept, unless somebody has fetched another since.
    pub(crate) async fn drop_if(&self, refused: &T) {
        self.0.lock().await.take_if(|fetched| fetched.value == *refused);
    }
}

impl<T> Fetched<T> {
    fn is_fresh(&self) -> bool {
        self.renew_at.is_none_or(|renew_at| Instant::now() < renew_at)
    }
}
