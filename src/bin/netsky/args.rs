//! What can be typed.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand, ValueEnum};

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
    Query(QueryArgs),
    Record(RecordArgs),
    Import(ImportArgs),
    Tables(TablesArgs),
    Schema(SchemaArgs),
    Stats(StatsArgs),
    Check(CheckArgs),
    Prune(PruneArgs),
    Backup(BackupArgs),
    Restore(RestoreArgs),
    Compact(CompactArgs),
    Demo(DemoArgs),
    Migrate(MigrateArgs),
}

/// Run one SQL query and print its answer
///
/// SQL only reads: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE and SHOW. A query sees the store as it was
/// when it began. `netsky schema` lists tables and columns. JSON columns open with ->>, as in
/// detail_json->>'elapsed_s', or with json_get_int(detail_json, 'elapsed_s') and its kin.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky query 'SELECT source, max(ts_utc) FROM ticks GROUP BY source'
  netsky query --format csv --file report.sql > report.csv
  echo 'SELECT count(*) FROM messages' | netsky query --format ndjson"
)]
pub struct QueryArgs {
    /// The query; - or nothing reads it from standard input
    pub sql: Option<String>,
    /// Read the query from a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "sql")]
    pub file: Option<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Print one JSON object with the rows and what is known of them
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// End the query after so long, as in 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// Let the query hold so much to sort, group and join, as in 64MiB; more goes to temporary files
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<ByteSize>,
    /// Leave out rows that cannot be decoded, and count them on standard error
    #[arg(long)]
    pub skip_corrupt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An ASCII table
    Table,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values with a header; nulls are empty
    Csv,
    /// A Markdown table
    Markdown,
}

/// Record one row and print its id
///
/// The row is a JSON object with the table's columns as keys; `netsky schema TABLE` lists them.
/// Nullable columns may be left out, and so may the time, which is then now. The id is given out by
/// the store. When the command returns, the row is durable.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky record ticks '{\"source\":\"cron\",\"detail_json\":\"{}\"}'
  echo \"$ROW\" | netsky record crashes -"
)]
pub struct RecordArgs {
    /// The table
    pub table: String,
    /// The row as a JSON object; - reads it from standard input
    pub json: String,
}

/// Import rows from NDJSON files, gzipped or not
///
/// A line is a JSON object with the table's columns as keys. A file is imported whole or, if a line
/// is no row of the table, not at all. Rows get fresh ids in their order; ids in the file are
/// ignored. Times are kept to the millisecond.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky import messages monday.ndjson tuesday.ndjson.gz
  zcat history.ndjson.gz | netsky import ticks -
  netsky import backup/            # every <table>.ndjson[.gz] in the directory"
)]
pub struct ImportArgs {
    /// The table, or a directory of <table>.ndjson[.gz] files
    #[arg(value_name = "TABLE|DIR")]
    pub target: String,
    /// The files; - is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Leave out the lines that are no rows of the table, and count them
    #[arg(long)]
    pub skip_invalid: bool,
}

/// List the tables with their row counts
///
/// FIRST and LAST are the times of the row recorded first and of the row recorded last.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct TablesArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Describe a table's columns, or those of all tables
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct SchemaArgs {
    /// The table
    pub table: Option<String>,
    /// How to print the description
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Show what the store and its tables take, and from when to when their rows are
///
/// ROW_BYTES are those of the JSON and the ids, FILE_BYTES those of the pages they lie in. ZONES are the
/// blocks of rows of which number and span of times are known without reading them. FIRST and LAST are
/// the smallest and the largest time. The last line is that of the whole file, which has free pages
/// besides.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky stats
  netsky stats --format csv"
)]
pub struct StatsArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Check that the store is sound, and say what is not
///
/// Every page of the file is compared with its checksum, every row is decoded, and what is noted of
/// blocks of rows is compared with them. Nothing is changed, and others can record and query
/// meanwhile. Each fault is a line, and the exit code is 3 if there is any.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky check
  netsky check --db backup.db && echo sound"
)]
pub struct CheckArgs {}

/// Delete rows that are older than a moment
///
/// A row is as old as its table's first time column says. The other rows keep their ids, and no id is
/// given out again. Some thousands of rows go at a time, so that others can record in between. The file
/// keeps its size, and new rows take the room; `netsky compact` makes it smaller.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky prune --before 90d --dry-run
  netsky prune --before 4w --table ticks
  netsky prune --before 2026-04-15
  netsky prune --before 2026-04-15T23:00:00Z"
)]
pub struct PruneArgs {
    /// A time (RFC 3339), a date (its beginning in UTC), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::prune::moment)]
    pub before: DateTime<Utc>,
    /// Delete from this table alone
    #[arg(long)]
    pub table: Option<String>,
    /// Say how many rows would go, and delete none
    #[arg(long)]
    pub dry_run: bool,
}

/// Copy the store to a file while others record
///
/// The copy is what was committed when the command began. It is a store itself, without the free pages
/// of this one: --db FILE queries it. It appears under its name once it is whole and durable, and its
/// owner alone can read it.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky backup monday.db
  netsky backup latest.db --force
  netsky query --db monday.db 'SELECT count(*) FROM messages'"
)]
pub struct BackupArgs {
    /// The file to make
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// Make the store anew from a backup
///
/// The backup is left as it is. A store that exists is replaced only with --force, and only if nobody
/// has it open; it is kept beside the new one as meta.before-restore-<timestamp>.bak.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky restore monday.db
  netsky restore monday.db --force
  netsky restore monday.db --db copy.db"
)]
pub struct RestoreArgs {
    /// The backup, or any other store
    pub file: PathBuf,
    /// Replace the store if it exists, and keep it under another name
    #[arg(long)]
    pub force: bool,
}

/// Make the store's file as small as its rows allow
///
/// Free pages, as `netsky prune` leaves them, are given back. New rows would take them, so there is need
/// of this only where the room is wanted for something else. Nobody can read or write meanwhile, and
/// nobody may be reading when it begins.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky prune --before 90d && netsky compact"
)]
pub struct CompactArgs {}

/// Make a store of a synthetic fleet and answer a few questions about it
///
/// The store is made at --db if that is given, else anew at ~/.netsky/demo.db. The same --rows give
/// the same fleet.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct DemoArgs {
    /// How many rows to make, over all tables
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub rows: u64,
}

/// Bring a store of an older netsky up to date
///
/// A store of netsky-db 0.1.6 is upgraded to the file format of today, which 0.1.6 cannot use, and the
/// old file is kept beside it. record and import do the same by themselves; query and tables do not,
/// since they change nothing.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct MigrateArgs {}
