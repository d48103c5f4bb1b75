//! Where a record stands in a distributed trace, as its headers say.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;

use crate::Record;

thread_local! {
    /// The trace of the put that this thread is working on.
    static CURRENT: Cell<Option<TraceParent>> = const { Cell::new(None) };
}

/// A place in a distributed trace: the trace, and the span within it that came before. It is written as the header
/// `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/), in Kafka as over HTTP.
///
/// ```
/// use sluice_connector_api::{Origin, Record, TraceParent};
///
/// let written = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let mut record = Record::new(Origin::new("orders", 0, 7));
/// record.headers.push(TraceParent::HEADER, Some(written.into()));
/// assert_eq!(TraceParent::of(&record).map(|place| place.to_string()).as_deref(), Some(written));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceParent {
    /// The name of the header.
    pub const HEADER: &'static str = "traceparent";
    /// The name of the header beside it, in which tracing systems keep what is their own.
    pub const STATE_HEADER: &'static str = "tracestate";

    /// Names a place by the ids of its trace and span; none where one of them is zero, which stands for nothing. Bit 0 of the
    /// flags says that the trace is recorded.
    pub fn new(trace: u128, span: u64, flags: u8) -> Option<Self> {
        (trace != 0 && span != 0).then_some(Self { trace, span, flags })
    }

    /// Reads the header as it is written: version 00, or what a later version has in common with it. None where it is anything
    /// else, as the standard has it: a trace that cannot be read is no reason to refuse a record.
    pub fn from_header(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = hexadecimal(parts.next()?, 2)?;
        let trace = hexadecimal(parts.next()?, 32)?;
        let span = u64::try_from(hexadecimal(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hexadecimal(parts.next()?, 2)?).ok()?;
        let has_more = parts.next().is_some();
        if version == 0xff || (version == 0 && has_more) {
            return None;
        }
        // Of the flags of a later version only the one that we know means what we know.
        Self::new(trace, span, if version == 0 { flags } else { flags & 1 })
    }

    /// Returns the place of a record; none where its headers name none that can be read.
    pub fn of(record: &Record) -> Option<Self> {
        let value = record.headers.last(Self::HEADER)?.value.as_deref()?;
        Self::from_header(std::str::from_utf8(value).ok()?)
    }

    /// Returns the place that all of these records share; none where one of them has another, or none.
    pub fn shared_by<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<Self> {
        let mut records = records.into_iter();
        let first = Self::of(records.next()?)?;
        records.all(|record| Self::of(record) == Some(first)).then_some(first)
    }

    /// Returns the span of the put that is under way, for a sink whose target can be told of it. None where puts are not
    /// traced, and outside of a put.
    pub fn current() -> Option<Self> {
        CURRENT.get()
    }

    /// Returns the id of the trace.
    pub fn trace(self) -> u128 {
        self.trace
    }

    /// Returns the id of the span.
    pub fn span(self) -> u64 {
        self.span
    }

    /// Returns the flags.
    pub fn flags(self) -> u8 {
        self.flags
    }

    /// Waits for a put that has this span as its own, so that the sink finds it as the [current](Self::current) one; with none
    /// there is none. Called by the runtime. A task that the sink spawns is outside of it.
    pub async fn within<T>(put_span: Option<Self>, put: impl Future<Output = T>) -> T {
        let mut put = pin!(put);
        poll_fn(|context| {
            let _back = Restored(CURRENT.replace(put_span));
            put.as_mut().poll(context)
        })
        .await
    }
}

/// Puts what was current before back, also where a sink panics.
struct Restored(Option<TraceParent>);

impl Drop for Restored {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// Reads so many digits, of which letters are small.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(is_digit) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::Origin;

    const WRITTEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn record(header: Option<&str>) -> Record {
        let mut record = Record::new(Origin::new("t", 0, 0));
        if let Some(header) = header {
            record.headers.push(TraceParent::HEADER, Some(header.to_owned().into()));
        }
        record
    }

    #[test]
    fn what_is_read_is_written_again() {
        let place = TraceParent::from_header(WRITTEN).unwrap();
        assert_eq!(place.to_string(), WRITTEN);
        assert_eq!((place.span(), place.flags()), (0x00f0_67aa_0ba9_02b7, 1));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for text in [
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later",
        ] {
            assert_eq!(TraceParent::from_header(text).unwrap().to_string(), WRITTEN, "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_place_in_a_trace() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nx: y",
        ] {
            assert_eq!(TraceParent::from_header(text), None, "{text}");
        }
    }

    #[test]
    fn records_share_a_place_only_where_each_has_it() {
        let other = WRITTEN.replace("-01", "-00");
        let place = TraceParent::from_header(WRITTEN);
        assert_eq!(TraceParent::shared_by(&[record(Some(WRITTEN)), record(Some(WRITTEN))]), place);
        assert_eq!(TraceParent::shared_by(&[record(Some(WRITTEN)), record(Some(&other))]), None);
        assert_eq!(TraceParent::shared_by(&[record(Some(WRITTEN)), record(None)]), None);
        assert_eq!(TraceParent::shared_by(&[]), None);
    }

    #[test]
    fn a_put_finds_its_span_and_what_comes_after_it_does_not() {
        let place = TraceParent::from_header(WRITTEN);
        let mut seen = Vec::new();
        let mut waited = false;
        let put = poll_fn(|_| {
            seen.push(TraceParent::current());
            if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        });
        let mut within = Box::pin(TraceParent::within(place, put));
        let mut context = Context::from_waker(Waker::noop());
        assert!(within.as_mut().poll(&mut context).is_pending());
        assert_eq!(TraceParent::current(), None, "not while it waits");
        assert!(within.as_mut().poll(&mut context).is_ready());
        drop(within);
        assert_eq!(seen, [place, place]);
        let panicking = Box::pin(TraceParent::within(place, async { panic!("a sink") }));
        let mut panicking: std::pin::Pin<Box<dyn Future<Output = ()>>> = panicking;
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            panicking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        }));
        assert!(polled.is_err());
        assert_eq!(TraceParent::current(), None, "nor where it panics");
    }
}
