//! `netsky hook`

mod change;
mod event;
mod install;
mod recording;
mod status;
mod uninstall;

use std::env;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use netsky_ingest::hooks::{Agent, HookError, Scope};

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

/// Parses the name of an agent.
fn agent() -> impl TypedValueParser<Value = Agent> {
    PossibleValuesParser::new(Agent::ALL.map(Agent::name)).try_map(|name| name.parse::<Agent>())
}

/// Selects the sessions that have hooks.
#[derive(Debug, Clone, Copy, Args)]
struct ScopeArgs {
    /// Only for sessions in the current directory, of all who use it: .claude/settings.json
    #[arg(long)]
    project: bool,
}

impl ScopeArgs {
    fn scope(self) -> Result<Scope, Failure> {
        let dir = || -> Result<PathBuf, Failure> {
            env::current_dir().map_err(|error| {
                Failure::input(format!("the current directory cannot be found: {error}"))
            })
        };
        Ok(if self.project { Scope::Project(dir()?) } else { Scope::User })
    }
}

fn failed(error: HookError) -> Failure {
    let failure = match error {
        HookError::NoProjectScope => Failure::usage(error.to_string()),
        _ => Failure::input(error.to_string()),
    };
    failure.with_hint(error.hint().unwrap_or_default())
}
