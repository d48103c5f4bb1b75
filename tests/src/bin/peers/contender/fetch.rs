//! Where the programs of others come from: their registries, into a folder outside the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns a file of `tests/peers`.
pub(super) fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(path)
}

/// Returns the folder for what is built and fetched.
fn cache() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let cache = cache.ok_or("there is no home")?.join("sluice/peers");
    fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
    Ok(cache)
}

/// Builds the program in a folder of `tests/peers` with Go.
pub(super) fn go(folder: &str) -> Result<PathBuf, String> {
    let program = cache()?.join(format!("contender-{folder}"));
    let mut build = Command::new("go");
    build
        .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(own(folder));
    run(&mut build)?;
    Ok(program)
}

/// Installs the packages of a folder of `tests/peers`, and returns an interpreter that has them.
pub(super) fn python(folder: &str) -> Result<PathBuf, String> {
    let place = cache()?.join(format!("venv-{folder}"));
    let (interpreter, mark) = (place.join("bin/python"), place.join("installed"));
    let requirements = own(folder).join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    if !interpreter.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&place))?;
    }
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
    run(&mut install)?;
    fs::write(&mark, wanted).map_err(|error| error.to_string())?;
    Ok(interpreter)
}

/// Fetches the jars of a worker of Kafka Connect, and returns their folder.
pub(super) fn connect_jars() -> Result<PathBuf, String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut fetch = Command::new(tests.join("kafka/fetch"));
    let said = run(fetch.arg("connect-worker").arg(tests.join("connect/worker.pom.xml")))?;
    Ok(PathBuf::from(said.trim_end()))
}

/// Compiles what is in `tests/peers/connect`, with what lets a worker find it, and returns the folder.
pub(super) fn compiled(jars: &Path) -> Result<PathBuf, String> {
    let classes = cache()?.join("connect");
    let mut javac = Command::new("javac");
    javac.arg("-cp").arg(jars.join("*")).arg("-d").arg(&classes);
    run(javac.arg(own("connect/PeerSink.java")).arg(own("connect/PeerTemplate.java")))?;
    let services = classes.join("META-INF/services");
    fs::create_dir_all(&services).map_err(|error| error.to_string())?;
    for (kind, class) in [("sink.SinkConnector", "PeerSink"), ("transforms.Transformation", "PeerTemplate")] {
        let file = services.join(format!("org.apache.kafka.connect.{kind}"));
        fs::write(file, format!("{class}\n")).map_err(|error| error.to_string())?;
    }
    Ok(classes)
}

/// Returns what stands behind a word in a file of `tests/peers`, such as the version behind the name of a module.
pub(super) fn pinned(file: &str, word: &str) -> String {
    let text = fs::read_to_string(own(file)).unwrap_or_default();
    let version = text.split_once(word).and_then(|(_, rest)| rest.split_whitespace().next());
    version.unwrap_or("of an unknown version").trim_start_matches(['=', 'v']).to_owned()
}

/// Runs a command to its end and returns what it printed. What it says is the reason where it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", said.trim().lines().last().unwrap_or("it failed")))
}
