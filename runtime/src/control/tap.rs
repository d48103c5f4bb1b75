//! Records as they pass: after each stage of the chain, and as requests.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::stream::{Stream, unfold};
use serde_json::{Map, Value, json};
use sluice_connector_api::{Blanks, PutError, Record, Sink};

use crate::control::blanked::blanked;
use crate::control::error::{RestError, RestResult};
use crate::control::events::{ALIVE, alive, event, respond};
use crate::control::served::Served;
use crate::guard;
use crate::observe::lasting::Lasting;
use crate::offline::shown::show;
use crate::shown::shortened;
use crate::tap::{Tap, Tapped, TappedPut, TappedRecord, TappedStage};

/// The most bytes of one record or request, as JSON, that are shown; of more there is the beginning.
const MOST_BYTES: usize = 64 * 1024;
/// The characters that are shown of one that is larger.
const SHORTENED: usize = 4096;

/// `GET /connectors/{name}/tap`: events `record`, `put`, `missed`, and `end` when the connector is replaced or removed.
pub(super) async fn tap(
    State(served): State<Served>,
    Path(name): Path<String>,
    lasting: Option<Extension<Lasting>>,
) -> RestResult<Response> {
    let (connector, _) = served.connector(&name)?;
    let tap = connector.tap.open().ok_or_else(|| {
        let text =
            format!("connector {name} is looked at by as many as may: end one of the taps, and ask again");
        RestError::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    let view = View { sink: Arc::clone(&connector.sink), blanks: connector.blanks.clone() };
    respond(lasting, events(tap, view))
}

/// What is needed to show what was seen.
struct View {
    sink: Arc<dyn Sink>,
    blanks: Blanks,
}

/// What comes next.
enum Next {
    Seen(Arc<Tapped>),
    Nothing,
    End,
}

fn events(tap: Tap, view: View) -> impl Stream<Item = Bytes> {
    unfold(Some((tap, view)), |state| async {
        let (mut tap, view) = state?;
        let next = match tokio::time::timeout(ALIVE, tap.next()).await {
            Ok(Some(tapped)) => Next::Seen(tapped),
            Ok(None) => Next::End,
            Err(_) => Next::Nothing,
        };
        let mut bytes = Vec::new();
        if let (records, puts) = tap.missed()
            && records + puts > 0
        {
            bytes.extend(event("missed", &json!({ "records": records, "puts": puts })));
        }
        match next {
            Next::Seen(tapped) => {
                bytes.extend(view.event(&tapped));
                Some((bytes.into(), Some((tap, view))))
            }
            Next::Nothing => {
                bytes.extend(alive());
                Some((bytes.into(), Some((tap, view))))
            }
            Next::End => {
                bytes.extend(event("end", &json!({})));
                Some((bytes.into(), None))
            }
        }
    })
}

impl View {
    fn event(&self, tapped: &Tapped) -> Bytes {
        match tapped {
            Tapped::Record(record) => event("record", &self.record(record)),
            Tapped::Put(put) => event("put", &self.put(put)),
        }
    }

    fn record(&self, record: &TappedRecord) -> Value {
        let origin = record.read.origin();
        let mut shown = json!({
            "topic": origin.topic(), "partition": origin.partition(), "offset": origin.offset(),
            "timestamp": record.read.timestamp.map(|timestamp| timestamp.millis),
        });
        let mut stages: Vec<Value> =
            (0..).zip(&record.stages).map(|(step, stage)| self.stage(step, stage)).collect();
        if stages.is_empty() {
            // A converter rejected it: what is there is what was read.
            stages.push(self.stage(0, &TappedStage::new("read", std::slice::from_ref(&record.read))));
        }
        if let Value::Object(shown) = &mut shown {
            shown.insert("stages".to_owned(), stages.into());
            if let Some(reason) = &record.rejected {
                shown.insert("rejected".to_owned(), self.blanks.apply(reason).into());
            }
        }
        shown
    }

    fn stage(&self, step: usize, stage: &TappedStage) -> Value {
        let records: Vec<Value> = stage.records.iter().map(|record| self.bounded(show(record))).collect();
        let mut shown = json!({ "step": step, "name": stage.name, "records": records });
        if let Value::Object(shown) = &mut shown
            && stage.count > stage.records.len()
        {
            shown.insert("count".to_owned(), stage.count.into());
        }
        shown
    }

    fn put(&self, put: &TappedPut) -> Value {
        let origin = |record: &Record| record.origin().to_string();
        let took = u64::try_from(put.took.as_micros()).unwrap_or(u64::MAX);
        let mut shown = json!({
            "records": put.count, "first": put.records.first().map(origin),
            "last": put.last.as_ref().map(ToString::to_string), "took_us": took, "outcome": put.outcome,
        });
        if let Value::Object(shown) = &mut shown {
            if let Some(reason) = &put.reason {
                shown.insert("reason".to_owned(), self.blanks.apply(reason).into());
            }
            self.add_request(put, shown);
        }
        shown
    }

    /// Adds the request as the sink shows it: that of the first records, where there are many.
    fn add_request(&self, put: &TappedPut, shown: &mut Map<String, Value>) {
        let request = guard::call(|| self.sink.preview(&put.records));
        match request {
            Ok(Ok(request)) => {
                shown.insert("request".to_owned(), self.bounded(request));
                shown.insert("request_records".to_owned(), put.records.len().into());
            }
            Ok(Err(PutError::Batch(failure))) => {
                shown.insert("no_request".to_owned(), self.blanks.apply(&failure.to_string()).into());
            }
            Ok(Err(PutError::Records(failures))) => {
                let first = failures.first().map(|(_, failure)| failure.to_string()).unwrap_or_default();
                shown.insert("no_request".to_owned(), self.blanks.apply(&first).into());
            }
            Err(panicked) => {
                shown.insert("no_request".to_owned(), self.blanks.apply(&panicked.to_string()).into());
            }
        }
    }

    /// Blanks secrets, and shortens what is too large to be looked at.
    fn bounded(&self, value: Value) -> Value {
        let value = blanked(value, &self.blanks);
        let text = value.to_string();
        if text.len() <= MOST_BYTES {
            return value;
        }
        shortened(&text, SHORTENED).into()
    }
}
