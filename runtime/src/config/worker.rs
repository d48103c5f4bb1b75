//! Settings of the process: defaults < file < environment < flags.

use std::fmt;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::Serialized;
use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sluice_connector_api::{ByteSize, HumanDuration, Secret};

use crate::config::environment::EnvironmentSettings;
use crate::config::problem::Problem;
use crate::config::schema::generator;
use crate::config::text_file::{TextFile, read_text};
use crate::config::validate::validate;
use crate::config::yaml::Node;

/// The file that is read when it is there and no other is named.
pub const DEFAULT_FILE: &str = "sluice.yaml";

/// Settings of the process. Each can be set in `sluice.yaml`, as `SLUICE_<NAME>` in the environment, or by a
/// flag; the later wins. A text of the environment is taken as it is written, without the spaces around it; a variable that
/// holds nothing is one that is not set.
///
/// ```yaml
/// connectors: [/etc/sluice/connectors.d]
/// log_format: json
/// listen: 0.0.0.0:8083
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own, and none depends on another")]
pub struct WorkerSettings {
    /// Files and directories with connectors. Default `connectors.d`.
    #[serde(deserialize_with = "one_or_many")]
    pub connectors: Vec<PathBuf>,
    /// How log lines look on standard error. Default `text`.
    pub log_format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, also by module as in
    /// `info,sluice_runtime=debug`. Default `info`.
    pub log_level: String,
    /// Where metrics, health and status are served: an address and port, of this machine only by default. `none`
    /// serves nothing. Default `127.0.0.1:8083`; where that is taken, a log line says so and nothing is served.
    pub listen: String,
    /// Where metrics, logs and traces of `sluice run` are sent, as OTLP over HTTP: the address of a collector of OpenTelemetry
    /// such as `http://localhost:4318`, or `none`. Default: what `OTEL_EXPORTER_OTLP_ENDPOINT` says, and else nowhere.
    pub otlp_endpoint: Option<String>,
    /// What whoever uses the REST API has to know: a token for `Authorization: Bearer`, or the password of Basic. Set it as
    /// `SLUICE_REST_TOKEN` or in the file; one that is empty is refused. Without one the API is served on an address of this machine only. `/metrics`,
    /// `/healthz`, `/readyz` and `/status` need none. Default none.
    pub rest_token: Option<Secret>,
    /// The certificate of the listener with its chain, a file in PEM: it speaks TLS then. Needs `tls_key_file`. Files that
    /// change are read anew. Default none: it speaks plain HTTP.
    pub tls_cert_file: Option<PathBuf>,
    /// The private key of `tls_cert_file`, a file in PEM, not encrypted.
    pub tls_key_file: Option<PathBuf>,
    /// Authorities, a file in PEM: whoever uses the REST API has to show a certificate of one of them, beside the token.
    /// Needs `tls_cert_file`. Default none: clients need no certificate.
    pub tls_client_ca_file: Option<PathBuf>,
    /// Whether `/metrics`, `/healthz`, `/readyz` and `/status` are for everybody who can reach the listener. Otherwise they
    /// are for whoever may use the REST API. Default true.
    pub open_metrics: bool,
    /// Whether requests of the REST API may create, change and remove connectors: they write and remove files in the first
    /// directory among `connectors`. Needs `follow`. Default false: a pause, a stop and offsets are all that requests change.
    pub rest_writes: bool,
    /// The most bytes of records that all connectors of `sluice run` together have read and not done, such as `512MiB`, beside
    /// the `buffer_memory` of each. Half of it is divided among them, so that one whose target is away leaves the others
    /// theirs. Default none: each has what its file says.
    pub buffer_memory: Option<ByteSize>,
    /// How long a stop may take before what is still in flight is given up; it is read again at the next
    /// start. Default 25s, which fits into the 30s that Kubernetes gives.
    pub shutdown_timeout: HumanDuration,
    /// Whether `sluice run` follows the connector files: one that is added, changed or removed starts, replaces or stops
    /// that one connector, within seconds or at a SIGHUP. Default true.
    pub follow: bool,
    /// How often the values of references to secret stores (`aws_secret`, `aws_param`) are asked for again, such as `5m`, and no
    /// shorter than `1m`: a value that has changed restarts what uses it. Default never: they are asked for when a file is
    /// loaded.
    pub refresh: Option<HumanDuration>,
    /// Whether `sluice run` starts only if every connector file is valid. Otherwise those that are run, and the others
    /// are said in the log, in `/status` and in metrics; where none is valid nothing starts. Default false.
    pub strict: bool,
    /// A directory of this process in which `sluice run` keeps what operators asked for, such as a pause, so that it
    /// counts after a restart, too. Default none: it counts as long as the process lasts.
    pub state_dir: Option<PathBuf>,
    /// For `sluice lambda`: `whole` fails the invocation if any record is not done; `partial` answers with the list
    /// of those that are not, which the service heeds only for an event source mapping in provisioned mode with
    /// `ReportBatchItemFailures`. Default `whole`.
    pub batch_response: BatchResponse,
    /// For `sluice lambda`: how long before the deadline of an invocation nothing new begins. Half of it is for puts
    /// in flight, the rest for the answer; of a short invocation no more than half is taken. Default 2s.
    pub deadline_margin: HumanDuration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            connectors: vec![PathBuf::from("connectors.d")],
            log_format: LogFormat::Text,
            log_level: "info".to_owned(),
            listen: "127.0.0.1:8083".to_owned(),
            otlp_endpoint: None,
            rest_token: None,
            tls_cert_file: None,
            tls_key_file: None,
            tls_client_ca_file: None,
            open_metrics: true,
            rest_writes: false,
            buffer_memory: None,
            shutdown_timeout: HumanDuration::secs(25),
            follow: true,
            refresh: None,
            strict: false,
            state_dir: None,
            batch_response: BatchResponse::Whole,
            deadline_margin: HumanDuration::secs(2),
        }
    }
}

/// The environment gives a text where a file gives a list.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    struct Paths;
    impl<'de> Visitor<'de> for Paths {
        type Value = Vec<PathBuf>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a path or a list of paths")
        }

        fn visit_str<E: de::Error>(self, path: &str) -> Result<Self::Value, E> {
            Ok(vec![path.into()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut paths: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(path) = paths.next_element()? {
                all.push(path);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Paths)
}

/// How a function says which records are not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchResponse {
    /// Any record that is not done fails the invocation, after everything that could be delivered was; the service
    /// sends the whole batch again.
    #[default]
    Whole,
    /// The answer lists the records that are not done; the service sends only those again. It does so for an event
    /// source mapping in provisioned mode with `ReportBatchItemFailures`, and **ignores the list, which loses the
    /// records, for any other**.
    Partial,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl WorkerSettings {
    /// Reads the settings. `file` is the one named by the user; without it `sluice.yaml` is read if it is there.
    /// `defaults` are those of the command, and `flags` holds what was given on the command line.
    pub fn load(defaults: &Self, file: Option<&Path>, flags: impl Serialize) -> Result<Self, Vec<Problem>> {
        // All of them in one profile: Figment's global one would win over the environment, whatever the order.
        let mut figment = Figment::from(Serialized::defaults(defaults));
        if let Some(values) = read_file(file)? {
            figment = figment.merge(Serialized::defaults(values));
        }
        let environment = EnvironmentSettings::read(|name| std::env::var_os(name));
        figment = figment.merge(environment.map_err(|problem| vec![problem])?);
        figment = figment.merge(Serialized::defaults(flags));
        figment.extract().map_err(|error| error.into_iter().map(|error| describe(&error)).collect())
    }
}

/// Returns the schema of the process settings.
pub fn process_schema() -> Value {
    WorkerSettings::json_schema(&mut generator()).to_value()
}

fn read_file(named: Option<&Path>) -> Result<Option<Value>, Vec<Problem>> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    if named.is_none() && !path.exists() {
        return Ok(None);
    }
    let text = read_text(path, TextFile::Settings).map_err(|problem| vec![problem])?;
    let node = Node::parse(&text).map_err(|error| vec![Problem::at(path, error.position, error.text)])?;
    match validate(path, &node, &process_schema()) {
        (value, problems) if problems.is_empty() => Ok(Some(value)),
        (_, problems) => Err(problems),
    }
}

fn describe(error: &figment::Error) -> Problem {
    let origin = error.metadata.as_ref().map_or_else(|| "settings".into(), |metadata| metadata.name.clone());
    Problem::of_file(Path::new(&*origin), format!("`{}`: {}", error.path.join("."), error.kind))
}
