//! Lines of the log as records of OTLP.

use std::fmt::Debug;
use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use opentelemetry::{SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::logs::SdkLogger;
use sluice_connector_api::TraceParent;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::shown::{log_blanks, shortened};

/// The most characters of one text of a record.
const MOST_CHARS: usize = 4096;
/// What sends telemetry says nothing of itself there: each line would make another.
const NOT_SENT: [&str; 5] = ["opentelemetry", "hyper", "reqwest", "rustls", "tower"];

/// Hands lines of the log to a logger of OpenTelemetry, which never waits.
#[derive(Debug)]
pub(crate) struct OtlpLogs(pub(super) SdkLogger);

/// What a span says of the connector and the task that it is about.
#[derive(Clone, Default)]
struct Whose(Vec<(&'static str, AnyValue)>);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for OtlpLogs {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        fields.others.retain(|(name, _)| matches!(*name, "connector" | "task"));
        if let (Some(span), false) = (context.span(id), fields.others.is_empty()) {
            span.extensions_mut().insert(Whose(fields.others));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let target = event.metadata().target();
        if NOT_SENT.iter().any(|name| target.starts_with(name)) {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let of_span = context
            .event_scope(event)
            .and_then(|mut scope| scope.find_map(|span| span.extensions().get::<Whose>().cloned()));
        let mut record = self.0.create_log_record();
        let now = SystemTime::now();
        record.set_timestamp(now);
        record.set_observed_timestamp(now);
        record.set_target(target.to_owned());
        record.set_severity_number(severity(*event.metadata().level()));
        record.set_severity_text(event.metadata().level().as_str());
        record.set_body(shown(&fields.message).into());
        for (name, value) in of_span.unwrap_or_default().0 {
            if !fields.others.iter().any(|(own, _)| *own == name) {
                record.add_attribute(name, value);
            }
        }
        record.add_attributes(fields.others);
        if let Some(place) = TraceParent::current() {
            record.set_trace_context(
                TraceId::from_bytes(place.trace().to_be_bytes()),
                SpanId::from_bytes(place.span().to_be_bytes()),
                Some(TraceFlags::new(place.flags())),
            );
        }
        self.0.emit(record);
    }
}

/// What may be sent of a text: no secret that the process knows (invariant 8), and not too much of it.
pub(super) fn shown(text: &str) -> String {
    let blanked = log_blanks().apply(text).into_owned();
    shortened(&blanked, MOST_CHARS).into_owned()
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

/// What an event says, with its message apart.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, AnyValue)>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: AnyValue) {
        // What the log's own bridge adds is no news.
        if !field.name().starts_with("log.") {
            self.others.push((field.name().trim_start_matches("r#"), value));
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, AnyValue::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = i64::try_from(value).map_or_else(|_| value.to_string().into(), AnyValue::Int);
        self.take(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, AnyValue::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, AnyValue::Boolean(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.take(field, shown(value).into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.take(field, shown(&text).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::InstrumentationScope;
    use opentelemetry::logs::LoggerProvider;
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLoggerProvider};
    use sluice_connector_api::Blanks;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::shown::keep_from_log;

    /// Keeps records instead of sending them.
    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<Vec<SdkLogRecord>>>);

    impl LogProcessor for Kept {
        fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
            self.0.lock().unwrap().push(record.clone());
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> Vec<SdkLogRecord> {
        let kept = Kept::default();
        let provider = SdkLoggerProvider::builder().with_log_processor(kept.clone()).build();
        let subscriber = tracing_subscriber::registry().with(OtlpLogs(provider.logger("test")));
        tracing::subscriber::with_default(subscriber, log);
        kept.0.lock().unwrap().clone()
    }

    fn attribute(record: &SdkLogRecord, name: &str) -> Option<AnyValue> {
        record.attributes_iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_line_has_its_level_its_fields_and_whose_it_is() {
        let records = logged(|| {
            tracing::info_span!("task", connector = "prices", task = 1, other = 2).in_scope(|| {
                tracing::warn!(offset = 7, is_late = true, topic = "orders", "put failed: {}", "why");
            });
        });
        let [record] = &*records else { panic!("{records:?}") };
        assert_eq!(record.body(), Some(&AnyValue::from("put failed: why")));
        assert_eq!(record.severity_number(), Some(Severity::Warn));
        assert_eq!(attribute(record, "offset"), Some(AnyValue::Int(7)));
        assert_eq!(attribute(record, "is_late"), Some(AnyValue::Boolean(true)));
        assert_eq!(attribute(record, "topic"), Some("orders".into()));
        assert_eq!(attribute(record, "connector"), Some("prices".into()));
        assert_eq!(attribute(record, "task"), Some(AnyValue::Int(1)));
        assert_eq!(attribute(record, "other"), None);
    }

    #[test]
    fn no_secret_is_sent_wherever_it_stands_and_no_text_without_end() {
        keep_from_log(&Blanks::new(["hunter2-of-the-collected".to_owned()]));
        let long = "x".repeat(2 * MOST_CHARS);
        let records = logged(|| {
            let secret = "hunter2-of-the-collected";
            tracing::info_span!("task", connector = secret).in_scope(|| {
                tracing::error!(text = secret, shown = %secret, debug = ?secret, long, "it is {secret}");
            });
        });
        let text = format!("{records:?}");
        assert!(!text.contains("hunter2") && text.matches("[redacted]").count() >= 4, "{text}");
        let Some(AnyValue::String(long)) = attribute(&records[0], "long") else { panic!("{text}") };
        assert!(long.as_str().len() < MOST_CHARS + 10);
    }

    #[test]
    fn what_sends_says_nothing_of_itself_there() {
        let records = logged(|| {
            tracing::info!(target: "hyper::client", "connected");
            tracing::info!(target: "opentelemetry_sdk", "dropped");
            tracing::info!("ours");
        });
        assert_eq!(records.len(), 1);
    }
}
