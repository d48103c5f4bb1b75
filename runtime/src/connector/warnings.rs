//! What works in a connector file, but hardly as it is meant.

use sluice_connector_api::{ByteSize, Limits, SettingsError};

use crate::config::problem::Problem;
use crate::config::settings::{BatchSettings, ConnectorFile};
use crate::connector::parts::Parts;

impl Parts<'_> {
    /// Returns the places of a file that is in order, each with what will be otherwise than it looks.
    /// `in_vain` are keys of plug-ins that ask for what does not come of them.
    pub(super) fn warnings(
        &self,
        file: &ConnectorFile,
        sink: &str,
        limits: &Limits,
        in_vain: &[(String, SettingsError)],
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
        warnings.extend(in_vain.iter().map(|(path, error)| self.refused(path, error)));
        warnings.sort();
        warnings
    }
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
