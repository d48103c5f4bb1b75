//! An answer as it came, and what may be shown of it.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use sluice_connector_api::Blanks;

use crate::text::one_line;

/// Characters of somebody else's text, as far as a failure shows it.
const SHOWN_CHARS: usize = 200;

/// Bytes of a body that are looked at for a detail.
const DETAIL_BYTES: usize = 4096;

/// No target means a longer wait than this.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// An answer as it came, and what must not be shown of it. It has no `Debug` for that reason.
#[allow(missing_debug_implementations, reason = "it holds secrets")]
pub struct HttpAnswer {
    /// The HTTP status, such as 200.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// How long the target asks to wait before the next try (`Retry-After`), at most a day.
    pub wait: Option<Duration>,
    /// The body, or its start where it is longer than was asked for.
    pub body: Vec<u8>,
    /// Whether all of the body came, and was kept.
    pub is_whole: bool,
    /// What the target could echo.
    pub(crate) secrets: Blanks,
}

impl HttpAnswer {
    /// Says whether the status is a 2xx.
    pub fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    /// Returns the value of a header, where it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Puts a text of the target's on one line and blanks the secrets that were sent, in whatever way they are written. For
    /// the detail of a failure: it may still echo the record.
    pub fn clean(&self, text: &str) -> String {
        one_line(&self.secrets.apply(text))
    }

    /// Returns the start of the body, on one line and without secrets, for the detail of a failure.
    pub fn words(&self) -> String {
        let start = self.body.get(..DETAIL_BYTES).unwrap_or(&self.body);
        self.clean(&String::from_utf8_lossy(start))
    }

    /// Shortens a text of the target's to 200 characters, on one line and without secrets.
    pub fn shown(&self, text: &str) -> String {
        let line = self.clean(text);
        line.char_indices().nth(SHOWN_CHARS).and_then(|(end, _)| line.get(..end)).unwrap_or(&line).to_owned()
    }

    /// Tells the status and the start of the body.
    pub fn said(&self) -> String {
        let words = self.shown(&String::from_utf8_lossy(&self.body));
        if words.is_empty() { self.status.to_string() } else { format!("{}: {words}", self.status) }
    }
}

/// Reads the wait that an answer asks for.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    asked_wait(text(RETRY_AFTER)?, text(DATE))
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3), which counts from the answer's own `Date`, so that the two clocks
/// need not agree. At most a day; none where it is neither.
pub fn asked_wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let asked = retry_after.trim();
    let is_seconds = !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_seconds {
        // What no number of ours holds is a long time all the same.
        asked.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(asked).ok()?;
        let now = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
        until.duration_since(now.unwrap_or_else(SystemTime::now)).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}
