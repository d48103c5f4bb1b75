//! What an answer means. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_connector_api::{Failure, Json};
use sluice_wire::{HttpAnswer, Method, StatusMeaning};

use super::plan::Planned;
use super::settings::{BodyFormat, HttpSettings, ItemErrors};

/// How a connector reads answers.
#[derive(Debug)]
pub(super) struct Rules {
    statuses: BTreeMap<u16, StatusMeaning>,
    items: Option<ItemErrors>,
    /// The type of the body does not follow from the record.
    has_fixed_type: bool,
}

impl Rules {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let is_json = settings.batch.as_ref().is_some_and(|batch| batch.format != BodyFormat::Raw);
        let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
        let names_type = settings.headers.iter().any(|(name, value)| is_type(name) && !value.contains("{{"));
        let has_fixed_type = is_json || names_type;
        let (statuses, items) = (settings.statuses.clone(), settings.item_errors.clone());
        Self { statuses, items, has_fixed_type }
    }

    /// Says whether the whole body of an answer is needed.
    pub(super) fn read_items(&self) -> bool {
        self.items.is_some()
    }

    /// Says what became of a request's records: those that were not stored, or the failure of them all.
    pub(super) fn outcome(
        &self,
        planned: &Planned,
        answer: &HttpAnswer,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        let request = &planned.request;
        let subject = request.subject();
        match (self.meaning(answer.status, &request.method), &self.items) {
            (StatusMeaning::Stored, Some(items))
                if request.method != Method::DELETE && answer.is_success() =>
            {
                self.items(items, &subject, planned, answer)
            }
            (StatusMeaning::Stored, _) => Ok(Vec::new()),
            (meaning, _) => {
                // The body may echo the request.
                let reason = format!("{subject} was answered {}{}", answer.status, way_out(answer.status));
                Err(meaning.failure(answer.status, reason, answer.wait).with_detail(answer.words()))
            }
        }
    }

    fn meaning(&self, status: u16, method: &Method) -> StatusMeaning {
        match (self.statuses.get(&status), status) {
            (Some(meaning), _) => *meaning,
            (None, 404 | 410) if method == Method::DELETE => StatusMeaning::Stored,
            (None, 415) if self.has_fixed_type => StatusMeaning::Fatal,
            (None, _) => StatusMeaning::from_status(status),
        }
    }

    fn items(
        &self,
        settings: &ItemErrors,
        subject: &str,
        planned: &Planned,
        answer: &HttpAnswer,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        let items = find_items(settings, subject, planned.indices.len(), answer)?;
        let outcomes = items.iter().zip(&planned.indices).filter_map(|(item, index)| {
            let outcome = self.item(settings, subject, &planned.request.method, item, answer);
            outcome.err().map(|failure| (*index, failure))
        });
        Ok(outcomes.collect())
    }

    fn item(
        &self,
        settings: &ItemErrors,
        subject: &str,
        method: &Method,
        item: &Value,
        answer: &HttpAnswer,
    ) -> Result<(), Failure> {
        let status = item.pointer(&settings.status).and_then(status).ok_or_else(|| {
            let pointer = &settings.status;
            Failure::fatal(format!(
                "an item of the answer to {subject} has no status at `{pointer}`; change `item_errors.status`"
            ))
        })?;
        match self.meaning(status, method) {
            StatusMeaning::Stored => Ok(()),
            meaning => {
                let reason = settings.reason.as_ref().and_then(|pointer| item.pointer(pointer));
                let words = reason.map_or_else(String::new, |reason| answer.clean(&text(reason)));
                let reason = format!("{subject} was answered {status} for the record");
                Err(meaning.failure(status, reason, answer.wait).with_detail(words))
            }
        }
    }
}

fn find_items(
    settings: &ItemErrors,
    subject: &str,
    expected: usize,
    answer: &HttpAnswer,
) -> Result<Vec<Value>, Failure> {
    // A success that cannot be read is none.
    let unread = || {
        Failure::retriable(format!("{subject} was answered {}, which is not complete JSON", answer.status))
    };
    if !answer.is_whole {
        return Err(unread());
    }
    let mut json = Json::from_slice(&answer.body).map_err(|_| unread())?.into_value();
    let pointer = &settings.pointer;
    let Some(Value::Array(items)) = json.pointer_mut(pointer).map(Value::take) else {
        return Err(Failure::fatal(format!(
            "the answer to {subject} has no array at `{pointer}`; change `item_errors.pointer`"
        )));
    };
    if items.len() == expected {
        return Ok(items);
    }
    Err(Failure::fatal(format!(
        "the answer to {subject} has {} items at `{pointer}` for {expected} records; \
         change `item_errors.pointer`, or remove `item_errors`",
        items.len()
    )))
}

fn way_out(status: u16) -> &'static str {
    match status {
        300..=399 => "; redirects are not followed, set `url` to where this one leads",
        401 => "; the target does not accept these credentials, change `auth`",
        403 => "; the target does not allow this, give its rights to the credentials in `auth`",
        405 => {
            "; the target does not take this method there, change `method` or `url` (`on_null` and `delete_path` for tombstones)"
        }
        406 | 411 | 421 | 426 => {
            "; the target does not take requests of this form, change `headers` or `url`"
        }
        415 => {
            "; the target does not take this type of body, change `content-type` under `headers`, or `compression`"
        }
        407 => "; the proxy asks for credentials, put them into its URL",
        _ => "",
    }
}

fn status(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|status| status.try_into().ok()),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
