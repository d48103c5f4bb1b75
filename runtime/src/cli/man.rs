//! `sluice man`: a page of the manual for each command.

use std::path::PathBuf;

use clap::Args;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;

/// Writes a manual page for the program and for each of its commands into a directory.
///
/// `sluice man ~/.local/share/man/man1`, and then `man sluice` and `man sluice-run`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory, which is made where it is missing
    directory: PathBuf,
}

impl Command for ManArgs {
    const NAME: &'static str = "man";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let directory = self.directory.display();
        let failed = |error: std::io::Error| {
            Exit::Environment(format!("cannot write manual pages into {directory}: {error}"))
        };
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        clap_mangen::generate_to(context.syntax(), &self.directory).map_err(failed)
    }
}
