//! All that is sent to a collector, from its start to its bounded end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry::logs::LoggerProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::{HttpClient, Request};
use opentelemetry_otlp::{LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::resource::v1::Resource as ResourceMessage;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use reqwest::Client;
use sluice_connector_api::Blanks;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::collector::{Collector, client};
use super::log_records::OtlpLogs;
use super::metrics_message::{Times, message, nanos};
use super::put_spans::OtlpTracer;
use super::settings::{OtlpSettings, SignalTarget};
use crate::meter::log_throttle::LogThrottle;
use crate::observe::table::Seen;
use crate::shown::keep_from_log;
use crate::trace::PutTracer;
use crate::worker::Control;

/// How long the end waits for what is left of each kind of telemetry.
const LAST_OF_EACH: Duration = Duration::from_secs(1);
/// What the records of all kinds are said to be of.
const SCOPE: &str = "sluice";

/// What a process tells a collector. It has a thread of its own for requests, and one each for spans and lines of the log.
#[derive(Debug)]
pub(crate) struct Telemetry {
    settings: OtlpSettings,
    client: Client,
    runtime: Runtime,
    throttle: LogThrottle,
    resource: Resource,
    started: SystemTime,
    logs: Option<SdkLoggerProvider>,
    traces: Option<SdkTracerProvider>,
    metrics: Mutex<Option<JoinHandle<()>>>,
    stop: CancellationToken,
}

impl Telemetry {
    /// Starts what the settings ask for; nothing where they ask for nothing. Nothing is sent yet. The error says what keeps it
    /// from being sent.
    pub(crate) fn start(settings: OtlpSettings) -> Result<Option<Self>, String> {
        if settings.is_off() {
            return Ok(None);
        }
        keep_from_log(&Blanks::new(settings.secrets()));
        let client = client(&settings)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("otlp").enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start the runtime of telemetry: {error}"))?;
        let mut telemetry = Self {
            client,
            runtime,
            throttle: LogThrottle::new(1),
            resource: resource(),
            started: SystemTime::now(),
            logs: None,
            traces: None,
            metrics: Mutex::default(),
            stop: CancellationToken::new(),
            settings,
        };
        telemetry.logs = telemetry.start_logs()?;
        telemetry.traces = telemetry.start_traces()?;
        Ok(Some(telemetry))
    }

    fn start_logs(&self) -> Result<Option<SdkLoggerProvider>, String> {
        let Some(target) = &self.settings.logs else { return Ok(None) };
        let exporter = self.sent_to(target, LogExporter::builder().with_http());
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        let provider = SdkLoggerProvider::builder().with_resource(self.resource.clone());
        Ok(Some(provider.with_batch_exporter(exporter).build()))
    }

    fn start_traces(&self) -> Result<Option<SdkTracerProvider>, String> {
        let Some(target) = &self.settings.traces else { return Ok(None) };
        let exporter = self.sent_to(target, SpanExporter::builder().with_http());
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        let provider = SdkTracerProvider::builder().with_resource(self.resource.clone());
        Ok(Some(provider.with_batch_exporter(exporter).build()))
    }

    fn sent_to<B: WithHttpConfig + WithExportConfig>(&self, target: &SignalTarget, exporter: B) -> B {
        exporter
            .with_http_client(self.collector(target))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(target.url.as_str())
            .with_timeout(target.timeout)
    }

    fn collector(&self, target: &SignalTarget) -> Collector {
        let runtime = self.runtime.handle().clone();
        Collector::new(self.client.clone(), runtime, target, self.throttle.clone())
    }

    /// Returns what takes lines of the log, where they are sent.
    pub(crate) fn log_layer(&self) -> Option<OtlpLogs> {
        self.logs.as_ref().map(|provider| OtlpLogs(provider.logger(SCOPE)))
    }

    /// Returns what makes a span of each put, where these are sent.
    pub(crate) fn tracer(&self) -> Option<Arc<dyn PutTracer>> {
        let provider = self.traces.as_ref()?;
        Some(Arc::new(OtlpTracer(provider.tracer(SCOPE))))
    }

    /// Says in the log what is sent where.
    pub(crate) fn report(&self) {
        let targets = [&self.settings.metrics, &self.settings.logs, &self.settings.traces];
        let names = targets.iter().zip(["metrics", "logs", "traces"]);
        for (target, name) in names.filter_map(|(target, name)| Some((target.as_ref()?, name))) {
            tracing::info!("{name} are sent to {}, as OTLP", target.url.origin().ascii_serialization());
        }
    }

    /// Sends the metrics of a worker from now on, and a last time at the end.
    pub(crate) fn send_metrics(&self, control: Control) {
        let Some(target) = &self.settings.metrics else { return };
        let sending = SentMetrics {
            control,
            collector: self.collector(target),
            url: target.url.to_string(),
            resource: ResourceMessage {
                attributes: ResourceAttributesWithSchema::from(&self.resource).attributes.0,
                ..ResourceMessage::default()
            },
            start: nanos(self.started),
        };
        let task = self.runtime.spawn(sending.run(self.settings.interval, self.stop.clone()));
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Sends what is left, within a bound: a second for each kind.
    pub(crate) fn end(self) {
        self.stop.cancel();
        let metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = metrics {
            // What was not sent in time is lost.
            let _late = self.runtime.block_on(async { timeout(LAST_OF_EACH, task).await }).is_err();
        }
        if let Some(traces) = &self.traces {
            let _late = traces.shutdown_with_timeout(LAST_OF_EACH).is_err();
        }
        if let Some(logs) = &self.logs {
            let _late = logs.shutdown_with_timeout(LAST_OF_EACH).is_err();
        }
        self.runtime.shutdown_background();
    }
}

/// Sends the metrics of a worker, again and again.
struct SentMetrics {
    control: Control,
    collector: Collector,
    url: String,
    resource: ResourceMessage,
    start: u64,
}

impl SentMetrics {
    async fn run(self, every: Duration, stop: CancellationToken) {
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first is due at once, when nothing was counted yet.
        tick.tick().await;
        loop {
            let is_last = tokio::select! {
                _ = tick.tick() => false,
                () = stop.cancelled() => true,
            };
            self.send().await;
            if is_last {
                return;
            }
        }
    }

    async fn send(&self) {
        let times = Times { start: self.start, now: nanos(SystemTime::now()) };
        let message = message(&Seen(self.control.seen()), times, self.resource.clone());
        let request = Request::post(&self.url)
            .header("content-type", "application/x-protobuf")
            .body(Bytes::from(message.encode_to_vec()));
        if let Ok(request) = request {
            // The collector has said what is to be said. What was counted is in the next message, too.
            let _said = self.collector.send_bytes(request).await.is_err();
        }
    }
}

/// Says what this process is: as the environment has it, and else as one of many workers named `sluice`.
fn resource() -> Resource {
    let detected = Resource::builder().build();
    let has = |name: &'static str| detected.get(&Key::from_static_str(name));
    let mut builder = Resource::builder();
    if has("service.name").is_none_or(|name| name.as_str().starts_with("unknown_service")) {
        builder = builder.with_service_name(SCOPE);
    }
    if has("service.version").is_none() {
        builder = builder.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    }
    if has("service.instance.id").is_none() {
        let id = format!("{:032x}", fastrand::u128(..));
        builder = builder.with_attribute(KeyValue::new("service.instance.id", id));
    }
    builder.build()
}
