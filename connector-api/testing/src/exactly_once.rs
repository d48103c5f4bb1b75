//! What every sink must do that stores records exactly once.

use sluice_connector_api::{
    ExactlyOnce, Failure, FailureKind, FencingToken, PositionStep, PutError, PutProgress, Record,
    StoredPosition, TopicPartition,
};

use crate::outcome::poll_once;

/// Two tasks that have the same target, one after the other, and what the target holds.
#[allow(missing_debug_implementations, reason = "it holds sinks, which have no name")]
struct Owners<'a, C> {
    first: &'a dyn ExactlyOnce,
    second: &'a dyn ExactlyOnce,
    record: fn(i64) -> Record,
    count: C,
}

/// Holds a sink to the contract of [`ExactlyOnce`]. `owners` are what two tasks have of one target, in which nothing is stored;
/// `record` makes records of partition 0 of the topic `prices` by their offsets, each of which is stored apart from the others;
/// `count` returns how many the target holds.
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
    let [first, second] = owners;
    let owners = Owners { first, second, record, count };
    assert!(!first.how().is_empty(), "it says where positions are");
    let token = owners.positions_are_stored_with_records().await;
    let token = owners.what_is_stored_is_not_stored_again(token).await;
    let token = owners.a_put_out_of_step_stores_nothing(token).await;
    let token = owners.a_predecessor_stores_nothing(token).await;
    let token = owners.offsets_may_begin_again(token).await;
    let token = owners.partitions_are_stored_together(token).await;
    owners.a_put_is_stored_as_a_whole_or_not_at_all(token).await;
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

impl<C: AsyncFn() -> usize> Owners<'_, C> {
    fn records(&self, offsets: std::ops::Range<i64>) -> Vec<Record> {
        offsets.map(self.record).collect()
    }

    async fn holds(&self, count: usize, why: &str) {
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
        self.holds(0, "the target of the contract is empty").await;
        let to = at(3, 0, "sluice:1;id=AAAAAAAAAAAAAAAAAAAAAQ;partitions=1");
        self.first.put(&self.records(0..3), &step(&token, None, to.clone())).await.unwrap();
        self.holds(3, "a batch is stored").await;
        self.take_over(self.first, Some(&to), "a position is stored with the batch, and given back as it was")
            .await
    }

    async fn what_is_stored_is_not_stored_again(&self, token: FencingToken) -> FencingToken {
        let from = at(3, 0, "sluice:1;id=AAAAAAAAAAAAAAAAAAAAAQ;partitions=1");
        let again = step(&token, None, from.clone());
        self.first.put(&self.records(0..3), &again).await.expect("a batch whose answer was lost is stored");
        self.holds(3, "a batch whose answer was lost is not stored again").await;
        let to = at(4, 2, "m");
        self.first.put(&self.records(3..5), &step(&token, Some(from), to.clone())).await.unwrap();
        self.holds(5, "the next batch is stored").await;
        self.take_over(self.first, Some(&to), "the parts of a record and the mark are kept").await
    }

    async fn a_put_out_of_step_stores_nothing(&self, token: FencingToken) -> FencingToken {
        let stored = at(4, 2, "m");
        for from in [None, Some(at(3, 0, "m")), Some(at(4, 1, "m")), Some(at(4, 2, "n")), Some(at(9, 0, "m"))]
        {
            let put = self.first.put(&self.records(5..6), &step(&token, from.clone(), at(6, 0, "m"))).await;
            is_fatal(&put, &format!("a put that begins at {from:?}, while {stored:?} is stored"));
        }
        self.holds(5, "a put that does not begin where the last one ended stores nothing").await;
        self.take_over(self.first, Some(&stored), "nor does it store a position").await
    }

    async fn a_predecessor_stores_nothing(&self, before: FencingToken) -> FencingToken {
        let stored = at(4, 2, "m");
        let token = self.take_over(self.second, Some(&stored), "a successor goes on where it ended").await;
        assert_ne!(before, token, "a new owner has a new token");
        let put = step(&before, Some(stored.clone()), at(6, 0, "m"));
        is_fatal(&self.first.put(&self.records(5..6), &put).await, "a put of a predecessor");
        is_fatal(&self.first.put(&[], &put).await, "a put of a predecessor without records");
        self.holds(5, "a predecessor stores nothing").await;
        let to = at(6, 0, "m");
        self.second.put(&self.records(5..6), &step(&token, Some(stored), to.clone())).await.unwrap();
        self.holds(6, "the successor does").await;
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
        self.holds(7, "the offsets of a topic that was made anew are lower, and are stored").await;
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
        self.holds(8, "and what comes behind it is stored").await;
        taken[0].token.clone()
    }

    async fn partitions_are_stored_together(&self, token: FencingToken) -> FencingToken {
        let taken = self.second.take_over(&[prices(1)]).await.unwrap();
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
        self.holds(10, "a batch of two partitions is stored").await;
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
        self.holds(10, "stores nothing").await;
        let taken = self.second.take_over(&[prices(1), prices(0)]).await.unwrap();
        let of = |number| taken.iter().find(|taken| taken.partition == prices(number)).unwrap();
        assert_eq!(of(0).position, Some(at(9, 0, "")));
        assert_eq!(of(1).position, Some(at(1, 0, "")));
        of(0).token.clone()
    }

    async fn a_put_is_stored_as_a_whole_or_not_at_all(&self, token: FencingToken) {
        let to = at(12, 0, "");
        let progress = step(&token, Some(at(9, 0, "")), to.clone());
        let batch = self.records(10..12);
        poll_once(self.second.put(&batch, &progress)).await;
        let taken = self.second.take_over(&[prices(0)]).await.unwrap();
        let count = if taken[0].position.as_ref() == Some(&to) { 12 } else { 10 };
        self.holds(count, "a put that was dropped is stored with its position, or not at all").await;
        let again = step(&taken[0].token, Some(at(9, 0, "")), to);
        self.second.put(&batch, &again).await.expect("a batch whose first put was dropped is stored");
        self.holds(12, "a batch whose first put was dropped is stored once").await;
    }
}

fn is_fatal(put: &Result<(), PutError>, what: &str) {
    let kind = match put {
        Err(PutError::Batch(failure)) => Some(Failure::kind(failure)),
        _ => None,
    };
    assert_eq!(kind, Some(FailureKind::Fatal), "{what} fails as fatal: {put:?}");
}
