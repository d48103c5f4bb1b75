//! The process of a contender: its start, what it takes, and its end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sluice_tests::process::{tree, tree_cpu_seconds, tree_peak_memory};

/// The longest life of one run, so that nothing is left behind.
const LIFE_SECONDS: &str = "1200";
/// Characters of the end of a log that are shown.
const MOST_WORDS: usize = 400;
/// Variables that would change what a contender does.
const FOREIGN: [&str; 4] = ["SLUICE_", "KAFKA_", "BENTO_", "MQ_BRIDGE_"];

/// A contender that runs. It is ended with its value, together with all below it.
pub(crate) struct PeerProcess {
    child: Child,
    log: PathBuf,
    pub(crate) start: Instant,
}

impl PeerProcess {
    /// Starts it in a folder of its own.
    pub(crate) fn start(command: &Command, home: &Path) -> Result<Self, String> {
        let log = home.join("log");
        let file = File::create(&log).map_err(|error| error.to_string())?;
        let mut bounded = Command::new("timeout");
        bounded.args(["--kill-after=1", LIFE_SECONDS]).arg(command.get_program()).args(command.get_args());
        for (name, _) in
            std::env::vars().filter(|(name, _)| FOREIGN.iter().any(|prefix| name.starts_with(prefix)))
        {
            bounded.env_remove(name);
        }
        for (name, value) in command.get_envs() {
            bounded.env(name, value.unwrap_or_default());
        }
        bounded
            .current_dir(home)
            .stdin(Stdio::null())
            .stderr(file.try_clone().map_err(|error| error.to_string())?);
        let start = Instant::now();
        let child = bounded.stdout(file).spawn().map_err(|error| error.to_string())?;
        Ok(Self { child, log, start })
    }

    /// Returns its processor time so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        tree_cpu_seconds(self.child.id())
    }

    /// Returns the most memory it had, in MiB.
    pub(crate) fn peak(&self) -> f64 {
        tree_peak_memory(self.child.id())
    }

    /// Returns what it printed.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Returns an error with the end of its log if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("ended with {status}: {}", self.last_words())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Returns the end of its log in one line.
    pub(crate) fn last_words(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let words = lines[lines.len().saturating_sub(2)..].join(" / ");
        words.chars().take(MOST_WORDS).collect()
    }

    /// Sends a signal to what runs, and not to `timeout`, which ends with it.
    fn signal(&self, signal: Signal) {
        let below = tree(self.child.id()).into_iter().skip(1);
        for id in below.filter_map(|id| i32::try_from(id).ok().and_then(Pid::from_raw)) {
            kill_process(id, signal).ok();
        }
    }

    /// Asks it to end, and waits for that for a while.
    fn end_in_order(&mut self) {
        self.signal(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(3) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        // One that leaves its group spares the broker a member that is dead for a while.
        self.end_in_order();
        self.signal(Signal::KILL);
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
