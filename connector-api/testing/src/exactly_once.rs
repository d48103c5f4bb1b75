//! What every sink must do that stores records exactly once.

use sluice_connector_api::{
    ExactlyOnce, Failure, FailureKind, FencingToken, PositionStep, PutError, PutProgress, Record,
    StoredPosition, TakenOver, TopicPartition,
};

use crate::outcome::poll_for_waits;

/// The most places in a put at which it is dropped.
const MOST_DROPS: usize = 10;

/// Holds a sink to the contract of [`ExactlyOnce`], with records of your making.
///
/// ```
/// use sluice_plugin_testing::{ExactlyOnceContract, MemoryTable, text};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let table = MemoryTable::new();
/// let count = async || table.records().len();
/// let contract = ExactlyOnceContract::new([&table, &table], |offset| text(offset, &format!("{offset}")), count);
/// contract.refused(|offset| text(offset, "bad")).holds().await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[allow(missing_debug_implementations, reason = "it holds sinks, which have no name")]
pub struct ExactlyOnceContract<'a, C> {
    first: &'a dyn ExactlyOnce,
    second: &'a dyn ExactlyOnce,
    record: fn(i64) -> Record,
    refused: Option<fn(i64) -> Record>,
    count: C,
}

/// Holds a sink to the contract of [`ExactlyOnce`]. `owners` are what two tasks have of one target, in which nothing is stored;
/// `record` makes records of partition 0 of the topic `prices` by their offsets, each of which is stored apart from the others;
/// `count` returns how many the target holds. With a record that the target refuses, [`ExactlyOnceContract`] looks at more.
///
/// Panics where the sink breaks the contract.
///
/// ```
/// use sluice_plugin_testing::{MemoryTable, exactly_once_contract, text};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let table = MemoryTable::new();
/// let count = async || table.records().len();
/// exactly_once_contract([&table, &table], |offset| text(offset, &format!("{offset}")), count).await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn exactly_once_contract(
    owners: [&dyn ExactlyOnce; 2],
    record: fn(i64) -> Record,
    count: impl AsyncFn() -> usize,
) {
    ExactlyOnceContract::new(owners, record, count).holds().await;
}

fn prices(partition: i32) -> TopicPartition {
    TopicPartition::new("prices", partition)
}

fn at(offset: i64, parts: u32, mark: &str) -> StoredPosition {
    StoredPosition::new(offset, parts, mark)
}

fn step(token: &FencingToken, from: Option<StoredPosition>, to: StoredPosition) -> PutProgress {
    PutProgress::new(vec![PositionStep { partition: prices(0), from, to, token: token.clone() }])
}

impl<'a, C: AsyncFn() -> usize> ExactlyOnceContract<'a, C> {
    /// Begins with what [`exactly_once_contract`] takes.
    pub fn new(owners: [&'a dyn ExactlyOnce; 2], record: fn(i64) -> Record, count: C) -> Self {
        let [first, second] = owners;
        Self { first, second, record, refused: None, count }
    }

    /// Puts records that the target refuses for their data, too, made by their offset.
    #[must_use]
    pub fn refused(mut self, record: fn(i64) -> Record) -> Self {
        self.refused = Some(record);
        self
    }

    /// Holds the sink to its contract; panics where it breaks it.
    pub async fn holds(self) {
        assert!(!self.first.how().is_empty(), "it says where positions are");
        let token = self.positions_are_stored_with_records().await;
        let token = self.what_is_stored_is_not_stored_again(token).await;
        let token = self.a_put_out_of_step_stores_nothing(token).await;
        let token = self.a_predecessor_stores_nothing(token).await;
        let token = self.offsets_may_begin_again(token).await;
        let token = self.partitions_are_stored_together(token).await;
        let token = self.a_batch_that_is_refused_moves_no_position(token).await;
        self.a_put_is_stored_as_a_whole_or_not_at_all(token).await;
    }

    fn records(&self, offsets: std::ops::Range<i64>) -> Vec<Record> {
        offsets.map(self.record).collect()
    }

    async fn target_holds(&self, count: usize, why: &str) {
        assert_eq!((self.count)().await, count, "{why}");
    }

    /// Takes a partition over and sees to it that it is stored up to here.
    async fn take_over(
        &self,
        owner: &dyn ExactlyOnce,
        position: Option<&StoredPosition>,
        why: &str,
    ) -> FencingToken {
        let taken = owner.take_over(&[prices(0)]).await.unwrap();
        assert_eq!(taken.len(), 1, "one partition is taken over");
        assert_eq!(taken[0].partition, prices(0), "the partition asked for is taken over");
        assert_eq!(taken[0].position.as_ref(), position, "{why}");
        taken[0].token.clone()
    }

    async fn positions_are_stored_with_records(&self) -> FencingToken {
        let token =
            self.take_over(self.first, None, "nothing is known of a partition that was never put").await;
        self.target_holds(0, "the target of the contract is empty").await;
        let to = at(3, 0, "sluice:1;id=AAAAAAAAAAAAAAAAAAAAAQ;partitions=1");
        self.first.put(&self.records(0..3), &step(&token, None, to.clone())).await.unwrap();
        self.target_holds(3, "a batch is stored").await;
        self.take_over(self.first, Some(&to), "a position is stored with the batch, and given back as it was")
            .await
    }

    async fn what_is_stored_is_not_stored_again(&self, token: FencingToken) -> FencingToken {
        let from = at(3, 0, "sluice:1;id=AAAAAAAAAAAAAAAAAAAAAQ;partitions=1");
        let again = step(&token, None, from.clone());
        self.first.put(&self.records(0..3), &again).await.expect("a batch whose answer was lost is stored");
        self.target_holds(3, "a batch whose answer was lost is not stored again").await;
        let to = at(4, 2, "m");
        self.first.put(&self.records(3..5), &step(&token, Some(from), to.clone())).await.unwrap();
        self.target_holds(5, "the next batch is stored").await;
        self.take_over(self.first, Some(&to), "the parts of a record and the mark are kept").await
    }

    async fn a_put_out_of_step_stores_nothing(&self, token: FencingToken) -> FencingToken {
        let stored = at(4, 2, "m");
        for from in [None, Some(at(3, 0, "m")), Some(at(4, 1, "m")), Some(at(4, 2, "n")), Some(at(9, 0, "m"))]
        {
            let put = self.first.put(&self.records(5..6), &step(&token, from.clone(), at(6, 0, "m"))).await;
            is_fatal(&put, &format!("a put that begins at {from:?}, while {stored:?} is stored"));
        }
        self.target_holds(5, "a put that does not begin where the last one ended stores nothing").await;
        self.take_over(self.first, Some(&stored), "nor does it store a position").await
    }

    async fn a_predecessor_stores_nothing(&self, before: FencingToken) -> FencingToken {
        let stored = at(4, 2, "m");
        let token = self.take_over(self.second, Some(&stored), "a successor goes on where it ended").await;
        assert_ne!(before, token, "a new owner has a new token");
        let put = step(&before, Some(stored.clone()), at(6, 0, "m"));
        is_fatal(&self.first.put(&self.records(5..6), &put).await, "a put of a predecessor");
        is_fatal(&self.first.put(&[], &put).await, "a put of a predecessor without records");
        self.target_holds(5, "a predecessor stores nothing").await;
        let to = at(6, 0, "m");
        self.second.put(&self.records(5..6), &step(&token, Some(stored), to.clone())).await.unwrap();
        self.target_holds(6, "the successor does").await;
        let again = step(&before, Some(at(4, 2, "m")), to.clone());
        is_fatal(
            &self.first.put(&self.records(5..6), &again).await,
            "a put of a predecessor that begins behind it",
        );
        self.take_over(self.second, Some(&to), "and its position is what counts").await
    }

    async fn offsets_may_begin_again(&self, token: FencingToken) -> FencingToken {
        let to = at(2, 0, "another topic");
        let back = step(&token, Some(at(6, 0, "m")), to.clone());
        self.second.put(&self.records(6..7), &back).await.unwrap();
        self.target_holds(7, "the offsets of a topic that was made anew are lower, and are stored").await;
        let token = self.take_over(self.second, Some(&to), "and so is the position").await;
        let ahead = at(4, 0, "another topic");
        self.second
            .put(&[], &step(&token, Some(to.clone()), ahead.clone()))
            .await
            .expect("a batch may be empty");
        let taken = self.second.take_over(&[prices(0)]).await.unwrap();
        let position = taken[0].position.clone().unwrap();
        assert!(
            position == to || position == ahead,
            "an empty batch moves the position, or does not: {position:?}"
        );
        let from = Some(position);
        self.second.put(&self.records(7..8), &step(&taken[0].token, from, at(8, 0, ""))).await.unwrap();
        self.target_holds(8, "and what comes behind it is stored").await;
        taken[0].token.clone()
    }

    async fn partitions_are_stored_together(&self, token: FencingToken) -> FencingToken {
        let others = self.take_only(TopicPartition::new("others", 0)).await;
        assert_eq!(others.position, None, "each topic has positions of its own");
        let taken = [self.take_only(prices(1)).await];
        assert_eq!(taken[0].position, None, "each partition has a position of its own");
        let both = PutProgress::new(vec![
            PositionStep {
                partition: prices(0),
                from: Some(at(8, 0, "")),
                to: at(9, 0, ""),
                token: token.clone(),
            },
            PositionStep {
                partition: prices(1),
                from: None,
                to: at(1, 0, ""),
                token: taken[0].token.clone(),
            },
        ]);
        self.second.put(&self.records(8..10), &both).await.unwrap();
        self.target_holds(10, "a batch of two partitions is stored").await;
        let stale = PutProgress::new(vec![
            PositionStep { partition: prices(0), from: Some(at(9, 0, "")), to: at(11, 0, ""), token },
            PositionStep {
                partition: prices(1),
                from: Some(at(1, 0, "")),
                to: at(2, 0, ""),
                token: FencingToken::new("0"),
            },
        ]);
        is_fatal(
            &self.second.put(&self.records(10..12), &stale).await,
            "a batch one of whose partitions is lost",
        );
        self.target_holds(10, "stores nothing").await;
        let taken = self.second.take_over(&[prices(1), prices(0)]).await.unwrap();
        assert_eq!(taken.len(), 2, "every partition asked for is taken over, and no other");
        let of = |number| {
            taken.iter().find(|taken| taken.partition == prices(number)).expect("the partition asked for")
        };
        for (number, stored) in [(0, at(9, 0, "")), (1, at(1, 0, ""))] {
            assert_eq!(of(number).position, Some(stored), "nor does it move the position of any of them");
        }
        of(0).token.clone()
    }

    /// Takes one partition over.
    async fn take_only(&self, partition: TopicPartition) -> TakenOver {
        let mut taken = self.second.take_over(std::slice::from_ref(&partition)).await.unwrap();
        assert_eq!(taken.len(), 1, "one partition is taken over");
        let taken = taken.remove(0);
        assert_eq!(taken.partition, partition, "the partition asked for is taken over");
        taken
    }

    async fn a_batch_that_is_refused_moves_no_position(&self, token: FencingToken) -> FencingToken {
        let Some(refused) = self.refused else { return token };
        let from = Some(at(9, 0, ""));
        let batch = [(self.record)(9), refused(10), (self.record)(11)];
        let put = self.second.put(&batch, &step(&token, from.clone(), at(12, 0, ""))).await;
        assert!(is_rejected(&put), "a batch with a record at fault is rejected: {put:?}");
        self.target_holds(10, "nothing of a batch with a record at fault is stored").await;
        self.take_over(self.second, from.as_ref(), "a batch that is refused moves no position").await
    }

    /// Drops a put wherever it waits for something, one place after the other.
    async fn a_put_is_stored_as_a_whole_or_not_at_all(&self, mut token: FencingToken) {
        let (mut next, mut count) = (9, 10);
        for waits in 1..=MOST_DROPS {
            let (from, to) = (at(next, 0, ""), at(next + 2, 0, ""));
            let batch = self.records(next..next + 2);
            let is_done =
                poll_for_waits(self.second.put(&batch, &step(&token, Some(from.clone()), to.clone())), waits)
                    .await;
            let taken = self.take_only(prices(0)).await;
            let is_stored = taken.position.as_ref() == Some(&to);
            assert!(
                is_stored || taken.position.as_ref() == Some(&from),
                "{:?} is where no put ended",
                taken.position
            );
            let held = if is_stored { count + 2 } else { count };
            self.target_holds(held, "a put that was dropped is stored with its position, or not at all")
                .await;
            let again = step(&taken.token, Some(from), to);
            self.second.put(&batch, &again).await.expect("a batch whose first put was dropped is stored");
            count += 2;
            self.target_holds(count, "a batch whose first put was dropped is stored once").await;
            (token, next) = (taken.token, next + 2);
            if is_done {
                break;
            }
        }
    }
}

fn is_fatal(put: &Result<(), PutError>, what: &str) {
    let kind = match put {
        Err(PutError::Batch(failure)) => Some(Failure::kind(failure)),
        _ => None,
    };
    assert_eq!(kind, Some(FailureKind::Fatal), "{what} fails as fatal: {put:?}");
}

fn is_rejected(put: &Result<(), PutError>) -> bool {
    let is_rejected = |failure: &Failure| failure.kind() == FailureKind::Rejected;
    match put {
        Ok(()) => false,
        Err(PutError::Batch(failure)) => is_rejected(failure),
        Err(PutError::Records(failures)) => failures.iter().all(|(_, failure)| is_rejected(failure)),
    }
}
