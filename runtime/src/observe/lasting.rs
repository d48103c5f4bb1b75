//! Answers that last, such as a stream of events: their connection may live as long as they do, and only so many may last at
//! a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most answers that last at a time: the other connections are for whoever scrapes and steers.
const PLACES: usize = 24;

/// The places of answers that last, over all connections of a listener.
#[derive(Clone, Debug)]
pub(super) struct LastingPlaces(Arc<Semaphore>);

/// One connection, as an answer on it knows it: an extension of each request.
#[derive(Clone, Debug)]
pub(crate) struct Lasting {
    places: Arc<Semaphore>,
    lasts: Arc<AtomicBool>,
}

impl LastingPlaces {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }

    /// Returns what a new connection gives its requests.
    pub(super) fn of_connection(&self) -> Lasting {
        Lasting { places: Arc::clone(&self.0), lasts: Arc::default() }
    }
}

impl Lasting {
    /// Lets the connection live as long as its answer, which holds the place; none where all places are taken.
    pub(crate) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        self.lasts.store(true, Ordering::Relaxed);
        Some(place)
    }

    /// Says whether an answer of the connection lasts, or did.
    pub(super) fn lasts(&self) -> bool {
        self.lasts.load(Ordering::Relaxed)
    }
}
