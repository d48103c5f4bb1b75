//! Records as lines on standard output.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    Failure, Limits, PutError, Record, Repetition, SettingsError, Sink, SinkSettings, TombstoneFate,
};

use crate::record::lines::{LineFormat, Lines};

/// Writes records as lines to standard output.
///
/// A batch is written in one go and flushed, so that lines of two connectors never mix. When the reader of a
/// pipe goes away, the connector fails. A batch holds up to 500 records and 5MiB.
///
/// ```yaml
/// sink:
///   stdout: {}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["console", "print", "log"]))]
#[serde(deny_unknown_fields)]
pub struct StdoutSettings {
    /// What a line holds: `json_lines`, a JSON object with the whole record, or `raw`, the value alone.
    /// Default: `json_lines`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["codec", "encoding"]))]
    pub format: LineFormat,
}

impl SinkSettings for StdoutSettings {
    const NAME: &'static str = "stdout";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(Stdout::new(self, io::stdout())))
    }
}

struct Stdout<W> {
    settings: StdoutSettings,
    out: Arc<Mutex<W>>,
}

impl<W: Write + Send + 'static> Stdout<W> {
    fn new(settings: StdoutSettings, out: W) -> Self {
        Self { settings, out: Arc::new(Mutex::new(out)) }
    }
}

#[async_trait]
impl<W: Write + Send + 'static> Sink for Stdout<W> {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.settings.format.fate()
    }

    fn repetition(&self) -> Repetition {
        Repetition::stores_again("each record becomes a line more")
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let mut lines = Lines::of(self.settings.format, batch);
        let bytes = std::mem::take(&mut lines.bytes);
        let out = Arc::clone(&self.out);
        // A reader that is slow to empty the pipe must not hold up the other connectors' threads.
        tokio::task::spawn_blocking(move || {
            write(&mut *out.lock().unwrap_or_else(PoisonError::into_inner), &bytes)
        })
        .await
        .map_err(|cut| Failure::retriable(format!("the write to standard output was cut off: {cut}")))??;
        lines.outcome()
    }

    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        self.settings.format.preview(batch)
    }
}

fn write(out: &mut impl Write, bytes: &[u8]) -> Result<(), Failure> {
    out.write_all(bytes).and_then(|()| out.flush()).map_err(failure)
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::fatal("nobody reads standard output any more").caused_by(error),
        _ => Failure::retriable(format!("cannot write to standard output: {error}")).caused_by(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use sluice_connector_api::FailureKind;

    use super::*;
    use sluice_plugin_testing::{sink_contract, text, tombstone};

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn raw() -> StdoutSettings {
        StdoutSettings { format: LineFormat::Raw }
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        sink_contract(&Stdout::new(StdoutSettings { format: LineFormat::JsonLines }, Vec::new())).await;
    }

    #[tokio::test]
    async fn writes_each_value_on_its_line_and_names_the_records_without_one() {
        let sink = Stdout::new(raw(), Vec::new());
        let error = sink.put(&[text(0, "a"), tombstone(1), text(2, "b")]).await.unwrap_err();
        assert!(matches!(error, PutError::Records(failures) if failures.len() == 1 && failures[0].0 == 1));
        assert_eq!(*sink.out.lock().unwrap(), b"a\nb\n");
    }

    #[tokio::test]
    async fn a_broken_pipe_is_fatal_and_a_full_disk_is_not() {
        for (kind, expected) in
            [(ErrorKind::BrokenPipe, FailureKind::Fatal), (ErrorKind::StorageFull, FailureKind::Retriable)]
        {
            let error = Stdout::new(raw(), Failing(kind)).put(&[text(0, "a")]).await.unwrap_err();
            assert!(matches!(error, PutError::Batch(failure) if failure.kind() == expected), "{kind:?}");
        }
    }
}
