//! `netsky man`

use std::io::{Write, stdout};

use clap::Command;
use clap_mangen::Man;

use crate::failure::Failure;

/// Print the manual page of netsky or of a command
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  netsky man | man -l -
  netsky man query | man -l -
  netsky man > ~/.local/share/man/man1/netsky.1")]
pub struct ManArgs {
    /// The command
    pub command: Option<String>,
}

/// `netsky` is the definition of the whole command line.
pub fn run(args: &ManArgs, mut netsky: Command) -> Result<(), Failure> {
    // Gives each command its full name and the global options.
    netsky.build();
    let command = match &args.command {
        None => netsky,
        Some(name) => netsky.find_subcommand(name).cloned().ok_or_else(|| {
            Failure::usage(format!("no command named '{name}'; `netsky --help` lists them"))
        })?,
    };
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(stdout().lock().write_all(&page)?)
}
