//! What a lane keeps to.

use std::fmt;
use std::sync::Arc;

use sluice_connector_api::{Blanks, Confirm, ConfirmLimits, Limits, Sink};

use crate::engine::batch::batcher::BatchLimits;
use crate::pace::pacer::{Pacer, Pacers};
use crate::retry::policy::RetryPolicy;
use crate::tap::TapPoint;

/// What tells what became of accepted records, as the sink gave it at the start.
#[derive(Clone)]
pub struct AskedOnce(pub(super) Arc<dyn Confirm>);

impl fmt::Debug for AskedOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedOnce").finish_non_exhaustive()
    }
}

/// What a lane keeps to: the operator's settings, bounded by what the sink can take.
#[derive(Clone, Debug)]
pub struct LaneSettings {
    /// What the sink can take.
    pub limits: Limits,
    /// How large a batch may grow and how long it may wait.
    pub batch: BatchLimits,
    /// Whether a batch that is not full goes at once while no put is in flight, and lingers only while one is.
    pub at_once: bool,
    /// How long a batch is tried, and how long it waits in between.
    pub retry: RetryPolicy,
    /// The pace of calls, where the sink asks for one.
    pub pacer: Option<Pacer>,
    /// How the sink is asked what became of records that a put accepted, where it stores later than it answers.
    pub confirm: Option<ConfirmLimits>,
    /// What is asked, if the sink gave it already.
    pub confirmation: Option<AskedOnce>,
    /// The pace of confirmations, where the sink asks for one.
    pub confirm_pacer: Option<Pacer>,
    /// What is blanked in what the sink says.
    pub blanks: Blanks,
    /// Where whoever wants to see records and puts stands.
    pub tap: TapPoint,
}

impl LaneSettings {
    /// Puts settings together for a sink with these limits, with its paces from among those of the process.
    pub fn new(limits: Limits, batch: BatchLimits, retry: RetryPolicy, pacers: &Pacers) -> Self {
        Self {
            pacer: limits.pace.as_ref().map(|pace| pacers.of(pace)),
            limits,
            batch,
            at_once: false,
            retry,
            confirm: None,
            confirmation: None,
            confirm_pacer: None,
            blanks: Blanks::default(),
            tap: TapPoint::default(),
        }
    }

    /// Lets a batch that is not full go at once while no put is in flight.
    #[must_use]
    pub fn with_batches_at_once(mut self, at_once: bool) -> Self {
        self.at_once = at_once;
        self
    }

    /// Blanks secrets in what the sink says.
    #[must_use]
    pub fn with_blanks(mut self, blanks: Blanks) -> Self {
        self.blanks = blanks;
        self
    }

    /// Shows records and puts to whoever looks.
    #[must_use]
    pub fn with_tap(mut self, tap: TapPoint) -> Self {
        self.tap = tap;
        self
    }

    /// Keeps to what the sink says of its confirmations, if it has such.
    #[must_use]
    pub fn with_confirmation_of(mut self, sink: &dyn Sink, pacers: &Pacers) -> Self {
        if let Some(confirmation) = sink.confirmation() {
            let limits = confirmation.limits();
            self.confirm_pacer = limits.pace.as_ref().map(|pace| pacers.of(pace));
            self.confirm = Some(limits);
            self.confirmation = Some(AskedOnce(confirmation));
        }
        self
    }
}
