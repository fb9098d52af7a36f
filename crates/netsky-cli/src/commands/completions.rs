//! `netsky completions`

use std::io::{Write, stdout};

use clap::Command;
use clap_complete::{Shell, generate};

use crate::failure::Failure;

/// Print a completion script for a shell
///
/// Write it to the directory where the shell looks for completions, which differs between systems.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky completions bash > ~/.local/share/bash-completion/completions/netsky
  netsky completions zsh > ~/.zfunc/_netsky      # with ~/.zfunc in $fpath
  netsky completions fish > ~/.config/fish/completions/netsky.fish"
)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// `netsky` is the definition of the whole command line.
pub fn run(args: &CompletionsArgs, mut netsky: Command) -> Result<(), Failure> {
    // clap's writer panics if a write fails, for example on a closed pipe, so it writes to memory.
    let mut script = Vec::new();
    generate(args.shell, &mut netsky, "netsky", &mut script);
    Ok(stdout().lock().write_all(&script)?)
}
