//! `netsky mcp`

use std::env;
use std::io::{IsTerminal, stdin, stdout};
use std::path;

use netsky_server::mcp::{McpOptions, McpServer};
use tokio::runtime::Builder;

use crate::failure::Failure;
use crate::store::StoreArgs;

/// What an agent is told about netsky when it asks.
const SKILL: &str = include_str!("../../../../docs/SKILL.md");

/// Answer agents by the Model Context Protocol (MCP)
///
/// The command is for coding agents, which start it and talk to it on standard input and output: `netsky hook
/// install AGENT --mcp` tells them to. They get tools for SQL, the schema, costs, sessions, timelines and what
/// needs attention. Each call runs in a process of its own, for at most 30 seconds and in 256 MiB, and its answer
/// is cut to what a model can read. Nothing is recorded without --allow-record.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky hook install claude-code --mcp
  netsky hook install codex --mcp
  netsky mcp --db fleet.db --allow-record"
)]
pub struct McpArgs {
    /// Offer a tool that records rows, too
    #[arg(long)]
    pub allow_record: bool,
}

pub fn run(store: &StoreArgs, args: &McpArgs) -> Result<(), Failure> {
    if stdin().is_terminal() {
        return Err(Failure::usage(
            "this command is for agents, which talk to it by the Model Context Protocol\n  \
             `netsky hook install claude-code --mcp` registers it",
        ));
    }
    let program = env::current_exe()
        .map_err(|error| Failure::input(format!("the path of netsky cannot be found: {error}")))?;
    let mut options = McpOptions::new(program).allow_record(args.allow_record).skill(SKILL);
    if let Some(lake) = store.lake_history()? {
        if args.allow_record {
            return Err(Failure::usage("nothing is recorded in a lake; leave out --allow-record"));
        }
        options = options.history(lake);
    } else if let Some(db) = &store.db {
        options = options.history(path::absolute(db).unwrap_or_else(|_| db.clone()));
    }
    // One thread: the work is in other processes.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(McpServer::new(options).run(stdin(), stdout()));
    Ok(())
}
