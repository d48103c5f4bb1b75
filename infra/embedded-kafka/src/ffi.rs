//! The one call of librdkafka's mock cluster that the safe wrapper lacks.
#![allow(unsafe_code, reason = "a foreign function; see the safety comment")]

use std::time::Duration;

use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms};
use rdkafka::client::{Client, ClientContext};

/// Sets how long the first member of a group waits for others (`group.initial.rebalance.delay.ms`).
pub(crate) fn set_initial_rebalance_delay<C: ClientContext>(client: &Client<C>, delay: Duration) {
    let millis = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the pointer is that of a live client, borrowed for this call; librdkafka answers with that client's
    // own mock cluster, or null, and takes its own lock for the change.
    unsafe {
        let cluster = rd_kafka_handle_mock_cluster(client.native_ptr());
        if !cluster.is_null() {
            rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, millis);
        }
    }
}
