//! A connector file -> what the engine runs, or every problem at once.

pub mod assembly;
mod conditions;
pub mod definition;
pub mod files;
pub mod first_look;
mod forms;
pub mod guarantee;
pub mod load;
mod open_references;
mod parts;
mod prune;
mod round;
mod stand_in;
mod tombstones;
mod warnings;
pub(crate) mod writable_files;
