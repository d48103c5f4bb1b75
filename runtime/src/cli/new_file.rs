//! A connector file that a command writes: one that is there stays as it is.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::cli::exit::Exit;

/// Writes a connector file that must not be there yet. The error says what to do instead.
pub fn write_new(file: &Path, text: &str) -> Result<(), Exit> {
    let shown = file.display();
    let cannot = |why: String| Err(Exit::Environment(format!("cannot write {shown}: {why}")));
    if file.is_dir() {
        return cannot("it is a directory; name the file in it".to_owned());
    }
    if !file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
        return cannot("a connector is a file that ends in .yaml or .yml".to_owned());
    }
    let written = File::create_new(file).and_then(|mut new| new.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            cannot("it is there already, and stays as it is; name another one, or remove it first".to_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            cannot("its directory is not there; make that first".to_owned())
        }
        Err(error) => cannot(error.to_string()),
    }
}
