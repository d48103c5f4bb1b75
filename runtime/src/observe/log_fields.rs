//! The fields of a log line as text: a line stays one line, and a terminal shows it as it is, whatever data is in it.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::shown::OneLine;

/// How a terminal shows the name of a field, the sign behind it, and the rest again.
const COLOURS: [&str; 3] = ["\u{1b}[3m", "\u{1b}[0m\u{1b}[2m", "\u{1b}[0m"];

/// Writes the message as it is and each field as `name=value`, escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownFields;

impl<'w> FormatFields<'w> for ShownFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let colours = if writer.has_ansi_escapes() { COLOURS } else { [""; 3] };
        let mut fields_so_far = Fields { out: &mut writer, colours, any: false, result: Ok(()) };
        fields.record(&mut fields_so_far);
        fields_so_far.result
    }
}

struct Fields<'a> {
    out: &'a mut dyn Write,
    colours: [&'static str; 3],
    any: bool,
    result: fmt::Result,
}

impl Fields<'_> {
    fn write(&mut self, field: &Field, value: &dyn Debug) -> fmt::Result {
        let between = if std::mem::replace(&mut self.any, true) { " " } else { "" };
        self.out.write_str(between)?;
        if field.name() != "message" {
            let [name, sign, rest] = self.colours;
            write!(self.out, "{name}{}{sign}={rest}", field.name().trim_start_matches("r#"))?;
        }
        write!(OneLine(self.out), "{value:?}")
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.result.is_ok() {
            self.result = self.write(field, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::captured::Captured;

    fn logged(in_colour: bool, log: impl FnOnce()) -> String {
        let lines = Captured::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(ShownFields)
            .with_ansi(in_colour)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        lines.text()
    }

    #[test]
    fn data_forges_neither_a_line_nor_a_colour() {
        let evil = "x\n2026-01-01 INFO forged\u{1b}[2J\u{9b}m\u{202e}";
        let line = logged(false, || {
            let span = tracing::info_span!("task", connector = %evil);
            span.in_scope(|| tracing::info!(topic = evil, key = %evil, wait = ?evil, "it is {evil}"));
        });
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.trim_end().chars().all(|char| char.is_ascii() && !char.is_control()), "{line:?}");
        assert!(line.contains("it is x\\n2026-01-01 INFO forged\\u001b[2J\\u009bm\\u202e"), "{line}");
    }

    #[test]
    fn fields_are_written_as_they_always_were() {
        let log = || tracing::warn!(topic = "orders", offset = 7, "put failed: {}", "why");
        assert!(logged(false, log).ends_with(": put failed: why topic=\"orders\" offset=7\n"));
        let in_colour = logged(true, log);
        assert!(in_colour.contains("\u{1b}[3mtopic\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"orders\""), "{in_colour:?}");
    }
}
