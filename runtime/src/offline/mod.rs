//! The engine on other sources than a consumer group: sample records, and a dead letter queue.
//!
//! ```text
//! suite                        tests of a connector: what is expected of its preview
//! sample                       what a file of sample records holds
//! preview                      sample records through a connector, whose sink stores nothing
//!   |  recorder                stands for the sink, and notes the request of each put
//!   |  shown                   a record as it is shown
//! replay                       dead letters through a connector
//! given, rejections            records that are there already, as a source; and where what is rejected is noted
//! ```

mod given;
pub mod preview;
pub(crate) mod recorder;
pub(crate) mod rejections;
pub mod replay;
pub mod sample;
pub mod shown;
pub mod suite;
