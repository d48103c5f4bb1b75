//! AWS Lambda behind an event source mapping for Kafka.
//!
//! The service reads the topic and calls the function with a batch of records. An invocation is one run of a
//! [`Pipeline`](crate::engine::Pipeline) over them, with the connector's chain, sink and dead letter queue; the answer
//! says what is not done. Between invocations the clients, the compiled templates and the learned pace stay, and
//! nothing else. The loop that asks the service for invocations is the binary's.

mod answer;
mod connector;
pub(crate) mod embedded_metrics;
mod encoded;
mod event;
mod host;
mod in_order;
mod known;
mod odd;
mod parts;
mod source;

pub use crate::lambda::answer::{Answer, NotDone};
pub use crate::lambda::connector::load;
pub use crate::lambda::event::{KafkaEvent, Records};
pub use crate::lambda::host::{Host, HostSettings};
pub use crate::lambda::known::{event_of, is_event};
pub use crate::lambda::parts::Readable;
