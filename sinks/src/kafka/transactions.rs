//! Puts records exactly once: each batch is a Kafka transaction, which the offsets of its partitions are sent to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaError};
use rdkafka::producer::Producer;
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::{
    ExactlyOnce, Failure, FailureKind, FencingToken, GroupMember, PositionStep, PutError, PutProgress,
    Record, StoredPosition, TakenOver, TopicPartition,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::batch_send::{BatchRefused, send, sent_of};
use super::client::{SinkProducer, described, group_config, producer, transactions_config};
use super::positions::{GroupPositions, ends};
use super::suspects::Suspects;
use super::writer::TopicWriter;

/// Requests one after the other, within the time that a transaction may take.
const MOST_REQUESTS: usize = 1000;

/// How long one step of a transaction may take.
const STEP: Duration = Duration::from_secs(20);

/// What is said where the brokers keep the offsets of a group to themselves. A transaction hangs where they have lost track of it.
const HANGING: &str = "the offsets of the group are not told: those of an open transaction are waited for, and one that stays open \
                       hangs, which `kafka-transactions.sh find-hanging` shows and `kafka-transactions.sh abort` ends";

/// Numbers the tokens of this process.
static TOKENS: AtomicU64 = AtomicU64::new(1);

/// The transactions of one task.
pub(super) struct KafkaTransactions {
    writer: Arc<TopicWriter>,
    transactional_id: String,
    group: String,
    /// One put at a time has it. What blocks takes it along, so that nobody else has it where the put is dropped meanwhile.
    state: Arc<Mutex<TransactionState>>,
}

/// What is known between puts.
#[derive(Default)]
struct TransactionState {
    client: Option<TransactionClient>,
    /// What the owner of each partition puts with.
    tokens: HashMap<TopicPartition, FencingToken>,
    /// How far partitions are stored; one that is not among these is asked for again.
    positions: HashMap<TopicPartition, Option<StoredPosition>>,
    suspects: Suspects,
    /// Another producer of the same id has taken over.
    is_fenced: bool,
}

#[derive(Clone)]
struct TransactionClient {
    producer: SinkProducer,
    positions: Arc<GroupPositions>,
}

type State = OwnedMutexGuard<TransactionState>;

impl KafkaTransactions {
    pub(super) fn new(writer: Arc<TopicWriter>, transactional_id: String, group: &str) -> Self {
        Self { writer, transactional_id, group: group.to_owned(), state: Arc::default() }
    }

    /// Returns a producer that no predecessor of the same id can write beside: what that had open is ended.
    async fn client(&self, state: &mut State) -> Result<TransactionClient, Failure> {
        if let Some(client) = &state.client {
            return Ok(client.clone());
        }
        let config = transactions_config(&self.writer.settings, &self.transactional_id);
        let identity = self.writer.identity().await?;
        let producer = producer(&config, &identity)?;
        let group = group_config(&self.writer.settings, &self.group);
        let id = self.transactional_id.clone();
        let client = blocking(move || {
            let positions = GroupPositions::open(&group, &identity)
                .map_err(|error| plain_failure("no client asks for the offsets", &error))?;
            producer.init_transactions(STEP).map_err(|error| {
                let last = producer.last_words().map(|last| format!(": {last}")).unwrap_or_default();
                plain_failure(&format!("the transactions of `{id}` cannot begin{last}"), &error)
            })?;
            Ok(TransactionClient { producer, positions: Arc::new(positions) })
        })
        .await?;
        state.client = Some(client.clone());
        Ok(client)
    }

    /// Asks for the positions that are not known, since a put before was cut off or has ended nobody knows how.
    async fn ask_positions(&self, state: &mut State, steps: &[PositionStep]) -> Result<(), Failure> {
        let is_unknown = |partition: &&TopicPartition| !state.positions.contains_key(*partition);
        let unknown: Vec<TopicPartition> =
            steps.iter().map(|step| &step.partition).filter(is_unknown).cloned().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let found = self.client(state).await?.positions_of(unknown.clone()).await?;
        state.positions.extend(unknown.into_iter().zip(found));
        Ok(())
    }

    /// Puts a batch in a transaction of its own. One that was refused without it being known for which of its records is put once more
    /// in smaller requests, until it is one of a single record.
    async fn put_in_transaction(
        &self,
        mut state: State,
        batch: &[Record],
        progress: &PutProgress,
    ) -> Result<(), PutError> {
        let client = self.client(&mut state).await?;
        self.writer.know_cluster(&client.producer, batch).await?;
        let sent = sent_of(&self.writer, batch)?;
        let refused = state.suspects.refused_of(batch);
        if !refused.is_empty() {
            return Err(PutError::Records(refused));
        }
        loop {
            let requests = state.suspects.requests(batch);
            if requests.len() > MOST_REQUESTS {
                // The engine puts it in halves.
                return Err(Failure::rejected("the batch takes too many requests for one transaction").into());
            }
            // Until the transaction has ended well, nothing is known of it; the next producer of the id ends it.
            let (known, kept) = (std::mem::take(&mut state.positions), state.client.take());
            if let Err(error) = client.producer.begin_transaction() {
                return Err(state.failed(plain_failure("no transaction begins", &error)).into());
            }
            let Err(refused) = send(&self.writer, &client.producer, &sent, &requests).await else {
                state.positions = known;
                return commit(state, client, progress).await;
            };
            let aborted = client.abort().await;
            aborted.map_err(|failure| state.failed(failure))?;
            (state.positions, state.client) = (known, kept);
            match refused {
                BatchRefused::OneOfSeveral => state.suspects.doubt(batch),
                BatchRefused::Known(error) => {
                    if let PutError::Records(refused) = &error {
                        state.suspects.note_refused(batch, refused);
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// Commits a transaction with the positions that it takes partitions to.
async fn commit(mut state: State, client: TransactionClient, progress: &PutProgress) -> Result<(), PutError> {
    let (steps, member) = (progress.steps.clone(), progress.member.clone());
    let known = std::mem::take(&mut state.positions);
    // It goes on where the put is dropped, and nobody else has the state before it has ended.
    let ended = blocking(move || match client.commit(&steps, member.as_ref()) {
        Ok(()) => {
            (state.positions, state.client) = (known, Some(client));
            for PositionStep { partition, to, .. } in steps {
                state.suspects.stored_up_to(&partition, to.offset);
                state.positions.insert(partition, Some(to));
            }
            Ok(())
        }
        Err(NotCommitted::Aborted(failure)) => {
            (state.positions, state.client) = (known, Some(client));
            Err(failure)
        }
        Err(NotCommitted::Unknown(failure)) => Err(state.failed(failure)),
    });
    ended.await.map_err(PutError::Batch)
}

impl TransactionState {
    /// Takes note of a failure that another producer of the id is the reason of.
    fn failed(&mut self, failure: Failure) -> Failure {
        self.is_fenced |= failure.kind() == FailureKind::Fatal;
        failure
    }
}

/// Why a transaction was not committed.
enum NotCommitted {
    /// It was ended, and nothing of it is stored.
    Aborted(Failure),
    /// It may be committed all the same.
    Unknown(Failure),
}

impl TransactionClient {
    async fn positions_of(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<Option<StoredPosition>>, Failure> {
        let positions = Arc::clone(&self.positions);
        blocking(move || {
            positions.of(&partitions).map_err(|error| {
                let what = match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::OperationTimedOut) => HANGING,
                    _ => "the offsets of the group are not told",
                };
                plain_failure(what, &error)
            })
        })
        .await
    }

    async fn abort(&self) -> Result<(), Failure> {
        let producer = self.producer.clone();
        blocking(move || {
            producer
                .abort_transaction(STEP)
                .map_err(|error| plain_failure("the transaction does not end", &error))
        })
        .await
    }

    /// Sends the offsets to the transaction and commits it. It blocks.
    fn commit(&self, steps: &[PositionStep], member: Option<&GroupMember>) -> Result<(), NotCommitted> {
        let sent = self.send_offsets(steps, member);
        if let Err(failure) = sent {
            return Err(match self.producer.abort_transaction(STEP) {
                Ok(()) => NotCommitted::Aborted(failure),
                // The first failure says more.
                Err(_) => NotCommitted::Unknown(failure),
            });
        }
        let committed = self.producer.commit_transaction(STEP);
        committed
            .map_err(|error| NotCommitted::Unknown(plain_failure("the transaction is not committed", &error)))
    }

    fn send_offsets(&self, steps: &[PositionStep], member: Option<&GroupMember>) -> Result<(), Failure> {
        let failure = |error: KafkaError| plain_failure("the transaction does not take the offsets", &error);
        let list = ends(steps).map_err(failure)?;
        if let Some(member) = member.and_then(GroupMember::get::<ConsumerGroupMetadata>) {
            return self.producer.send_offsets_to_transaction(&list, member, STEP).map_err(failure);
        }
        let nobody = self.positions.member().map_err(failure)?;
        self.producer.send_offsets_to_transaction(&list, &nobody, STEP).map_err(failure)
    }
}

#[async_trait]
impl ExactlyOnce for KafkaTransactions {
    fn how(&self) -> String {
        "offsets are sent to the Kafka transaction of their records".to_owned()
    }

    fn keeps_group_offsets(&self) -> bool {
        true
    }

    async fn take_over(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        state.is_fenced = false;
        let client = self.client(&mut state).await?;
        let found = client.positions_of(partitions.to_vec()).await?;
        let mut taken = Vec::with_capacity(partitions.len());
        for (partition, position) in partitions.iter().zip(found) {
            let number = TOKENS.fetch_add(1, Ordering::Relaxed);
            let token = FencingToken::new(format!("{}:{number}", self.transactional_id));
            state.suspects.forget(partition);
            state.tokens.insert(partition.clone(), token.clone());
            state.positions.insert(partition.clone(), position.clone());
            taken.push(TakenOver { partition: partition.clone(), token, position });
        }
        Ok(taken)
    }

    async fn put(&self, batch: &[Record], progress: &PutProgress) -> Result<(), PutError> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if state.is_fenced {
            return Err(Failure::fatal(FENCED).into());
        }
        for PositionStep { partition, token, .. } in &progress.steps {
            if state.tokens.get(partition) != Some(token) {
                return Err(Failure::fatal(format!("{partition} has another owner by now")).into());
            }
        }
        self.ask_positions(&mut state, &progress.steps).await?;
        if is_stored(&state.positions, &progress.steps)? {
            return Ok(());
        }
        self.put_in_transaction(state, batch, progress).await
    }
}

/// The brokers say the same where they gave a transaction up because it took too long.
const FENCED: &str = "another process writes with this `transactional_id`, of which each needs its own, or a transaction took longer than \
                      `transaction.timeout.ms`; the connector begins again from what is stored";

/// Says whether a put is stored already: an answer was lost. One that does not begin where the last one ended fails.
fn is_stored(
    known: &HashMap<TopicPartition, Option<StoredPosition>>,
    steps: &[PositionStep],
) -> Result<bool, Failure> {
    let (mut stored, mut due) = (0, 0);
    for PositionStep { partition, from, to, .. } in steps {
        let position = known.get(partition).cloned().flatten();
        if position == *from {
            due += 1;
        } else if position.as_ref() == Some(to) {
            stored += 1;
        } else {
            let at = position.map_or_else(|| "nothing".to_owned(), |position| position.to_string());
            return Err(Failure::fatal(format!(
                "{partition} is stored up to {at}, where the put does not begin"
            )));
        }
    }
    if stored > 0 && due > 0 {
        return Err(Failure::fatal(
            "some partitions are stored further than the put begins at, and others are not",
        ));
    }
    Ok(stored > 0)
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(act).await;
    done.unwrap_or_else(|cut| {
        Err(Failure::retriable(format!("a step of the transaction was cut off: {cut}")))
    })
}

/// Makes the failure of a step. One by which another producer of the same id has taken over is final; the wrong generation of a
/// group is not, since the engine asks who reads before each put.
fn plain_failure(what: &str, error: &KafkaError) -> Failure {
    use RDKafkaErrorCode as Code;
    let said = format!("{what}: {}", described(error));
    match error.rdkafka_error_code() {
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => {
            Failure::fatal(format!("{said}; {FENCED}"))
        }
        Some(
            Code::TransactionalIdAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed,
        ) => Failure::forbidden(format!(
            "{said}; give the client the rights to write with this transactional id, and to read the group"
        )),
        Some(Code::UnsupportedFeature | Code::UnsupportedVersion) => {
            Failure::fatal(format!("{said}; these brokers have no transactions"))
        }
        _ if is_final(error) => Failure::fatal(said),
        _ => Failure::retriable(said),
    }
}

fn is_final(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(said) if RDKafkaError::is_fatal(said))
}
