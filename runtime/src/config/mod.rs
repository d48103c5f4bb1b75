//! Connector files and process settings.
//!
//! A connector file goes through five steps, none of which touches the network: YAML with places
//! ([`yaml`]), references to the environment and files ([`interpolate`]), the JSON Schema that the plug-ins'
//! settings make ([`schema`], [`validate`]), and the settings structs ([`settings`]).
//! Every problem of every file is reported at once.

pub mod interpolate;
pub mod problem;
pub mod schema;
pub mod settings;
pub mod validate;
pub mod worker;
pub mod yaml;
