//! `netsky hook`

mod change;
mod event;
mod failed;
mod install;
pub mod recording;
mod scope;
mod status;
mod uninstall;

use clap::{Args, Subcommand};
use netsky_ingest::hooks::Agent;

use crate::failure::Failure;
use crate::store::StoreArgs;

/// Let coding agents record their sessions by themselves
///
/// A hook is a command that an agent runs at an event. With the hooks of netsky, a session is recorded at the
/// end of each turn, without a program in the background. They never block the agent: a hook that fails
/// writes a line to hook.log beside the store, and the next one catches up.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  netsky hook install claude-code
  netsky hook install codex --telemetry --dry-run
  netsky hook status
  netsky hook uninstall claude-code"
)]
pub struct HookArgs {
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(Debug, Subcommand)]
enum HookCommand {
    Install(install::InstallArgs),
    Uninstall(uninstall::UninstallArgs),
    Status(status::StatusArgs),
    #[command(hide = true)]
    ClaudeCode(event::EventArgs),
    #[command(hide = true)]
    Codex(event::EventArgs),
}

pub fn run(store: &StoreArgs, args: &HookArgs) -> Result<(), Failure> {
    match &args.command {
        HookCommand::Install(args) => install::run(store, args),
        HookCommand::Uninstall(args) => uninstall::run(args),
        HookCommand::Status(args) => status::run(store, args),
        HookCommand::ClaudeCode(_) => event::run(store, Agent::ClaudeCode),
        HookCommand::Codex(_) => event::run(store, Agent::Codex),
    }
}
