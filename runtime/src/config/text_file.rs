//! Reads text files, and says in an operator's words why one cannot be read.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use crate::config::problem::{Position, Problem};

/// The most bytes of such a file: whatever else ends in `.yaml` must not take a worker's memory.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a file of text in UTF-8, or says what is wrong with it, and where.
pub fn read_text(file: &Path) -> Result<String, Problem> {
    let cannot_read = |error: Error| Problem::of_file(file, format!("cannot read the file: {}", why(&error)));
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(cannot_read)?;
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(cannot_read)?;
    if bytes.len() as u64 > MOST_BYTES {
        let text = "the file is larger than 4 MiB, and so no connector; move it out of the directory";
        return Err(Problem::of_file(file, text));
    }
    utf8(file, bytes)
}

/// Says why a file cannot be read.
pub(crate) fn why(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        ErrorKind::IsADirectory => "it is a directory; name a file in it".to_owned(),
        ErrorKind::PermissionDenied => "this user has no right to read it".to_owned(),
        _ => error.to_string(),
    }
}

/// Reads bytes as text, or says where they are none.
fn utf8(file: &Path, bytes: Vec<u8>) -> Result<String, Problem> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Problem::of_file(file, "the file is UTF-16; save it as UTF-8"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default());
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let text = "a byte that is not UTF-8; save the file as UTF-8";
        Problem::at(file, Position { line, column }, text)
    })
}
