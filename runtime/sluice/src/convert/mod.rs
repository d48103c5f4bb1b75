//! `sluice convert`: the configuration of a Kafka Connect sink as a connector file.
//!
//! ```text
//! command        the command, and how the outcome is printed
//! connector      a whole configuration: each part by those below
//!   |  source, errors, transforms, sinks      what of Kafka Connect stands for what here: tables
//! stand_ins      what stands in for settings that have no counterpart of their own
//! options        the settings that are left, and what is noted on the way; no secret leaves it
//! trial          what `sluice check` has against the file
//! read           JSON, properties, or the resource of an operator
//! mirror_flow    a flow of a process of MirrorMaker, as a connector
//! ```
//!
//! To add a sink, a transform or a converter is to add an entry to a table: `sinks::SINKS`, `transforms::TRANSFORMS`,
//! `transforms::PREDICATES`, `source::CONVERTERS`. An entry whose plug-in the program does not have counts as none.

#[cfg(test)]
mod any_configuration;
mod command;
mod connector;
mod errors;
mod mirror_flow;
mod options;
mod read;
mod sinks;
mod source;
mod stand_ins;
mod transforms;
mod trial;

pub(crate) use command::ConvertArgs;
