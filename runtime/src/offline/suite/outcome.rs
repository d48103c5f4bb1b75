//! What became of the records of a test, beside what was expected.

use serde_json::{Value, json};
use sluice_connector_api::{AnyJson, BoxError};

use crate::connector::load::Connector;
use crate::offline::preview::{Preview, preview};
use crate::offline::suite::cases::{Expectation, TestCase};
use crate::offline::suite::difference::{Difference, compare_lists};

/// What became of the records of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseOutcome {
    /// The records that came out of the transforms.
    pub records: Vec<Value>,
    /// The requests that the sink would send.
    pub requests: Vec<Value>,
    /// The records that were rejected, by their number from 1, and why.
    pub rejected: Vec<(usize, String)>,
    /// Why the connector would stop, if so.
    pub stopped: Option<String>,
}

/// Runs the records of a test through a connector.
pub async fn run(connector: &Connector, case: &TestCase) -> Result<CaseOutcome, BoxError> {
    let topics = &connector.source.kafka.topics;
    let topic = topics.first().map_or("sample", |topic| topic.trim_start_matches('^'));
    let records = case.placed(topic)?;
    let samples = records.into_iter().map(|record| (record, None)).collect();
    Ok(CaseOutcome::from_preview(preview(connector, samples).await))
}

impl CaseOutcome {
    fn from_preview(preview: Preview) -> Self {
        let (mut records, mut rejected) = (Vec::new(), Vec::new());
        for (index, record) in preview.records.iter().enumerate() {
            match &record.rejected {
                Some(reason) => rejected.push((index + 1, reason.clone())),
                None => records.extend(record.stages.last().into_iter().flat_map(|(_, shown)| shown.clone())),
            }
        }
        for (origin, reason) in preview.rejected_by_sink {
            let index = preview.records.iter().position(|record| record.origin == origin);
            let reason = format!("rejected by the sink: {reason}");
            rejected.extend(index.map(|index| (index + 1, reason)));
        }
        rejected.sort();
        let requests = preview.puts.into_iter().map(|put| put.request).collect();
        Self { records, requests, rejected, stopped: preview.stopped }
    }

    /// Compares it with what was expected.
    pub fn differences(&self, expect: &Expectation) -> Vec<Difference> {
        let mut differences = Vec::new();
        if let Some(records) = &expect.records {
            compare_lists("records", &values(records), &self.records, &mut differences);
        }
        if let Some(requests) = &expect.requests {
            compare_lists("requests", &values(requests), &self.requests, &mut differences);
        }
        self.compare_rejected(expect, &mut differences);
        if let Some(reason) = &self.stopped {
            let found = Some(Value::String(format!("the connector stops: {reason}")));
            differences.push(Difference { path: "end".to_owned(), expected: None, found });
        }
        differences
    }

    fn compare_rejected(&self, expect: &Expectation, differences: &mut Vec<Difference>) {
        let path = |record: usize| format!("rejected, record {record}");
        for (record, reason) in &self.rejected {
            let expected = expect.rejected.iter().find(|expected| expected.record == *record);
            if expected.is_none_or(|expected| !reason.contains(&expected.reason)) {
                let expected = expected.map(|expected| Value::String(expected.reason.clone()));
                let found = Some(Value::String(reason.clone()));
                differences.push(Difference { path: path(*record), expected, found });
            }
        }
        for expected in &expect.rejected {
            if self.rejected.iter().all(|(record, _)| *record != expected.record) {
                let reason = Some(Value::String(expected.reason.clone()));
                differences.push(Difference { path: path(expected.record), expected: reason, found: None });
            }
        }
    }

    /// Returns what is to be expected from now on: of what `before` speaks of, or of all where it speaks of nothing.
    pub fn to_expectation(&self, before: &Expectation) -> Value {
        let spoke = before.records.is_some() || before.requests.is_some() || !before.rejected.is_empty();
        let mut expect = serde_json::Map::new();
        if before.records.is_some() || !spoke {
            expect.insert("records".to_owned(), self.records.clone().into());
        }
        if before.requests.is_some() || !spoke {
            expect.insert("requests".to_owned(), self.requests.clone().into());
        }
        if !self.rejected.is_empty() {
            let entry = |(record, reason): &(usize, String)| json!({ "record": record, "reason": reason });
            expect.insert("rejected".to_owned(), self.rejected.iter().map(entry).collect());
        }
        Value::Object(expect)
    }
}

fn values(expected: &[AnyJson]) -> Vec<Value> {
    expected.iter().cloned().map(AnyJson::into_value).collect()
}
