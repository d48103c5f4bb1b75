//! `sluice topics`: creates, lists and deletes topics.

use std::time::Duration;

use clap::{Args, Subcommand};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;
use serde_json::json;
use sluice_connector_api::{BoxError, Registry};

use crate::cli::ask::ask;
use crate::cli::brokers::Brokers;
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::print;
use crate::cli::parse::pair;

/// How long the brokers may take.
const WAIT: Duration = Duration::from_secs(15);

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
            TopicsCommand::Delete { topics, yes, brokers } => {
                ask(&format!("Delete {} with all records?", topics.join(", ")), yes)?;
                let admin = brokers.access(registry)?.admin().await.map_err(unreachable)?;
                let names: Vec<_> = topics.iter().map(String::as_str).collect();
                report(admin.delete_topics(&names, &options()).await, "deleted")
            }
        }
    }
}

impl CreateArgs {
    async fn create(&self, registry: &Registry) -> Result<(), Exit> {
        let topics: Vec<_> = self.topics.iter().map(|name| self.topic(name)).collect();
        let admin = self.brokers.access(registry)?.admin().await.map_err(unreachable)?;
        report(admin.create_topics(&topics, &options()).await, "created")
    }

    fn topic<'a>(&'a self, name: &'a str) -> NewTopic<'a> {
        let topic = NewTopic::new(name, self.partitions, TopicReplication::Fixed(self.replication_factor));
        self.set.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(WAIT)).operation_timeout(Some(WAIT))
}

fn unreachable(error: impl Into<BoxError>) -> Exit {
    Exit::Environment(error.into().to_string())
}

/// Prints what became of each topic. A topic that is there already is what was asked for.
fn report(answers: KafkaResult<Vec<TopicResult>>, done: &str) -> Result<(), Exit> {
    let mut failed = Vec::new();
    for answer in answers.map_err(unreachable)? {
        match answer {
            Ok(topic) => print(format!("{topic}: {done}"))?,
            Err((topic, RDKafkaErrorCode::TopicAlreadyExists)) => {
                print(format!("{topic}: is there already"))?;
            }
            Err((topic, code)) => failed.push(format!("{topic}: {code}")),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Exit::Running(format!("not {done}: {}", failed.join("; ")))) }
}

async fn list(brokers: &Brokers, registry: &Registry, output: Output) -> Result<(), Exit> {
    let consumer = brokers.access(registry)?.consumer("sluice-topics").await.map_err(unreachable)?;
    let fetched = tokio::task::spawn_blocking(move || consumer.fetch_metadata(None, WAIT)).await;
    let metadata = fetched.map_err(unreachable)?.map_err(unreachable)?;
    let mut topics: Vec<_> =
        metadata.topics().iter().filter(|topic| !topic.name().starts_with("__")).collect();
    topics.sort_by_key(|topic| topic.name().to_owned());
    topics.into_iter().try_for_each(|topic| print(shown(topic, output)))
}

fn shown(topic: &MetadataTopic, output: Output) -> String {
    let (name, partitions) = (topic.name(), topic.partitions().len());
    let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
    match output {
        Output::Text => format!("{name}  {partitions} partition(s)  {replicas} replica(s)"),
        Output::Json => json!({ "topic": name, "partitions": partitions, "replicas": replicas }).to_string(),
    }
}
