//! A run that does not stop at a record at fault, and says at its end what is done.

use std::sync::Arc;

use sluice_connector_api::Record;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::ledger::tracker::Ticket;
use crate::engine::letters::rejection::Rejected;
use crate::engine::letters::tolerance::Tolerance;
use crate::engine::pipeline::report::{Held, Report};
use crate::engine::pipeline::run::Pipeline;
use crate::engine::pipeline::transforming::Fault;
use crate::source::Source;
use crate::transform::chain::StageError;

impl<S: Source> Pipeline<S> {
    /// Does what [`Pipeline::run`] does, and reports which records are done. A record at fault that is not tolerated
    /// stops only what comes later of its ordering key. Puts that have not ended at `give_up_at`, after a stop, are
    /// left behind as not done.
    pub async fn run_and_report(mut self, stop: CancellationToken, give_up_at: Instant) -> Report {
        self.held = (self.settings.tolerance == Tolerance::None).then(Held::default);
        if self.held.is_some() {
            self.transforming.keep_read();
        }
        self.give_up_at = Some(give_up_at);
        let result = self.until_ended(&stop).await;
        let rejected = self.held.take().and_then(|held| held.first);
        let report = Report { result, rejected, read: self.tracker.read_so_far() };
        self.close().await;
        report
    }

    /// Rejects a record that no sink has seen: what orders it is told from it as it was read.
    pub(super) fn reject_read(&mut self, ticket: Ticket, read: Option<Arc<Record>>, fault: Fault) {
        let order = read.as_ref().filter(|_| self.held.is_some()).and_then(|read| self.lane.order_of(read));
        let Fault { origin, error: StageError { stage, rejection } } = fault;
        self.reject(&Rejected {
            ticket,
            origin,
            read,
            order,
            stage,
            reason: rejection.to_string(),
            attempts: 0,
        });
    }
}
