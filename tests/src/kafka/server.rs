//! The broker's process: its jars, its settings, its start and its end.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use tempfile::TempDir;

use super::client::{client_of, serves};
use crate::requirement::{is_required, tell};
use crate::server_process::free_port;

/// How long a start may take on a busy machine; it takes 3 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(2);
/// The longest life of one broker process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "1800";

/// Returns the folder of Kafka's jars. Without one it says so on standard error, past the capture of the test
/// harness, or panics if `SLUICE_REQUIRE_KAFKA=1`.
pub(super) fn jars_or_notice() -> Option<&'static Path> {
    static JARS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match JARS.get_or_init(|| fetch().inspect_err(|why| warn(why))) {
        Ok(jars) => Some(jars),
        Err(why) if is_required("SLUICE_REQUIRE_KAFKA") => {
            panic!("SLUICE_REQUIRE_KAFKA is set, but there is no real Kafka: {why}")
        }
        Err(_) => {
            let test = thread::current();
            tell(&format!("DID NOT RUN for want of a real Kafka: {}\n", test.name().unwrap_or("a test")));
            None
        }
    }
}

fn fetch() -> Result<PathBuf, String> {
    let script = script("fetch");
    let output = Command::new(&script).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run {}: {error}", script.display()))?;
    if output.status.success() {
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka").join(name)
}

fn warn(why: &str) {
    let line = "=".repeat(100);
    tell(&format!(
        "\n{line}\nREAL KAFKA TESTS DID NOT RUN: {why}\n\
         They need `java` (17 or newer), and once Maven (`mvn`) with its registry.\n\
         SLUICE_REQUIRE_KAFKA=1 turns this notice into a failure.\n{line}\n"
    ));
}

/// What a broker has beside one plain listener.
#[derive(Default)]
pub(super) struct More {
    pub(super) properties: String,
    /// Name, security protocol and port.
    pub(super) listeners: Vec<(&'static str, &'static str, u16)>,
    /// The port of a plain listener that is advertised at a host which nobody knows.
    pub(super) unresolved: Option<u16>,
    /// Name and port of plain listeners, and the port at which each says that it is.
    pub(super) elsewhere: Vec<(String, u16, u16)>,
    /// More arguments for the tool that formats the storage.
    pub(super) format: Vec<String>,
}

/// Puts files in the broker's folder, and says what else it has.
type Prepare<'a> = &'a dyn Fn(&Path) -> io::Result<More>;

/// A broker that runs, or is stopped and keeps its data.
pub(super) struct BrokerProcess {
    home: TempDir,
    jars: PathBuf,
    port: u16,
    consumer: BaseConsumer,
    process: Option<Child>,
}

impl BrokerProcess {
    /// Starts a broker with an empty storage.
    pub(super) fn start(jars: &Path) -> Result<Self, String> {
        Self::start_with(jars, &|_| Ok(More::default()))
    }

    /// Starts a broker that has more than others.
    pub(super) fn start_with(jars: &Path, more: Prepare<'_>) -> Result<Self, String> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut server =
                Self::prepare(jars, more).map_err(|error| format!("no folder for Kafka: {error}"))?;
            match server.launch() {
                Ok(()) => return Ok(server),
                // Between the look for a free port and its use another process may take it.
                Err(problem) if tries < 3 && problem.contains("Address already in use") => {}
                Err(problem) => return Err(problem),
            }
        }
    }

    fn prepare(jars: &Path, more: Prepare<'_>) -> io::Result<Self> {
        let home = tempfile::Builder::new().prefix("sluice-kafka-").tempdir()?;
        let port = free_port();
        let more = more(home.path())?;
        fs::write(home.path().join("format.args"), more.format.join("\n"))?;
        let properties = properties(home.path(), port, free_port(), &more);
        fs::write(home.path().join("server.properties"), properties)?;
        let consumer = client_of(&address_of(port)).create().map_err(io::Error::other)?;
        Ok(Self { home, jars: jars.to_owned(), port, consumer, process: None })
    }

    /// Starts the process and waits until it serves what its storage holds.
    pub(super) fn launch(&mut self) -> Result<(), String> {
        self.process = Some(self.spawn().map_err(|error| format!("cannot run Kafka: {error}"))?);
        self.wait_until_ready()
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        Command::new(script("run"))
            .args([self.jars.as_path(), self.home.path(), Path::new(LIFE_SECONDS)])
            .stdin(Stdio::piped())
            .stdout(File::try_clone(&log)?)
            .stderr(log)
            .spawn()
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_DEADLINE;
        while !(self.listens() && serves(&self.consumer)) {
            if self.has_ended() || Instant::now() > deadline {
                self.end("kill");
                return Err(format!("Kafka did not start; its log ends with\n{}", self.log_tail()));
            }
            thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }

    fn listens(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| process.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Says a word to the script around the broker, and waits until both have ended.
    pub(super) fn end(&mut self, word: &str) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // Held until the end: a closed input tells the script that this process is gone.
        let mut input = process.stdin.take();
        if let Some(input) = &mut input {
            writeln!(input, "{word}").ok();
        }
        process.wait().expect("the end of Kafka");
    }

    /// Returns the version of the broker, as the name of the jars' folder says it.
    pub(super) fn version(&self) -> String {
        let folder = self.jars.file_name().unwrap_or_default().to_string_lossy();
        folder.split('-').nth(1).unwrap_or_default().to_owned()
    }

    /// Returns the address of the broker, the same after a restart.
    pub(super) fn address(&self) -> String {
        address_of(self.port)
    }

    /// Returns a consumer of no group for questions about topics; a new one would take 0.1 s to connect.
    pub(super) fn consumer(&self) -> &BaseConsumer {
        &self.consumer
    }

    /// Returns the file with the first records of a partition.
    pub(super) fn first_segment(&self, topic: &str, partition: i32) -> PathBuf {
        self.home.path().join(format!("data/{topic}-{partition}/00000000000000000000.log"))
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("broker.log")
    }

    /// Returns what the broker has logged so far.
    pub(super) fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    fn log_tail(&self) -> String {
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().collect();
        lines.split_at(lines.len().saturating_sub(40)).1.join("\n")
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        self.end("kill");
    }
}

pub(super) fn address_of(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn properties(home: &Path, port: u16, controller_port: u16, more: &More) -> String {
    let (mut listeners, mut protocols) = (String::new(), String::new());
    for (name, protocol, port) in &more.listeners {
        write!(listeners, ",{name}://127.0.0.1:{port}").unwrap();
        write!(protocols, ",{name}:{protocol}").unwrap();
    }
    let mut advertised = listeners.clone();
    if let Some(port) = more.unresolved {
        write!(listeners, ",AWAY://127.0.0.1:{port}").unwrap();
        write!(advertised, ",AWAY://broker.invalid:{port}").unwrap();
        protocols.push_str(",AWAY:PLAINTEXT");
    }
    for (name, port, says) in &more.elsewhere {
        write!(listeners, ",{name}://127.0.0.1:{port}").unwrap();
        write!(advertised, ",{name}://127.0.0.1:{says}").unwrap();
        write!(protocols, ",{name}:PLAINTEXT").unwrap();
    }
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
# A group forms at once, and a dead member of it is noticed soon if it asks for that.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
# A broker that was killed is admitted again when its old session has expired (default 9 s).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# Records of tests may be years old: none is to age out.
log.retention.ms=-1
# The default would take a third of the heap.
log.cleaner.dedupe.buffer.size=2097152
{more}",
        data = home.join("data").display(),
        more = more.properties
    )
}
