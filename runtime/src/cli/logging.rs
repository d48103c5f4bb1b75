//! Logs go to standard error.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, reload};

use crate::config::worker::{LogFormat, WorkerSettings};
use crate::observe::levels;
use crate::observe::log_fields::ShownFields;
use crate::observe::logs::{LogDirectly, LogQueue, ShownLog};
use crate::observe::otlp::OtlpLogs;
use crate::observe::terminal_lines::{NoteConnectors, TerminalLines};
use crate::shown::on_lines;

/// What the names of the crates begin with that a plain level is about. Of all others, warnings are enough.
const OURS: &str = "sluice";
/// How long the end of a command waits for its last lines: a pipe that nobody reads must not keep the process.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log of a process. Nobody who logs waits for it, or fails with it; see [`LogQueue`].
#[derive(Debug)]
pub(crate) struct Logging(Option<LogQueue>);

impl Logging {
    /// Starts logging. A level that cannot be read counts as `info`, and says so. `at_once` writes each line before whoever
    /// logs goes on, for a process that may be frozen at any moment.
    ///
    /// A plain level is about Sluice's own crates and those of `crates`, which the program's plug-ins and commands are of.
    ///
    /// Every line that passes the level goes to `collected`, too.
    pub(crate) fn start(
        settings: &WorkerSettings,
        at_once: bool,
        crates: &BTreeSet<&str>,
        collected: Option<OtlpLogs>,
    ) -> Self {
        let parsed = EnvFilter::try_new(directives(&settings.log_level, crates));
        let unreadable = parsed.as_ref().err().map(ToString::to_string);
        let filter = parsed.unwrap_or_else(|_| EnvFilter::new(directives("info", crates)));
        let queue = if at_once { None } else { queue_to_stderr() };
        let writer = match queue.clone() {
            Some(queue) => BoxMakeWriter::new(move || ShownLog(queue.clone())),
            None => BoxMakeWriter::new(|| ShownLog(LogDirectly)),
        };
        let base = filter.to_string();
        let (filter, handle) = reload::Layer::new(filter);
        // What goes wrong in the log itself would be written to standard error, or panic where that cannot be.
        let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
        let on_a_terminal = std::io::stderr().is_terminal();
        let in_colour = in_colour(on_a_terminal, std::env::var_os("NO_COLOR"));
        let lines = match settings.log_format {
            LogFormat::Text if on_a_terminal => {
                lines.event_format(TerminalLines).fmt_fields(ShownFields).with_ansi(in_colour).boxed()
            }
            LogFormat::Text => lines.fmt_fields(ShownFields).with_ansi(in_colour).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        let started = tracing_subscriber::registry()
            .with(filter)
            .with(NoteConnectors)
            .with(lines)
            .with(collected)
            .try_init();
        // A program that logs already goes on as it does.
        if started.is_ok() {
            levels::install(base, move |filter| handle.reload(filter).is_ok());
            std::panic::set_hook(Box::new(log_panic));
        }
        if let Some(error) = unreadable {
            tracing::warn!("log level `{}` cannot be read, `info` is used: {error}", settings.log_level);
        }
        Self(queue)
    }

    /// Waits for the last lines, within a bound.
    pub(crate) fn end(&self) {
        if let Some(queue) = &self.0 {
            queue.flush(LAST_LINES);
        }
    }
}

/// A handle of its own: whoever writes to standard error elsewhere must not wait for a line that nobody takes.
fn queue_to_stderr() -> Option<LogQueue> {
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().ok()?;
    Some(LogQueue::start(File::from(stderr)))
}

/// A panic is a log line like any other: the default way to say it waits for whoever reads standard error.
fn log_panic(info: &PanicHookInfo<'_>) {
    let text = info.payload_as_str().unwrap_or("a value that is not text");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!("panicked at {place}: {text}");
}

/// Writes lines to standard error, within a bound. What a terminal would act upon is escaped.
pub(crate) fn say(lines: Vec<String>) {
    let (done, wait) = std::sync::mpsc::channel();
    let write = move || {
        let mut stderr = std::io::stderr().lock();
        for line in lines {
            // There is nowhere left to report to.
            let _unseen = writeln!(stderr, "{}", on_lines(&line)).is_err();
        }
        let _nobody_waits = done.send(()).is_err();
    };
    if std::thread::Builder::new().spawn(write).is_ok() {
        let _late = wait.recv_timeout(LAST_LINES).is_err();
    }
}

/// Says whether lines are coloured: for people only, and not where they ask for none (<https://no-color.org>).
fn in_colour(on_a_terminal: bool, no_color: Option<OsString>) -> bool {
    on_a_terminal && no_color.is_none_or(|text| text.is_empty())
}

fn directives(level: &str, crates: &BTreeSet<&str>) -> String {
    if level.contains(['=', ',']) {
        return level.to_owned();
    }
    // What librdkafka and its wrapper say, the engine and the commands say once, with the name of what is concerned.
    // `lambda_runtime` has a span with the request's id, which every line about it is to carry.
    // What AWS's SDK warns of it also returns, as an error that is told without Rust's names.
    let mut directives =
        format!("warn,aws=error,lambda_runtime=info,librdkafka=off,rdkafka=off,{OURS}={level}");
    for name in crates.iter().filter(|name| !name.starts_with(OURS)) {
        directives.extend([",", name, "=", level]);
    }
    directives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_coloured_for_people_who_do_not_ask_for_none() {
        assert!(in_colour(true, None) && in_colour(true, Some(OsString::new())));
        assert!(!in_colour(true, Some("1".into())));
        assert!(!in_colour(false, None));
    }

    #[test]
    fn a_plain_level_is_about_the_crates_of_sluice() {
        let debug = directives("debug", &BTreeSet::new());
        assert!(debug.ends_with(",sluice=debug") && debug.starts_with("warn,"), "{debug}");
        let crates = BTreeSet::from(["notes", "sluice_runtime"]);
        assert!(directives("debug", &crates).ends_with(",sluice=debug,notes=debug"));
        assert_eq!(directives("info,rdkafka=debug", &crates), "info,rdkafka=debug");
    }
}
