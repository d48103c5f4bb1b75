//! `sluice query`: a question to a knowledge base.

use clap::Args;
use sluice_runtime::cli::{Command, Context, Exit, Output, print};
use sluice_sinks::{Filter, KnowledgeBase, Passage, Question};

use crate::knowledge_base::{KnowledgeBaseArgs, failed};

/// Asks a knowledge base a question (Retrieve) and prints what it finds, the best first.
///
/// Region, credentials and endpoint come from the AWS SDK's usual places, such as `AWS_REGION`, `AWS_PROFILE` and
/// `AWS_ENDPOINT_URL`. The caller needs `bedrock:Retrieve` on the knowledge base.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// The question
    text: String,
    /// How many results to ask for
    #[arg(long, short, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(i32).range(1..=100))]
    number_of_results: i32,
    /// What the documents' metadata must be like, such as `ticker in (OOOO, ZVZZT) and price_usd > 40`
    ///
    /// Compares with =, !=, <, <=, >, >=, in (...), not in (...), starts with, contains, and list contains (for lists);
    /// joins with and, or, and parentheses. Quote keys and texts that have blanks, and texts that look like numbers.
    #[arg(long, short, value_name = "CONDITION")]
    filter: Option<Filter>,
    #[command(flatten)]
    knowledge_base: KnowledgeBaseArgs,
    /// How results are printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Command for QueryArgs {
    const NAME: &'static str = "query";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        query(self, context).await
    }
}

async fn query(args: QueryArgs, context: &Context) -> Result<(), Exit> {
    let settings = args.knowledge_base.settings(context.registry()).await?;
    let (knowledge_base, id) = KnowledgeBase::of(&settings).await.map_err(|failure| failed(&failure))?;
    let QueryArgs { text, number_of_results, filter, .. } = args;
    let question = Question { text, number_of_results, filter };
    let answer = knowledge_base.retrieve(&id, &question).await;
    let passages = answer.map_err(|failure| failed(&failure))?;
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
