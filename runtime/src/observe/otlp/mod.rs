//! Metrics, logs and traces on their way to a collector of OpenTelemetry, as OTLP over HTTP. Off unless it is asked for.
//!
//! ```text
//! telemetry       all of it: its start, and its bounded end
//! metrics_message the table of metrics as a message
//! log_records     lines of the log as records
//! put_spans       a span for each put
//! collector       who takes it: a request, and one throttled line where it is not taken
//! settings        where to, and how, by the variables that OpenTelemetry names
//! ```
//!
//! Nobody waits for it: what the queues have no room for is dropped (2,048 spans, and as many lines), and threads of its own send
//! what they hold.

mod collector;
mod log_records;
mod metrics_message;
mod put_spans;
mod settings;
mod telemetry;

pub(crate) use log_records::OtlpLogs;
pub(crate) use settings::OtlpSettings;
pub(crate) use telemetry::Telemetry;
