//! `sluice kb`: the documents of a knowledge base.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use sluice_connector_api::{Failure, FailureKind, Registry};
use sluice_runtime::cli::{Command, Context, Exit, Output, ask, print};
use sluice_runtime::retry::backoff::Backoff;
use sluice_sinks::{BedrockKbSettings, DocumentState, Documents};

use crate::knowledge_base::{DataSourceArgs, failed};

/// Calls that failed for a reason that may pass are made so often.
const TRIES: u32 = 6;
/// The waits in between.
const RETRY: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(10) };
/// Between two calls, which keeps to the documented 5 a second.
const PACE: Duration = Duration::from_millis(200);

/// Looks at the documents of a knowledge base's data source, and deletes them.
///
/// The data source is that of a connector (`--connector`), or is named by `--knowledge-base-id` and `--data-source-id`,
/// or KBID and DSID in the environment, or by name.
#[derive(Debug, Args)]
pub(crate) struct KbArgs {
    #[command(subcommand)]
    command: KbCommand,
}

#[derive(Debug, Subcommand)]
enum KbCommand {
    /// Lists documents with their statuses
    ///
    /// Those that were deleted, which the service goes on listing as `NOT_FOUND`, are left out unless `--status` asks
    /// for them.
    List {
        /// Only documents of this status, such as FAILED
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Shows how far documents are; exits with code 1 unless all of them are INDEXED
    Status {
        /// The documents' ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Deletes documents; asks first. They go some seconds later
    Delete {
        /// The documents' ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
struct Options {
    #[command(flatten)]
    data_source: DataSourceArgs,
    /// How documents are printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Command for KbArgs {
    const NAME: &'static str = "kb";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let registry = context.registry();
        match self.command {
            KbCommand::List { status, options } => options.list(registry, status.as_deref()).await,
            KbCommand::Status { ids, options } => options.status(registry, &ids).await,
            KbCommand::Delete { ids, yes, options } => {
                ask(&format!("Delete {} document(s)?", ids.len()), yes)?;
                options.delete(registry, &ids).await
            }
        }
    }
}

impl Options {
    async fn open(&self, registry: &Registry) -> Result<Documents, Exit> {
        let settings: BedrockKbSettings = self.data_source.settings(registry).await?;
        Documents::open(&settings).await.map_err(|failure| failed(&failure))
    }

    async fn status(&self, registry: &Registry, ids: &[String]) -> Result<(), Exit> {
        let documents = self.open(registry).await?;
        let mut unindexed = 0;
        for chunk in chunks(ids) {
            let states = patiently(|| documents.states(&chunk)).await?;
            unindexed += states.iter().filter(|state| state.status != "INDEXED").count();
            self.print(&states)?;
        }
        match unindexed {
            0 => Ok(()),
            count => Err(Exit::Running(format!("{count} of {} document(s) are not indexed", ids.len()))),
        }
    }

    async fn delete(&self, registry: &Registry, ids: &[String]) -> Result<(), Exit> {
        let documents = self.open(registry).await?;
        for chunk in chunks(ids) {
            self.print(&patiently(|| documents.delete(&chunk)).await?)?;
        }
        Ok(())
    }

    async fn list(&self, registry: &Registry, status: Option<&str>) -> Result<(), Exit> {
        let documents = self.open(registry).await?;
        let is_wanted = |state: &DocumentState| match status {
            Some(status) => state.status.eq_ignore_ascii_case(status),
            None => state.status != "NOT_FOUND",
        };
        let mut next = None;
        loop {
            let mut page = patiently(|| documents.list(next.clone())).await?;
            page.documents.retain(is_wanted);
            self.print(&page.documents)?;
            if page.next.is_none() {
                return Ok(());
            }
            next = page.next;
        }
    }

    fn print(&self, states: &[DocumentState]) -> Result<(), Exit> {
        states.iter().try_for_each(|state| {
            print(match self.output {
                Output::Text => {
                    let reason =
                        state.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
                    format!("{}  {}{reason}", state.id, state.status)
                }
                Output::Json => json!(state).to_string(),
            })
        })
    }
}

/// Parts ids into those of each call.
fn chunks(ids: &[String]) -> impl Iterator<Item = Vec<&str>> {
    ids.chunks(Documents::IDS_PER_CALL).map(|chunk| chunk.iter().map(String::as_str).collect())
}

/// Makes a call, and again while it fails for a reason that may pass.
async fn patiently<T>(call: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Exit> {
    let mut failures = 0;
    loop {
        tokio::time::sleep(PACE).await;
        match call().await {
            Err(failure) if failure.kind() == FailureKind::Retriable && failures + 1 < TRIES => {
                failures += 1;
                tokio::time::sleep(RETRY.wait(failures, failure.wait())).await;
            }
            outcome => return outcome.map_err(|failure| failed(&failure)),
        }
    }
}
