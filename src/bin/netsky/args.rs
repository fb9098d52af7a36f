//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::{
    backup, check, compact, cost, demo, export, import, migrate, prune, query, record, saved,
    stats, tables, tail, timeline, top,
};

/// The history of a fleet of coding agents: record it, and ask about it in SQL.
///
/// The store is one file: --db, else $NETSKY_DB, else ~/.netsky/meta.db. Any number of programs can
/// record and query it at once.
#[derive(Debug, Parser)]
#[command(name = "netsky", version, verbatim_doc_comment, after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Args {
    #[command(flatten)]
    pub store: StoreArgs,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  netsky demo
  netsky query 'SELECT agent, count(*) AS calls FROM mcp_tool_calls GROUP BY agent'
  netsky record ticks '{\"source\":\"cron\",\"detail_json\":\"{}\"}'
  netsky import messages history.ndjson.gz
  netsky export messages messages.parquet
  netsky schema messages";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the query or the input is wrong
  2  the command line is wrong
  3  the store is absent, locked, too old, too new or corrupt

  124  the query took longer than --timeout";

#[derive(Debug, clap::Args)]
pub struct StoreArgs {
    /// The store's file [default: $NETSKY_DB, else ~/.netsky/meta.db]
    #[arg(long, global = true, value_name = "PATH")]
    pub db: Option<PathBuf>,
    /// How long to wait while another process writes, as in 200ms or 1m
    #[arg(long, global = true, value_name = "TIME", default_value = "10s",
        value_parser = humantime::parse_duration)]
    pub busy_timeout: Duration,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Query(query::QueryArgs),
    #[command(name = "q")]
    Saved(saved::SavedArgs),
    Record(record::RecordArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    Tables(tables::TablesArgs),
    Views(tables::ViewsArgs),
    Schema(tables::SchemaArgs),
    Cost(cost::CostArgs),
    Top(top::TopArgs),
    Timeline(timeline::TimelineArgs),
    Tail(tail::TailArgs),
    Stats(stats::StatsArgs),
    Check(check::CheckArgs),
    Prune(prune::PruneArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Compact(compact::CompactArgs),
    Demo(demo::DemoArgs),
    Migrate(migrate::MigrateArgs),
}
