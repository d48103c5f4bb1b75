//! `sluice topics`: creates, lists and deletes topics.

use clap::{Args, Subcommand};
use serde_json::json;
use sluice_connector_api::Registry;

use crate::cli::ask::ask;
use crate::cli::brokers::{Brokers, failed};
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::cli::parse::pair;
use crate::kafka::topics::{self, TopicChange, TopicLayout, TopicSummary};

/// Creates, lists and deletes topics.
///
/// Needs the right to do so; for Amazon MSK with IAM `kafka-cluster:CreateTopic`, `DescribeTopic` or
/// `DeleteTopic`.
#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    /// Creates topics; one that is there already is left as it is
    Create(CreateArgs),
    /// Lists topics with their partitions and replicas; those of Kafka's own are left out
    List {
        /// How topics are printed
        #[arg(long, short, value_enum, default_value_t = Output::Text)]
        output: Output,
        #[command(flatten)]
        brokers: Brokers,
    },
    /// Deletes topics with all that they hold; asks first
    Delete {
        /// The topics
        #[arg(required = true, value_name = "TOPIC")]
        topics: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// How the outcome is printed
        #[arg(long, short, value_enum, default_value_t = Output::Text)]
        output: Output,
        #[command(flatten)]
        brokers: Brokers,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// How many partitions; -1 leaves it to the brokers
    #[arg(long, short, value_name = "COUNT", default_value_t = -1, allow_negative_numbers = true)]
    partitions: i32,
    /// How many brokers hold each partition; -1 leaves it to the brokers
    #[arg(long, value_name = "COUNT", default_value_t = -1, allow_negative_numbers = true)]
    replication_factor: i32,
    /// A setting of the topics, such as cleanup.policy=compact
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// How the outcome is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    brokers: Brokers,
}

impl Command for TopicsArgs {
    const NAME: &'static str = "topics";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let registry = context.registry();
        match self.command {
            TopicsCommand::Create(args) => args.create(registry).await,
            TopicsCommand::List { output, brokers } => list(&brokers, registry, output).await,
            TopicsCommand::Delete { topics, yes, output, brokers } => {
                ask(&format!("Delete {} with all records?", topics.join(", ")), yes)?;
                let access = brokers.access(registry).await?;
                let changes =
                    topics::delete(&access, &topics).await.map_err(|error| failed(&access, &error))?;
                report(changes, "deleted", output)
            }
        }
    }
}

impl CreateArgs {
    async fn create(self, registry: &Registry) -> Result<(), Exit> {
        let access = self.brokers.access(registry).await?;
        let layout = TopicLayout {
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            settings: self.set,
        };
        let changes = topics::create(&access, &self.topics, &layout).await;
        let changes = changes.map_err(|error| failed(&access, &error))?;
        report(changes, "created", self.output)
    }
}

/// Prints what became of each topic. A topic that is there already is what was asked for.
fn report(changes: Vec<(String, TopicChange)>, done: &str, output: Output) -> Result<(), Exit> {
    let mut refused = Vec::new();
    for (topic, change) in changes {
        let outcome = match change {
            TopicChange::Done => done,
            TopicChange::Existed => "is there already",
            TopicChange::Refused(reason) => {
                refused.push(format!("{topic}: {reason}"));
                continue;
            }
        };
        print(match output {
            Output::Text => format!("{topic}: {outcome}"),
            Output::Json => json!({ "topic": topic, "outcome": outcome }).to_string(),
        })?;
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Exit::Running(format!("not {done}: {}", refused.join("; "))))
}

async fn list(brokers: &Brokers, registry: &Registry, output: Output) -> Result<(), Exit> {
    let access = brokers.access(registry).await?;
    let topics = topics::list(&access).await.map_err(|error| failed(&access, &error))?;
    topics.iter().try_for_each(|topic| print(shown(topic, output)))
}

fn shown(topic: &TopicSummary, output: Output) -> String {
    let TopicSummary { name, partitions, replicas } = topic;
    match output {
        Output::Text => format!("{name}  {partitions} partition(s)  {replicas} replica(s)"),
        Output::Json => json!({ "topic": name, "partitions": partitions, "replicas": replicas }).to_string(),
    }
}
