//! Apache Kafka as a source.
//!
//! A thread of its own polls librdkafka and never blocks (`poller`): it turns records, rebalances and errors
//! into [`Event`]s, and pauses the partitions when the byte budget is used up, so that the group never evicts a
//! connector whose sink is slow. The rebalance protocol is in `context`. Who a client is to the brokers is in `auth`.

mod auth;
mod context;
mod poller;
mod probe;
mod record;
mod scan;
mod settings;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rdkafka::error::KafkaError;
use tokio::sync::{mpsc, oneshot};

pub use self::auth::{Access, AuthSettings, Identity, TlsSettings};
use self::context::GroupContext;
use self::poller::{Command, Poller};
pub use self::probe::probe;
pub use self::scan::scan;
pub use self::settings::KafkaSettings;
use super::budget::Budget;
use super::{Event, Offsets, Source};

/// A member of a consumer group.
#[derive(Debug)]
pub struct KafkaSource {
    events: mpsc::UnboundedReceiver<Event>,
    commands: Sender<Command>,
}

impl KafkaSource {
    /// Joins the group of a connector. Returns at once: a broker that cannot be reached is tried for ever.
    pub fn start(name: &str, settings: &KafkaSettings, budget: Budget) -> Result<Self, KafkaError> {
        // Unbounded by count, bounded by bytes: the poller reads no more when the budget is used up.
        let (event_sender, events) = mpsc::unbounded_channel();
        let (commands, command_receiver) = channel();
        let context = GroupContext::new(event_sender, settings.identity());
        let consumer = settings.client_config(name).create_with_context(context)?;
        let poller = Poller::new(Arc::new(consumer), command_receiver, budget, settings);
        poller.subscribe()?;
        let span = tracing::Span::current();
        // A thread that cannot start leaves the channel closed, which `next` reports.
        let _started = thread::Builder::new()
            .name(format!("kafka-{name}"))
            .spawn(move || span.in_scope(|| poller.run()))
            .is_ok();
        Ok(Self { events, commands })
    }
}

impl Source for KafkaSource {
    async fn next(&mut self) -> Event {
        let ended = || Event::Failed("the thread that polls Kafka has ended".into());
        self.events.recv().await.unwrap_or_else(ended)
    }

    fn commit(&mut self, offsets: Offsets) {
        // A poller that has ended said so as an event.
        let _gone = self.commands.send(Command::Commit(offsets)).is_err();
    }

    async fn close(self, offsets: Offsets) {
        let Self { events, commands } = self;
        // Nobody listens any more: a rebalance that waits for an answer goes on at once.
        drop(events);
        let (closed, wait) = oneshot::channel();
        if commands.send(Command::Close(offsets, closed)).is_ok() {
            // An error means that the poller is gone, which is what was asked for.
            let _gone = wait.await.is_err();
        }
    }
}
