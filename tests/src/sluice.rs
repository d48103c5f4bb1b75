//! The real binary in a process of its own, with its output captured and every wait bounded.
//!
//! ```no_run
//! # use sluice_tests::sluice::Sluice;
//! let mut daemon = Sluice::new(["run", "connectors.d"]).env("KBID", "DEMOKB0001").spawn();
//! daemon.wait_for_log("sluice runs");
//! let ended = daemon.terminate();
//! assert_eq!(ended.code, Some(0), "{ended}");
//! ```
//!
//! Nothing of the caller's own settings reaches it: see [`Sluice::new`].

mod binary;
mod root;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use root::root;
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before the test fails, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);
/// Variables that would change what a command does.
const FOREIGN: [&str; 10] =
    ["AWS_", "SLUICE_", "KAFKA_", "KBID", "DSID", "RUST_", "OTEL_", "http", "HTTP", "NO_COLOR"];

/// Returns the path of the binary.
pub fn binary() -> &'static Path {
    binary::path()
}

/// A command line that is not run yet.
#[derive(Debug)]
pub struct Sluice {
    command: Command,
    input: Vec<u8>,
    /// `demo` has a child of its own, which only a signal that it can catch ends.
    has_child: bool,
}

impl Sluice {
    /// Makes a command line of these arguments, to be run in the root of the repository. Variables that would
    /// change what it does are unset, and there is no AWS configuration but that in the environment.
    pub fn new<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments: Vec<OsString> = arguments.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let has_child = arguments.iter().any(|argument| argument == "demo");
        let mut sluice = Self::of(binary());
        sluice.command.args(arguments);
        Self { has_child, ..sluice }
    }

    /// Makes a command line without arguments of a copy of the binary.
    pub fn of(path: &Path) -> Self {
        let mut command = Command::new(path);
        command.current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let foreign = |name: &str| FOREIGN.iter().any(|prefix| name.starts_with(prefix));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(foreign)) {
            command.env_remove(name);
        }
        for file in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            command.env(file, "/dev/null");
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        Self { command, input: Vec::new(), has_child: false }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets environment variables.
    #[must_use]
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Runs it in another directory.
    #[must_use]
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Gives it something to read on standard input, which is empty otherwise.
    #[must_use]
    pub fn input(mut self, input: impl AsRef<[u8]>) -> Self {
        self.input = input.as_ref().to_vec();
        self
    }

    /// Sends its log elsewhere; none of it is captured then.
    #[must_use]
    pub fn log_to(mut self, log: Stdio) -> Self {
        self.command.stderr(log);
        self
    }

    /// Starts it.
    pub fn spawn(mut self) -> Running {
        let mut child = self.command.stdin(Stdio::piped()).spawn().expect("the binary starts");
        // What it was given, such as an end of a pipe, is the child's alone.
        drop(self.command);
        let mut stdin = child.stdin.take().expect("a pipe");
        // A command that does not read its input closes the pipe, which is no matter here.
        thread::spawn(move || stdin.write_all(&self.input).ok());
        let stdout = Captured::of(child.stdout.take().expect("a pipe"));
        let log = child.stderr.take().map_or_else(|| Box::new(std::io::empty()) as Box<_>, boxed);
        let stderr = Captured::of(log);
        Running { child, stdout, stderr, has_child: self.has_child, since: Instant::now() }
    }

    /// Runs it to its end.
    pub fn output(self) -> Exited {
        self.spawn().wait()
    }
}

fn boxed(log: ChildStderr) -> Box<dyn Read + Send> {
    Box::new(log)
}

/// A process that runs. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Captured,
    stderr: Captured,
    has_child: bool,
    since: Instant,
}

impl Running {
    /// Waits for a line on standard error that holds `text`, and returns it.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str) -> String {
        self.wait_for_logs(text, 1).remove(0)
    }

    /// Waits for `count` lines on standard error that hold `text`, and returns them.
    #[track_caller]
    pub fn wait_for_logs(&mut self, text: &str, count: usize) -> Vec<String> {
        self.wait_until(&format!("{count} log line(s) with `{text}`"), |running| {
            let found = running.log_lines(text);
            (found.len() >= count).then_some(found)
        })
    }

    /// Waits for a line on standard output that holds `text`, and returns it.
    #[track_caller]
    pub fn wait_for_output(&mut self, text: &str) -> String {
        self.wait_until(&format!("`{text}` on standard output"), |running| {
            running.stdout.lines().into_iter().find(|line| line.contains(text))
        })
    }

    /// Looks until there is something to return; fails with the log when time is up or the process has ended.
    #[track_caller]
    pub fn wait_until<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.child.try_wait().expect("a child's status");
            // What it said last may still be on its way through the pipe: one more look.
            if let Some(status) = ended {
                self.stdout.join();
                self.stderr.join();
                return look(self).unwrap_or_else(|| {
                    panic!("no {what}: ended with {status}; its log:\n{}", self.stderr.text())
                });
            }
            let late = Instant::now() > deadline;
            assert!(!late, "no {what} within {PATIENCE:?}; the log so far:\n{}", self.stderr.text());
            thread::sleep(LOOK);
        }
    }

    /// Waits until a condition outside the process holds.
    #[track_caller]
    pub fn wait_while_running(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        self.wait_until(what, |_| holds().then_some(()));
    }

    /// Returns the lines on standard error so far that hold `text`.
    pub fn log_lines(&self, text: &str) -> Vec<String> {
        self.stderr.lines().into_iter().filter(|line| line.contains(text)).collect()
    }

    /// Returns standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns standard error so far.
    pub fn log(&self) -> String {
        self.stderr.text()
    }

    /// Says whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child's status").is_none()
    }

    /// Returns the number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), signal).expect("the process is there");
    }

    /// Kills it with SIGKILL, as a machine that loses power would.
    pub fn kill(mut self) -> Exited {
        self.child.kill().expect("the process is there");
        self.wait()
    }

    /// Sends SIGTERM, and waits for the end.
    #[track_caller]
    pub fn terminate(self) -> Exited {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn wait(mut self) -> Exited {
        let asked = Instant::now();
        let status = self.wait_for_end(PATIENCE).unwrap_or_else(|| {
            panic!("does not end within {PATIENCE:?}; the log so far:\n{}", self.stderr.text())
        });
        let (took, waited) = (self.since.elapsed(), asked.elapsed());
        self.stdout.join();
        self.stderr.join();
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        Exited { code: status.code(), stdout, stderr, took, waited }
    }

    fn wait_for_end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child's status") {
                return Some(status);
            }
            thread::sleep(LOOK);
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_child && self.is_alive() {
            self.signal(Signal::TERM);
            self.wait_for_end(Duration::from_secs(5));
        }
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// How a process ended.
#[derive(Clone, Debug)]
pub struct Exited {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
    /// The time from its start to its end.
    pub took: Duration,
    /// The time from the call that waited for the end.
    pub waited: Duration,
}

impl Exited {
    /// Returns the lines of standard output.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Fails with all that it said unless it ended with this code.
    #[allow(clippy::return_self_not_must_use, reason = "the code is often all that matters")]
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }
}

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stdout, stderr, took, .. } = self;
        write!(f, "code {code:?} after {took:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// Lines of a pipe, read by a thread of their own.
#[derive(Debug)]
struct Captured {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Captured {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { lines, reader: Some(reader) }
    }

    /// Waits until the other side of the pipe is closed.
    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not fail");
        }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn text(&self) -> String {
        self.lines().join("\n")
    }
}
