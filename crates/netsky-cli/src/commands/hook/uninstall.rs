//! `netsky hook uninstall`

use netsky_ingest::hooks::{Agent, Locations, plan_uninstall};

use super::change::{self, ChangeArgs};
use super::failed::failed;
use super::scope::{ScopeArgs, agent};
use crate::failure::Failure;

/// Remove the hooks of netsky from the settings of an agent
///
/// The command shows what changes and asks before it changes anything. It removes the hooks, the settings of
/// OpenTelemetry that still have the values of netsky, and its MCP server. What was recorded stays.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky hook uninstall claude-code
  netsky hook uninstall codex --yes"
)]
pub struct UninstallArgs {
    /// The agent
    #[arg(value_parser = agent())]
    agent: Agent,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

pub fn run(args: &UninstallArgs) -> Result<(), Failure> {
    let locations = Locations::from_env().map_err(failed)?;
    let plan = plan_uninstall(args.agent, &args.scope.scope()?, &locations).map_err(failed)?;
    let unchanged = format!("There are no hooks of netsky in {}.", args.agent.title());
    change::run(args.agent, &plan, &unchanged, &args.change)
}
