//! Reads text files, and says in an operator's words why one cannot be read.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use crate::config::problem::{Position, Problem};

/// The most bytes of such a file: whatever else ends in `.yaml` must not take a worker's memory.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// What a file is read for, and so what can be done about one that is too large to be that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFile {
    /// A connector, which may have been found in a directory of them.
    Connector,
    /// The process settings.
    Settings,
    /// The tests of a connector.
    Tests,
    /// The configuration of a connector of Kafka Connect.
    ConnectConfiguration,
}

impl TextFile {
    /// What a file that is too large is not, and the way out.
    fn too_large(self) -> &'static str {
        match self {
            Self::Connector => {
                "and so no connector; name another file, or move it out of the directory of connectors"
            }
            Self::Settings => "and so no process settings; name another file by --config or SLUICE_CONFIG",
            Self::Tests => {
                "which is more than a file of tests may be; leave out records that show nothing new"
            }
            Self::ConnectConfiguration => {
                "and so no configuration of a connector; name the file that holds it alone"
            }
        }
    }
}

/// Reads a file of text in UTF-8, or says what is wrong with it, and where.
pub fn read_text(file: &Path, read_as: TextFile) -> Result<String, Problem> {
    let cannot_read = |error: Error| Problem::of_file(file, format!("cannot read the file: {}", why(&error)));
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(cannot_read)?;
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(cannot_read)?;
    if bytes.len() as u64 > MOST_BYTES {
        let text = format!("the file is larger than 4 MiB, {}", read_as.too_large());
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_told_what_fits_what_it_is_read_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.yaml");
        File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        for (read_as, way_out) in [
            (TextFile::Connector, "move it out of the directory of connectors"),
            (TextFile::Settings, "name another file by --config or SLUICE_CONFIG"),
            (TextFile::Tests, "leave out records that show nothing new"),
            (TextFile::ConnectConfiguration, "name the file that holds it alone"),
        ] {
            let said = read_text(&path, read_as).unwrap_err().to_string();
            assert!(said.contains("larger than 4 MiB") && said.ends_with(way_out), "{said}");
            assert_eq!(said.contains("directory"), read_as == TextFile::Connector, "{said}");
        }
        File::create(&path).unwrap().set_len(MOST_BYTES).unwrap();
        assert_eq!(read_text(&path, TextFile::Tests).unwrap().len() as u64, MOST_BYTES);
    }
}
