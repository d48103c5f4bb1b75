//! What is done where a position does not mean any more what it meant: it is said, counted, and the connector goes on or
//! stops.

use std::sync::Arc;

use sluice_connector_api::TopicPartition;

use crate::kafka::settings::OnPositionLost;
use crate::meter::position_loss::LostPosition;
use crate::meter::source_meter::SourceMeter;

/// Says and counts lost positions.
#[derive(Debug)]
pub(super) struct Losses {
    policy: OnPositionLost,
    meter: Arc<SourceMeter>,
}

impl Losses {
    pub(super) fn new(policy: OnPositionLost, meter: Arc<SourceMeter>) -> Self {
        Self { policy, meter }
    }

    /// Takes note of a position that was lost. An error says why the connector has to stop.
    pub(super) fn note(&self, partition: &TopicPartition, lost: LostPosition) -> Result<(), String> {
        self.meter.position_lost(partition, lost);
        let LostPosition { from, to, why } = lost;
        let reason = why.reason();
        match self.policy {
            OnPositionLost::Earliest => {
                tracing::warn!(
                    %partition,
                    from,
                    to,
                    why = why.name(),
                    "the position was lost, reading goes on at {to}: {reason}"
                );
                Ok(())
            }
            OnPositionLost::Stop => Err(format!(
                "the position {from} of {partition} was lost, the next record that is there has {to}: {reason}; \
                 `sluice offsets reset` says where to go on, `source.kafka.on_position_lost: earliest` goes on by itself"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::position_loss::PositionLoss;

    #[test]
    fn a_lost_position_stops_the_connector_only_where_it_is_told_to() {
        let meter = Arc::<SourceMeter>::default();
        let (partition, lost) = (
            TopicPartition::new("t", 3),
            LostPosition { from: 15, to: 0, why: PositionLoss::TopicRecreated },
        );
        assert_eq!(Losses::new(OnPositionLost::Earliest, Arc::clone(&meter)).note(&partition, lost), Ok(()));
        let reason =
            Losses::new(OnPositionLost::Stop, Arc::clone(&meter)).note(&partition, lost).unwrap_err();
        assert!(
            reason.starts_with(
                "the position 15 of t-3 was lost, the next record that is there has 0: the topic"
            )
        );
        assert_eq!(meter.lost_positions().first(), Some(&("topic_recreated", 2)));
    }
}
