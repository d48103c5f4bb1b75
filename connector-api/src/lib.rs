//! The contract between Sluice's engine and its plug-ins.
//!
//! A *source* yields [`Record`]s, [`Transform`]s change them one at a time, and a [`Sink`] stores a batch of
//! them and says precisely what failed. The engine does everything else: it batches, waits, retries, keeps
//! the order and commits offsets. A plug-in is therefore one settings struct and one type:
//!
//! * a sink implements [`SinkSettings`] and [`Sink`];
//! * a transform implements [`TransformSettings`] and [`Transform`];
//! * a predicate implements [`PredicateSettings`] and [`Predicate`];
//! * a converter implements [`ConverterSettings`] and [`Converter`];
//! * a provider implements [`ProviderSettings`] and [`Provider`].
//!
//! A whole program with a sink of its own, its tests and a connector file, to be copied and changed in ten minutes, is in
//! `runtime/plugin-template` of the repository: its `main` hands a registry to `sluice_runtime::cli::main`, which is every
//! command. `sluice-plugin-testing` holds a plug-in to this contract.
//!
//! A [`Registry`] maps the name that an operator writes in a connector file to the plug-in's settings. This
//! crate does no I/O and knows neither an async runtime, nor Kafka, nor AWS.
//!
//! ```
//! use async_trait::async_trait;
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use sluice_connector_api::{Failure, Limits, PutError, Record, Registry, SettingsError, Sink, SinkSettings};
//!
//! /// Counts words and stores nothing.
//! #[derive(Debug, Deserialize, Serialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct WordCount {
//!     /// Words longer than this many characters are refused.
//!     longest: usize,
//! }
//!
//! #[async_trait]
//! impl Sink for WordCount {
//!     fn limits(&self) -> Limits {
//!         Limits::default().with_max_records(100)
//!     }
//!
//!     async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
//!         PutError::from_each(batch.iter().map(|record| {
//!             let text = record.value_text().ok_or_else(|| Failure::rejected("the value is not text"))?;
//!             match text.split_whitespace().find(|word| word.chars().count() > self.longest) {
//!                 Some(word) => Err(Failure::rejected(format!("`{word}` is too long"))),
//!                 None => Ok(()),
//!             }
//!         }))
//!     }
//! }
//!
//! impl SinkSettings for WordCount {
//!     const NAME: &'static str = "word_count";
//!
//!     fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
//!         Ok(Box::new(self))
//!     }
//! }
//!
//! let registry = Registry::new().with_sink::<WordCount>();
//! let sink = registry.sink("word_count")?.build(serde_json::json!({ "longest": 8 }))?;
//! assert_eq!(sink.limits().max_records, 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ask;
mod batch_key;
mod confirm;
mod converter;
mod decimal;
mod error;
mod exactly_once;
mod field_kind;
mod field_need;
mod form;
mod hold;
mod json;
mod known_fields;
mod limits;
mod payload;
mod provider;
mod record;
mod registry;
mod repeat;
mod schema_type;
mod serializer;
mod settings;
mod side;
mod sink;
mod source_topics;
mod tombstones;
mod trace_parent;
mod transform;

pub use ask::{Ask, FoundText};
pub use batch_key::BatchKey;
pub use confirm::{Confirm, ConfirmLimits, Confirmation};
pub use converter::{Converter, ConverterContext, ConverterSettings, NotConverted, SchemaId};
pub use decimal::Decimal;
pub use error::{BoxError, Failure, FailureKind, PutError, Rejection, Trouble};
pub use exactly_once::{
    ExactlyOnce, FencingToken, GroupMember, PositionStep, PutProgress, ReadingTask, Repetition,
    StoredPosition, TakenOver,
};
pub use field_kind::{FieldKind, FieldKinds};
pub use field_need::{FieldNeed, UnmetKind};
pub use form::{FormNeed, PayloadForm, PayloadForms, RecordForms};
pub use hold::{Hold, OpenPartition, StoreReach};
pub use json::{
    AnyJson, Found, Json, JsonName, JsonWriter, PathName, Scalar, expectation_of, field_at, is_same_json,
    order_of_json, path_names,
};
pub use known_fields::{KnownFields, RecordFields};
pub use limits::{Limits, Order, Pace};
pub use payload::Payload;
pub use provider::{Provider, ProviderSettings};
pub use record::{Fields, Header, Headers, Origin, Record, Timestamp, TimestampType, TopicPartition};
pub use registry::{Plugin, Registry, UnknownPlugin};
pub use repeat::RepeatKey;
pub use schema_type::{SchemaFields, SchemaType};
pub use serializer::{SerializePayload, Serializer, SerializerChoices, SerializerFactory};
pub use settings::{
    Blanks, ByteSize, HostFault, HumanDuration, Secret, SettingsError, check_host, check_http_address,
    one_of_its_keys,
};
pub use side::{SchemaMetadata, Side};
pub use sink::{Finding, FindingKind, Sink, SinkSettings};
pub use source_topics::SourceTopics;
pub use tombstones::{MadeTombstones, TombstoneFate};
pub use trace_parent::TraceParent;
pub use transform::{Predicate, PredicateSettings, Transform, TransformSettings, Transformed};
