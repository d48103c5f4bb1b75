//! Log lines on their way out. Whoever logs never waits and never fails, whatever becomes of the log: lines are kept in a
//! queue that is bounded in bytes, and a thread of their own writes them. What the queue cannot take, and what cannot be
//! written, is dropped and counted.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::shown::{log_blanks, on_lines};

/// The most bytes of lines that wait to be written.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Lines that were dropped by this process, whose log there is one of.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Returns how many log lines were dropped since the process started.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Writes log lines from a thread of its own. Clones write to the same place; a `write` is a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// A line is being written.
    writing: bool,
    /// Lines that were dropped since one was last written.
    missing: u64,
}

impl LogQueue {
    /// Makes a queue, and the thread that writes its lines to `out` for as long as the process lives.
    pub(crate) fn start(out: impl Write + Send + 'static) -> Self {
        let queue = Self::default();
        let writer = queue.clone();
        let run = move || writer.run(out);
        // Without a thread the queue fills up, and what comes then is dropped and counted.
        let _started = std::thread::Builder::new().name("log".to_owned()).spawn(run).is_ok();
        queue
    }

    /// Waits until every line is written, but no longer than this.
    pub(crate) fn flush(&self, patience: Duration) {
        let busy = |lines: &mut Lines| lines.writing || !lines.waiting.is_empty();
        let waited = self.0.changed.wait_timeout_while(self.lines(), patience, busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.lines();
        if lines.bytes.saturating_add(line.len()) > MOST_BYTES {
            lines.missing += 1;
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lines.bytes += line.len();
        lines.waiting.push_back(line.to_vec());
        self.0.changed.notify_all();
    }

    fn run(&self, mut out: impl Write) {
        loop {
            let line = self.take();
            let written = out.write_all(&line).and_then(|()| out.flush()).is_ok();
            if !written {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
            let missing = self.written(written);
            if missing > 0 {
                tracing::warn!("{missing} log lines were dropped: they could not be written in time");
            }
        }
    }

    /// Waits for a line.
    fn take(&self) -> Vec<u8> {
        let mut lines = self.lines();
        loop {
            if let Some(line) = lines.waiting.pop_front() {
                lines.bytes -= line.len();
                lines.writing = true;
                return line;
            }
            lines = self.0.changed.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes note of what became of a line. Returns how many were dropped, once it can be said.
    fn written(&self, written: bool) -> u64 {
        let mut lines = self.lines();
        lines.writing = false;
        self.0.changed.notify_all();
        if written {
            return std::mem::take(&mut lines.missing);
        }
        lines.missing += 1;
        0
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes log lines at once, for a process that may be frozen at any moment. A line that cannot be written is dropped and
/// counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogDirectly;

impl Write for LogDirectly {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if std::io::stderr().lock().write_all(line).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Blanks the secrets that the process knows in each line, whoever wrote it, and escapes what even JSON leaves as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownLog<W>(pub(crate) W);

impl<W: Write> Write for ShownLog<W> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = log_blanks().apply(&text).into_owned();
        self.0.write_all(escaped(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// A line in colour has escapes of ours, and its fields were escaped before.
fn escaped(line: &str) -> Cow<'_, str> {
    if line.contains('\u{1b}') { Cow::Borrowed(line) } else { on_lines(line) }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes a line when it is told to, or fails.
    struct Gate(Receiver<bool>, Sender<Vec<u8>>);

    impl Write for Gate {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            match self.0.recv() {
                Ok(true) => self.1.send(line.to_vec()).map_err(std::io::Error::other)?,
                _ => return Err(std::io::ErrorKind::StorageFull.into()),
            }
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_logs_never_waits_and_what_is_too_much_is_dropped_and_counted() {
        let ((go, gate), (out, written)) = (channel(), channel());
        let mut queue = LogQueue::start(Gate(gate, out));
        let (line, before) = (vec![b'x'; MOST_BYTES / 4], dropped());
        // One is being written or waits, four wait at most, and the rest has no place.
        for _ in 0..20 {
            queue.write_all(&line).unwrap();
        }
        // The process counts those of other tests, too.
        let lost = queue.lines().missing;
        assert!((15..=16).contains(&lost) && dropped() - before >= lost, "{lost}");
        (0..20 - lost).for_each(|_| go.send(true).unwrap());
        queue.flush(Duration::from_secs(30));
        assert_eq!(written.try_iter().count() as u64, 20 - lost);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_the_next_ones_are_written() {
        let ((go, gate), (out, written)) = (channel(), channel());
        let (mut queue, before) = (LogQueue::start(Gate(gate, out)), dropped());
        for result in [false, false, true] {
            go.send(result).unwrap();
        }
        for line in ["a\n", "b\n", "c\n"] {
            queue.write_all(line.as_bytes()).unwrap();
        }
        queue.flush(Duration::from_secs(30));
        assert_eq!(written.try_iter().collect::<Vec<_>>(), [b"c\n"]);
        assert!(dropped() - before >= 2);
    }

    #[test]
    fn a_line_shows_no_secret_and_nothing_that_a_terminal_acts_upon() {
        crate::shown::keep_from_log(&sluice_connector_api::Blanks::new(["hunter2-of-the-log".to_owned()]));
        let mut out = Vec::new();
        ShownLog(&mut out).write_all("{\"a\":\"hunter2\\u002dof-the-log\u{9b}\"}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a\":\"[redacted]\\u009b\"}\n");
    }

    #[test]
    fn a_flush_is_bounded_where_nobody_reads() {
        let ((_go, gate), (out, _written)) = (channel::<bool>(), channel());
        let mut queue = LogQueue::start(Gate(gate, out));
        queue.write_all(b"a\n").unwrap();
        queue.flush(Duration::from_millis(20));
    }
}
