//! A connector file -> what the engine runs, or every problem at once.

pub mod assembly;
mod conditions;
pub mod definition;
pub mod files;
mod forms;
pub mod load;
mod parts;
mod prune;
