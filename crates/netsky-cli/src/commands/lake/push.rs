//! `netsky lake push`

use chrono::{DateTime, Utc};
use netsky_db::Table;
use netsky_lake::Push;
use serde_json::json;

use crate::failure::Failure;
use crate::human;
use crate::output::{self, ReportOutput, counted, print_line};
use crate::progress::Progress;
use crate::store::StoreArgs;

/// Add what the store has recorded since its last push
///
/// Each row gets into the lake once, wherever a push is killed and however often it is run again. A push ends with
/// what was recorded when it began. Once a day is often enough for most fleets: each push makes a file for every
/// table and day that it has rows of. --machine names this machine in the lake [default: the name of the host].
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky lake push s3://bucket/fleet
  netsky lake push /mnt/fleet --machine dev3
  netsky lake push gs://bucket/fleet --until 2026-04-15 --tables messages,token_usage"
)]
pub struct PushArgs {
    /// The lake; it is made if there is none
    pub url: String,
    /// Only these tables, with commas
    #[arg(long, value_name = "TABLE", value_delimiter = ',')]
    pub tables: Vec<String>,
    /// Only rows recorded before the first of a time (RFC 3339), a date (its midnight), or an age such as 6h
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub until: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &PushArgs) -> Result<(), Failure> {
    let machine = store.this_machine()?;
    let machine = machine.name();
    let db = store.open_existing()?;
    let tables = match &args.tables[..] {
        [] => db.tables().to_vec(),
        names => {
            names.iter().map(|name| db.find_table(name)).collect::<Result<Vec<&Table>, _>>()?
        }
    };
    let push = Push::new(&db, &args.url, machine)?.tables(tables);
    let push = match args.until {
        Some(until) => push.until(until),
        None => push,
    };
    let progress = Progress::of_rows("pushing:", push.count()?);
    let pushed = push.on_rows(|rows| progress.add(rows)).run()?;
    drop(progress);
    let rows: u64 = pushed.rows.iter().map(|(_, rows)| rows).sum();
    let unknown = db.unknown_tables()?;
    if args.output.json {
        let tables = pushed.rows.iter().map(|(table, rows)| json!({"table": table, "rows": rows}));
        let skipped = pushed.left_out.iter().map(|(table, _)| *table);
        let skipped: Vec<&str> =
            skipped.chain(unknown.iter().map(|table| table.name.as_str())).collect();
        return output::print_json(&json!({
            "lake": args.url, "machine": machine, "rows": rows, "files": pushed.files, "bytes": pushed.bytes,
            "tables": tables.collect::<Vec<_>>(), "skipped": skipped,
        }));
    }
    for (table, rows) in &pushed.rows {
        print_line(&format!("{table}: {}", counted(*rows, "row")))?;
    }
    for (table, reason) in &pushed.left_out {
        output::warn(format_args!("skipped {table}: {reason}"));
    }
    for table in unknown {
        output::warn(format_args!(
            "skipped {}, {}, because its columns are unknown",
            table.name,
            counted(table.rows, "row")
        ));
    }
    print_line(&match rows {
        0 => format!("nothing new to push as {machine}"),
        _ => format!(
            "pushed {} as {machine}: {}, {}",
            counted(rows, "row"),
            counted(pushed.files, "file"),
            human::bytes(pushed.bytes)
        ),
    })
}
