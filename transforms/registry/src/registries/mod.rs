//! The registries that keep schemas, and how each is asked for one.

mod apicurio;
mod client;
mod confluent;
mod glue;
mod hosts;
mod registrar;
mod settings;
mod text;

pub(crate) use client::RegistryClient;
pub(crate) use registrar::{NewSchema, SchemaRegistrar};
pub(crate) use settings::RegistrySettings;
pub(crate) use text::{SchemaReference, SchemaText};
