//! The settings of a Kafka Connect connector that are not converted yet, and what is noted on the way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice_runtime::config::credentials::{sounds_secret, tells_in_url};

use super::stand_ins::{is_needless, stand_in};

/// Settings that are taken out one by one; what is left in the end has no counterpart.
#[derive(Debug, Default)]
pub(super) struct Options {
    left: BTreeMap<String, String>,
    /// What has no counterpart, or differs, by the setting's name; in the order found.
    pub(super) missing: Vec<String>,
    /// What is good to know.
    pub(super) remarks: Vec<String>,
    /// The environment variables that stand for secrets.
    pub(super) variables: BTreeSet<String>,
    /// Settings that nothing is needed for.
    needless: BTreeSet<String>,
}

impl Options {
    pub(super) fn new(settings: BTreeMap<String, String>) -> Self {
        Self { left: settings, ..Self::default() }
    }

    /// Takes a setting as it is written, without the blanks around it. Never for what is shown: see [`Options::shown`].
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Takes a setting that goes into the file: a secret, and what may hold one, as a reference to the environment.
    pub(super) fn shown(&mut self, name: &str) -> Option<Value> {
        let value = self.take(name)?;
        Some(self.safe(name, &value).into())
    }

    /// Takes a setting that goes into the file as a reference to the environment, whatever it is called.
    pub(super) fn secret(&mut self, name: &str) -> Option<Value> {
        let value = self.take(name)?;
        Some(self.reference(name, &value).into())
    }

    pub(super) fn bool(&mut self, name: &str) -> Option<bool> {
        self.take(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let value = self.take(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// Takes a number; one below zero is none, as Kafka Connect has it.
    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        let value = self.take(name)?;
        let Ok(number) = value.parse::<i64>() else {
            self.missing.push(format!("{name}: is not a number"));
            return None;
        };
        u64::try_from(number).ok()
    }

    /// Returns the names of settings that begin with a prefix, without it.
    pub(super) fn below(&mut self, prefix: &str) -> Vec<String> {
        let names = self.left.keys().filter_map(|name| name.strip_prefix(prefix));
        names.map(str::to_owned).collect()
    }

    /// Adds a setting that another one stands for.
    pub(super) fn give(&mut self, name: &str, value: &str) {
        self.left.insert(name.to_owned(), value.to_owned());
    }

    /// Returns a setting without taking it.
    pub(super) fn peek(&self, name: &str) -> Option<String> {
        self.left.get(name).map(|value| value.trim().to_owned())
    }

    /// Drops settings whose names begin like this.
    pub(super) fn forget_below(&mut self, prefix: &str) {
        self.left.retain(|name, _| !name.starts_with(prefix));
    }

    /// Drops settings that others say all of.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.left.remove(*name);
        }
    }

    /// Drops settings that nothing is needed for, and takes note of them.
    pub(super) fn needless(&mut self, names: &[&str]) {
        for name in names {
            if self.left.remove(*name).is_some() {
                self.needless.insert((*name).to_owned());
            }
        }
    }

    /// Drops settings whose names begin like this, and says what of them.
    pub(super) fn drop_below(&mut self, prefix: &str, why: &str) {
        let found = !self.below(prefix).is_empty();
        self.forget_below(prefix);
        if found {
            self.missing.push(format!("{prefix}*: {why}"));
        }
    }

    /// Notes that a setting has no counterpart.
    pub(super) fn no_counterpart(&mut self, name: &str, what: &str) {
        self.missing.push(format!("{name}: {what}"));
    }

    /// Notes everything that is left: what stands in for it, or that nothing is needed for it.
    pub(super) fn note_left(&mut self) {
        for (name, value) in std::mem::take(&mut self.left) {
            if is_needless(&name, &value) {
                self.needless.insert(name);
                continue;
            }
            let text = stand_in(&name).unwrap_or("has no counterpart");
            self.missing.push(format!("{name}: {text}"));
        }
        if !self.needless.is_empty() {
            let names: Vec<String> = std::mem::take(&mut self.needless).into_iter().collect();
            self.remarks.push(format!("nothing is needed for {}", names.join(", ")));
        }
    }

    /// Writes a value so that it shows no secret, and means here what it means there.
    pub(super) fn safe(&mut self, name: &str, value: &str) -> String {
        if sounds_secret(name) || tells_in_url(value) || value.contains("${") {
            return self.reference(name, value);
        }
        value.to_owned()
    }

    /// Returns the reference that stands for a value. One to an environment variable is one here, too.
    fn reference(&mut self, name: &str, value: &str) -> String {
        let of_environment = value.strip_prefix("${env:").and_then(|rest| rest.strip_suffix('}'));
        let is_name =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let variable = match of_environment.filter(|text| is_name(text)) {
            Some(variable) => variable.to_owned(),
            None => variable_of(name),
        };
        let reference = format!("${{env:{variable}}}");
        self.variables.insert(variable);
        reference
    }
}

/// `connection.password` becomes `CONNECTION_PASSWORD`.
fn variable_of(name: &str) -> String {
    let mut variable = String::new();
    for c in name.chars() {
        variable.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    if variable.starts_with(|first: char| first.is_ascii_digit()) { format!("_{variable}") } else { variable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, value: &str) -> String {
        let mut options = Options::new([(name.to_owned(), value.to_owned())].into());
        options.shown(name).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_secret_becomes_a_reference_by_its_name_or_its_value() {
        for (name, value) in [
            ("connection.password", "hunter2"),
            ("http.headers.authorization", "Bearer hunter2"),
            ("aws_secret_access_key", "hunter2"),
            ("http.url", "https://me:hunter2@host/x"),
            ("connection.url", "jdbc:postgresql://host/d?user=me&password=hunter2"),
            ("http.url", "https://host/x?api_key=hunter2"),
            ("ssl.key.password", "${file:/secrets:hunter2}"),
        ] {
            let text = shown(name, value);
            assert!(text.starts_with("${env:") && !text.contains("hunter2"), "{name}: {text}");
        }
        assert_eq!(shown("http.url", "https://host/x?by=sluice"), "https://host/x?by=sluice");
        assert_eq!(shown("oauth2.token.url", "https://host/token"), "https://host/token");
        assert_eq!(shown("connection.password", "${env:PASSWORD}"), "${env:PASSWORD}");
    }
}
