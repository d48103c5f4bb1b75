//! The trace that a request belongs to, handed on to the target as W3C Trace Context has it.

use sluice_connector_api::{Record, TraceParent};
use sluice_wire::header::{HeaderMap, HeaderName, HeaderValue};

const PARENT: HeaderName = HeaderName::from_static(TraceParent::HEADER);
const STATE: HeaderName = HeaderName::from_static(TraceParent::STATE_HEADER);
/// The longest `tracestate` that everybody has to take, in characters; a longer one is left out.
const MOST_STATE: usize = 512;

/// What the records of a request say of their traces.
#[derive(Debug, Default, PartialEq)]
pub(super) enum RequestTrace {
    /// There is no record yet.
    #[default]
    Unknown,
    /// All of them stand at one place of one trace.
    Shared(TraceParent, Option<HeaderValue>),
    /// One stands elsewhere, or in no trace.
    Mixed,
}

impl RequestTrace {
    /// Takes a record that joins the request.
    pub(super) fn note(&mut self, record: &Record) {
        let place = TraceParent::of(record);
        *self = match (std::mem::take(self), place) {
            (Self::Unknown, Some(place)) => Self::Shared(place, state(record)),
            (Self::Shared(known, state), Some(place)) if known == place => Self::Shared(known, state),
            _ => Self::Mixed,
        };
    }

    /// Names the place that the target's own spans follow: that of the put, where puts are traced, else the one that all records
    /// share. Headers that the settings have stay.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        if headers.contains_key(PARENT) {
            return;
        }
        let (shared, state) = match self {
            Self::Shared(place, state) => (Some(place), state),
            Self::Unknown | Self::Mixed => (None, None),
        };
        let Some(place) = TraceParent::current().or(shared) else { return };
        let Ok(written) = HeaderValue::try_from(place.to_string()) else { return };
        headers.insert(PARENT, written);
        let is_same_trace = shared.is_some_and(|shared| shared.trace() == place.trace());
        if let (Some(state), true) = (state, is_same_trace && !headers.contains_key(STATE)) {
            headers.insert(STATE, state);
        }
    }
}

/// Returns what tracing systems keep beside the place, as it was written.
fn state(record: &Record) -> Option<HeaderValue> {
    let value = record.headers.last(TraceParent::STATE_HEADER)?.value.as_deref()?;
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    if value.is_empty() || value.len() > MOST_STATE || !value.iter().all(is_plain) {
        return None;
    }
    HeaderValue::from_bytes(value).ok()
}
