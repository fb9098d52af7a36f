//! `netsky lake status`

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field};
use chrono::{DateTime, Utc};
use netsky_db::internal;
use netsky_lake::{Lake, MachineStatus};

use crate::commands::tables::times;
use crate::failure::Failure;
use crate::human;
use crate::human_table;
use crate::output::{self, TableOutput};
use crate::store::StoreArgs;
use crate::time_zone;

/// List the machines of a lake, with what each has pushed and when
///
/// ROWS is what a machine has pushed, also if it was deleted from the lake since. LAG is the time since its last push.
/// All files of the lake are listed.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky lake status s3://bucket/fleet
  netsky lake status /mnt/fleet --format json"
)]
pub struct StatusArgs {
    /// The lake
    pub url: String,
    #[command(flatten)]
    pub output: TableOutput,
}

pub fn run(store: &StoreArgs, args: &StatusArgs) -> Result<(), Failure> {
    let mut machines = Lake::open(&args.url)?.status()?;
    if !store.machine.is_empty() {
        machines.retain(|status| store.machine.contains(&status.machine));
    }
    if machines.is_empty() && args.output.is_table() {
        return output::print_line("no machine has pushed");
    }
    let batch = match output::screen_columns() {
        Some(columns) if args.output.is_table() => readable(&machines, columns)?,
        _ => exact(&machines)?,
    };
    args.output.print(batch)
}

fn readable(machines: &[MachineStatus], columns: usize) -> Result<RecordBatch, Failure> {
    let (zone, now) = (time_zone::shown()?, internal::now());
    let text = |name: &str, cell: &dyn Fn(&MachineStatus) -> Option<String>| -> (Field, ArrayRef) {
        let texts = machines.iter().map(cell).collect::<StringArray>();
        (Field::new(name, DataType::Utf8, true), Arc::new(texts))
    };
    let numbers = |name: &str, cell: &dyn Fn(&MachineStatus) -> Option<String>| {
        human::column(name, machines.iter().map(cell).collect())
    };
    let count = |number: u64| Some(human::count(i64::try_from(number).unwrap_or(i64::MAX)));
    let minute = |time: DateTime<Utc>| zone.local(time).format("%Y-%m-%d %H:%M").to_string();
    let found = vec![
        text("machine", &|status| Some(status.machine.clone())),
        numbers("rows", &|status| count(status.rows)),
        numbers("files", &|status| count(status.files)),
        numbers("size", &|status| Some(human::bytes(status.bytes))),
        text("newest row", &|status| status.newest_row.map(minute)),
        numbers("lag", &|status| {
            Some(human::duration((now - status.pushed_at?).num_milliseconds().max(0)))
        }),
        text("netsky", &|status| Some(status.netsky.clone())),
    ];
    Ok(human::batch(human_table::fit(found, &["netsky", "files"], columns)?)?)
}

fn exact(machines: &[MachineStatus]) -> Result<RecordBatch, Failure> {
    let numbers = |cell: fn(&MachineStatus) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(machines.iter().map(cell)))
    };
    let texts = |cell: fn(&MachineStatus) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(machines.iter().map(cell)))
    };
    let columns: [(&str, ArrayRef); 7] = [
        ("machine", texts(|status| &status.machine)),
        ("rows", numbers(|status| status.rows)),
        ("files", numbers(|status| status.files)),
        ("bytes", numbers(|status| status.bytes)),
        ("newest_row", times(machines.iter().map(|status| status.newest_row))),
        ("pushed_at", times(machines.iter().map(|status| status.pushed_at))),
        ("netsky", texts(|status| &status.netsky)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
