//! The start of a worker, and its bounded end.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::connector::load::Connector;
use crate::engine::Tally;
use crate::worker::control::Control;
use crate::worker::kept_states::KeptStates;
use crate::worker::running::{SharedByConnectors, has_ended};
use crate::worker::table::Table;

/// How a worker ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What became of the records of each connector that ran to the end.
    pub tallies: Vec<(Arc<str>, Tally)>,
    /// The tasks that did not end in time; what they had in flight is read again at the next start.
    pub late: usize,
}

/// Connectors that run side by side.
#[derive(Debug)]
pub struct Worker {
    table: Arc<Table>,
    stop: CancellationToken,
}

impl Worker {
    /// Starts connectors. They run until `stop` is cancelled; [`Control::apply`] changes which they are.
    ///
    /// Must be called within the async runtime.
    pub fn start(connectors: Vec<Connector>, stop: CancellationToken) -> Self {
        Self::start_with(connectors, KeptStates::default(), SharedByConnectors::default(), stop)
    }

    /// Does what [`Worker::start`] does, makes the connectors what operators wanted them to be, and has them share what they
    /// are to share.
    pub fn start_with(
        connectors: Vec<Connector>,
        states: KeptStates,
        shared: SharedByConnectors,
        stop: CancellationToken,
    ) -> Self {
        let table = Arc::new(Table::new(states, shared, stop.clone()));
        table.apply(connectors);
        Self { table, stop }
    }

    /// Returns the means to see and steer the connectors.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.table))
    }

    /// Waits until `stop` is cancelled, and then up to `shutdown_timeout` for what is in flight.
    pub async fn ended(&mut self, shutdown_timeout: Duration) -> Ended {
        self.stop.cancelled().await;
        let mut statuses = self.table.rows().statuses();
        let all_ended = async {
            for status in &mut statuses {
                while status.changed().await.is_ok() {}
            }
        };
        // Those that are late are counted below.
        let _time_is_up = tokio::time::timeout(shutdown_timeout, all_ended).await.is_err();
        let late = statuses.iter().filter(|status| !has_ended(status)).count();
        let rows = self.table.rows();
        let tallies = rows.running.iter().map(|(name, running)| (Arc::clone(name), running.status().records));
        Ended { tallies: tallies.collect(), late }
    }
}
