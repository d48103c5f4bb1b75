//! Says where a transform makes tombstones and the sink does not delete what they name.

use sluice_connector_api::{Origin, Payload, Record, SettingsError, TombstoneFate, Transformed};

use crate::guard;
use crate::transform::chain::Step;

/// Returns the keys that ask for tombstones in vain: the path to the transform's settings, and what to know of it.
pub(super) fn made_in_vain(steps: &[Step], sink: &str, fate: &TombstoneFate) -> Vec<(String, SettingsError)> {
    let Some(instead) = fate.why_nothing_is_deleted() else { return Vec::new() };
    let mut found = Vec::new();
    let mut rest = steps;
    while let Some((step, behind)) = rest.split_first() {
        let index = steps.len() - rest.len();
        rest = behind;
        let Some(made) = step.transform.makes_tombstones() else { continue };
        if is_dropped(behind) {
            continue;
        }
        let (why, way_out) = (made.why.reason(), made.way_out);
        let text = format!("{why}, but the sink `{sink}` {instead}; {way_out}");
        found.push((format!("transforms.{index}.{}", step.name), SettingsError::at(made.why.path(), text)));
    }
    found
}

/// Says whether the steps behind drop a tombstone, as a `filter` with a predicate does. Where they cannot say it counts as
/// kept.
fn is_dropped(steps: &[Step]) -> bool {
    let mut record = Record::new(Origin::new("tombstone", 0, 0));
    record.key = Some(Payload::Text("key".to_owned()));
    for step in steps {
        let origin = record.origin().clone();
        match guard::call(|| step.apply(&origin, record)) {
            Ok(Ok(Transformed::One(next))) => record = next,
            Ok(Ok(Transformed::Dropped)) => return true,
            Ok(Ok(Transformed::Several(records))) => return records.is_empty(),
            Ok(Err(_)) | Err(_) => return false,
        }
    }
    false
}
