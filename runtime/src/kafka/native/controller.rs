//! Asks which broker is the controller, which the safe wrapper does not.
#![allow(unsafe_code, reason = "a foreign function; see the safety comment")]

use std::time::Duration;

use rdkafka::bindings::rd_kafka_controllerid;
use rdkafka::client::{Client, ClientContext};

/// Says whether the brokers name a controller, without which no topic is created or deleted. Waits for it so long.
pub(in crate::kafka) fn has_controller<C: ClientContext>(client: &Client<C>, within: Duration) -> bool {
    let millis = i32::try_from(within.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is borrowed for this call, and so alive; the function may be called by any thread.
    unsafe { rd_kafka_controllerid(client.native_ptr(), millis) >= 0 }
}
