//! Which knowledge base a command is about.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};
use sluice_connector_api::{Failure, FailureKind, Registry};
use sluice_runtime::cli::Exit;
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::connector::load::sink_of;
use sluice_sinks::BedrockKbSettings;

/// Which knowledge base.
#[derive(Debug, Args)]
pub(crate) struct KnowledgeBaseArgs {
    /// Take knowledge base, region and endpoint from the `bedrock_kb` sink of this connector file instead
    #[arg(long, value_name = "FILE")]
    connector: Option<PathBuf>,
    /// The knowledge base's id
    #[arg(long, env = "KBID", value_name = "ID", required_unless_present_any = ["connector", "knowledge_base"])]
    knowledge_base_id: Option<String>,
    /// The knowledge base by its name, which is looked up, in place of its id
    #[arg(long, value_name = "NAME")]
    knowledge_base: Option<String>,
    /// The AWS region [default: the SDK's]
    #[arg(long)]
    region: Option<String>,
    /// Another address of the service, such as that of a `sluice demo` that keeps running
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

/// Which data source of which knowledge base.
#[derive(Debug, Args)]
pub(crate) struct DataSourceArgs {
    #[command(flatten)]
    knowledge_base: KnowledgeBaseArgs,
    /// The data source's id
    #[arg(long, env = "DSID", value_name = "ID", required_unless_present_any = ["connector", "data_source"])]
    data_source_id: Option<String>,
    /// The data source by its name, which is looked up, in place of its id
    #[arg(long, value_name = "NAME")]
    data_source: Option<String>,
}

impl DataSourceArgs {
    /// Returns what a connector's sink would have in its file.
    pub(crate) async fn settings(&self, registry: &Registry) -> Result<BedrockKbSettings, Exit> {
        let mut written = self.knowledge_base.written();
        written.extend(one_of(("data_source_id", &self.data_source_id), ("data_source", &self.data_source)));
        self.knowledge_base.read(written, registry).await
    }
}

impl KnowledgeBaseArgs {
    /// Returns the same for a question, which goes to all data sources.
    pub(crate) async fn settings(&self, registry: &Registry) -> Result<BedrockKbSettings, Exit> {
        self.read(self.written(), registry).await
    }

    fn written(&self) -> Map<String, Value> {
        let base =
            one_of(("knowledge_base_id", &self.knowledge_base_id), ("knowledge_base", &self.knowledge_base));
        let others = [("region", &self.region), ("endpoint_url", &self.endpoint_url)];
        base.into_iter().chain(others.into_iter().filter_map(entry)).collect()
    }

    async fn read(
        &self,
        written: Map<String, Value>,
        registry: &Registry,
    ) -> Result<BedrockKbSettings, Exit> {
        let settings = match &self.connector {
            None => written.into(),
            Some(file) => match sink_of(file, registry, Follow::Every).await? {
                (name, settings) if name == "bedrock_kb" => settings,
                (name, _) => {
                    let text = format!("{}: the sink is {name}, and not bedrock_kb", file.display());
                    return Err(Exit::Running(text));
                }
            },
        };
        serde_json::from_value(settings).map_err(|error| Exit::Running(error.to_string()))
    }
}

/// A name on the command line stands before an id, which may be in the environment for something else.
fn one_of(id: (&str, &Option<String>), name: (&str, &Option<String>)) -> Option<(String, Value)> {
    entry(name).or_else(|| entry(id))
}

fn entry((key, value): (&str, &Option<String>)) -> Option<(String, Value)> {
    value.clone().map(|value| (key.to_owned(), value.into()))
}

/// Ends a command: rights, ids, credentials, and what may pass are the environment's; the rest failed while running.
pub(crate) fn failed(failure: &Failure) -> Exit {
    match failure.kind() {
        FailureKind::Retriable | FailureKind::Fatal => Exit::Environment(failure.to_string()),
        FailureKind::Rejected => Exit::Running(failure.to_string()),
    }
}
