//! `netsky hook install`

use std::path::{Path, PathBuf};
use std::{env, fs, path};

use netsky_ingest::hooks::{Agent, InstallOptions, Locations, plan_install};

use super::change::{self, ChangeArgs};
use super::failed::failed;
use super::scope::{ScopeArgs, agent};
use crate::failure::Failure;
use crate::store::StoreArgs;

/// Install the hooks of netsky in the settings of an agent
///
/// The command shows what changes and asks before it changes anything. All other settings stay as they are,
/// byte for byte, and the old file is kept beside the new one. Installing again updates the hooks, for
/// example after netsky has moved. With --db, the hooks record into that store.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky hook install claude-code
  netsky hook install claude-code --telemetry --dry-run
  netsky hook install codex --mcp --yes"
)]
pub struct InstallArgs {
    /// The agent
    #[arg(value_parser = agent())]
    agent: Agent,
    /// Let the agent send OpenTelemetry to `netsky serve`, too
    #[arg(long)]
    telemetry: bool,
    /// Let the agent ask netsky, too, by the MCP server of `netsky mcp`
    #[arg(long)]
    mcp: bool,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

pub fn run(store: &StoreArgs, args: &InstallArgs) -> Result<(), Failure> {
    let store = store.db.as_deref().map(|store| {
        path::absolute(store).map_err(|error| {
            Failure::input(format!("cannot find the path of {}: {error}", store.display()))
        })
    });
    let options = InstallOptions {
        locations: Locations::from_env().map_err(failed)?,
        scope: args.scope.scope()?,
        program: program()?,
        store: store.transpose()?,
        telemetry: args.telemetry,
        mcp: args.mcp,
    };
    let plan = plan_install(args.agent, &options).map_err(failed)?;
    let unchanged = format!("The hooks of {} are already installed.", args.agent.title());
    change::run(args.agent, &plan, &unchanged, &args.change)
}

/// The path of this program, as a shell finds it. The program itself knows only where links lead, and
/// package managers put each version into a directory of its own and link the current one.
fn program() -> Result<PathBuf, Failure> {
    let program = env::current_exe()
        .map_err(|error| Failure::input(format!("the path of netsky cannot be found: {error}")))?;
    let resolved = |path: &Path| fs::canonicalize(path).ok();
    let dirs = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&dirs)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(format!("netsky{}", env::consts::EXE_SUFFIX)))
        .find(|path| path.is_file());
    // Only the first one counts: a shell runs that.
    Ok(found.filter(|path| resolved(path) == resolved(&program)).unwrap_or(program))
}
