//! What every command is given.

use std::fmt;

use sluice_connector_api::Registry;

use crate::config::worker::WorkerSettings;
use crate::observe::otlp::Telemetry;

/// Makes what clap knows of the commands of a program.
pub(crate) type MakeSyntax = Box<dyn Fn() -> clap::Command>;

/// What a command works with: the plug-ins of the program and the settings of the process.
pub struct Context {
    registry: Registry,
    settings: WorkerSettings,
    version: &'static str,
    syntax: MakeSyntax,
    filter: Option<&'static str>,
    telemetry: Option<Telemetry>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Context {
    /// Makes the context of a program of this version with these commands.
    pub(crate) fn new(
        registry: Registry,
        settings: WorkerSettings,
        version: &'static str,
        syntax: MakeSyntax,
    ) -> Self {
        Self { registry, settings, version, syntax, filter: None, telemetry: None }
    }

    /// Tells what happens to a collector.
    pub(crate) fn with_telemetry(mut self, telemetry: Option<Telemetry>) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Returns what tells a collector what happens, where there is one.
    pub(crate) fn telemetry(&self) -> Option<&Telemetry> {
        self.telemetry.as_ref()
    }

    /// Takes that out, for its end.
    pub(crate) fn into_telemetry(self) -> Option<Telemetry> {
        self.telemetry
    }

    /// Takes programs for filters of this predicate.
    pub(crate) fn with_filter(mut self, filter: Option<&'static str>) -> Self {
        self.filter = filter;
        self
    }

    /// Returns the predicate whose program a filter of records is, if the program has one.
    pub(crate) fn filter(&self) -> Option<&'static str> {
        self.filter
    }

    /// Returns every plug-in that the program has.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the settings of the process: defaults < file < environment < flags.
    pub fn settings(&self) -> &WorkerSettings {
        &self.settings
    }

    /// Returns the version of the program, such as `0.1.0`.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Returns the commands of the program and their options.
    pub(crate) fn syntax(&self) -> clap::Command {
        (self.syntax)()
    }
}
