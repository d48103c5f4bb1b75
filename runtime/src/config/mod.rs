//! Connector files and process settings.
//!
//! A connector file goes through five steps, none of which touches the network unless a provider of the program's own
//! does: YAML with places ([`yaml`]), references to the environment, files and other providers ([`interpolate`]), the JSON
//! Schema that the plug-ins' settings make ([`schema`], [`validate`]), and the settings structs ([`settings`]).
//! Every problem of every file is reported at once.

mod bounds;
pub(crate) mod comments;
pub mod credentials;
mod environment;
mod expected;
mod explain;
pub mod flat;
pub(crate) mod flat_names;
pub(crate) mod flat_reader;
pub(crate) mod foreign;
mod found;
pub mod interpolate;
mod misplaced;
pub(crate) mod nearest;
mod places;
pub mod problem;
mod providers;
mod reference;
mod remembered;
pub mod schema;
pub(crate) mod secrets;
pub mod settings;
pub mod shared_schema;
pub mod text_file;
mod typed;
pub mod validate;
pub(crate) mod veil;
pub mod worker;
pub mod yaml;
mod yaml_faults;
mod yaml_quotes;
mod yaml_reader;
pub mod yaml_writer;
