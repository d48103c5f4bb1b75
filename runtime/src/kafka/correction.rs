//! What is to be corrected of where reading stands.

use sluice_connector_api::TopicPartition;

use crate::kafka::stamp::{Stamp, TopicId};
use crate::meter::position_loss::PositionLoss;

/// A position that was found to be another, while no record of the partition came.
pub(super) struct Correction {
    pub(super) partition: TopicPartition,
    /// Where reading goes on.
    pub(super) to: i64,
    pub(super) what: Corrected,
}

/// Why a position is another, and what it has to be for this to be still so.
pub(super) enum Corrected {
    /// There is no record behind this offset.
    Passed { from: i64 },
    /// This offset does not mean any more what it meant.
    Lost { from: i64, why: PositionLoss },
    /// It is a position in this topic, which was made again.
    Recreated { before: Option<TopicId>, stamp: Stamp },
}
