//! `sluice completions`: what a shell needs to complete commands and options.

use clap::Args;
use clap_complete::Shell;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::print;

/// Prints a script that completes commands and options in a shell.
///
/// For bash: `sluice completions bash > ~/.local/share/bash-completion/completions/sluice`. For fish: `sluice
/// completions fish > ~/.config/fish/completions/sluice.fish`. For zsh: into a file `_sluice` in a folder of `$fpath`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Command for CompletionsArgs {
    const NAME: &'static str = "completions";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let mut syntax = context.syntax();
        let name = syntax.get_bin_name().unwrap_or_else(|| syntax.get_name()).to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut syntax, name, &mut script);
        print(String::from_utf8_lossy(&script).trim_end())
    }
}
