//! `netsky prune`

use chrono::{DateTime, SecondsFormat, Utc};
use netsky_db::Db;
use netsky_lake::Watermark;
use serde_json::json;

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::{self, ReportOutput, counted, print_line};
use crate::row::Row;
use crate::store::StoreArgs;

/// Delete rows older than a time
///
/// The age of a row is given by the first time column of its table. The other rows keep their ids, and
/// ids are never reused. Rows are deleted a few thousand at a time, so that others can record in between.
/// The file keeps its size and new rows reuse the space; `netsky compact` shrinks it. If the store is pushed to a
/// lake, rows that are not there yet are kept, and the command fails.
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
    /// A time (RFC 3339), a date (midnight UTC, or in --tz), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub before: DateTime<Utc>,
    /// Delete from this table only
    #[arg(long)]
    pub table: Option<String>,
    /// Only count the rows that would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// Delete rows, too, that have not been pushed to a lake that the store pushes to
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &PruneArgs) -> Result<(), Failure> {
    let table = args.table.as_deref();
    let pruned = if args.dry_run {
        store.open_read_only()?.prune_dry_run(args.before, table)?
    } else {
        let db = store.open_existing()?;
        if !args.force {
            refuse_unpushed(&db, args)?;
        }
        db.prune(args.before, table)?
    };
    let rows = pruned.iter().map(|pruned| pruned.rows).sum();
    let before = args.before.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    if args.output.json {
        let tables = pruned.iter().map(|pruned| {
            json!({"table": pruned.table.name(), "rows": pruned.rows, "undated": pruned.undated})
        });
        let tables: Vec<_> = tables.collect();
        return output::print_json(&json!({
            "before": before, "dry_run": args.dry_run, "rows": rows, "tables": tables,
        }));
    }
    for pruned in &pruned {
        let name = pruned.table.name();
        if pruned.rows > 0 {
            print_line(&format!("{name}: {}", counted(pruned.rows, "row")))?;
        }
        if pruned.undated > 0 {
            output::warn(format_args!(
                "kept {} of {name} whose time cannot be read; `netsky check` lists them",
                counted(pruned.undated, "row")
            ));
        }
    }
    print_line(&format!(
        "{} older than {} {}",
        counted(rows, "row"),
        before,
        if args.dry_run { "would be deleted" } else { "deleted" }
    ))
}

/// Fails if the lake would never get rows that are to be deleted.
fn refuse_unpushed(db: &Db, args: &PruneArgs) -> Result<(), Failure> {
    let before = args.before.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    for table in db.tables() {
        let Some(time) = table.time_column() else { continue };
        if args.table.as_ref().is_some_and(|name| name != table.name()) {
            continue;
        }
        for Watermark { url, id, .. } in netsky_lake::watermarks(db, table)? {
            let sql = format!(
                "SELECT count(*) FROM {} WHERE id > {id} AND {} < '{before}'",
                table.name(),
                time.name
            );
            let found = rows(db, &sql, &[])?;
            let unpushed = Row::all(&found).find_map(|row| row.int(0)).unwrap_or(0);
            if unpushed > 0 {
                return Err(Failure::input(format!(
                    "{} of {} older than {before} are not in the lake {url} yet\n  push them with `netsky lake push \
                     {url}`, or delete them all the same with --force",
                    counted(unpushed.unsigned_abs(), "row"),
                    table.name()
                )));
            }
        }
    }
    Ok(())
}
