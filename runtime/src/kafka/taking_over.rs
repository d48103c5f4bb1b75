//! Asks a sink that stores positions itself for those of partitions that came, before anything is read of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_connector_api::{BoxError, ExactlyOnce, Failure, FailureKind, TakenOver, TopicPartition};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::guard;

/// How long the sink may take for one answer.
const WAIT: Duration = Duration::from_secs(15);
/// How long it is asked again and again.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two questions.
const AGAIN: Duration = Duration::from_millis(500);
/// How soon it is noticed that nobody waits for the answer any more.
const LOOK: Duration = Duration::from_millis(100);

/// Takes partitions over, on the thread that polls.
pub(super) struct TakingOver {
    sink: Arc<dyn ExactlyOnce>,
    runtime: Handle,
}

impl TakingOver {
    /// Asks this sink. `None` outside of the async runtime.
    pub(super) fn new(sink: Arc<dyn ExactlyOnce>) -> Option<Self> {
        Handle::try_current().ok().map(|runtime| Self { sink, runtime })
    }

    /// Blocks until the sink has said how far it has the partitions, for a minute at most, or until `is_over`.
    pub(super) fn ask(
        &self,
        partitions: &[TopicPartition],
        is_over: &dyn Fn() -> bool,
    ) -> Result<Vec<TakenOver>, BoxError> {
        self.runtime.block_on(async {
            let over = async {
                while !is_over() {
                    sleep(LOOK).await;
                }
            };
            tokio::select! {
                taken = self.until_answered(partitions) => taken,
                () = over => Err("the connector ends".into()),
            }
        })
    }

    async fn until_answered(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, BoxError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let failure = match self.once(partitions).await {
                Ok(taken) => return complete(taken, partitions),
                Err(failure) => failure,
            };
            if failure.kind() != FailureKind::Retriable || Instant::now() >= deadline {
                return Err(format!("the sink does not say how far it has the partitions: {failure}").into());
            }
            tracing::warn!("the sink does not say yet how far it has the partitions: {failure}");
            sleep(failure.wait().unwrap_or(AGAIN).min(PATIENCE)).await;
        }
    }

    async fn once(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure> {
        match timeout(WAIT, guard::wait_for(self.sink.take_over(partitions))).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panicked)) => Err(Failure::fatal(format!("it {panicked}"))),
            Err(_) => Err(Failure::retriable(format!("it did not answer within {WAIT:?}"))),
        }
    }
}

/// Sees to it that there is an answer for each partition.
fn complete(taken: Vec<TakenOver>, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, BoxError> {
    let is_there = |partition: &TopicPartition| taken.iter().any(|one| one.partition == *partition);
    match partitions.iter().find(|partition| !is_there(partition)) {
        Some(missing) => Err(format!("the sink did not take {missing} over").into()),
        None => Ok(taken),
    }
}
