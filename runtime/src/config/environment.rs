//! Settings of the process that the environment gives, as `SLUICE_<NAME>`.
//!
//! A text is taken as it is written: a token may be a number, or begin with a bracket. A variable that holds nothing is
//! one that is not set, as deployments write what is optional; but for the token, whose absence opens what it should close.

use std::ffi::OsString;
use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use crate::config::problem::Problem;

/// What the names of the variables begin with.
const PREFIX: &str = "SLUICE_";
/// Where a mistake is, for whoever reads of it.
const PLACE: &str = "`SLUICE_` environment variable(s)";

/// The settings that are true or false.
const SWITCHES: [&str; 4] = ["follow", "open_metrics", "rest_writes", "strict"];
/// The setting that is one path, or a list of them in brackets.
const PATHS: &str = "connectors";
/// The setting that is refused where it holds nothing, and not passed over.
const TOKEN: &str = "rest_token";
/// The settings that are texts. `SLUICE_CONFIG` names the file itself, and is none.
const TEXTS: [&str; 14] = [
    "batch_response",
    "buffer_memory",
    "deadline_margin",
    "listen",
    "log_format",
    "log_level",
    "otlp_endpoint",
    "refresh",
    TOKEN,
    "shutdown_timeout",
    "state_dir",
    "tls_cert_file",
    "tls_client_ca_file",
    "tls_key_file",
];

/// What the environment says of the settings.
#[derive(Clone, Debug)]
pub(super) struct EnvironmentSettings(Dict);

impl EnvironmentSettings {
    /// Reads the variables by a function that knows them. Fails with what is wrong with one, which never holds its value.
    pub(super) fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Problem> {
        let mut values = Dict::new();
        for name in [PATHS].into_iter().chain(SWITCHES).chain(TEXTS) {
            let Some(text) = variable(&format!("{PREFIX}{}", name.to_uppercase())) else { continue };
            let wrong =
                |expected: &str| Problem::of_file(Path::new(PLACE), format!("`{name}`: expected {expected}"));
            let text = text.into_string().map_err(|_| wrong("text in UTF-8"))?;
            let text = text.trim();
            if text.is_empty() && name != TOKEN {
                continue;
            }
            let value = match name {
                PATHS if text.starts_with('[') => text.parse().unwrap_or_else(|_| Value::from(text)),
                _ if SWITCHES.contains(&name) => {
                    Value::from(switch(text).ok_or_else(|| wrong("true or false"))?)
                }
                _ => Value::from(text),
            };
            values.insert(name.to_owned(), value);
        }
        Ok(Self(values))
    }
}

impl Provider for EnvironmentSettings {
    fn metadata(&self) -> Metadata {
        Metadata::named(PLACE)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Dict, String> {
        let known = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| OsString::from(text))
        };
        EnvironmentSettings::read(known).map(|read| read.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_text_is_taken_as_it_is_written() {
        for token in ["1234", "0123", "true", "[a", "{a=b}", "\"quoted\"", "1e9", "a b"] {
            let read = read(&[("SLUICE_REST_TOKEN", &format!("{token}\n"))]).unwrap();
            assert_eq!(read["rest_token"].as_str(), Some(token));
        }
    }

    #[test]
    fn what_holds_nothing_is_not_set_but_for_the_token() {
        let empty = [("SLUICE_STATE_DIR", ""), ("SLUICE_FOLLOW", " "), ("SLUICE_CONNECTORS", "")];
        assert!(read(&empty).unwrap().is_empty());
        assert_eq!(read(&[("SLUICE_REST_TOKEN", "\n")]).unwrap()["rest_token"].as_str(), Some(""));
    }

    #[test]
    fn switches_and_lists_are_what_they_say_and_a_mistake_does_not_show_its_value() {
        let read_all = read(&[("SLUICE_STRICT", "True"), ("SLUICE_CONNECTORS", "[a, b]")]).unwrap();
        assert_eq!(read_all["strict"].to_bool(), Some(true));
        assert_eq!(read_all["connectors"].clone().into_array().unwrap().len(), 2);
        let wrong = read(&[("SLUICE_FOLLOW", "hunter2")]).unwrap_err();
        assert!(
            wrong.contains("follow") && wrong.contains("true or false") && !wrong.contains("hunter2"),
            "{wrong}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_text_that_is_not_utf_8_is_refused_by_name() {
        use std::os::unix::ffi::OsStringExt;
        let known = |name: &str| (name == "SLUICE_REST_TOKEN").then(|| OsString::from_vec(vec![b'a', 0xff]));
        let wrong = EnvironmentSettings::read(known).unwrap_err().to_string();
        assert!(wrong.contains("rest_token") && wrong.contains("UTF-8"), "{wrong}");
    }
}
