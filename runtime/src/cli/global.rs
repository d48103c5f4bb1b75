//! The settings of the process, as flags of every command.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use sluice_connector_api::{ByteSize, HumanDuration};

use crate::cli::exit::Exit;
use crate::cli::parse::{duration, log_format, size};
use crate::config::worker::{LogFormat, WorkerSettings};

// No documentation comment: it would be the text about the whole program.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// File with process settings [default: sluice.yaml, if it is there]
    #[arg(
        long,
        global = true,
        env = "SLUICE_CONFIG",
        value_name = "FILE",
        help_heading = "Process settings"
    )]
    config: Option<PathBuf>,
    /// How log lines look on standard error: text or json [default: text]
    #[arg(long, global = true, value_name = "FORMAT", value_parser = log_format, help_heading = "Process settings")]
    log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug, trace, or by module as in info,rdkafka=debug [default: info]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Process settings")]
    log_level: Option<String>,
    /// Where metrics, health and status are served, such as 0.0.0.0:8083, or none [default: 127.0.0.1:8083]
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Process settings")]
    listen: Option<String>,
    /// Address of a collector of OpenTelemetry that run sends metrics, logs and traces to, or none [default: that of the
    /// environment, else none]
    #[arg(long, global = true, value_name = "URL", help_heading = "Process settings")]
    otlp_endpoint: Option<String>,
    /// How long a stop may take, such as 25s [default: 25s]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, help_heading = "Process settings")]
    shutdown_timeout: Option<HumanDuration>,
    /// Whether run follows the connector files as they change [default: true]
    #[arg(long, global = true, value_name = "BOOL", help_heading = "Process settings")]
    follow: Option<bool>,
    /// Have run start only if every connector file is valid
    #[arg(long, global = true, help_heading = "Process settings")]
    strict: bool,
    /// Certificate of the listener with its chain, as PEM; it speaks TLS then [default: plain HTTP]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Process settings")]
    tls_cert_file: Option<PathBuf>,
    /// Private key of that certificate, as PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = "Process settings")]
    tls_key_file: Option<PathBuf>,
    /// Authorities of the certificates that users of the REST API have to show, as PEM [default: they show none]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Process settings")]
    tls_client_ca_file: Option<PathBuf>,
    /// Whether metrics, health and status are for everybody who can reach the listener [default: true]
    #[arg(long, global = true, value_name = "BOOL", help_heading = "Process settings")]
    open_metrics: Option<bool>,
    /// The most that all connectors together have read and not done, such as 512MiB [default: each has its own bound]
    #[arg(long, global = true, value_name = "SIZE", value_parser = size, help_heading = "Process settings")]
    buffer_memory: Option<ByteSize>,
    /// Let requests of the REST API create, change and remove connectors, which writes their files
    #[arg(long, global = true, help_heading = "Process settings")]
    rest_writes: bool,
    /// Where run keeps what operators asked for, so that it counts after a restart [default: nowhere]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Process settings")]
    state_dir: Option<PathBuf>,
}

/// What was given on the command line.
#[derive(Serialize)]
struct Flags<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    connectors: &'a [PathBuf],
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<LogFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp_endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shutdown_timeout: Option<HumanDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert_file: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key_file: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_ca_file: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_metrics: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffer_memory: Option<ByteSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rest_writes: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_dir: Option<&'a Path>,
}

impl Global {
    /// Reads the settings: defaults < file < environment < flags. `connectors` are those named on the command line.
    pub(crate) fn settings(
        &self,
        defaults: &WorkerSettings,
        connectors: &[PathBuf],
    ) -> Result<WorkerSettings, Exit> {
        let flags = Flags {
            connectors,
            log_format: self.log_format,
            log_level: self.log_level.as_deref(),
            listen: self.listen.as_deref(),
            otlp_endpoint: self.otlp_endpoint.as_deref(),
            shutdown_timeout: self.shutdown_timeout,
            follow: self.follow,
            strict: self.strict.then_some(true),
            tls_cert_file: self.tls_cert_file.as_deref(),
            tls_key_file: self.tls_key_file.as_deref(),
            tls_client_ca_file: self.tls_client_ca_file.as_deref(),
            open_metrics: self.open_metrics,
            buffer_memory: self.buffer_memory,
            rest_writes: self.rest_writes.then_some(true),
            state_dir: self.state_dir.as_deref(),
        };
        Ok(WorkerSettings::load(defaults, self.config.as_deref().map(Path::new), flags)?)
    }
}
