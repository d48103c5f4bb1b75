//! What works in a connector file, but hardly as it is meant.

use sluice_connector_api::{ByteSize, Limits, SettingsError};

use crate::config::problem::Problem;
use crate::config::settings::{BatchSettings, ConnectorFile};
use crate::connector::parts::Parts;

impl Parts<'_> {
    /// Returns the places of a file that is in order, each with what will be otherwise than it looks.
    /// `of_plug_ins` are what plug-ins say of their keys, by the paths of their settings.
    pub(super) fn warnings(
        &self,
        file: &ConnectorFile,
        sink: &str,
        limits: &Limits,
        of_plug_ins: &[(String, SettingsError)],
    ) -> Vec<Problem> {
        let kafka = file.source.kafka.warnings().into_iter();
        let mut warnings: Vec<Problem> = kafka
            .map(|(key, text)| {
                self.problem(&format!("source.kafka.{key}"), &format!("`source.kafka.{key}`: {text}"))
            })
            .collect();
        for (key, text) in capped(&file.batch, sink, limits) {
            let path = format!("batch.{key}");
            warnings.push(self.problem(&path, &format!("`{path}`: {text}")));
        }
        for (path, text) in tiny(file) {
            warnings.push(self.problem(path, &format!("`{path}`: {text}")));
        }
        warnings.extend(of_plug_ins.iter().map(|(path, error)| self.refused(path, error)));
        self.node.clone().for_each_scalar(&mut |position, scalar| {
            if let Some(variable) = of_shell(&scalar.text).filter(|_| !scalar.interpolated) {
                let text =
                    format!("this is taken as it is; the environment variable is `${{env:{variable}}}`");
                warnings.push(Problem::at(self.file, position, text));
            }
        });
        warnings.sort();
        warnings
    }
}

/// What stands before a token in the header `authorization`.
const SCHEMES: [&str; 4] = ["Bearer ", "Basic ", "Token ", "ApiKey "];

/// Finds an environment variable in a value that is no more than that, as a shell or another tool writes it: `$NAME`, `$(NAME)`,
/// `%NAME%` or `$env:NAME`. The name of one has capitals, so that a password is hardly taken for it.
fn of_shell(text: &str) -> Option<&str> {
    let value = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    let within = |open: &str, close: &str| value.strip_prefix(open)?.strip_suffix(close);
    let name = within("$(", ")").or_else(|| within("$env:", "")).or_else(|| within("%", "%"));
    let name = name.or_else(|| within("$", ""))?;
    let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_name = name.len() > 2 && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    (is_name && name.chars().all(is_of_name)).then_some(name)
}

/// Below this a size holds hardly a record, and was meant with a unit.
const HARDLY_A_RECORD: usize = 1024;

/// Says which sizes are so small that a record comes alone: a number without a unit is one of bytes.
fn tiny(file: &ConnectorFile) -> Vec<(&'static str, String)> {
    let mut tiny = Vec::new();
    let mut look = |path, size: ByteSize, what: &str| {
        if size.bytes() < HARDLY_A_RECORD {
            let text = format!(
                "{} bytes hold hardly a record, so that {what}; write a unit, such as 16MiB",
                size.bytes()
            );
            tiny.push((path, text));
        }
    };
    look("buffer_memory", file.buffer_memory, "one is read after the other is stored");
    if let Some(size) = file.batch.max_bytes {
        look("batch.max_bytes", size, "each is put alone");
    }
    tiny
}

/// Says which bounds of a batch are above what the sink takes, so that they have no effect.
fn capped(batch: &BatchSettings, sink: &str, limits: &Limits) -> Vec<(&'static str, String)> {
    let mut capped = Vec::new();
    let text =
        |cap: &str| format!("the sink `{sink}` takes no more than {cap} at once, and that is what is put");
    if batch.max_records.is_some_and(|set| set > limits.max_records) {
        let cap = if limits.max_records == 1 {
            "one record".to_owned()
        } else {
            format!("{} records", limits.max_records)
        };
        capped.push(("max_records", text(&cap)));
    }
    if batch.max_bytes.is_some_and(|set| set.bytes() > limits.max_batch_bytes) {
        capped.push(("max_bytes", text(&ByteSize::new(limits.max_batch_bytes).to_string())));
    }
    capped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_as_a_shell_has_it_is_found() {
        for text in ["$TOKEN", "$(TOKEN)", "%TOKEN%", "$env:TOKEN", "Bearer $TOKEN", "Basic $(TOKEN)"] {
            assert_eq!(of_shell(text), Some("TOKEN"), "{text}");
        }
        for text in
            ["$", "$5", "$US", "$token", "costs $TOKEN", "100%", "%Y%", "${TOKEN}", "$TOKEN!", "$$TOKEN"]
        {
            assert_eq!(of_shell(text), None, "{text}");
        }
    }
}
