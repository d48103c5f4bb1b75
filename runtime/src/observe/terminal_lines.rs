//! Log lines as people read them on a terminal: the time, the level, the connector, and what happened. Elsewhere a line has all
//! of it.

use std::fmt::{self, Debug, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::shown::OneLine;

/// The connector, and the task unless it is the first, that a span is about.
struct About(String);

/// Takes note of the connector that each span is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoteConnectors;

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for NoteConnectors {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(connector), Some(span)) = (fields.connector, context.span(id)) {
            let task = fields.task.filter(|task| task != "0");
            let about = task.map_or_else(|| connector.clone(), |task| format!("{connector}/{task}"));
            span.extensions_mut().insert(About(about));
        }
    }
}

/// Writes short lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TerminalLines;

impl<S, N> FormatEvent<S, N> for TerminalLines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let of_span = context.event_scope().and_then(|mut scope| {
            scope.find_map(|span| span.extensions().get::<About>().map(|about| about.0.clone()))
        });
        let (colour, dim, plain) = if writer.has_ansi_escapes() {
            (colour_of(*event.metadata().level()), "\u{1b}[2m", "\u{1b}[0m")
        } else {
            ("", "", "")
        };
        write!(
            writer,
            "{dim}{}{plain} ",
            TimeZone::system().to_datetime(Timestamp::now()).strftime("%H:%M:%S")
        )?;
        write!(writer, "{colour}{:5}{plain} ", event.metadata().level().as_str())?;
        if let Some(connector) = fields.connector.or(of_span) {
            write!(OneLine(&mut writer), "{connector}: ")?;
        }
        write!(OneLine(&mut writer), "{}", fields.message)?;
        if !fields.others.is_empty() {
            write!(writer, "{dim}")?;
            write!(OneLine(&mut writer), "{}", fields.others)?;
            write!(writer, "{plain}")?;
        }
        writeln!(writer)
    }
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[2m",
    }
}

/// What an event or a span says, with what has a place of its own apart.
#[derive(Default)]
struct Fields {
    message: String,
    connector: Option<String>,
    task: Option<String>,
    others: String,
}

impl Fields {
    fn take(&mut self, name: &str, text: String) {
        match name {
            "message" => self.message = text,
            "connector" => self.connector = Some(text),
            "task" => self.task = Some(text),
            // An absent value, and what the log's own bridge adds, are no news.
            _ if text == "None" || name.starts_with("log.") => {}
            _ => {
                let _infallible = write!(self.others, " {name}={text}").is_err();
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::observe::captured::Captured;

    fn logged(log: impl FnOnce()) -> String {
        let lines = Captured::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(TerminalLines)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(NoteConnectors).with(layer);
        tracing::subscriber::with_default(subscriber, log);
        lines.text()
    }

    fn without_time(line: &str) -> &str {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 8 && time.bytes().filter(|byte| *byte == b':').count() == 2, "{time}");
        rest
    }

    #[test]
    fn a_line_has_the_time_the_level_the_connector_and_what_happened() {
        let line = logged(|| {
            tracing::info_span!("task", connector = "prices", task = 0)
                .in_scope(|| tracing::info!(sink = "http", offset = None::<i64>, "started"));
        });
        assert_eq!(without_time(&line), "INFO  prices: started sink=http\n");
        let second = logged(|| {
            tracing::info_span!("task", connector = "prices", task = 1)
                .in_scope(|| tracing::info_span!("other").in_scope(|| tracing::warn!("late")));
        });
        assert_eq!(without_time(&second), "WARN  prices/1: late\n");
        let named = logged(|| tracing::info!(connector = "orders", "12 records/s, lag 3"));
        assert_eq!(without_time(&named), "INFO  orders: 12 records/s, lag 3\n");
    }

    #[test]
    fn data_forges_no_line() {
        let evil = "x\n17:00:00 INFO  forged\u{1b}[2J";
        let line = logged(|| tracing::error!(topic = evil, connector = evil, "it is {evil}"));
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}
