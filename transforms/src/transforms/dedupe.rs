//! `dedupe`: records that repeat one that was stored a short while ago.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_connector_api::{
    FormNeed, HumanDuration, Payload, Record, RecordFields, Rejection, RepeatKey, SettingsError, Transform,
    TransformSettings, Transformed,
};

use crate::field_path::FieldPath;
use crate::subject::Of;

/// Drops records that repeat one of their partition which was stored a short while ago, such as those that a producer sent
/// twice.
///
/// Two records are the same if their `fields` are, or, without these, all of the key or value that `of` names. An id of what
/// happened is what to compare: of values without one, such as `on`, `off` and `on` again, the third is dropped as a repeat of
/// the first.
///
/// It is best effort, and drops no record that is not stored elsewhere: the sink has to have stored the first one, at another
/// offset of the same partition, within `window`. One that comes while the first is on its way waits for it, and shares what
/// becomes of it. What is remembered is gone after a rebalance, a restart and, in AWS Lambda, an invocation, and takes about 150
/// bytes per record. A record that is read again is never taken for a repeat of itself. Dropped records count as filtered. One
/// without the side or one of the fields passes.
///
/// ```yaml
/// transforms:
///   - dedupe:
///       fields: [event_id]
///       window: 10m
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"event_id": "e-1", "total": 44.50}}
/// {"value": {"event_id": "e-2", "total": 12.00}}
/// {"value": {"event_id": "e-1", "total": 44.50}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"event_id": "e-1", "total": 44.50}}
/// {"value": {"event_id": "e-2", "total": 12.00}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DedupeSettings {
    /// The fields to compare. Names within names are separated by dots; an item of an array is a number from 0; a name that
    /// has a dot stands in brackets (`quote.[trade.time]`) or between backticks. Default: all of the side that `of` names.
    #[serde(default)]
    #[schemars(length(min = 1))]
    #[schemars(extend("x-also" = ["key", "keys", "field", "id"]))]
    fields: Option<Vec<String>>,
    /// Which side is compared: `key` or `value`. With `fields`, that which has them. Default: `value` with `fields`; without,
    /// it has to be said.
    #[serde(default)]
    of: Option<Of>,
    /// For how long a stored record is remembered. Default 10m.
    #[serde(default = "window")]
    #[schemars(extend("x-also" = ["ttl", "expire", "expiration", "period"]))]
    window: HumanDuration,
    /// How many stored records of a partition are remembered; of more, the newest. Default 10000.
    #[serde(default = "max_records")]
    #[schemars(range(min = 1, max = 1_000_000))]
    max_records: usize,
}

fn window() -> HumanDuration {
    HumanDuration::secs(600)
}

fn max_records() -> usize {
    10_000
}

impl TransformSettings for DedupeSettings {
    const NAME: &'static str = "dedupe";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let Self { fields, of, window, max_records } = self;
        if window.get().is_zero() {
            return Err(SettingsError::at("window", "remembers nothing; give a time such as 10m"));
        }
        if !(1..=1_000_000).contains(&max_records) {
            return Err(SettingsError::at("max_records", "has to be from 1 to 1000000"));
        }
        let fields = match (fields, of) {
            (None, None) => {
                return Err(SettingsError::new(
                    "say what two records have alike: `fields: [event_id]`, or all of a side by `of: key` or `of: value`",
                ));
            }
            (None, Some(_)) => Vec::new(),
            (Some(fields), _) if fields.is_empty() => {
                return Err(SettingsError::at("fields", "names no field"));
            }
            (Some(fields), _) => {
                let parse = |(index, field)| FieldPath::parse(&format!("fields.{index}"), field);
                fields.into_iter().enumerate().map(parse).collect::<Result<_, _>>()?
            }
        };
        Ok(Box::new(Dedupe { fields, of: of.unwrap_or_default(), window, max_records }))
    }
}

struct Dedupe {
    /// Without any, all of the side.
    fields: Vec<FieldPath>,
    of: Of,
    window: HumanDuration,
    max_records: usize,
}

impl Dedupe {
    /// Digests what is compared; nothing where there is nothing to compare.
    fn digest(&self, record: &mut Record) -> Result<Option<[u8; 32]>, Rejection> {
        if self.of.is_absent(record) {
            return Ok(None);
        }
        let mut digest = Sha256::new();
        digest.update(self.of.side().name());
        if self.fields.is_empty() {
            digest.update(self.of.get(record).map(Payload::to_bytes).unwrap_or_default());
            return Ok(Some(digest.finalize().into()));
        }
        let first = self.fields.first().map_or("", FieldPath::as_str);
        let Some(json) = self.of.object(record, DedupeSettings::NAME, first)? else { return Ok(None) };
        for field in &self.fields {
            let Some(found) = field.find(json) else { return Ok(None) };
            let text = found.to_value().to_string();
            for part in [field.as_str(), &text] {
                digest.update(part.len().to_be_bytes());
                digest.update(part);
            }
        }
        Ok(Some(digest.finalize().into()))
    }
}

impl Transform for Dedupe {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let Some(digest) = self.digest(&mut record)? else { return Ok(record.into()) };
        let key = RepeatKey { digest, window: self.window.get(), max_records: self.max_records };
        Ok(record.with_repeat_key(key).into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let mut needs = Vec::new();
        for (index, field) in self.fields.iter().enumerate() {
            let does = format!("reads the field `{}`", field.as_str());
            if index == 0 {
                needs.push(self.of.needs_json("fields", &does));
            }
            needs.push(self.of.seeks(&format!("fields.{index}"), &does, field.names()));
        }
        needs
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields
    }
}
