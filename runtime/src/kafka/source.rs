//! The source that the engine reads: a member of a consumer group, which two threads serve.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use sluice_connector_api::{ExactlyOnce, GroupMember, TopicPartition};
use tokio::sync::{mpsc, oneshot};

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
use crate::meter::source_meter::SourceMeter;
use crate::source::budget::Budget;
use crate::source::{AskMember, Event, Offsets, Source};

/// A member of a consumer group.
#[derive(Debug)]
pub struct KafkaSource {
    events: mpsc::UnboundedReceiver<Handed>,
    backlog: Arc<Backlog>,
    commands: Sender<PollerCommand>,
    commits: Arc<Commits>,
    meter: Arc<SourceMeter>,
    consumer: Weak<BaseConsumer<GroupContext>>,
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
        // Unbounded by count, bounded by bytes: the poller reads no more when the budget is used up.
        let (sender, events) = mpsc::unbounded_channel();
        let (commands, command_receiver) = channel();
        let commits = Arc::<Commits>::default();
        let (identity, meter) = (settings.identity(), Arc::clone(meter));
        let sender = EventSender::new(sender, budget.clone());
        let backlog = sender.backlog();
        let onlooker = Onlooker::new(settings.client_config(name), identity.clone());
        let taking_over = sink.and_then(TakingOver::new);
        let context = GroupContext::new(sender, identity, Arc::clone(&commits), Arc::clone(&meter), settings)
            .with_positions_of(taking_over);
        let consumer = settings.client_config(name).create_with_context(context)?;
        let records = ConsumerQueue::from_consumer(consumer)
            .ok_or_else(|| KafkaError::ClientCreation("no memory for a queue".to_owned()))?;
        let member = Arc::downgrade(records.consumer());
        let mut subscription = Subscription::new(settings);
        subscription.begin(records.consumer())?;
        let mut committer =
            Committer::new(records.consumer(), &commits, &meter, settings, subscription, onlooker);
        let poller = Poller::new(records, command_receiver, budget, settings);
        // Threads that cannot start leave the channel closed, which `next` reports.
        start_thread(format!("kafka-{name}"), move || poller.run());
        start_thread(format!("commit-{name}"), move || committer.run());
        Ok(Self { events, backlog, commands, commits, meter, consumer: member })
    }
}

fn start_thread(name: String, run: impl FnOnce() + Send + 'static) {
    let span = tracing::Span::current();
    let _started = thread::Builder::new().name(name).spawn(move || span.in_scope(run)).is_ok();
}

impl Source for KafkaSource {
    async fn next(&mut self) -> Event {
        match self.events.recv().await {
            Some(Handed::Event(event)) => {
                if let Event::Records(records) = &event {
                    self.backlog.take(records.len());
                }
                event
            }
            // Whoever gets the event commits no offset from before it.
            Some(Handed::Restarted(partition, offset, stamp)) => {
                self.commits.stamp(&partition, stamp);
                Event::Restarted(partition, offset)
            }
            None => Event::Failed("the thread that polls Kafka has ended".into()),
        }
    }

    fn commit(&mut self, offsets: Offsets) {
        self.commits.add(offsets);
    }

    fn committed_elsewhere(&mut self, offsets: Offsets) {
        self.meter.known(&offsets);
    }

    fn mark(&self, partition: &TopicPartition) -> Arc<str> {
        self.commits.stamp_of(partition).to_text().into()
    }

    fn member(&self) -> Option<AskMember> {
        let consumer = self.consumer.clone();
        let ask = move || consumer.upgrade()?.group_metadata().map(GroupMember::new);
        Some(Arc::new(ask))
    }

    async fn close(self, offsets: Offsets) {
        let Self { events, commands, commits, .. } = self;
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
