//! `netsky lake`

mod check;
mod compact;
mod prune;
mod push;
mod status;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::store::StoreArgs;

/// Collect the rows of many machines as Parquet
///
/// Each machine pushes what it has recorded since its last push. --lake URL then queries the rows of all: netsky
/// query, shell, cost, top, timeline, tail, serve and mcp take it. A lake is a directory, or a URL such as s3://bucket/fleet,
/// gs://bucket/fleet or az://container/fleet, with credentials and the endpoint from the environment
/// ($AWS_ACCESS_KEY_ID, $AWS_ENDPOINT and so on). docs/lake.md describes it.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  netsky lake push s3://bucket/fleet
  netsky lake push /mnt/fleet --machine dev3 --until 2026-04-15
  netsky lake status s3://bucket/fleet
  netsky query --lake s3://bucket/fleet 'SELECT machine, count(*) FROM messages GROUP BY 1'"
)]
pub struct LakeArgs {
    #[command(subcommand)]
    command: LakeCommand,
}

#[derive(Debug, Subcommand)]
enum LakeCommand {
    Push(push::PushArgs),
    Status(status::StatusArgs),
    Prune(prune::PruneArgs),
    Compact(compact::CompactArgs),
    Check(check::CheckArgs),
}

pub fn run(store: &StoreArgs, args: &LakeArgs) -> Result<(), Failure> {
    match &args.command {
        LakeCommand::Push(args) => push::run(store, args),
        LakeCommand::Status(args) => status::run(store, args),
        LakeCommand::Prune(args) => prune::run(store, args),
        LakeCommand::Compact(args) => compact::run(store, args),
        LakeCommand::Check(args) => check::run(store, args),
    }
}
