//! Connector files that are written and removed by request.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::connector::files::find_in;
use crate::connector::load::name_of;
use crate::shown::on_one_line;

/// What a new file may be read by: it may hold secrets.
const MODE: u32 = 0o600;
/// The longest name, in bytes: a file system takes 255 with the endings.
const MAX_NAME: usize = 200;

/// The connector files below some paths, for whoever writes them.
#[derive(Clone, Debug)]
pub(crate) struct WritableFiles {
    paths: Vec<PathBuf>,
}

/// Why a file is not written or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The name would lead elsewhere.
    #[error("the name of the connector: {0}")]
    Name(&'static str),
    /// No new file can be made at the paths that the worker was given.
    #[error("there is no directory for new connectors: have `sluice run` follow one")]
    NoDirectory,
    /// Several files are named so.
    #[error("several files have this name, {} and {}: remove one of them", .0.display(), .1.display())]
    Several(PathBuf, PathBuf),
    /// It is a link, and what it points to is somebody else's.
    #[error("{} is a link: change the file that it points to, or remove the link yourself", .0.display())]
    Link(PathBuf),
    /// The file system refuses.
    #[error("cannot write {}: {error}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Says what is wrong with the name of a connector whose file is to be written: it is the file's, and must not lead elsewhere.
pub(crate) fn wrong_with_name(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        return Some("it is empty");
    }
    if name.contains(['/', '\\']) || name.chars().any(char::is_control) {
        return Some("it is the name of a file, and has no slashes and no control characters");
    }
    if on_one_line(name) != name {
        return Some("it has a character that cannot be seen, or that turns the direction of a text");
    }
    if name.starts_with('.') || name.trim() != name {
        return Some(
            "it is the name of a file, and does not begin with a dot or a space, or end with a space",
        );
    }
    if Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("test")) {
        return Some("files that end in .test.yaml hold tests");
    }
    (name.len() > MAX_NAME).then_some("it is longer than 200 bytes")
}

impl WritableFiles {
    /// Takes the files and directories that a worker follows. New files go into the first directory.
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths }
    }

    /// Finds the file of a connector.
    pub(crate) fn find(&self, name: &str) -> Result<Option<PathBuf>, WriteError> {
        let mut found = None;
        for path in &self.paths {
            // What cannot be read holds no file that could be written.
            for file in find_in(path).unwrap_or_default().into_iter().filter(|file| name_of(file) == name) {
                match found {
                    None => found = Some(file),
                    Some(first) => return Err(WriteError::Several(first, file)),
                }
            }
        }
        Ok(found)
    }

    /// Returns where the file of a connector is, or is to be.
    pub(crate) fn place_of(&self, name: &str) -> Result<PathBuf, WriteError> {
        if let Some(wrong) = wrong_with_name(name) {
            return Err(WriteError::Name(wrong));
        }
        if let Some(file) = self.find(name)? {
            return Ok(file);
        }
        let directory = self.paths.iter().find(|path| path.is_dir()).ok_or(WriteError::NoDirectory)?;
        Ok(directory.join(format!("{name}.yaml")))
    }
}

/// Writes a file. Whoever reads it at any instant, or kills the process, finds the old one or the new one, and both whole.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), WriteError> {
    refuse_link(file)?;
    replace(file, text).map_err(|error| WriteError::Io { file: file.to_owned(), error })
}

fn refuse_link(file: &Path) -> Result<(), WriteError> {
    let is_link = fs::symlink_metadata(file).is_ok_and(|metadata| metadata.is_symlink());
    if is_link { Err(WriteError::Link(file.to_owned())) } else { Ok(()) }
}

fn replace(file: &Path, text: &str) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // What begins with a dot is no connector. One that is there was left by a process that was killed.
    let next = file.with_file_name(format!(".{name}.next"));
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mode = fs::metadata(file).map_or(MODE, |metadata| metadata.permissions().mode());
    let mut new = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&next)?;
    let written = new
        .write_all(text.as_bytes())
        .and_then(|()| new.set_permissions(fs::Permissions::from_mode(mode)))
        .and_then(|()| new.sync_all())
        .and_then(|()| fs::rename(&next, file));
    if let Err(error) = written {
        // It holds nothing that anybody needs.
        let _left = fs::remove_file(&next).is_err();
        return Err(error);
    }
    settle(file)
}

/// Removes a file; one that is gone is none that has to be.
pub(crate) fn remove(file: &Path) -> Result<(), WriteError> {
    refuse_link(file)?;
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(WriteError::Io { file: file.to_owned(), error })
        }
        Ok(()) | Err(_) => settle(file).map_err(|error| WriteError::Io { file: file.to_owned(), error }),
    }
}

/// Has the directory keep what was changed in it.
fn settle(file: &Path) -> io::Result<()> {
    match file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        let long = "x".repeat(201);
        for name in [
            "",
            " ",
            "..",
            ".",
            "../x",
            "/etc/x",
            "a/b",
            "a\\b",
            "a\0b",
            "a\nb",
            ".hidden",
            " a",
            "a ",
            "a.test",
            "a\u{202e}b",
            "\u{2028}",
            &long,
        ] {
            assert!(wrong_with_name(name).is_some(), "{name:?}");
        }
        for name in ["prices", "a.b", "a b", "test", "Łódź", "x..y", "-x"] {
            assert_eq!(wrong_with_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_rights() {
        let directory = tempfile::tempdir().unwrap();
        let files = WritableFiles::new(vec![directory.path().join("none"), directory.path().to_owned()]);
        let file = files.place_of("prices").unwrap();
        fs::write(file.with_file_name(".prices.yaml.next"), "left over").unwrap();
        write(&file, "a: 1\n").unwrap();
        let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!((fs::read_to_string(&file).unwrap(), mode(&file)), ("a: 1\n".to_owned(), 0o600));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        write(&file, "a: 2\n").unwrap();
        assert_eq!((fs::read_to_string(&file).unwrap(), mode(&file)), ("a: 2\n".to_owned(), 0o644));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left behind");
        assert_eq!(files.find("prices").unwrap(), Some(file.clone()));
        remove(&file).unwrap();
        remove(&file).unwrap();
        assert_eq!(files.find("prices").unwrap(), None);
    }

    #[test]
    fn links_and_names_that_several_files_have_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        fs::create_dir(place("d")).unwrap();
        fs::write(place("elsewhere"), "a: 1\n").unwrap();
        std::os::unix::fs::symlink(place("elsewhere"), place("d/x.yaml")).unwrap();
        assert!(matches!(write(&place("d/x.yaml"), "a: 2\n"), Err(WriteError::Link(_))));
        assert!(matches!(remove(&place("d/x.yaml")), Err(WriteError::Link(_))));
        assert!(place("d/x.yaml").is_symlink());
        assert_eq!(fs::read_to_string(place("elsewhere")).unwrap(), "a: 1\n");
        fs::write(place("d/x.yml"), "a: 1\n").unwrap();
        let files = WritableFiles::new(vec![place("d")]);
        assert!(matches!(files.find("x"), Err(WriteError::Several(..))));
        assert!(matches!(
            WritableFiles::new(vec![place("elsewhere")]).place_of("new"),
            Err(WriteError::NoDirectory)
        ));
    }
}
