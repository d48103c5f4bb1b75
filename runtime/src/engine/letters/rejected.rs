//! A record at fault, as whoever found it describes it.

use std::fmt;
use std::sync::Arc;

use sluice_connector_api::{Origin, Record};

use crate::engine::lane::fault::RecordFault;
use crate::engine::ledger::tracker::Ticket;
use crate::transform::chain::Stage;

/// A record at fault.
pub(crate) struct Rejected {
    pub(crate) ticket: Ticket,
    pub(crate) origin: Origin,
    /// As it was read, where a policy may want it.
    pub(crate) read: Option<Arc<Record>>,
    /// What orders it, as the lane knows; nothing where the chain rejected it.
    pub(crate) order: Option<u64>,
    pub(crate) stage: Stage,
    pub(crate) fault: RecordFault,
    /// How often it was put.
    pub(crate) attempts: u32,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "was rejected by {}: {}", self.stage, self.fault)
    }
}
