//! What an answer means. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use sluice_connector_api::{Failure, FailureKind, Trouble};

use super::plan::Request;
use super::settings::{HttpSettings, ItemErrors, Meaning};
use crate::aws::one_line;

/// Characters of somebody else's text, as far as a failure shows it.
const SHOWN_CHARS: usize = 200;

/// No target means a longer wait than this.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// An answer as it came, and what must not be shown of it. It has no `Debug` for that reason.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(super) wait: Option<Duration>,
    pub(crate) body: Vec<u8>,
    /// Whether all of the body came, and was kept.
    pub(super) whole: bool,
    /// What the target could echo.
    pub(super) secrets: Vec<String>,
}

impl Answer {
    /// Shortens a text of the target's, on one line and without secrets.
    pub(super) fn shown(&self, text: &str) -> String {
        let clean =
            self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"));
        let line = one_line(&clean);
        line.char_indices().nth(SHOWN_CHARS).and_then(|(end, _)| line.get(..end)).unwrap_or(&line).to_owned()
    }

    /// Tells the status and the start of the body.
    pub(super) fn said(&self) -> String {
        let words = self.shown(&String::from_utf8_lossy(&self.body));
        if words.is_empty() { self.status.to_string() } else { format!("{}: {words}", self.status) }
    }
}

/// How a connector reads answers.
#[derive(Debug)]
pub(super) struct Rules {
    statuses: BTreeMap<u16, Meaning>,
    items: Option<ItemErrors>,
}

impl Rules {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        Self { statuses: settings.statuses.clone(), items: settings.item_errors.clone() }
    }

    /// Says whether the whole body of an answer is needed.
    pub(super) fn read_items(&self) -> bool {
        self.items.is_some()
    }

    /// Says what became of a request's records: those that were not stored, or the failure of them all.
    pub(super) fn outcome(
        &self,
        request: &Request,
        answer: &Answer,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        let subject = format!("{} to {}", request.method, request.url.origin().ascii_serialization());
        match (self.meaning(answer.status, &request.method), &self.items) {
            (Meaning::Stored, Some(items))
                if request.method != Method::DELETE && is_success(answer.status) =>
            {
                self.items(items, &subject, request, answer)
            }
            (Meaning::Stored, _) => Ok(Vec::new()),
            (meaning, _) => {
                let reason = format!("{subject} was answered {}{}", answer.said(), way_out(answer.status));
                Err(failure(meaning, answer.status, reason, answer.wait))
            }
        }
    }

    fn meaning(&self, status: u16, method: &Method) -> Meaning {
        match (self.statuses.get(&status), status) {
            (Some(meaning), _) => *meaning,
            (None, 404 | 410) if method == Method::DELETE => Meaning::Stored,
            (None, _) => usual(status),
        }
    }

    fn items(
        &self,
        settings: &ItemErrors,
        subject: &str,
        request: &Request,
        answer: &Answer,
    ) -> Result<Vec<(usize, Failure)>, Failure> {
        let items = find_items(settings, subject, request.indices.len(), answer)?;
        let outcomes = items.iter().zip(&request.indices).filter_map(|(item, index)| {
            let outcome = self.item(settings, subject, request, item, answer);
            outcome.err().map(|failure| (*index, failure))
        });
        Ok(outcomes.collect())
    }

    fn item(
        &self,
        settings: &ItemErrors,
        subject: &str,
        request: &Request,
        item: &Value,
        answer: &Answer,
    ) -> Result<(), Failure> {
        let status = item.pointer(&settings.status).and_then(status).ok_or_else(|| {
            let pointer = &settings.status;
            Failure::fatal(format!(
                "an item of the answer to {subject} has no status at `{pointer}`; change `item_errors.status`"
            ))
        })?;
        match self.meaning(status, &request.method) {
            Meaning::Stored => Ok(()),
            meaning => {
                let reason = settings.reason.as_ref().and_then(|pointer| item.pointer(pointer));
                let words =
                    reason.map_or_else(String::new, |reason| format!(": {}", answer.shown(&text(reason))));
                let reason = format!("{subject} was answered {status} for the record{words}");
                Err(failure(meaning, status, reason, answer.wait))
            }
        }
    }
}

fn find_items(
    settings: &ItemErrors,
    subject: &str,
    expected: usize,
    answer: &Answer,
) -> Result<Vec<Value>, Failure> {
    // A success that cannot be read is none.
    let unread =
        || Failure::retriable(format!("{subject} was answered {}, which is no whole JSON", answer.status));
    if !answer.whole {
        return Err(unread());
    }
    let mut json: Value = serde_json::from_slice(&answer.body).map_err(|_| unread())?;
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

fn is_success(status: u16) -> bool {
    (200..=299).contains(&status)
}

fn usual(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Stored,
        408 | 425 | 429 | 500.. => Meaning::Retriable,
        // A proxy's 407 is a matter of rights as well.
        401 | 403 | 407 => Meaning::Fatal,
        400..=499 => Meaning::Rejected,
        _ => Meaning::Fatal,
    }
}

fn trouble(status: u16) -> Trouble {
    match status {
        429 => Trouble::Throttled,
        408 | 504 => Trouble::TimedOut,
        500.. => Trouble::ServerError,
        _ => Trouble::Other,
    }
}

fn failure(meaning: Meaning, status: u16, reason: String, wait: Option<Duration>) -> Failure {
    let failure = match meaning {
        Meaning::Stored | Meaning::Retriable => Failure::retriable(reason).because(trouble(status)),
        Meaning::Rejected => Failure::rejected(reason),
        Meaning::Fatal => Failure::fatal(reason),
    };
    match wait {
        Some(wait) if failure.kind() == FailureKind::Retriable => failure.retry_after(wait),
        _ => failure,
    }
}

fn way_out(status: u16) -> &'static str {
    match status {
        300..=399 => "; redirects are not followed, set `url` to where this one leads",
        401 => "; the target does not accept these credentials, change `auth`",
        403 => "; the target does not allow this, give its rights to the credentials in `auth`",
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

/// Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). A date counts from the answer's own, so that the two
/// clocks need not agree.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let wait = if let Ok(seconds) = asked.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = httpdate::parse_http_date(asked).ok()?;
        let now =
            text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
        until.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}
