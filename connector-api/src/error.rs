//! What failed, and what the engine is to do about it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::Blanks;

/// An error whose type nobody needs to know.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the engine is to do about a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Try again later: the target is unreachable, slow, throttling or short of something.
    Retriable,
    /// The record is at fault and will fail for ever.
    Rejected,
    /// The set-up is at fault: stop and lose nothing. Rights, ids and credentials are set-up, not data.
    Fatal,
}

/// Why a retriable failure may pass, as far as the sink can tell. Retries are counted by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// The target asks for fewer calls.
    Throttled,
    /// The target did not answer in time.
    TimedOut,
    /// The target was not reached, or the connection broke.
    Unreachable,
    /// The target says that it has failed itself.
    ServerError,
    /// Something else, or the sink cannot tell.
    #[default]
    Other,
}

impl Trouble {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Throttled, Self::TimedOut, Self::Unreachable, Self::ServerError, Self::Other];

    /// Returns the name as metrics have it, such as `timed_out`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::ServerError => "server_error",
            Self::Other => "other",
        }
    }
}

/// The longest reason, in bytes: a sentence or two.
const MAX_REASON_BYTES: usize = 2048;

/// The longest detail, in bytes: it becomes a header of a dead letter.
const MAX_DETAIL_BYTES: usize = 4096;

/// What stands at the end of a text that was cut off.
const CUT: &str = "...";

/// Why something was not stored, and what to do about it.
///
/// The *reason* is the sink's own sentence: it is logged, listed and served, so it holds neither a secret nor content of a
/// record. What the target said goes into the *detail* ([`Failure::with_detail`]), which is kept with a dead letter and shown
/// to whoever asks for that letter, and is never logged.
///
/// ```
/// use std::time::Duration;
/// use sluice_connector_api::{Failure, FailureKind};
///
/// let failure = Failure::throttled("429 Too Many Requests").retry_after(Duration::from_secs(3));
/// assert_eq!(failure.kind(), FailureKind::Retriable);
/// assert!(failure.is_throttled());
/// ```
pub struct Failure {
    kind: FailureKind,
    reason: String,
    detail: Option<String>,
    trouble: Trouble,
    retry_after: Option<Duration>,
    is_forbidden: bool,
    source: Option<BoxError>,
}

impl Failure {
    fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        let (detail, trouble, retry_after, source) = (None, Trouble::Other, None, None);
        let reason = bounded(reason.into(), MAX_REASON_BYTES);
        Self { kind, reason, detail, trouble, retry_after, is_forbidden: false, source }
    }

    /// The target failed in a way that may pass: transport, time-out, server error. [`Failure::because`] says which.
    pub fn retriable(reason: impl Into<String>) -> Self {
        Self::new(FailureKind::Retriable, reason)
    }

    /// The target asks for fewer calls. Retriable, and it slows the connector's pace.
    pub fn throttled(reason: impl Into<String>) -> Self {
        Self::retriable(reason).because(Trouble::Throttled)
    }

    /// The data is at fault.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::new(FailureKind::Rejected, reason)
    }

    /// The set-up is at fault.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self::new(FailureKind::Fatal, reason)
    }

    /// A right is missing, for who the client is: the set-up is at fault. What only looks may do without it.
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self { is_forbidden: true, ..Self::fatal(reason) }
    }

    /// Says why a retriable failure may pass. Default: [`Trouble::Other`].
    #[must_use]
    pub fn because(mut self, trouble: Trouble) -> Self {
        self.trouble = trouble;
        self
    }

    /// Sets the shortest wait before the next try, as the target asked for it.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps what the target said, apart from the reason: an answer may echo the record, or a secret of the settings. Blank
    /// the secrets that the sink knows before. It is cut off after 4 KiB; an empty text is none.
    ///
    /// ```
    /// use sluice_connector_api::Failure;
    ///
    /// let failure = Failure::rejected("POST to https://api.example.com was answered 422").with_detail("`card: 4111` is not a number");
    /// assert_eq!(failure.to_string(), "POST to https://api.example.com was answered 422");
    /// assert_eq!(failure.detail(), Some("`card: 4111` is not a number"));
    /// assert!(!format!("{failure:?}").contains("4111"));
    /// ```
    #[must_use]
    pub fn with_detail(mut self, said: impl Into<String>) -> Self {
        self.detail = Some(bounded(said.into(), MAX_DETAIL_BYTES)).filter(|said| !said.is_empty());
        self
    }

    /// Blanks secrets in the reason and in the detail. The engine does so with the secrets of the connector's file, before
    /// it shows anything of a failure.
    #[must_use]
    pub fn blanked(mut self, blanks: &Blanks) -> Self {
        blank(&mut self.reason, blanks);
        self.detail.iter_mut().for_each(|detail| blank(detail, blanks));
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns what to do.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Returns what the target said, of at most 4 KiB. It may hold content of the record: for the dead letter and for whoever
    /// asks to see it, never for a log, a list or a metric.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Returns the wait that the target asked for, if it did.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Says whether a right is missing.
    pub fn is_forbidden(&self) -> bool {
        self.is_forbidden
    }

    /// Says whether the target asked for fewer calls.
    pub fn is_throttled(&self) -> bool {
        self.trouble == Trouble::Throttled
    }

    /// Returns why a retriable failure may pass.
    pub fn trouble(&self) -> Trouble {
        self.trouble
    }
}

/// Hides the detail, since a failure may be logged in this form, too.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .field("reason", &self.reason)
            .field("detail_bytes", &self.detail.as_ref().map(String::len))
            .field("trouble", &self.trouble)
            .field("retry_after", &self.retry_after)
            .field("is_forbidden", &self.is_forbidden)
            .field("source", &self.source)
            .finish()
    }
}

/// Blanks secrets in a text. One that becomes longer by it is no matter: a blank is short.
fn blank(text: &mut String, blanks: &Blanks) {
    if let Cow::Owned(clean) = blanks.apply(text) {
        *text = clean;
    }
}

/// Cuts a text off after so many bytes, between two characters.
fn bounded(mut text: String, most_bytes: usize) -> String {
    if text.len() > most_bytes {
        text.truncate(text.floor_char_boundary(most_bytes - CUT.len()));
        text.push_str(CUT);
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// What of a batch was not stored.
#[derive(Debug)]
pub enum PutError {
    /// Nothing is known to be stored; the failure is about the batch as a whole. A *rejected* batch is cut in
    /// halves by the engine until the record at fault stands alone.
    Batch(Failure),
    /// The records at these indices were not stored, each for its own reason; all others were.
    Records(Vec<(usize, Failure)>),
}

impl PutError {
    /// Collects the outcome of each record of a batch, in order. `Ok` where every record was stored.
    pub fn from_each(outcomes: impl IntoIterator<Item = Result<(), Failure>>) -> Result<(), Self> {
        let failures: Vec<_> = outcomes
            .into_iter()
            .enumerate()
            .filter_map(|(index, outcome)| outcome.err().map(|failure| (index, failure)))
            .collect();
        if failures.is_empty() { Ok(()) } else { Err(Self::Records(failures)) }
    }
}

impl PutError {
    /// Blanks secrets in every failure; see [`Failure::blanked`].
    #[must_use]
    pub fn blanked(self, blanks: &Blanks) -> Self {
        match self {
            Self::Batch(failure) => Self::Batch(failure.blanked(blanks)),
            Self::Records(failures) => Self::Records(
                failures.into_iter().map(|(index, failure)| (index, failure.blanked(blanks))).collect(),
            ),
        }
    }
}

impl From<Failure> for PutError {
    fn from(failure: Failure) -> Self {
        Self::Batch(failure)
    }
}

impl fmt::Display for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(failure) => failure.fmt(f),
            Self::Records(failures) => match failures.first() {
                Some((index, failure)) => {
                    write!(f, "{} records failed, first at index {index}: {failure}", failures.len())
                }
                None => f.write_str("no record failed"),
            },
        }
    }
}

impl std::error::Error for PutError {}

/// Why a converter, a transform or a predicate cannot take a record. The record is at fault.
///
/// As with a [`Failure`], the reason is logged and listed, and holds no content of the record; what was found instead goes into
/// the detail.
///
/// ```
/// use sluice_connector_api::Rejection;
///
/// let rejection = Rejection::new("field `price` is not a number").with_detail("$44.50");
/// assert_eq!(rejection.to_string(), "field `price` is not a number");
/// assert_eq!(rejection.detail(), Some("$44.50"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    reason: String,
    detail: Option<String>,
}

impl Rejection {
    /// Makes a rejection; the reason names the field or the header at fault. It is cut off after 2 KiB.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: bounded(reason.into(), MAX_REASON_BYTES), detail: None }
    }

    /// Keeps what was found in the record, apart from the reason. It is cut off after 4 KiB; an empty text is none.
    #[must_use]
    pub fn with_detail(mut self, found: impl Into<String>) -> Self {
        self.detail = Some(bounded(found.into(), MAX_DETAIL_BYTES)).filter(|found| !found.is_empty());
        self
    }

    /// Returns the reason with the detail: for eyes that may see what the record holds.
    pub fn in_full(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.reason),
            None => self.reason.clone(),
        }
    }

    /// Blanks secrets in the reason and in the detail; see [`Failure::blanked`].
    #[must_use]
    pub fn blanked(mut self, blanks: &Blanks) -> Self {
        blank(&mut self.reason, blanks);
        self.detail.iter_mut().for_each(|detail| blank(detail, blanks));
        self
    }

    /// Returns what was found in the record, of at most 4 KiB: for the dead letter and for whoever asks to see it, never for a
    /// log, a list or a metric.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

/// Hides the detail, since a rejection may be logged in this form, too.
impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rejection").field(&self.reason).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_and_detail_are_bounded_between_two_characters() {
        let failure = Failure::fatal("ż".repeat(5000)).with_detail("🦀".repeat(5000));
        assert_eq!(failure.to_string(), format!("{}...", "ż".repeat(1022)));
        assert_eq!(failure.detail().map(str::len), Some(4095));
        assert_eq!(Failure::fatal("x".repeat(2048)).to_string().len(), 2048);
        assert_eq!(Failure::fatal("a").with_detail("").detail(), None);
        let rejection = Rejection::new("x".repeat(3000)).with_detail("y".repeat(5000));
        assert_eq!((rejection.to_string().len(), rejection.detail().map(str::len)), (2048, Some(4096)));
    }

    #[test]
    fn a_detail_is_in_neither_form_that_may_be_logged() {
        let failure = Failure::rejected("answered 422").with_detail("4111");
        let rejection = Rejection::new("is not a number").with_detail("4111");
        for shown in
            [failure.to_string(), format!("{failure:?}"), rejection.to_string(), format!("{rejection:?}")]
        {
            assert!(!shown.contains("4111"), "{shown}");
        }
    }

    #[test]
    fn secrets_are_blanked_in_reason_and_detail() {
        let blanks = Blanks::new(["hunter2".to_owned()]);
        let failure = Failure::rejected("no hunter2").with_detail("hunter2 it was").blanked(&blanks);
        assert_eq!(
            (failure.to_string().as_str(), failure.detail()),
            ("no [redacted]", Some("[redacted] it was"))
        );
        let rejection = Rejection::new("no hunter2").with_detail("hunter2 it was").blanked(&blanks);
        assert_eq!(
            (rejection.to_string().as_str(), rejection.detail()),
            ("no [redacted]", Some("[redacted] it was"))
        );
        let error = PutError::Records(vec![(0, Failure::fatal("hunter2"))]).blanked(&blanks);
        assert!(error.to_string().ends_with(": [redacted]"), "{error}");
    }

    #[test]
    fn outcomes_without_a_failure_are_ok() {
        assert!(PutError::from_each([Ok(()), Ok(())]).is_ok());
    }

    #[test]
    fn outcomes_keep_the_index_of_each_failure() {
        let error = PutError::from_each([
            Ok(()),
            Err(Failure::rejected("bad")),
            Ok(()),
            Err(Failure::retriable("slow")),
        ]);
        let Err(PutError::Records(failures)) = error else { panic!("{error:?}") };
        let seen: Vec<_> = failures.iter().map(|(index, failure)| (*index, failure.kind())).collect();
        assert_eq!(seen, [(1, FailureKind::Rejected), (3, FailureKind::Retriable)]);
    }
}
