//! Where the records of a case end: an HTTP target of the tests' own, or a real server behind a proxy.

mod http;
mod kafka;
mod kind;
mod newest;
mod open;
#[allow(clippy::doc_markdown, reason = "OpenSearch is a name, and no code")]
mod opensearch;
mod postgres;
mod s3;
mod servers;
mod target;

pub(super) use self::kind::TargetKind;
pub(super) use self::open::open;
pub(super) use self::servers::Servers;
pub(super) use self::target::{Luck, Target};
