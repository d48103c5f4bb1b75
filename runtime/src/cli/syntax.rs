//! The commands of a program and their options, as clap knows them.

use clap::Args;

use crate::cli::command::Entry;
use crate::cli::global::Global;

const EXIT_CODES: &str =
    "Exit codes: 0 ok, 1 failed while running, 2 bad configuration, 3 environment (cannot reach, no rights).";

/// What makes the syntax of a program. It is made when somebody asks: it takes 700 KB, and a daemon that runs has no use for it.
#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) version: &'static str,
    /// A sentence below the list of commands.
    pub(crate) hint: Option<&'static str>,
    pub(crate) commands: Vec<Entry>,
    /// The name that the program was called by, once that is known.
    pub(crate) bin_name: Option<String>,
}

impl Syntax {
    /// Makes it.
    pub(crate) fn command(&self) -> clap::Command {
        let below = match self.hint {
            Some(hint) => format!("{hint}\n\n{EXIT_CODES}"),
            None => EXIT_CODES.to_owned(),
        };
        let command = clap::Command::new("sluice")
            .about("Moves records out of Kafka into other systems: one binary, one YAML file per connector")
            .version(self.version)
            .max_term_width(110)
            .after_help(below)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(self.commands.iter().map(Entry::syntax));
        let command = match &self.bin_name {
            Some(name) => command.bin_name(name),
            None => command,
        };
        Global::augment_args(command)
    }
}
