//! `sluice offsets`: how far a consumer group is, and moving it.

use std::time::{Duration, Instant};

use crate::kafka::{Identity, KafkaSettings};
use clap::{Args, Subcommand};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use regex::Regex;
use serde_json::json;
use sluice_connector_api::{BoxError, Registry};

use crate::cli::brokers::Brokers;
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::print;

/// How long the brokers may take for one answer.
const WAIT: Duration = Duration::from_secs(15);

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
        /// Where to: earliest, latest, an offset, or a time such as 2026-11-24T10:00:00Z, which means the first record
        /// that is not older
        #[arg(long, value_name = "PLACE", value_parser = To::read)]
        to: To,
        /// Of this partition only
        #[arg(long, value_name = "NUMBER")]
        partition: Option<i32>,
        /// Print what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
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

/// Where a group is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Earliest,
    Latest,
    Offset(i64),
    /// Milliseconds since the epoch.
    Time(i64),
}

impl To {
    fn read(text: &str) -> Result<Self, String> {
        match (text, text.parse::<u32>(), text.parse::<jiff::Timestamp>()) {
            ("earliest", ..) => Ok(Self::Earliest),
            ("latest", ..) => Ok(Self::Latest),
            (_, Ok(_), _) => text.parse().map(Self::Offset).map_err(|error| format!("{error}")),
            (_, _, Ok(time)) => Ok(Self::Time(time.as_millisecond())),
            _ => {
                Err("is none of earliest, latest, an offset, and a time such as 2026-11-24T10:00:00Z"
                    .to_owned())
            }
        }
    }
}

/// One partition of a group.
#[derive(Clone, Debug)]
struct Place {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    first: i64,
    end: i64,
}

impl Command for OffsetsArgs {
    const NAME: &'static str = "offsets";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        match self.command {
            OffsetsCommand::Show { group, output } => {
                let group = group.open(context.registry()).await?;
                let places = group.ask(Group::places).await?;
                places.iter().try_for_each(|place| print(place.shown(output)))
            }
            OffsetsCommand::Reset { group, to, partition, dry_run } => {
                let group = group.open(context.registry()).await?;
                let moves = group.ask(move |group| group.reset(to, partition, dry_run)).await?;
                moves.iter().try_for_each(|(place, to)| {
                    let from = place.committed.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
                    print(format!("{}-{}  {from} -> {to}", place.topic, place.partition))
                })
            }
        }
    }
}

impl GroupArgs {
    async fn open(self, registry: &Registry) -> Result<Group, Exit> {
        let source = self.brokers.source(registry)?;
        let of_source = |(name, kafka): (String, KafkaSettings)| (kafka.group_of(&name), kafka.topics);
        let (of_connector, topics) = source.map(of_source).unzip();
        let name = self.group.or(of_connector).unwrap_or_default();
        let topics = if self.topic.is_empty() { topics.unwrap_or_default() } else { self.topic };
        let opened = self.brokers.access(registry)?.consumer(&name).await;
        let consumer = opened.map_err(|error| Exit::Environment(error.to_string()))?;
        Ok(Group { name, topics, consumer })
    }
}

/// A group, without being a member of it.
struct Group {
    name: String,
    /// Names and patterns; none stands for all that it has an offset for.
    topics: Vec<String>,
    consumer: BaseConsumer<Identity>,
}

impl Group {
    /// Asks the brokers, off the async threads.
    async fn ask<T: Send + 'static>(
        self,
        question: impl FnOnce(&Self) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, Exit> {
        let asked = tokio::task::spawn_blocking(move || question(&self)).await;
        let answered = asked.unwrap_or_else(|error| Err(error.into()));
        answered.map_err(|error| Exit::Environment(error.to_string()))
    }

    fn places(&self) -> Result<Vec<Place>, BoxError> {
        let mut list = TopicPartitionList::new();
        let metadata = self.consumer.fetch_metadata(None, WAIT)?;
        for topic in metadata.topics().iter().filter(|topic| self.is_meant(topic.name())) {
            for partition in topic.partitions() {
                list.add_partition(topic.name(), partition.id());
            }
        }
        if list.count() == 0 {
            return Err(format!("there is no topic {}, or it may not be seen", self.topics.join(", ")).into());
        }
        let committed = coordinated(|| self.consumer.committed_offsets(list.clone(), WAIT))?;
        let mut places = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let committed = if let Offset::Offset(offset) = element.offset() { Some(offset) } else { None };
            if committed.is_some() || !self.topics.is_empty() {
                let (topic, partition) = (element.topic().to_owned(), element.partition());
                let (first, end) = self.consumer.fetch_watermarks(&topic, partition, WAIT)?;
                places.push(Place { topic, partition, committed, first, end });
            }
        }
        places.sort_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
        Ok(places)
    }

    fn is_meant(&self, name: &str) -> bool {
        let fits = |topic: &String| match topic.strip_prefix('^') {
            Some(_) => Regex::new(topic).is_ok_and(|pattern| pattern.is_match(name)),
            None => topic == name,
        };
        self.topics.iter().any(fits) || (self.topics.is_empty() && !name.starts_with("__"))
    }

    fn reset(&self, to: To, partition: Option<i32>, dry_run: bool) -> Result<Vec<(Place, i64)>, BoxError> {
        self.must_be_empty()?;
        let mut places = self.places()?;
        places.retain(|place| partition.is_none_or(|partition| place.partition == partition));
        if places.is_empty() {
            return Err(format!("group {} has no such partition", self.name).into());
        }
        let moves: Vec<_> = self.targets(places, to)?;
        if !dry_run {
            let mut list = TopicPartitionList::new();
            for (place, offset) in &moves {
                list.add_partition_offset(&place.topic, place.partition, Offset::Offset(*offset))?;
            }
            coordinated(|| self.consumer.commit(&list, CommitMode::Sync))?;
        }
        Ok(moves)
    }

    /// Refuses while somebody reads: he would commit his own offsets over the new ones.
    fn must_be_empty(&self) -> Result<(), BoxError> {
        let groups = coordinated(|| self.consumer.fetch_group_list(Some(&self.name), WAIT))?;
        let members: usize = groups.groups().iter().map(|group| group.members().len()).sum();
        match members {
            0 => Ok(()),
            _ => Err(format!("group {} has {members} active member(s); stop them first", self.name).into()),
        }
    }

    fn targets(&self, places: Vec<Place>, to: To) -> Result<Vec<(Place, i64)>, BoxError> {
        let target = |place: &Place| -> Result<i64, BoxError> {
            match to {
                To::Earliest => Ok(place.first),
                To::Latest => Ok(place.end),
                To::Offset(offset) if (place.first..=place.end).contains(&offset) => Ok(offset),
                To::Offset(offset) => {
                    let Place { topic, partition, first, end, .. } = place;
                    Err(format!("{topic}-{partition} has no offset {offset}; it holds {first} to {end}")
                        .into())
                }
                To::Time(time) => Ok(self.at(place, time)?.unwrap_or(place.end)),
            }
        };
        places.into_iter().map(|place| Ok((place.clone(), target(&place)?))).collect()
    }

    /// Finds the first record that is not older.
    fn at(&self, place: &Place, time: i64) -> KafkaResult<Option<i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&place.topic, place.partition, Offset::Offset(time))?;
        let found = self.consumer.offsets_for_times(list, WAIT)?;
        let offset =
            found.elements().first().map(rdkafka::topic_partition_list::TopicPartitionListElem::offset);
        Ok(if let Some(Offset::Offset(offset)) = offset { Some(offset) } else { None })
    }
}

/// Asks again while the group's coordinator moves or loads, which passes.
fn coordinated<T>(ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    use RDKafkaErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    let deadline = Instant::now() + WAIT;
    loop {
        let answer = ask();
        let code = answer.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        let passing = [CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator];
        if Instant::now() > deadline || code.is_none_or(|code| !passing.contains(&code)) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Place {
    fn shown(&self, output: Output) -> String {
        let Self { topic, partition, committed, first, end } = self;
        let lag = end - committed.unwrap_or(*first);
        match output {
            Output::Text => {
                let next = committed.map_or_else(|| "none".to_owned(), |offset| offset.to_string());
                format!("{topic}-{partition}  next {next}  first {first}  end {end}  lag {lag}")
            }
            Output::Json => json!({
                "topic": topic, "partition": partition, "next": committed, "first": first, "end": end, "lag": lag,
            })
            .to_string(),
        }
    }
}
