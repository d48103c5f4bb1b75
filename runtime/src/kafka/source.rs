//! The source that the engine reads: a member of a consumer group, which two threads serve.

use std::fmt;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use sluice_connector_api::{ExactlyOnce, GroupMember, TopicPartition};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::kafka::commits::Commits;
use crate::kafka::committer::Committer;
use crate::kafka::context::GroupContext;
use crate::kafka::event_sender::{Backlog, EventSender, Handed};
use crate::kafka::native::queue::ConsumerQueue;
use crate::kafka::poller::{Poller, PollerCommand};
use crate::kafka::settings::KafkaSettings;
use crate::kafka::subscription::Subscription;
use crate::kafka::tail::Onlooker;
use crate::kafka::taking_over::TakingOver;
use crate::kafka::watch::{Watch, say};
use crate::meter::log_throttle::LogThrottle;
use crate::meter::reading::Obstacle;
use crate::meter::source_meter::SourceMeter;
use crate::source::budget::Budget;
use crate::source::{AskMember, Event, Offsets, Source};

/// How long it takes until another client asks to join in the place of one that was given up.
const ANOTHER: Duration = Duration::from_secs(2);

/// A member of a consumer group.
#[derive(Debug)]
pub struct KafkaSource {
    member: Member,
    /// The client of the member, for whoever asks about it.
    consumer: Arc<Mutex<Weak<BaseConsumer<GroupContext>>>>,
    joining: Joining,
    /// When to join anew, where the group did not take this client.
    joins_at: Option<Instant>,
    /// What was said of that.
    throttle: LogThrottle,
}

/// What it takes to join.
struct Joining {
    /// The sink, where it stores positions itself.
    sink: Option<Arc<dyn ExactlyOnce>>,
    name: String,
    settings: KafkaSettings,
    budget: Budget,
    meter: Arc<SourceMeter>,
}

/// A client of the group, served by threads of its own.
#[derive(Debug)]
struct Member {
    events: mpsc::UnboundedReceiver<Handed>,
    backlog: Arc<Backlog>,
    commands: Sender<PollerCommand>,
    commits: Arc<Commits>,
    consumer: Weak<BaseConsumer<GroupContext>>,
}

impl fmt::Debug for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joining").field("name", &self.name).finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// Joins the group of a connector. Returns at once: a broker that cannot be reached is tried for ever.
    pub fn new(
        name: &str,
        settings: &KafkaSettings,
        budget: Budget,
        meter: &Arc<SourceMeter>,
    ) -> Result<Self, KafkaError> {
        Self::with_positions_of(None, name, settings, budget, meter)
    }

    /// Does what [`KafkaSource::new`] does, and begins where a sink says that stores positions itself. It is asked on the async
    /// runtime that this is called within.
    pub fn with_positions_of(
        sink: Option<Arc<dyn ExactlyOnce>>,
        name: &str,
        settings: &KafkaSettings,
        budget: Budget,
        meter: &Arc<SourceMeter>,
    ) -> Result<Self, KafkaError> {
        let (name, settings, meter) = (name.to_owned(), settings.clone(), Arc::clone(meter));
        let joining = Joining { sink, name, settings, budget, meter };
        let member = joining.join()?;
        let consumer = Arc::new(Mutex::new(member.consumer.clone()));
        Ok(Self { member, consumer, joining, joins_at: None, throttle: LogThrottle::new(1) })
    }

    /// Has another client join in a while, as librdkafka gave this one up: the group has a member of the same static name,
    /// whose session has to be over first, or the right to join is missing.
    fn wait_to_join(&mut self, why: Obstacle) {
        say(&self.throttle, &why);
        self.joining.meter.reading.note(why);
        self.joins_at = Some(Instant::now() + ANOTHER);
    }
}

impl Joining {
    fn join(&self) -> Result<Member, KafkaError> {
        let Self { sink, name, settings, budget, meter } = self;
        // Unbounded by count, bounded by bytes: the poller reads no more when the budget is used up.
        let (sender, events) = mpsc::unbounded_channel();
        let (commands, command_receiver) = channel();
        let commits = Arc::<Commits>::default();
        let identity = settings.identity();
        let sender = EventSender::new(sender, budget.clone());
        let backlog = sender.backlog();
        let onlooker = Onlooker::new(settings.client_config(name), identity.clone());
        let taking_over = sink.clone().and_then(TakingOver::new);
        let (own_commits, own_meter) = (Arc::clone(&commits), Arc::clone(meter));
        let context = GroupContext::new(sender, identity, own_commits, own_meter, (name, settings))
            .with_positions_of(taking_over);
        let consumer = settings.client_config(name).create_with_context(context)?;
        let records = ConsumerQueue::from_consumer(consumer)
            .ok_or_else(|| KafkaError::ClientCreation("no memory for a queue".to_owned()))?;
        let member = Arc::downgrade(records.consumer());
        let mut subscription = Subscription::new(settings);
        subscription.begin(records.consumer())?;
        let mut committer =
            Committer::new(records.consumer(), &commits, meter, settings, subscription, onlooker);
        let poller = Poller::new(records, command_receiver, budget.clone(), Watch::new(name, settings));
        // The committer ends when the consumer is gone, which the poller has.
        start_thread(format!("commit-{name}"), move || committer.run())?;
        start_thread(format!("kafka-{name}"), move || poller.run())?;
        Ok(Member { events, backlog, commands, commits, consumer: member })
    }
}

/// Starts a thread. Where the system gives none there is no consumer: one that reads and never commits would look as if it
/// worked.
fn start_thread(name: String, run: impl FnOnce() + Send + 'static) -> Result<(), KafkaError> {
    let span = tracing::Span::current();
    let started = thread::Builder::new().name(name).spawn(move || span.in_scope(run));
    started.map(drop).map_err(|error| KafkaError::ClientCreation(format!("cannot start a thread: {error}")))
}

impl Source for KafkaSource {
    async fn next(&mut self) -> Event {
        loop {
            if let Some(at) = self.joins_at {
                sleep_until(at).await;
                self.joins_at = None;
                match self.joining.join() {
                    Ok(member) => {
                        let mut consumer = self.consumer.lock().unwrap_or_else(PoisonError::into_inner);
                        consumer.clone_from(&member.consumer);
                        drop(consumer);
                        let before = std::mem::replace(&mut self.member, member);
                        // An error means that it has ended already.
                        let _ended = before.commands.send(PollerCommand::GiveWay).is_err();
                    }
                    Err(error) => return Event::Failed(error.into()),
                }
            }
            match self.member.events.recv().await {
                Some(Handed::Event(event)) => {
                    if let Event::Records(records) = &event {
                        self.member.backlog.take(records.len());
                    }
                    return event;
                }
                // Whoever gets the event commits no offset from before it.
                Some(Handed::Restarted(partition, offset, stamp)) => {
                    self.member.commits.stamp(&partition, stamp);
                    return Event::Restarted(partition, offset);
                }
                Some(Handed::GivenUp(why)) => self.wait_to_join(why),
                None => return Event::Failed("the thread that polls Kafka has ended".into()),
            }
        }
    }

    fn commit(&mut self, offsets: Offsets) {
        self.member.commits.add(offsets);
    }

    fn committed_elsewhere(&mut self, offsets: Offsets) {
        self.joining.meter.known(&offsets);
    }

    fn mark(&self, partition: &TopicPartition) -> Arc<str> {
        self.member.commits.stamp_of(partition).to_text().into()
    }

    fn member(&self) -> Option<AskMember> {
        let consumer = Arc::clone(&self.consumer);
        let ask = move || {
            let consumer = consumer.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
            consumer.group_metadata().map(GroupMember::new)
        };
        Some(Arc::new(ask))
    }

    async fn close(self, offsets: Offsets) {
        let Member { events, commands, commits, .. } = self.member;
        // Before the events end: a rebalance that waits for an answer commits these in its stead.
        commits.add(offsets);
        // Nobody listens any more: a rebalance that waits for an answer goes on at once.
        drop(events);
        let (closed, wait) = oneshot::channel();
        if commands.send(PollerCommand::Close(closed)).is_ok() {
            // An error means that the poller is gone, which is what was asked for.
            let _gone = wait.await.is_err();
        }
    }
}
