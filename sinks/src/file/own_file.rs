//! Which file a process writes, and the lock that keeps every other process from it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sluice_connector_api::Failure;

/// What stands in a path for a name that no other process has.
const TAG: &str = "{instance}";
/// How many processes on one host may write beside each other.
const MOST: usize = 1000;
/// The most of a lock file that is shown.
const SHOWN_BYTES: u64 = 200;

/// Where the records of a process go.
pub(super) struct OwnFile {
    path: PathBuf,
    is_locked: bool,
    taken: Mutex<Option<Taken>>,
}

/// A file that this process has, for as long as its lock is open.
struct Taken {
    path: PathBuf,
    _lock: Option<File>,
}

impl OwnFile {
    /// Checks a path, which may hold [`TAG`] in its last part.
    pub(super) fn new(path: PathBuf, is_locked: bool) -> Result<Self, String> {
        let text = path.to_string_lossy();
        let without = text.replace(TAG, "");
        if text.is_empty() {
            return Err("the path is empty; write one such as out.jsonl".to_owned());
        }
        if without.contains(['{', '}']) || without.contains("<<") {
            return Err(format!("`{text}` looks like a template; `{TAG}` is the only tag of a path"));
        }
        let in_name = path.file_name().map(|name| name.to_string_lossy().matches(TAG).count());
        match text.matches(TAG).count() {
            0 => {}
            1 if in_name == Some(1) && is_locked => {}
            1 if in_name == Some(1) => return Err(format!("`{TAG}` needs `lock: true`")),
            _ => return Err(format!("`{TAG}` may stand in the name of the file, once")),
        }
        Ok(Self { path, is_locked, taken: Mutex::default() })
    }

    /// Returns the path as it is written.
    pub(super) fn written(&self) -> &Path {
        &self.path
    }

    /// Returns a path of the same directory that may be looked at: the one that would be tried first.
    pub(super) fn first(&self) -> PathBuf {
        self.numbered(0)
    }

    /// Takes the file, unless this process has it: the lock of a path as it is, or of the first name that is free.
    pub(super) fn take(&self) -> Result<PathBuf, Failure> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = &*taken {
            return Ok(taken.path.clone());
        }
        let found = self.find()?;
        let path = found.path.clone();
        *taken = Some(found);
        Ok(path)
    }

    fn find(&self) -> Result<Taken, Failure> {
        if !self.is_locked {
            return Ok(Taken { path: self.path.clone(), _lock: None });
        }
        let tries = if self.has_tag() { MOST } else { 1 };
        for number in 0..tries {
            let path = self.numbered(number);
            let lock = lock(&path).map_err(|error| lock_failure(&path, error))?;
            if let Some(lock) = lock {
                return Ok(Taken { path, _lock: Some(lock) });
            }
        }
        let path = self.path.display();
        if self.has_tag() {
            return Err(Failure::fatal(format!("{MOST} processes on this host write {path} already")));
        }
        let holder = holder(&self.path);
        Err(Failure::fatal(format!(
            "{path} is written by {holder}; end that one, or put `{TAG}` into the name, such as orders-{TAG}.jsonl"
        )))
    }

    fn has_tag(&self) -> bool {
        self.path.to_string_lossy().contains(TAG)
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains(TAG) {
            self.path.with_file_name(name.replace(TAG, &format!("{}-{number}", host())))
        } else {
            self.path.clone()
        }
    }
}

/// Takes the lock that goes with a file; none where another process has it. Locks of the system end with their process.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let mut file = options.create(true).truncate(false).read(true).write(true).open(lock_path(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    file.set_len(0)?;
    writeln!(file, "process {} on {}", std::process::id(), host())?;
    Ok(Some(file))
}

/// The lock has a file of its own, as the one with the records may be moved away at any time.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}

/// Returns who has a lock, as they wrote it down.
fn holder(path: &Path) -> String {
    let mut said = String::new();
    let read = File::open(lock_path(path)).and_then(|file| file.take(SHOWN_BYTES).read_to_string(&mut said));
    let said: String = said.trim().chars().filter(|c| !c.is_control()).collect();
    if read.is_ok() && !said.is_empty() { said } else { "another process".to_owned() }
}

fn host() -> String {
    let told =
        std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let legal = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let name: String = told.unwrap_or_default().trim().chars().filter(legal).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

fn lock_failure(path: &Path, error: io::Error) -> Failure {
    let lock = lock_path(path);
    if error.kind() == ErrorKind::Unsupported {
        let reason = format!(
            "{} cannot be locked: {error}; where one process writes, set `lock: false`",
            lock.display()
        );
        return Failure::fatal(reason).caused_by(error);
    }
    failure(&lock, error)
}

/// Returns the directory that a file is in.
pub(super) fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Says what to do about a file that cannot be written.
pub(super) fn failure(path: &Path, error: io::Error) -> Failure {
    let reason = format!("cannot write to {}: {error}", path.display());
    let set_up = match error.kind() {
        ErrorKind::NotFound => Some("create its directory, or change `path`"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Some("let this user write there, or change `path`")
        }
        ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidFilename => Some("`path` must name a regular file"),
        _ => None,
    };
    let failure = set_up.map_or_else(
        || Failure::retriable(&reason),
        |way_out| Failure::fatal(format!("{reason}; {way_out}")),
    );
    failure.caused_by(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn own(path: &Path) -> OwnFile {
        OwnFile::new(path.to_owned(), true).unwrap()
    }

    fn refused(path: &str, is_locked: bool) -> String {
        OwnFile::new(path.into(), is_locked).err().unwrap_or_default()
    }

    #[test]
    fn a_file_takes_one_process_and_whoever_comes_second_is_told_who_has_it() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out.jsonl");
        let first = own(&path);
        assert_eq!(first.take().unwrap(), path);
        assert_eq!(first.take().unwrap(), path, "who has it keeps it");
        let second = own(&path);
        let held = second.take().unwrap_err().to_string();
        let who = format!("is written by process {} on ", std::process::id());
        assert!(held.contains(&who) && held.contains("{instance}"), "{held}");
        drop(first);
        assert_eq!(second.take().unwrap(), path, "a lock ends with who has it");
    }

    #[test]
    fn each_process_has_a_name_of_its_own_which_is_free_again_behind_it() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out-{instance}.jsonl");
        let (first, second) = (own(&path), own(&path));
        let names = [first.take().unwrap(), second.take().unwrap()];
        let name = |number: usize| directory.path().join(format!("out-{}-{number}.jsonl", host()));
        assert_eq!(names, [name(0), name(1)]);
        drop(first);
        assert_eq!(own(&path).take().unwrap(), name(0));
    }

    #[test]
    fn without_a_lock_any_number_of_processes_write() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("out.jsonl");
        for _ in 0..2 {
            assert_eq!(OwnFile::new(path.clone(), false).unwrap().take().unwrap(), path);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_path_that_looks_like_a_template_is_refused() {
        for path in ["{topic}.jsonl", "out-{{instance}}.jsonl", "<<a>>", "out}"] {
            assert!(refused(path, true).contains("the only tag"), "{path}: {}", refused(path, true));
        }
        for path in ["{instance}/out", "{instance}-{instance}"] {
            assert!(refused(path, true).contains("once"), "{path}");
        }
        assert!(refused("a-{instance}", false).contains("lock: true"));
        assert!(refused("", true).contains("empty"));
        assert_eq!(refused("a-{instance}.jsonl", true), "");
    }

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        let directory = TempDir::new().unwrap();
        let missing = own(&directory.path().join("no/out")).take().unwrap_err();
        assert!(missing.to_string().contains("create its directory"), "{missing}");
    }
}
