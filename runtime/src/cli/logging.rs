//! Logs go to standard error.

use std::ffi::OsString;
use std::io::IsTerminal;

use crate::config::worker::{LogFormat, WorkerSettings};
use tracing_subscriber::EnvFilter;

/// What the names of the crates begin with that a plain level is about. Of all others, warnings are enough.
const OURS: &str = "sluice";

/// Starts logging. A level that cannot be read counts as `info`, and says so.
pub(crate) fn start(settings: &WorkerSettings) {
    let parsed = EnvFilter::try_new(directives(&settings.log_level));
    let unreadable = parsed.as_ref().err().map(ToString::to_string);
    let filter = parsed.unwrap_or_else(|_| EnvFilter::new(directives("info")));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A program that logs already goes on as it does.
    let _goes_on = match settings.log_format {
        LogFormat::Text => builder
            .with_ansi(in_colour(std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR")))
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .is_err();
    if let Some(error) = unreadable {
        tracing::warn!("log level `{}` cannot be read, `info` is used: {error}", settings.log_level);
    }
}

/// Says whether lines are coloured: for people only, and not where they ask for none (<https://no-color.org>).
fn in_colour(on_a_terminal: bool, no_color: Option<OsString>) -> bool {
    on_a_terminal && no_color.is_none_or(|text| text.is_empty())
}

fn directives(level: &str) -> String {
    if level.contains(['=', ',']) {
        return level.to_owned();
    }
    // What librdkafka and its wrapper say, the engine and the commands say once, with the name of what is concerned.
    // `lambda_runtime` has a span with the request's id, which every line about it is to carry.
    format!("warn,lambda_runtime=info,librdkafka=off,rdkafka=off,{OURS}={level}")
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
        assert!(directives("debug").ends_with(",sluice=debug") && directives("debug").starts_with("warn,"));
        assert_eq!(directives("info,rdkafka=debug"), "info,rdkafka=debug");
    }
}
