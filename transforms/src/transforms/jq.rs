//! `jq`: a record as a program makes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::{
    FormNeed, KnownFields, Payload, PayloadForm, Record, RecordFields, RecordForms, Rejection, SettingsError,
    Transform, TransformSettings, Transformed,
};

use crate::jq::{JqProgram, as_record, as_value};
use crate::subject::{Of, plain_payload};

/// Changes the value by a program of jq.
///
/// Each value that the program makes becomes a record, in this order: none drops the record, and null makes a tombstone, or
/// takes the key away. A string becomes text, all else JSON; what the program does not calculate with keeps its digits. Text
/// comes in as a string, and a tombstone passes unchanged. `$record` is what else there is: `topic`, `partition`, `offset`,
/// `timestamp`, `key`, `value` and `headers`.
///
/// The language is jq's, as `jaq` has it, without what would make the outcome another one at the next reading: there is no
/// environment, no clock, no input and no module. A program is bounded in steps, memory, depth and time, a second at most: a
/// record with which it takes more, or with which it fails, is rejected, and the next one is tried as if nothing had been.
///
/// ```yaml
/// transforms:
///   - jq:
///       program: |
///         select(.status != "draft")
///         | {id, total: (.lines | map(.price * .qty) | add), topic: $record.topic}
/// ```
///
/// Before:
///
/// ```json
/// {"topic": "orders", "value": {"id": 7, "status": "paid", "lines": [{"price": 44.50, "qty": 2}, {"price": 1, "qty": 3}]}}
/// {"topic": "orders", "value": {"id": 8, "status": "draft", "lines": []}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "total": 92, "topic": "orders"}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["mapping", "bloblang", "mutation", "remap", "vrl", "lua", "ruby", "script", "javascript", "js", "awk", "grok", "dissect", "jmespath", "jsonata"]))]
#[serde(deny_unknown_fields)]
pub(crate) struct JqSettings {
    /// The program, of at most 16 KiB. A mistake is shown with its line and column.
    #[schemars(extend("x-pattern" = true))]
    program: String,
    /// The most records that may come of one; more are rejected. Default 1000.
    #[serde(default = "thousand")]
    #[schemars(range(min = 1))]
    max_records: usize,
    /// Whether the key or the value goes in, and is replaced. Default `value`.
    #[serde(default)]
    of: Of,
}

fn thousand() -> usize {
    1000
}

impl TransformSettings for JqSettings {
    const NAME: &'static str = "jq";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.max_records == 0 {
            return Err(SettingsError::at("max_records", "is 0, so that every record would be rejected"));
        }
        let program = JqProgram::new("program", &self.program)?;
        Ok(Box::new(Jq { program, max_records: self.max_records, of: self.of }))
    }
}

struct Jq {
    program: JqProgram,
    max_records: usize,
    of: Of,
}

impl Transform for Jq {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if self.of.is_absent(&record) {
            return Ok(record.into());
        }
        let input = as_value(self.of.get(&record), self.of.side())?;
        let seen = if self.program.reads_record() { as_record(&record)? } else { json!(null) };
        let outcome =
            self.program.run(&input, &seen, self.max_records).map_err(|fault| fault.of("the program"))?;
        if outcome.are_more {
            let reason =
                format!("the program makes more than the {} records of `max_records`", self.max_records);
            return Err(Rejection::new(reason));
        }
        let mut values = outcome.values;
        if values.len() > 1 {
            return Ok(Transformed::Several(
                values.into_iter().map(|value| self.with(record.clone(), value)).collect(),
            ));
        }
        match values.pop() {
            None => Ok(Transformed::Dropped),
            Some(value) => {
                *self.of.get_mut(&mut record) = payload(value);
                Ok(record.into())
            }
        }
    }

    fn needs(&self) -> Vec<FormNeed> {
        Vec::new()
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        let made = PayloadForm::Text | PayloadForm::Json;
        self.of.with_forms(forms, made | PayloadForm::Number.into())
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |_| KnownFields::default())
    }
}

impl Jq {
    fn with(&self, mut record: Record, value: Value) -> Record {
        *self.of.get_mut(&mut record) = payload(value);
        record
    }
}

fn payload(value: Value) -> Option<Payload> {
    if value.is_null() { None } else { Some(plain_payload(value)) }
}
