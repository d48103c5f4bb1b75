//! Who takes part.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::connector::Folder;
use sluice_tests::kafka;
use sluice_tests::process::{cpu_seconds, peak_memory};
use sluice_tests::sluice::binary;

use crate::door::CountingDoor;
use crate::report::PeerRun;

/// How often it is looked whether all came.
const LOOK: Duration = Duration::from_millis(5);
/// How long one run may take.
const HUNG: Duration = Duration::from_mins(10);

/// A contender that is ready to run.
pub(crate) enum Peer {
    /// As it comes. `again` tells the control from the other.
    Sluice { again: bool },
    /// The program in `tests/peers/go`.
    Go(PathBuf),
    /// The interpreter for `tests/peers/python/contender.py`.
    Python(PathBuf),
}

impl Peer {
    /// Makes all of them ready. One whose tools are not here is told and left out.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Sluice { again: false }, Self::Sluice { again: true }];
        match build_go() {
            Ok(program) => all.push(Self::Go(program)),
            Err(reason) => eprintln!("DID NOT RUN: the program in Go: {reason}"),
        }
        match install_python() {
            Ok(interpreter) => all.push(Self::Python(interpreter)),
            Err(reason) => eprintln!("DID NOT RUN: the program in Python: {reason}"),
        }
        all
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sluice { again: false } => "Sluice, as it comes",
            Self::Sluice { again: true } => "Sluice, as it comes, again",
            Self::Go(_) => "60 lines of Go (franz-go)",
            Self::Python(_) => "40 lines of Python (confluent-kafka)",
        }
    }

    /// Runs it over the whole topic, with a group of its own.
    pub(crate) fn measure(&self, stage: &BenchmarkStage, door: &CountingDoor) -> PeerRun {
        door.clear();
        let (group, url) = (kafka::unique("peer"), door.url());
        let folder = Folder::with("peer.yaml", connector(stage, &group, &url));
        let servers = stage.bootstrap_servers();
        let own = [servers.as_str(), stage.topic(), &group, &url];
        let mut command = match self {
            Self::Sluice { .. } => {
                let mut command = Command::new(binary());
                command.arg("run").arg(folder.path()).arg("--listen=none");
                command
            }
            Self::Go(program) => {
                let mut command = Command::new(program);
                command.args(own);
                command
            }
            Self::Python(interpreter) => {
                let mut command = Command::new(interpreter);
                command.arg(peers().join("python/contender.py")).args(own);
                command
            }
        };
        let start = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("cannot start {}: {error}", self.name()));
        self.wait(&mut child, stage.records(), door);
        let (cpu, peak) = (cpu_seconds(child.id()), peak_memory(child.id()));
        child.kill().expect("it runs");
        child.wait().expect("its end");
        let count = door.count();
        let (first, last) = (count.first.expect("a record"), count.last.expect("a record"));
        PeerRun {
            to_first: first - start,
            rate: 1e6 * stage.millions() / (last - first).as_secs_f64(),
            cpu: cpu / stage.millions(),
            peak,
            sum: count.sum,
        }
    }

    fn wait(&self, child: &mut Child, records: u64, door: &CountingDoor) {
        let start = Instant::now();
        while door.count().records < records {
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "{} ended after {} records", self.name(), door.count().records);
            assert!(start.elapsed() < HUNG, "{}: {} records", self.name(), door.count().records);
            sleep(LOOK);
        }
    }
}

/// The connector of the flagship, with `http` in place of its sink: `batch`, and no other key.
fn connector(stage: &BenchmarkStage, group: &str, url: &str) -> String {
    let (servers, topic) = (stage.bootstrap_servers(), stage.topic());
    format!(
        r#"
source:
  kafka: {{ bootstrap_servers: "{servers}", topics: [{topic}], group: {group} }}
  value: json
transforms:
  - timestamp: {{ field: timestamp, from: unix_seconds, to: "%Y-%m-%d %H:%M:%S", as: ts }}
  - template: {{ text: "At <<ts>> the price of <<ticker>> is <<price>>.", delimiters: ["<<", ">>"] }}
sink:
  http: {{ url: "{url}", batch: {{ format: json_lines }} }}
"#
    )
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn cache() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    cache.map(|cache| cache.join("sluice/peers")).ok_or_else(|| "there is no home".to_owned())
}

fn build_go() -> Result<PathBuf, String> {
    let program = cache()?.join("contender-go");
    run(Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(peers().join("go")))?;
    Ok(program)
}

fn install_python() -> Result<PathBuf, String> {
    let folder = cache()?.join("venv");
    let interpreter = folder.join("bin/python");
    if !interpreter.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let requirements = peers().join("python/requirements.txt");
    run(Command::new(&interpreter).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))?;
    Ok(interpreter)
}

/// Runs a command to its end. What it says is the reason where it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    if output.status.success() { Ok(()) } else { Err(said()) }
}
