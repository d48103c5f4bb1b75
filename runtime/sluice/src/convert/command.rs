//! The command `sluice convert`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sluice_runtime::cli::{Command, Context, Exit, Output, print, write_new};
use sluice_runtime::config::problem::Problem;
use sluice_runtime::config::text_file::{TextFile, read_text};
use sluice_runtime::config::yaml_writer::{to_comment, to_yaml};

use super::connector::{Converted, convert};
use super::read::read;
use super::trial::refusals;

/// Turns the configuration of a Kafka Connect sink into a connector file.
///
/// Reads JSON as the REST API takes it, properties, a `KafkaConnector` of Strimzi, or `MirrorMaker`'s own `mm2.properties`
/// with one flow. What has no counterpart yet is listed, and what `sluice check` has against the file, in the file and on
/// standard error, and the command exits with code 1. A secret is never printed: a reference to an environment variable
/// stands for it.
///
/// An example: `sluice convert connector.json connectors.d/prices.yaml`
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The configuration
    #[arg(value_name = "CONFIG")]
    configuration: PathBuf,
    /// The file to write, which must not be there yet [default: standard output]
    file: Option<PathBuf>,
    /// How the outcome is printed: text, or one JSON object that holds the file, too
    #[arg(long, short, value_enum, hide_possible_values = true, default_value_t = Output::Text)]
    output: Output,
}

impl Command for ConvertArgs {
    const NAME: &'static str = "convert";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let wrong = |text: String| Exit::Configuration(vec![Problem::of_file(&self.configuration, text)]);
        let text = read_text(&self.configuration, TextFile::ConnectConfiguration)
            .map_err(|problem| vec![problem])?;
        let config = read(&self.configuration, &text).map_err(wrong)?;
        let stem =
            self.file.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
        let mut converted = convert(config, stem.as_deref(), context.registry()).map_err(wrong)?;
        converted.refused = refusals(&written(&converted), context.registry()).await;
        let file = written(&converted);
        if let Some(path) = &self.file {
            write_new(path, &file)?;
        }
        self.report(&converted, &file)?;
        match (converted.missing.len(), converted.refused.len()) {
            (0, 0) => Ok(()),
            (0, _) => Err(Exit::Running(
                "the file does not pass `sluice check`; mend it before you run the connector".to_owned(),
            )),
            (count, _) => Err(Exit::Running(format!(
                "{count} setting(s) have no counterpart; look at them before you run the connector"
            ))),
        }
    }
}

impl ConvertArgs {
    fn report(&self, converted: &Converted, file: &str) -> Result<(), Exit> {
        if self.output == Output::Json {
            let Converted { name, missing, refused, remarks, variables, .. } = converted;
            return print(
                json!({
                    "name": name, "file": file, "missing": missing, "refused": refused, "remarks": remarks,
                    "variables": variables,
                })
                .to_string(),
            );
        }
        for missing in &converted.missing {
            tracing::warn!("no counterpart: {missing}");
        }
        for refusal in &converted.refused {
            tracing::warn!("does not pass `sluice check`: {refusal}");
        }
        for remark in &converted.remarks {
            tracing::info!("{remark}");
        }
        match &self.file {
            Some(path) => print(format!("{0}: written; next: sluice check {0}", path.display())),
            None => print(file.trim_end()),
        }
    }
}

/// Writes the file, with what is to be known of it as comments.
pub(super) fn written(converted: &Converted) -> String {
    let Converted { name, missing, refused, remarks, variables, .. } = converted;
    let mut comments = vec![format!("The connector {name} of Kafka Connect, by `sluice convert`.")];
    if !variables.is_empty() {
        comments.push(format!("To be set in the environment: {}.", variables.join(", ")));
    }
    comments.extend(missing.iter().map(|missing| format!("NO COUNTERPART: {missing}")));
    comments.extend(refused.iter().map(|refusal| format!("DOES NOT PASS `sluice check`: {refusal}")));
    comments.extend(remarks.iter().cloned());
    let comments: String = comments.iter().map(|comment| to_comment(comment)).collect();
    format!("{comments}\n{}", to_yaml(&converted.file, 0))
}
