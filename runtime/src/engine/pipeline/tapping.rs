//! A record that somebody looks at on its way through the chain.

use sluice_connector_api::{Origin, Record, Side, Transformed};

use crate::tap::{TapPoint, Tapped, TappedRecord, TappedStage};
use crate::transform::chain::{Chain, NotApplied};

/// Does what `Chain::apply` does, and shows the record after each stage. One that needs a schema first is not shown.
pub(super) fn apply_tapped(
    chain: &Chain,
    tap: &TapPoint,
    origin: &Origin,
    record: Record,
) -> Result<Transformed, NotApplied> {
    if !tap.takes(record.size()) {
        return chain.apply(origin, record);
    }
    let read = record.clone();
    let mut stages = Vec::new();
    let see = |stage: &str, records: &[Record]| stages.push(TappedStage::new(stage, records));
    let result = chain.apply_seen(Side::Key, origin, record, see);
    let rejected = match &result {
        Ok(_) => None,
        Err(NotApplied::Rejected(error)) => {
            Some(format!("rejected by {}: {}", error.stage, error.rejection.in_full()))
        }
        Err(NotApplied::NeedsSchema(_)) => return result,
    };
    tap.show(Tapped::Record(TappedRecord { read, stages, rejected }));
    result
}
