//! What orders records on their way to a sink. Pure.

use std::hash::{BuildHasher, Hash};

use sluice_connector_api::{Limits, Order, Record, Sink};

/// Says whether the newest record of a thing takes the place of the older ones in a batch.
pub(super) fn newest_wins(order: Order) -> bool {
    matches!(order, Order::Id { newest_wins: true })
}

/// Folds what orders a record into a number, and returns its id where that is it. Two keys that fold alike wait for each
/// other, which is harmless.
pub(super) fn order_and_id(order: Order, sink: &dyn Sink, record: &Record) -> (Option<u64>, Option<String>) {
    match order {
        Order::Partition => (Some(folded(record.origin().topic_partition())), None),
        Order::Key => (record.key.as_ref().map(|key| folded(key.to_bytes())), None),
        Order::KeyOrPartition => {
            let partition = || folded(record.origin().topic_partition());
            (Some(record.key.as_ref().map_or_else(partition, |key| folded(key.to_bytes()))), None)
        }
        Order::Id { .. } => {
            let id = sink.id(record);
            (id.as_ref().map(folded), id)
        }
    }
}

/// Parts records of one batch key by what orders them, where the sink wants that.
pub(super) fn stripe_of(limits: &Limits, batch_key: u64, order: Option<u64>) -> u64 {
    match u64::try_from(limits.max_in_flight) {
        Ok(stripes) if limits.is_striped && stripes > 1 => {
            batch_key.wrapping_mul(stripes).wrapping_add(order.unwrap_or_default() % stripes)
        }
        _ => batch_key,
    }
}

fn folded(key: impl Hash) -> u64 {
    foldhash::quality::FixedState::default().hash_one(key)
}
