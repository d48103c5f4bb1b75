//! What operators asked connectors to be, kept over restarts where there is a directory for it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::settings::TargetState;

/// The name of the file in the state directory.
const FILE: &str = "states.json";

/// How long what an operator asked for counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It is written to the state directory and counts after a restart of the process, too.
    StateDirectory,
    /// It counts until the process ends: there is no state directory, or it could not be written to.
    Process,
}

/// What operators asked for, by the name of the connector.
///
/// Where it is kept in a file, each change is a new file that takes the place of the old one, so that whoever kills the
/// process at any instant finds one of the two.
#[derive(Debug, Default)]
pub struct KeptStates {
    file: Option<PathBuf>,
    states: BTreeMap<String, KeptState>,
}

/// What an operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeptState {
    state: TargetState,
    /// What the connector's file said then. Once it says something else, that is the later word.
    file: TargetState,
}

impl KeptStates {
    /// Keeps states in a directory, which is made if it is not there, and reads those that are kept there.
    ///
    /// Fails where the directory cannot be made or written to, or its file does not hold states.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let file = directory.join(FILE);
        let states = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let text = format!("{} does not hold states ({error}); remove it", file.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let kept = Self { file: Some(file), states };
        // Now, and not at the first pause, is the time to find out that it cannot be written.
        kept.write()?;
        Ok(kept)
    }

    /// Returns what a connector is meant to be whose file says this.
    pub(super) fn target(&self, name: &str, file: TargetState) -> TargetState {
        match self.states.get(name) {
            Some(kept) if kept.file == file => kept.state,
            _ => file,
        }
    }

    /// Notes what an operator wants a connector to be whose file says this.
    pub(super) fn keep(&mut self, name: &str, state: TargetState, file: TargetState) -> Kept {
        self.states.insert(name.to_owned(), KeptState { state, file });
        self.written()
    }

    /// Forgets what an operator wanted a connector to be.
    pub(super) fn forget(&mut self, name: &str) {
        if self.states.remove(name).is_some() {
            self.written();
        }
    }

    fn written(&self) -> Kept {
        if self.file.is_none() {
            return Kept::Process;
        }
        match self.write() {
            Ok(()) => Kept::StateDirectory,
            Err(error) => {
                tracing::error!(
                    "the state directory cannot be written to, so that states last as long as the process: {error}"
                );
                Kept::Process
            }
        }
    }

    fn write(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let next = file.with_extension("json.next");
        let mut new = File::create(&next)?;
        new.write_all(&serde_json::to_vec_pretty(&self.states)?)?;
        new.sync_all()?;
        fs::rename(&next, file)?;
        match file.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TargetState::{Paused, Running, Stopped};

    #[test]
    fn what_an_operator_asked_for_is_there_after_a_restart_until_the_file_says_something_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/for/it");
        let mut states = KeptStates::open(&path).unwrap();
        assert_eq!(states.keep("prices", Paused, Running), Kept::StateDirectory);
        states.keep("orders", Stopped, Running);
        states.forget("orders");

        let states = KeptStates::open(&path).unwrap();
        assert_eq!(states.target("prices", Running), Paused);
        assert_eq!(states.target("prices", Stopped), Stopped, "the file has changed since");
        assert_eq!(states.target("orders", Running), Running);
        assert_eq!(states.target("unheard-of", Paused), Paused);
    }

    #[test]
    fn without_a_directory_it_lasts_as_long_as_the_process() {
        let mut states = KeptStates::default();
        assert_eq!(states.keep("prices", Paused, Running), Kept::Process);
        assert_eq!(states.target("prices", Running), Paused);
    }

    #[test]
    fn a_file_that_holds_something_else_is_named_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{\"prices\": 1}").unwrap();
        let error = KeptStates::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains(FILE) && error.contains("remove it"), "{error}");
        assert_eq!(fs::read_to_string(directory.path().join(FILE)).unwrap(), "{\"prices\": 1}");
    }

    #[test]
    fn a_write_that_was_cut_short_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        KeptStates::open(directory.path()).unwrap().keep("prices", Paused, Running);
        fs::write(directory.path().join("states.json.next"), "{\"pri").unwrap();
        assert_eq!(KeptStates::open(directory.path()).unwrap().target("prices", Running), Paused);
    }
}
