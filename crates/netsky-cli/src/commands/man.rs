//! `netsky man`

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::{Man, generate_to};

use crate::failure::Failure;

/// Print the manual page of a command, or write all pages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  netsky man | man -l -
  netsky man query | man -l -
  netsky man --output ~/.local/share/man/man1")]
pub struct ManArgs {
    /// The command
    pub command: Option<String>,
    /// Write the page of netsky and those of all commands to a directory
    #[arg(long, short, value_name = "DIR", conflicts_with = "command")]
    pub output: Option<PathBuf>,
}

/// `netsky` is the definition of the whole command line.
pub fn run(args: &ManArgs, mut netsky: Command) -> Result<(), Failure> {
    if let Some(dir) = &args.output {
        return write_all(netsky, dir);
    }
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

fn write_all(netsky: Command, dir: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::input(format!("cannot write to {}: {error}", dir.display()));
    fs::create_dir_all(dir).map_err(failed)?;
    // clap writes a page for `netsky help`, too, which has nothing to say.
    generate_to(netsky.disable_help_subcommand(true), dir).map_err(failed)
}
