//! Which files are connectors.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::problem::Problem;
use crate::config::text_file::why;
use crate::connector::load::name_of;

/// Finds the connector files in files and directories, sorted by name. In a directory these are the files
/// that end in `.yaml` or `.yml`, do not begin with a dot and hold no tests (`.test.yaml`); directories within are left alone. Also returns
/// what is wrong with the files as a whole, so that it can be reported beside what is wrong within them.
pub fn find(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Problem>) {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match find_in(path) {
            Ok(found) if found.is_empty() => problems.push(nothing_in(path)),
            Ok(found) => files.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(same_names(&files));
    (files, problems)
}

/// Says that a directory holds no connector.
pub(crate) fn nothing_in(path: &Path) -> Problem {
    Problem::of_file(path, "no connector here; a connector is a file that ends in .yaml or .yml")
}

/// Finds the connector files at one path, which may be none in a directory. A link that leads nowhere is one of them: a volume
/// that is away must not have the connectors stop that its files are.
pub(crate) fn find_in(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let metadata = std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    // A list that is cut short would take files for gone that are there.
    for entry in std::fs::read_dir(path).map_err(|error| cannot_read(path, &error))? {
        let file = entry.map_err(|error| cannot_read(path, &error))?.path();
        if is_connector_file(&file) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Problem {
    let way_out = match error.kind() {
        ErrorKind::NotFound => "; name a connector file, or a directory of them",
        _ => "",
    };
    Problem::of_file(path, format!("cannot read it: {}{way_out}", why(error)))
}

fn is_connector_file(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    // What cannot be looked at may be one.
    let may_be_file = || std::fs::metadata(path).map_or(true, |metadata| metadata.is_file());
    yaml && !hidden && !holds_tests(path) && may_be_file()
}

/// Says whether a file holds the tests of a connector, by its name: `NAME.test.yaml` stands beside `NAME.yaml`.
pub fn holds_tests(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Says that a connector has the name of another.
pub(crate) fn second(file: &Path, first: &Path) -> Problem {
    let text = format!(
        "a second connector named `{}`, the first is {}; rename one file",
        name_of(file),
        first.display()
    );
    Problem::of_file(file, text)
}

/// Two connectors of one name would share a consumer group and each get half the records.
fn same_names(files: &[PathBuf]) -> Vec<Problem> {
    let mut first: BTreeMap<String, &PathBuf> = BTreeMap::new();
    let mut problems = Vec::new();
    for file in files {
        let name = name_of(file);
        match first.get(&name) {
            Some(other) => {
                problems.push(second(file, other));
            }
            None => {
                first.insert(name, file);
            }
        }
    }
    problems
}
