//! `${env:NAME}`, `${env:NAME:-default}` and `${file:/path}` in scalar values.
//!
//! References are resolved after the file is parsed, so that no value can inject YAML. `$${` stands for `${`.

use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::config::problem::Problem;
use crate::config::yaml::Node;

/// Where references get their values from.
pub trait Lookup {
    /// Returns an environment variable.
    fn env(&self, name: &str) -> Option<String>;

    /// Says what to do about a variable that is not set and has no default.
    fn unset(&self) -> Unset {
        Unset::Problem
    }
}

/// What to do about a variable that is not set and has no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// Report it.
    Problem,
    /// Keep the reference as the text; for a preview, which does not need the value.
    Keep,
}

/// Reads the process environment.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnv;

impl Lookup for ProcessEnv {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Reads the process environment and keeps references to what is not set there.
#[derive(Clone, Copy, Debug)]
pub struct PreviewEnv;

impl Lookup for PreviewEnv {
    fn env(&self, name: &str) -> Option<String> {
        ProcessEnv.env(name)
    }

    fn unset(&self) -> Unset {
        Unset::Keep
    }
}

#[allow(clippy::unwrap_used, reason = "the pattern is a constant that a test compiles")]
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\$\{|\$\{(env|file):([^}]*)\}|\$\{([A-Z_][A-Z0-9_]*)\}").unwrap());

/// Resolves every reference below `node`; returns what could not be resolved.
pub fn interpolate(file: &Path, node: &mut Node, lookup: &dyn Lookup) -> Vec<Problem> {
    let mut problems = Vec::new();
    node.for_each_scalar(&mut |position, scalar| {
        if !scalar.text.contains("${") {
            return;
        }
        let mut failed = Vec::new();
        let text = REFERENCE.replace_all(&scalar.text, |captures: &Captures<'_>| {
            let (whole, interpolated) = match resolve(captures, lookup) {
                Ok(resolved) => resolved,
                Err(text) => {
                    failed.push(text);
                    (String::new(), true)
                }
            };
            scalar.interpolated |= interpolated;
            whole
        });
        scalar.text = text.into_owned();
        problems.extend(failed.into_iter().map(|text| Problem::at(file, position, text)));
    });
    problems
}

/// Resolves one match; says whether the text came from outside the file.
fn resolve(captures: &Captures<'_>, lookup: &dyn Lookup) -> Result<(String, bool), String> {
    let group = |index| captures.get(index).map(|group| group.as_str());
    match (group(1), group(2), group(3)) {
        (Some("env"), Some(reference), _) => resolve_env(reference, lookup).map(|text| (text, true)),
        (Some(_), Some(path), _) => read_file(path).map(|text| (text, true)),
        (_, _, Some(name)) => Err(format!(
            "write `${{env:{name}}}` for the environment variable, or `$${{{name}}}` for the text itself"
        )),
        _ => Ok(("${".to_owned(), false)),
    }
}

fn resolve_env(reference: &str, lookup: &dyn Lookup) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    // Like a shell's `:-`, the default also stands in for an empty variable.
    let value = lookup.env(name).filter(|value| !(value.is_empty() && default.is_some()));
    match (value, default, lookup.unset()) {
        (Some(value), _, _) => Ok(value),
        (None, Some(default), _) => Ok(default.to_owned()),
        (None, None, Unset::Keep) => Ok(format!("${{env:{name}}}")),
        (None, None, Unset::Problem) => Err(format!(
            "environment variable `{name}` is not set; set it, or give a default: `${{env:{name}:-default}}`"
        )),
    }
}

/// Reads a file; the last line break, which editors add, is not part of the value.
fn read_file(path: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read `{path}`: {error}"))?;
    Ok(text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).to_owned()).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    struct One;

    impl Lookup for One {
        fn env(&self, name: &str) -> Option<String> {
            match name {
                "SET" => Some("a: b\n- {x}".to_owned()),
                "EMPTY" => Some(String::new()),
                "DIGITS" => Some("1234567890".to_owned()),
                _ => None,
            }
        }
    }

    fn run(source: &str) -> (serde_json::Value, Vec<String>) {
        let mut node = Node::parse(source).unwrap();
        let problems = interpolate(Path::new("f.yaml"), &mut node, &One);
        (node.to_json(), problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_value_cannot_inject_yaml() {
        assert_eq!(run("k: ${env:SET}"), (json!({"k": "a: b\n- {x}"}), vec![]));
    }

    #[test]
    fn a_default_stands_in_for_what_is_unset_or_empty() {
        assert_eq!(
            run("[\"${env:NO:-a:9092}\", \"${env:EMPTY:-b}\", \"${env:NO:-}\"]").0,
            json!(["a:9092", "b", ""])
        );
    }

    #[test]
    fn what_is_missing_is_named_with_its_place() {
        let (_, problems) = run("a: 1\nk: \"x-${env:NO}\"");
        assert_eq!(problems.len(), 1);
        assert!(
            problems.iter().all(|text| text.starts_with("f.yaml:2:4: environment variable `NO` is not set")),
            "{problems:?}"
        );
    }

    #[test]
    fn digits_from_the_environment_stay_text() {
        assert_eq!(run("k: ${env:DIGITS}").0, json!({"k": "1234567890"}));
    }

    #[test]
    fn other_dollars_are_text_but_a_forgotten_provider_is_not() {
        assert_eq!(run("k: 'a$ $b ${{c}} $${env:SET}'").0, json!({"k": "a$ $b ${{c}} ${env:SET}"}));
        assert!(run("k: ${KBID}").1.iter().all(|text| text.contains("write `${env:KBID}`")));
    }

    #[test]
    fn a_file_is_read_without_its_last_line_break() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"secret\n").unwrap();
        let (value, problems) = run(&format!("k: ${{file:{}}}", file.path().display()));
        assert_eq!((value, problems), (json!({"k": "secret"}), vec![]));
        assert!(run("k: ${file:/no/such}").1.iter().all(|text| text.contains("cannot read `/no/such`")));
    }
}
