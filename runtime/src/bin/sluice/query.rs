use clap::{Args, ValueEnum};
use sluice_connector_api::{Failure, FailureKind};
use sluice_sinks::{Filter, KnowledgeBase, Passage, Question};

use crate::exit::{Exit, print};

/// Asks a knowledge base a question (Retrieve) and prints what it finds, the best first.
///
/// Region, credentials and endpoint come from the AWS SDK's usual places, such as `AWS_REGION`, `AWS_PROFILE` and
/// `AWS_ENDPOINT_URL`. The caller needs `bedrock:Retrieve` on the knowledge base.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// The question
    text: String,
    /// The knowledge base's id
    #[arg(long, env = "KBID", value_name = "ID")]
    knowledge_base_id: String,
    /// How many results to ask for
    #[arg(long, short, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(i32).range(1..=100))]
    number_of_results: i32,
    /// What the documents' metadata must be like, such as `ticker in (OOOO, ZVZZT) and price_usd > 40`
    ///
    /// Compares with =, !=, <, <=, >, >=, in (...), not in (...), starts with, contains, and list contains (for lists);
    /// joins with and, or, and parentheses. Quote keys and texts that have blanks, and texts that look like numbers.
    #[arg(long, short, value_name = "CONDITION")]
    filter: Option<Filter>,
    /// The AWS region [default: the SDK's]
    #[arg(long)]
    region: Option<String>,
    /// Another address of the service, such as that of a `sluice demo` that keeps running
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// How results are printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A line for each
    Text,
    /// A JSON object a line for each, with all that is known of it
    Json,
}

pub(crate) async fn run(args: QueryArgs) -> Result<(), Exit> {
    let knowledge_base = KnowledgeBase::new(args.region, args.endpoint_url);
    let QueryArgs { text, number_of_results, filter, .. } = args;
    let question = Question { text, number_of_results, filter };
    let answer = knowledge_base.retrieve(&args.knowledge_base_id, &question).await;
    let passages = answer.map_err(|failure| exit(&failure))?;
    if passages.is_empty() {
        tracing::info!("nothing found");
    }
    for passage in passages {
        print(if args.output == Output::Json { to_json(&passage)? } else { line(&passage) })?;
    }
    Ok(())
}

pub(crate) fn line(passage: &Passage) -> String {
    let score = passage.score.map(|score| format!("{score:.3}  ")).unwrap_or_default();
    let source = passage.document_id.as_deref().map(|id| format!("  [{id}]")).unwrap_or_default();
    format!("{score}{}{source}", passage.text)
}

fn to_json(passage: &Passage) -> Result<String, Exit> {
    serde_json::to_string(passage).map_err(|error| Exit::Running(error.to_string()))
}

/// What may pass failed while running; rights, ids and credentials are the environment's.
fn exit(failure: &Failure) -> Exit {
    match failure.kind() {
        FailureKind::Retriable | FailureKind::Fatal => Exit::Environment(failure.to_string()),
        FailureKind::Rejected => Exit::Running(failure.to_string()),
    }
}
