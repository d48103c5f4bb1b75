//! Where telemetry is sent, and how: the setting `otlp_endpoint`, and the variables that OpenTelemetry names for every program.
//!
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/> and
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sluice_connector_api::check_http_address;

/// How long one request may take, its repetitions included, where nothing is set.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often metrics are sent, where nothing is set.
const INTERVAL: Duration = Duration::from_mins(1);
/// The shortest interval of metrics.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// One of the kinds of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Metrics,
    Logs,
    Traces,
}

impl Signal {
    fn path(self) -> &'static str {
        match self {
            Self::Metrics => "v1/metrics",
            Self::Logs => "v1/logs",
            Self::Traces => "v1/traces",
        }
    }

    /// Returns the name as it stands in variables.
    fn name(self) -> &'static str {
        match self {
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
            Self::Traces => "TRACES",
        }
    }
}

/// Where one kind of telemetry goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SignalTarget {
    pub(super) url: Url,
    /// Whoever collects may want a token in them.
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) gzip: bool,
}

/// What is sent where.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OtlpSettings {
    pub(super) metrics: Option<SignalTarget>,
    pub(super) logs: Option<SignalTarget>,
    pub(super) traces: Option<SignalTarget>,
    pub(super) interval: Duration,
    /// Authorities to trust beside the system's, and a certificate with its key to show.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) cert_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    /// What is wrong with variables, which may be meant for other programs: what they are about is not sent.
    pub(crate) warnings: Vec<String>,
}

impl OtlpSettings {
    /// Reads the settings: `endpoint` is that of ours, which stands in the place of `OTEL_EXPORTER_OTLP_ENDPOINT`, and `variable`
    /// the environment. The error says what is wrong with ours.
    pub(crate) fn new(
        endpoint: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let variables = Variables(&variable);
        let own = match endpoint.map(str::trim).filter(|endpoint| !endpoint.is_empty()) {
            Some("none") => return Ok(Self::default()),
            Some(endpoint) => Some(base_url(endpoint).map_err(|why| format!("`otlp_endpoint`: {why}"))?),
            None => None,
        };
        if variables.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(Self::default());
        }
        let file = |name: &str| variables.get(&format!("OTEL_EXPORTER_OTLP_{name}")).map(PathBuf::from);
        let mut settings = Self {
            interval: variables.millis("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL).max(SHORTEST_INTERVAL),
            ca_file: file("CERTIFICATE"),
            cert_file: file("CLIENT_CERTIFICATE"),
            key_file: file("CLIENT_KEY"),
            ..Self::default()
        };
        for signal in [Signal::Metrics, Signal::Logs, Signal::Traces] {
            let target = match variables.target(signal, own.as_ref()) {
                Ok(target) => target,
                Err(warning) => {
                    settings.warn(&warning);
                    None
                }
            };
            match signal {
                Signal::Metrics => settings.metrics = target,
                Signal::Logs => settings.logs = target,
                Signal::Traces => settings.traces = target,
            }
        }
        Ok(settings)
    }

    /// Says whether nothing is sent anywhere.
    pub(crate) fn is_off(&self) -> bool {
        self.metrics.is_none() && self.logs.is_none() && self.traces.is_none()
    }

    /// Returns the values of headers, which may be tokens.
    pub(super) fn secrets(&self) -> Vec<String> {
        let targets = [&self.metrics, &self.logs, &self.traces].into_iter().flatten();
        let values = targets.flat_map(|target| target.headers.values());
        let texts = values.filter_map(|value| value.to_str().ok());
        // Of `Bearer TOKEN` the token alone is one, too.
        texts.flat_map(|text| [text, text.rsplit(' ').next().unwrap_or(text)]).map(str::to_owned).collect()
    }

    fn warn(&mut self, why: &str) {
        let warning = format!("telemetry is not sent: {why}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// The environment, in which an empty value counts as none.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn millis(&self, name: &str, default: Duration) -> Duration {
        self.get(name).and_then(|text| text.parse().ok()).map_or(default, Duration::from_millis)
    }

    /// Returns what a variable says of a signal, or of all; with its name.
    fn of(&self, signal: Signal, what: &str) -> Option<(String, String)> {
        let names =
            [format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.name()), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    /// Returns where a signal goes, if anywhere.
    fn target(&self, signal: Signal, own: Option<&Url>) -> Result<Option<SignalTarget>, String> {
        let exporter = format!("OTEL_{}_EXPORTER", signal.name());
        match self.get(&exporter).as_deref() {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(other) => return Err(format!("{exporter}: `{other}` is none of otlp, none")),
        }
        let Some(url) = self.url(signal, own)? else { return Ok(None) };
        // What was meant for gRPC is another port, which answers nothing that could be understood.
        let (name, protocol) = self.of(signal, "PROTOCOL").unwrap_or_default();
        if protocol == "grpc" && own.is_none() {
            return Err(format!(
                "{name}: gRPC is not spoken; set `otlp_endpoint` to where the collector takes HTTP, such as http://{}:4318",
                url.host_str().unwrap_or("localhost")
            ));
        }
        let timeout = self.of(signal, "TIMEOUT").and_then(|(_, text)| text.parse().ok());
        Ok(Some(SignalTarget {
            url,
            headers: self.headers(signal)?,
            timeout: timeout.map_or(TIMEOUT, Duration::from_millis),
            gzip: self.of(signal, "COMPRESSION").is_some_and(|(_, how)| how == "gzip"),
        }))
    }

    fn url(&self, signal: Signal, own: Option<&Url>) -> Result<Option<Url>, String> {
        let of_signal = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.name());
        if let Some(text) = self.get(&of_signal) {
            return http_url(&text).map(Some).map_err(|why| format!("{of_signal}: {why}"));
        }
        let base = match (own, self.get("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            (Some(own), _) => own.clone(),
            (None, Some(text)) => {
                base_url(&text).map_err(|why| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {why}"))?
            }
            (None, None) => return Ok(None),
        };
        Ok(base.join(signal.path()).ok())
    }

    fn headers(&self, signal: Signal) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let (name, text) = self.of(signal, "HEADERS").unwrap_or_default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            // The text may be a secret, and is not shown.
            let wrong = || format!("{name}: write it as NAME=VALUE, several with commas between them");
            let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
            let value = percent_decode_str(value.trim()).decode_utf8_lossy();
            let key = HeaderName::from_bytes(key.trim().as_bytes()).map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }
}

/// Reads an address that the paths of signals stand below.
fn base_url(text: &str) -> Result<Url, String> {
    let mut url = http_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("paths are put below this address, which takes no `?` and no `#`".to_owned());
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn http_url(text: &str) -> Result<Url, String> {
    const CREDENTIALS: &str =
        "credentials do not belong into an address; put them into OTEL_EXPORTER_OTLP_HEADERS";
    let no_collector =
        |why: String| format!("{why}; write the address of a collector like http://localhost:4318, or none");
    match check_http_address(text, CREDENTIALS) {
        Ok(()) => Url::parse(text).map_err(|_| no_collector("is not a URL".to_owned())),
        Err(why) if why == CREDENTIALS => Err(why),
        Err(why) => Err(no_collector(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(own: Option<&str>, variables: &[(&str, &str)]) -> Result<OtlpSettings, String> {
        let find = |name: &str| variables.iter().find(|(found, _)| *found == name);
        OtlpSettings::new(own, |name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn urls(settings: &OtlpSettings) -> [Option<&str>; 3] {
        [&settings.metrics, &settings.logs, &settings.traces]
            .map(|target| target.as_ref().map(|target| target.url.as_str()))
    }

    #[test]
    fn nothing_is_sent_unless_somebody_says_where_to() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "x")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_SDK_DISABLED", "true")],
        ] {
            assert!(read(None, variables).unwrap().is_off(), "{variables:?}");
        }
        let all = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://d/"),
        ];
        assert!(read(Some("none"), &all).unwrap().is_off());
    }

    #[test]
    fn signals_stand_below_the_address_and_one_may_have_its_own() {
        let below =
            ["http://c:4318/v1/metrics", "http://c:4318/v1/logs", "http://c:4318/v1/traces"].map(Some);
        assert_eq!(urls(&read(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")]).unwrap()), below);
        let other = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:1");
        assert_eq!(urls(&read(Some("http://c:4318/"), &[other]).unwrap()), below, "ours counts");
        let under =
            read(Some("https://c/otlp"), &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/any")]).unwrap();
        assert_eq!(
            urls(&under),
            [Some("https://c/otlp/v1/metrics"), Some("https://c/otlp/v1/logs"), Some("http://t/any")]
        );
        let alone = read(None, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/any")]).unwrap();
        assert_eq!(urls(&alone), [None, None, Some("http://t/any")]);
        let without = read(Some("http://c:4318"), &[("OTEL_LOGS_EXPORTER", "none")]).unwrap();
        assert_eq!(urls(&without), [below[0], None, below[2]]);
    }

    #[test]
    fn headers_times_and_compression_are_those_of_the_signal_or_of_all() {
        let settings = read(
            Some("http://c:4318"),
            &[
                ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2, x-scope=a"),
                ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "api-key=k"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
                ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
                ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
            ],
        )
        .unwrap();
        let (metrics, logs, traces) = (
            settings.metrics.clone().unwrap(),
            settings.logs.clone().unwrap(),
            settings.traces.clone().unwrap(),
        );
        assert_eq!(metrics.headers["authorization"], "Bearer hunter2");
        assert_eq!((logs.headers.len(), &logs.headers["api-key"]), (1, &HeaderValue::from_static("k")));
        assert_eq!(
            (metrics.timeout, settings.interval),
            (Duration::from_millis(2500), Duration::from_secs(5))
        );
        assert_eq!((metrics.gzip, traces.gzip), (false, true));
        assert!(settings.secrets().contains(&"hunter2".to_owned()));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_wrong_with_ours_is_an_error_and_with_a_variable_a_warning() {
        for text in ["localhost:4318", "c", "ftp://c", "http://"] {
            assert!(read(Some(text), &[]).unwrap_err().contains("http://localhost:4318"), "{text}");
        }
        let error = read(Some("http://me:hunter2@c:4318"), &[]).unwrap_err();
        assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS") && !error.contains("hunter2"), "{error}");
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
        for (variable, part) in [
            (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "http://c:4318"),
            (("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"), "NAME=VALUE"),
            (("OTEL_METRICS_EXPORTER", "prometheus"), "otlp, none"),
            (("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "c"), "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"),
        ] {
            let settings = read(None, &[base, variable]).unwrap();
            let [warning] = &*settings.warnings else { panic!("{variable:?}: {:?}", settings.warnings) };
            assert!(warning.contains(part) && !warning.contains("hunter2"), "{warning}");
        }
    }
}
