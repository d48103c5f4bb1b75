//! What came of a put, taken apart.

use std::future::Future;
use std::task::Poll;

use sluice_connector_api::{Failure, FailureKind, PutError};

/// Returns the failure of a batch as a whole; panics where it was stored, or where single records failed.
///
/// ```
/// use sluice_connector_api::{Failure, PutError};
/// use sluice_plugin_testing::batch_failure;
///
/// let failure = batch_failure(Err(PutError::Batch(Failure::throttled("slow down"))));
/// assert!(failure.is_throttled());
/// ```
#[track_caller]
pub fn batch_failure(outcome: Result<(), PutError>) -> Failure {
    match outcome {
        Err(PutError::Batch(failure)) => failure,
        other => panic!("not a failure of the whole batch: {other:?}"),
    }
}

/// Returns the failures of single records: index in the batch, kind and reason; panics where there are none.
///
/// ```
/// use sluice_connector_api::{Failure, FailureKind, PutError};
/// use sluice_plugin_testing::record_failures;
///
/// let outcome = PutError::from_each([Ok(()), Err(Failure::rejected("too long"))]);
/// assert_eq!(record_failures(outcome), [(1, FailureKind::Rejected, "too long".to_owned())]);
/// ```
#[track_caller]
pub fn record_failures(outcome: Result<(), PutError>) -> Vec<(usize, FailureKind, String)> {
    match outcome {
        Err(PutError::Records(failures)) => failures
            .into_iter()
            .map(|(index, failure)| (index, failure.kind(), failure.to_string()))
            .collect(),
        other => panic!("not failures of single records: {other:?}"),
    }
}

/// Polls a future once and drops it, as the engine does with a put that it has no time left for.
pub async fn poll_once(future: impl Future) {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
}

/// Polls a future until it has waited for something so many times, and drops it then. Says whether it came to its end before.
pub(crate) async fn poll_for_waits(future: impl Future, waits: usize) -> bool {
    let (mut future, mut left) = (std::pin::pin!(future), waits);
    std::future::poll_fn(|context| {
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        left = left.saturating_sub(1);
        if left == 0 { Poll::Ready(false) } else { Poll::Pending }
    })
    .await
}
