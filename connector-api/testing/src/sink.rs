//! What every sink must do.

use sluice_connector_api::{PutError, Record, Sink, StoreReach};

use crate::outcome::poll_once;
use crate::records::text;

/// Bytes that the suite makes a record of at most, whatever the limits allow: 5 MiB.
const LARGEST: usize = 5 * 1024 * 1024;

/// Holds a sink to the contract of [`Sink`], with texts. The sink must be able to store them; use [`SinkContract`] where it
/// takes records of another kind.
///
/// Panics where the sink breaks the contract.
pub async fn sink_contract(sink: &dyn Sink) {
    SinkContract::new(sink).text_is_stored().holds().await;
}

/// Holds a sink to the contract of [`Sink`], with records of your making.
///
/// ```
/// # use async_trait::async_trait;
/// # use sluice_connector_api::{Limits, PutError, Record, Sink};
/// use serde_json::json;
/// use sluice_plugin_testing::{SinkContract, record};
///
/// # struct Table;
/// # #[async_trait]
/// # impl Sink for Table {
/// #     fn limits(&self) -> Limits { Limits::default() }
/// #     async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
/// #         assert!(batch.iter().all(|record| record.key.is_some()));
/// #         Ok(())
/// #     }
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// // `Table` takes JSON with a key.
/// SinkContract::new(&Table)
///     .records(|offset| record(offset).key("k").value(json!({ "price": offset })).build())
///     .holds()
///     .await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a sink, which has no name")]
pub struct SinkContract<'a> {
    sink: &'a dyn Sink,
    record: fn(i64) -> Record,
    takes_text: bool,
}

fn price(offset: i64) -> Record {
    text(offset, &format!("At 12:00 the price was {offset}."))
}

impl<'a> SinkContract<'a> {
    /// Begins with short texts.
    pub fn new(sink: &'a dyn Sink) -> Self {
        Self { sink, record: price, takes_text: false }
    }

    /// Puts these records, made by their offset; records of different offsets must differ.
    #[must_use]
    pub fn records(mut self, record: fn(i64) -> Record) -> Self {
        self.record = record;
        self
    }

    /// Puts records with any text as well, up to the largest that the limits allow (or 5 MiB).
    #[must_use]
    pub fn text_is_stored(mut self) -> Self {
        self.takes_text = true;
        self
    }

    /// Holds the sink to its contract; panics where it breaks it.
    pub async fn holds(self) {
        self.limits_make_sense();
        self.stores_batches_of_every_size().await;
        self.stores_the_same_batch_twice().await;
        if self.takes_text {
            self.stores_any_text().await;
            self.stores_the_largest_record().await;
        }
        self.survives_a_dropped_put().await;
        self.answers_for_each_record().await;
        self.ids_are_stable();
        self.batch_keys_are_stable();
        self.previews_are_stable();
        self.says_what_it_holds().await;
    }

    /// What a put brought is stored, or open from its offset on at the latest; and nothing is open of what was stored or
    /// forgotten.
    async fn says_what_it_holds(&self) {
        let Some(hold) = self.sink.hold() else { return };
        let batch = self.batch(2);
        let partitions: Vec<_> =
            batch.iter().map(|record| record.origin().topic_partition().clone()).collect();
        hold.forget(&partitions);
        assert!(hold.open().is_empty(), "nothing is open of a partition that was forgotten");
        self.stores("a batch that is held", &batch).await;
        for open in hold.open() {
            let first = batch.iter().map(|record| record.origin().offset()).min();
            assert!(partitions.contains(&open.partition), "{open:?} is of no partition that was put");
            assert!(Some(open.first) <= first, "{open:?} begins behind the first record");
        }
        let stored = hold.store(&partitions, StoreReach::All).await;
        assert!(stored.is_ok(), "what is open must be stored: {stored:?}");
        assert!(hold.open().is_empty(), "nothing is open of what was stored");
        self.stores("a batch that is held and forgotten", &batch).await;
        hold.forget(&partitions);
        assert!(hold.open().is_empty(), "nothing is open of a partition that was forgotten");
    }

    fn batch(&self, size: usize) -> Vec<Record> {
        (0..).take(size).map(self.record).collect()
    }

    async fn stores(&self, what: &str, batch: &[Record]) {
        let outcome: Result<(), PutError> = self.sink.put(batch).await;
        assert!(outcome.is_ok(), "{what} must be stored: {outcome:?}");
    }

    fn limits_make_sense(&self) {
        let limits = self.sink.limits();
        assert!(limits.max_records >= 1, "`max_records` is at least 1");
        assert!(limits.max_in_flight >= 1, "`max_in_flight` is at least 1");
        assert!(limits.max_record_bytes >= 1, "`max_record_bytes` is at least 1");
        assert!(
            limits.max_record_bytes <= limits.max_batch_bytes,
            "the largest record must fit into a batch"
        );
    }

    async fn stores_batches_of_every_size(&self) {
        self.stores("a batch of one record", &self.batch(1)).await;
        self.stores("a batch of `max_records`", &self.batch(self.sink.limits().max_records)).await;
    }

    async fn stores_the_same_batch_twice(&self) {
        let batch = self.batch(self.sink.limits().max_records.min(3));
        self.stores("a batch", &batch).await;
        self.stores("the same batch, put again,", &batch).await;
    }

    async fn stores_any_text(&self) {
        for value in
            ["zażółć gęślą jaźń", "🦀 \u{10ffff}", "\"quoted\"\\ \u{0}\u{1f}\r\n\t", "\u{feff}\u{2028}"]
        {
            self.stores(&format!("the text {value:?}"), &[text(0, value)]).await;
        }
    }

    async fn stores_the_largest_record(&self) {
        let overhead = self.sink.size_of(&text(0, "x")) - 1;
        let most = self.sink.limits().max_record_bytes;
        let record = text(0, &"x".repeat(most.min(LARGEST) - overhead));
        assert!(self.sink.size_of(&record) <= most, "`size_of` grows by a byte per byte of text");
        self.stores("the largest record", &[record]).await;
    }

    async fn survives_a_dropped_put(&self) {
        let batch = self.batch(self.sink.limits().max_records.min(2));
        poll_once(self.sink.put(&batch)).await;
        self.stores("a batch whose first put was dropped", &batch).await;
    }

    /// A target that stores later than it answers says of each record what became of it.
    async fn answers_for_each_record(&self) {
        let Some(confirmation) = self.sink.confirmation() else { return };
        let limits = confirmation.limits();
        assert!(limits.max_records >= 1, "a confirmation takes at least one record");
        assert!(limits.timeout > limits.interval, "a confirmation is asked for before its time is up");
        let batch = self.batch(self.sink.limits().max_records.min(limits.max_records).min(3));
        self.stores("a batch to be confirmed", &batch).await;
        let answers = confirmation.confirm(&batch).await.map(|answers| answers.len());
        assert!(
            matches!(answers, Ok(count) if count == batch.len()),
            "a confirmation has an answer for each record: {answers:?}"
        );
    }

    fn ids_are_stable(&self) {
        let batch = self.batch(2);
        let id = self.sink.id(&batch[0]);
        assert_eq!(id, self.sink.id(&batch[0].clone()), "a record has one id");
        if id.is_some() {
            assert_ne!(id, self.sink.id(&batch[1]), "two records have two ids");
        }
    }

    fn batch_keys_are_stable(&self) {
        let record = (self.record)(0);
        let [first, second] =
            [&record, &record.clone()].map(|record| format!("{:?}", self.sink.batch_key(record)));
        assert_eq!(first, second, "a record has one batch key");
    }

    fn previews_are_stable(&self) {
        let batch = self.batch(2);
        let [first, second] = [self.sink.preview(&batch), self.sink.preview(&batch)].map(Result::unwrap);
        assert_eq!(first, second, "a batch has one preview");
    }
}
