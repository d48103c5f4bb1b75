//! Kafka Connect's REST API, on the listener that also serves metrics and health.
//!
//! ```text
//! routes      which path asks for what
//! access      who may ask
//! connectors  what connectors are and are up to     states   pause, resume, stop, restart
//! writes      creating, changing and removing them   configs  a configuration that was sent   file_writes  their files
//! plugins     which plug-ins there are, and whether a configuration is valid
//! offsets     how far a connector is, and moving it  loggers  what is logged
//! live        what connectors are up to right now   letters  their dead letters          questions  to what they have stored
//! tap         records as they pass                   events   answers that last      blanked   without secrets
//! page        the page at /, and what it is made of
//! served      what they are served from               openapi  what the API is
//! shapes      the bodies       query   the parameters       error   the answers that are none
//! ```
//!
//! It sits on the worker's [`Control`](crate::worker::Control) and decides nothing itself. Paths, status codes and bodies are
//! those of Kafka Connect 4 (`org.apache.kafka.connect.runtime.rest`), so that its clients work unchanged; where Sluice differs,
//! `docs/rest-api.md` says so.

mod access;
mod blanked;
mod configs;
mod connectors;
mod error;
mod escaping;
mod events;
mod file_writes;
mod letters;
mod live;
mod loggers;
mod offsets;
mod openapi;
mod page;
mod plugins;
mod query;
mod questions;
mod routes;
mod served;
mod shapes;
mod states;
mod tap;
mod writes;

pub use crate::control::access::AccessRules;
pub(crate) use crate::control::access::guard;
pub use crate::control::file_writes::FileWrites;
pub(crate) use crate::control::routes::nothing_here;
pub use crate::control::routes::{RestSettings, router};
