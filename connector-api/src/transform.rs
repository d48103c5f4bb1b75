//! The contract of transforms and predicates.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{FormNeed, MadeTombstones, Record, RecordFields, RecordForms, Rejection, SettingsError};

/// What became of a record in a [`Transform`].
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nearly every record takes the large one")]
pub enum Transformed {
    /// One record goes on.
    One(Record),
    /// The record is dropped on purpose and counts as *filtered*.
    Dropped,
    /// Several go on, in this order; an empty list drops the record.
    Several(Vec<Record>),
}

impl From<Record> for Transformed {
    fn from(record: Record) -> Self {
        Self::One(record)
    }
}

/// Changes records one at a time.
///
/// A transform is pure: the same record gives the same result at every reading, so that a retry after a crash
/// overwrites what it stored before. It must keep the [`Origin`](crate::Origin).
///
/// ```
/// use sluice_connector_api::{Origin, Payload, Record, Rejection, Transform, Transformed};
///
/// struct Shout;
///
/// impl Transform for Shout {
///     fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
///         let text = record.value_text().ok_or_else(|| Rejection::new("the value is not text"))?;
///         record.value = Some(Payload::Text(text.to_uppercase()));
///         Ok(record.into())
///     }
/// }
///
/// let mut record = Record::new(Origin::new("t", 0, 0));
/// assert!(Shout.apply(record.clone()).is_err(), "a tombstone has no text");
/// record.value = Some(Payload::from("hello"));
/// let Ok(Transformed::One(shouted)) = Shout.apply(record) else { unreachable!() };
/// assert_eq!(shouted.value_text(), Some("HELLO"));
/// ```
pub trait Transform: Send + Sync {
    /// Changes a record, drops it on purpose, or makes several of it.
    fn apply(&self, record: Record) -> Result<Transformed, Rejection>;

    /// States the forms without which it rejects every record that has a key or a value, so that a connector file in
    /// which that would happen is refused. Default: it takes every form.
    fn needs(&self) -> Vec<FormNeed> {
        Vec::new()
    }

    /// Says in which forms records come out that go in like this. Default: in the same.
    fn makes(&self, forms: RecordForms) -> RecordForms {
        forms
    }

    /// Says that tombstones come out for records that are none, so that `sluice check` can tell where the sink does not delete
    /// what they name. Default: none does.
    fn makes_tombstones(&self) -> Option<MadeTombstones> {
        None
    }

    /// Says what works, but hardly as it is meant, at the keys of the settings. `sluice check` shows it. Default: nothing.
    fn warnings(&self) -> Vec<SettingsError> {
        Vec::new()
    }

    /// Says which fields records can have that come out, of which this is known when they go in. A connector file is refused
    /// in which something behind this transform rejects every record for a field that cannot be there. Default: nothing is
    /// known of them, which refuses nothing.
    fn leaves(&self, fields: RecordFields) -> RecordFields {
        drop(fields);
        RecordFields::default()
    }

    /// Says whether it makes sense without a predicate. One that leaves nothing of a topic refuses that, so that a connector
    /// file in which the predicate was forgotten does not run. Default: it does.
    fn applies_to_all(&self) -> Result<(), SettingsError> {
        Ok(())
    }
}

/// Says whether a transform applies to a record. `negate: true` in the connector file turns the answer round.
///
/// ```
/// use sluice_connector_api::{Origin, Predicate, Record, Rejection};
///
/// struct FromPartition(i32);
///
/// impl Predicate for FromPartition {
///     fn test(&self, record: &Record) -> Result<bool, Rejection> {
///         Ok(record.origin().partition() == self.0)
///     }
/// }
///
/// assert_eq!(FromPartition(3).test(&Record::new(Origin::new("t", 3, 0))), Ok(true));
/// ```
pub trait Predicate: Send + Sync {
    /// Tests a record.
    fn test(&self, record: &Record) -> Result<bool, Rejection>;

    /// States the forms that it needs; see [`Transform::needs`]. Default: it takes every form.
    fn needs(&self) -> Vec<FormNeed> {
        Vec::new()
    }
}

/// The settings of a transform, which are also its factory. See [`SinkSettings`](crate::SinkSettings).
pub trait TransformSettings: DeserializeOwned + JsonSchema + 'static {
    /// The key in the list `transforms:` that picks this transform, in `snake_case`.
    const NAME: &'static str;

    /// Checks the settings and makes the transform. Pure: no I/O.
    fn build(self) -> Result<Box<dyn Transform>, SettingsError>;
}

/// The settings of a predicate, which are also its factory. See [`SinkSettings`](crate::SinkSettings).
pub trait PredicateSettings: DeserializeOwned + JsonSchema + 'static {
    /// The key under `predicate:` that picks this predicate, in `snake_case`.
    const NAME: &'static str;

    /// Checks the settings and makes the predicate. Pure: no I/O.
    fn build(self) -> Result<Box<dyn Predicate>, SettingsError>;
}
