//! A span for each put, which links to where its records come from.

use std::collections::HashSet;

use opentelemetry::trace::{
    Link, Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};
use sluice_connector_api::{Failure, FailureKind, PutError, Record, TraceParent};

use super::log_records::shown;
use crate::trace::{PutSpan, PutTracer};

/// The most links of a span: the default of OpenTelemetry's limits.
const MOST_LINKS: usize = 128;

/// Makes spans.
#[derive(Debug)]
pub(super) struct OtlpTracer(pub(super) SdkTracer);

/// A span under way.
struct OtlpSpan(SdkSpan);

impl PutTracer for OtlpTracer {
    /// Where all records stand at one place of one trace the span is its child. Else it begins a trace of its own. In both cases
    /// it links to each place that one of its records comes from, up to 128 of them.
    fn begin(&self, connector: &str, sink: &str, records: &[Record]) -> Box<dyn PutSpan> {
        let parent = match TraceParent::shared_by(records) {
            Some(place) => Context::new().with_remote_span_context(span_context(place)),
            None => Context::new(),
        };
        let span = SpanBuilder::from_name(format!("put {sink}"))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes(connector, sink, records))
            .with_links(links(records))
            .start_with_context(&self.0, &parent);
        Box::new(OtlpSpan(span))
    }
}

impl PutSpan for OtlpSpan {
    fn place(&self) -> Option<TraceParent> {
        let context = self.0.span_context();
        let (trace, span) = (context.trace_id().to_bytes(), context.span_id().to_bytes());
        let flags = context.trace_flags().to_u8();
        TraceParent::new(u128::from_be_bytes(trace), u64::from_be_bytes(span), flags)
    }

    fn end(mut self: Box<Self>, answer: &Result<(), PutError>) {
        let first = match answer {
            Ok(()) => None,
            Err(PutError::Batch(failure)) => Some(failure),
            Err(PutError::Records(failures)) => {
                let count = i64::try_from(failures.len()).unwrap_or(i64::MAX);
                self.0.set_attribute(KeyValue::new("sluice.failed_records", count));
                failures.first().map(|(_, failure)| failure)
            }
        };
        if let Some(failure) = first {
            self.0.set_attribute(KeyValue::new("error.type", kind(failure)));
            self.0.set_status(Status::error(shown(&failure.to_string())));
        }
        self.0.end();
    }
}

fn kind(failure: &Failure) -> &'static str {
    match failure.kind() {
        FailureKind::Retriable => "retriable",
        FailureKind::Rejected => "rejected",
        FailureKind::Fatal => "fatal",
    }
}

/// Says what is put where, in the words of OpenTelemetry's conventions for messaging. Never what is in a record (invariant 8).
fn attributes(connector: &str, sink: &str, records: &[Record]) -> Vec<KeyValue> {
    let mut all = vec![
        KeyValue::new("sluice.connector", connector.to_owned()),
        KeyValue::new("sluice.sink", sink.to_owned()),
        KeyValue::new("messaging.system", "kafka"),
        KeyValue::new("messaging.operation.name", "put"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.batch.message_count", i64::try_from(records.len()).unwrap_or(i64::MAX)),
    ];
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return all };
    let (first, last) = (first.origin(), last.origin());
    all.push(KeyValue::new("sluice.first_record", first.to_string()));
    all.push(KeyValue::new("sluice.last_record", last.to_string()));
    if records.iter().all(|record| record.origin().topic() == first.topic()) {
        all.push(KeyValue::new("messaging.destination.name", first.topic().to_owned()));
        if records.iter().all(|record| record.origin().partition() == first.partition()) {
            all.push(KeyValue::new("messaging.destination.partition.id", first.partition().to_string()));
        }
    }
    all
}

/// Links to each place that a record comes from, once.
fn links(records: &[Record]) -> Vec<Link> {
    let mut known = HashSet::new();
    let mut links = Vec::new();
    for place in records.iter().filter_map(TraceParent::of) {
        if links.len() < MOST_LINKS && known.insert((place.trace(), place.span())) {
            links.push(Link::with_context(span_context(place)));
        }
    }
    links
}

fn span_context(place: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(place.trace().to_be_bytes()),
        SpanId::from_bytes(place.span().to_be_bytes()),
        TraceFlags::new(place.flags()),
        true,
        TraceState::default(),
    )
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use sluice_connector_api::{Header, Origin};

    use super::*;

    fn record(offset: i64, place: Option<(u128, u64, u8)>) -> Record {
        let mut record = Record::new(Origin::new("t", 0, offset));
        if let Some(place) = place.and_then(|(trace, span, flags)| TraceParent::new(trace, span, flags)) {
            record.headers.push(TraceParent::HEADER, Some(place.to_string().into()));
        }
        record
    }

    fn begun(records: &[Record]) -> TraceParent {
        let provider = SdkTracerProvider::builder().build();
        OtlpTracer(provider.tracer("test")).begin("c", "http", records).place().unwrap()
    }

    #[test]
    fn a_put_of_one_trace_is_part_of_it_as_far_as_that_is_recorded_and_any_other_begins_one() {
        let shared = begun(&[record(0, Some((7, 1, 1))), record(1, Some((7, 1, 1)))]);
        assert_eq!((shared.trace(), shared.flags()), (7, 1));
        assert_ne!(shared.span(), 1);
        let unrecorded = begun(&[record(0, Some((7, 1, 0)))]);
        assert_eq!((unrecorded.trace(), unrecorded.flags()), (7, 0), "whoever began it does not record it");
        for records in [
            [record(0, Some((7, 1, 1))), record(1, Some((7, 2, 1)))],
            [record(0, Some((7, 1, 1))), record(1, None)],
        ] {
            assert_ne!(begun(&records).trace(), 7);
        }
    }

    #[test]
    fn links_are_bounded_and_each_place_has_one() {
        let many: Vec<_> =
            (0..1000).map(|n| record(n, Some((u128::from(n.unsigned_abs()) / 2 + 1, 1, 1)))).collect();
        assert_eq!(links(&many).len(), MOST_LINKS);
        assert_eq!(links(&many[..4]).len(), 2);
    }

    #[test]
    fn nothing_of_what_is_in_a_record_is_told() {
        let mut secret = record(7, None);
        secret.key = Some("hunter2".into());
        secret.value = Some("hunter2".into());
        secret.headers.push("hunter2", Some("hunter2".into()));
        assert!(matches!(secret.headers.last("hunter2"), Some(Header { .. })));
        let told = format!("{:?}", attributes("c", "http", &[secret]));
        assert!(told.contains("t-0-7") && !told.contains("hunter2"), "{told}");
    }
}
