use sluice_connector_api::{Origin, Record, Rejection, Transform, Transformed};
use sluice_runtime::chain::Step;

/// Does what a record's value says: `drop`, `foul` (it is rejected), `split N`, `forge` (a new origin) or,
/// for any other, nothing.
struct Obey;

impl Transform for Obey {
    fn apply(&self, record: Record) -> Result<Transformed, Rejection> {
        let value = record.value_text().unwrap_or_default();
        match value.split_once(' ').unwrap_or((value, "")) {
            ("drop", _) => Ok(Transformed::Dropped),
            ("foul", _) => Err(Rejection::new("it is foul")),
            ("forge", _) => Ok(forged(record).into()),
            ("split", parts) => Ok(Transformed::Several(vec![record.clone(); parts.parse().unwrap()])),
            _ => Ok(record.into()),
        }
    }
}

fn forged(record: Record) -> Record {
    let mut forged = Record::new(Origin::new("elsewhere", 7, 99));
    forged.value = record.value;
    forged
}

/// The chain of every test.
pub(crate) fn steps() -> Vec<Step> {
    vec![Step { name: "obey", transform: Box::new(Obey), condition: None }]
}
