//! `sluice offsets`: how far a consumer group is, and moving it.

use clap::{Args, Subcommand};
use serde_json::json;
use sluice_connector_api::Registry;

use crate::cli::brokers::{Brokers, failed};
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::config::nearest::nearest;
use crate::connector::load::Connector;
use crate::kafka::Access;
use crate::kafka::groups::{ConsumerGroup, GroupPosition};
use crate::kafka::reset_to::ResetTo;
use crate::meter::position_loss::PositionLoss;

/// Shows how far a consumer group is, and moves it.
///
/// Of a connector: `sluice offsets show --connector connectors.d/stock-prices.yaml`. Of any other group: `--group`,
/// and `--topic` where it is not to be all that the group has an offset for.
#[derive(Debug, Args)]
pub(crate) struct OffsetsArgs {
    #[command(subcommand)]
    command: OffsetsCommand,
}

#[derive(Debug, Subcommand)]
enum OffsetsCommand {
    /// Shows for each partition the offset to read next, the first and the end, and how many records lie between
    Show {
        #[command(flatten)]
        group: GroupArgs,
        /// How partitions are printed
        #[arg(long, short, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Moves a group that nobody is a member of
    ///
    /// Back: the records are read and put again. Forth: those in between are never read.
    Reset {
        #[command(flatten)]
        group: GroupArgs,
        /// Where to: earliest, latest, an offset, or the first record that is not older than a time such as
        /// 2026-11-24T10:00:00Z, a day (UTC) such as 2026-11-24, or a span before now such as -1h
        #[arg(long, value_name = "PLACE", value_parser = ResetTo::from_text, allow_hyphen_values = true)]
        to: ResetTo,
        /// Of this partition only
        #[arg(long, value_name = "NUMBER")]
        partition: Option<i32>,
        /// Print what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// How moves are printed
        #[arg(long, short, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

#[derive(Debug, Args)]
struct GroupArgs {
    /// The group [default: that of the connector]
    #[arg(long, short, required_unless_present = "connector")]
    group: Option<String>,
    /// A topic [default: those of the connector, or all that the group has an offset for]
    #[arg(long, short)]
    topic: Vec<String>,
    #[command(flatten)]
    brokers: Brokers,
}

impl Command for OffsetsArgs {
    const NAME: &'static str = "offsets";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        match self.command {
            OffsetsCommand::Show { group, output } => {
                let (opened, access) = group.open(context.registry()).await?;
                let positions = opened.positions().await.map_err(|error| failed(&access, &error))?;
                if positions.is_empty() {
                    return Err(group.absent(context.registry()).await?);
                }
                positions.iter().try_for_each(|position| print(shown(position, output)))
            }
            OffsetsCommand::Reset { group, to, partition, dry_run, output } => {
                let (group, access) = group.open(context.registry()).await?;
                let moves = group.reset(to, partition, dry_run).await;
                let moves = moves.map_err(|error| failed(&access, &error))?;
                moves.iter().try_for_each(|(position, to)| print(moved(position, *to, output)))
            }
        }
    }
}

impl GroupArgs {
    /// Returns why there is nothing to show of a group.
    async fn absent(&self, registry: &Registry) -> Result<Exit, Exit> {
        let (group, access) = self.open(registry).await?;
        let name = group.name().to_owned();
        let known = group.known().await.map_err(|error| failed(&access, &error))?;
        let text = match nearest(&name, &known) {
            Some(itself) if itself == name => format!("the group `{name}` has committed no offset yet"),
            Some(near) => format!("there is no group `{name}`; did you mean `{near}`?"),
            None => format!("there is no group `{name}`"),
        };
        Ok(Exit::Environment(text))
    }

    async fn open(&self, registry: &Registry) -> Result<(ConsumerGroup, Access), Exit> {
        let connector = self.brokers.connector(registry).await?;
        let of_source = |Connector { name, source, .. }| (source.kafka.group_of(&name), source.kafka.topics);
        let (of_connector, topics) = connector.map(of_source).unzip();
        let name = self.group.clone().or(of_connector).unwrap_or_default();
        let topics = if self.topic.is_empty() { topics.unwrap_or_default() } else { self.topic.clone() };
        let access = self.brokers.access(registry).await?;
        let group = ConsumerGroup::open(&access, name, topics).await;
        Ok((group.map_err(|error| failed(&access, &error))?, access))
    }
}

fn moved(position: &GroupPosition, to: i64, output: Output) -> String {
    let GroupPosition { topic, partition, committed, .. } = position;
    match output {
        Output::Text => {
            let from = committed.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
            format!("{topic}-{partition}  {from} -> {to}")
        }
        Output::Json => {
            json!({ "topic": topic, "partition": partition, "from": committed, "to": to }).to_string()
        }
    }
}

fn shown(position: &GroupPosition, output: Output) -> String {
    let lag = position.lag();
    let GroupPosition { topic, partition, committed, first, end, open_transactions, lost } = position;
    let lost = lost.map(PositionLoss::name);
    match output {
        Output::Text => {
            let next = committed.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
            let open = if *open_transactions > 0 {
                format!("  behind open transactions {open_transactions}")
            } else {
                String::new()
            };
            let lost = lost.map(|why| format!("  position lost: {why}")).unwrap_or_default();
            format!("{topic}-{partition}  next {next}  first {first}  end {end}  lag {lag}{open}{lost}")
        }
        Output::Json => json!({
            "topic": topic, "partition": partition, "next": committed, "first": first, "end": end, "lag": lag,
            "open_transactions": open_transactions, "position_lost": lost,
        })
        .to_string(),
    }
}
