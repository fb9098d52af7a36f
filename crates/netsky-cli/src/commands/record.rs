//! `netsky record`

use std::io::{Read, stdin};

use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, ReportOutput};
use crate::store::StoreArgs;

/// Record one row and print its id
///
/// The row is a JSON object with the table's columns as keys; `netsky schema TABLE` lists them.
/// You can omit nullable columns, and the time, which defaults to now. A time without a zone is in UTC.
/// Columns named *_json take JSON: an object, an array, or a string with JSON in it. The store assigns the
/// id. When the command returns, the row is durable.
///
/// Other users of the machine can read the arguments of a command: pass private rows on standard input.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky record crashes - < row.json
  echo '{\"source\":\"cron\",\"detail_json\":{\"jobs\":3}}' | netsky record ticks -"
)]
pub struct RecordArgs {
    /// The table
    pub table: String,
    /// The row as a JSON object; - reads it from standard input
    #[arg(value_name = "JSON")]
    pub row: String,
    #[command(flatten)]
    pub output: ReportOutput,
}

pub fn run(store: &StoreArgs, args: &RecordArgs) -> Result<(), Failure> {
    let mut json = args.row.clone();
    if json == "-" {
        json.clear();
        stdin()
            .read_to_string(&mut json)
            .map_err(|error| Failure::unreadable("standard input".as_ref(), &error))?;
    }
    let id = store.open()?.record_json(&args.table, &json)?;
    let line = match args.output.json {
        true => output::json_line(&json!({"table": args.table, "id": id}))?,
        false => id.to_string(),
    };
    output::print_done(&line, format_args!("the row is stored with id {id}"));
    Ok(())
}
