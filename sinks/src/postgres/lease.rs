//! A connection in use, and what becomes of it when its use is broken off.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Object;
use sluice_connector_api::Failure;
use tokio::sync::Semaphore;
use tokio_postgres::CancelToken;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::postgres::verdict::is_of_reader;

/// How long the server may take to hear that a statement is not wanted any more.
const CANCEL: Duration = Duration::from_secs(3);

/// A connection in use. One whose use does not come to its end is closed, and the statement that runs on it is cancelled: it must
/// not be done later than what follows it.
pub(super) struct Lease {
    connection: Option<Object>,
    cancel: CancelToken,
    tls: MakeRustlsConnect,
    /// Has a permit for each statement that is not being cancelled.
    under_way: Arc<Semaphore>,
}

impl Lease {
    pub(super) fn new(connection: Object, tls: MakeRustlsConnect, under_way: &Arc<Semaphore>) -> Self {
        let cancel = connection.cancel_token();
        Self { connection: Some(connection), cancel, tls, under_way: Arc::clone(under_way) }
    }

    /// Returns the connection.
    pub(super) fn get(&mut self) -> Result<&mut Object, Failure> {
        self.connection.as_mut().ok_or_else(|| Failure::retriable("the connection was given back"))
    }

    /// Gives the connection back, for others.
    pub(super) fn give_back(&mut self) {
        drop(self.connection.take());
    }

    /// Gives the connection back after an error; one to a server that may only be read from is closed, since another server may
    /// answer to its name by now.
    pub(super) fn give_back_after(&mut self, error: &(dyn Error + 'static)) {
        match self.connection.take() {
            Some(connection) if is_of_reader(error) => drop(Object::take(connection)),
            other => drop(other),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        drop(Object::take(connection));
        let (cancel, tls) = (self.cancel.clone(), self.tls.clone());
        let permit = Arc::clone(&self.under_way).try_acquire_owned();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // A server that does not hear it is away, and with it the connection.
                let _unheard = tokio::time::timeout(CANCEL, cancel.cancel_query(tls)).await.is_err();
                drop(permit);
            });
        }
    }
}
