//! `netsky cost`

mod by;
mod filters;
mod table;

use arrow::array::{Array, RecordBatch};
use netsky_db::Db;

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::{self, Format, TableOutput};
use crate::store::StoreArgs;
use crate::time_zone::{self, Zone};

use by::By;
pub use by::USD;
use filters::Filters;

/// Show the cost of model calls, and the tokens they used
///
/// Periods are in order; other groups are sorted by cost, highest first. Days, weeks (from Monday), months
/// and hours are those of --tz or $NETSKY_TZ, else UTC. UNPRICED counts the calls without a recorded cost,
/// which USD leaves out. Input does not include what was read from the cache or written to it.
///
/// The cost of a call that used several tools is split evenly between them. A project is the `project` or
/// the directory (`cwd`) of a call's detail_json, else the repository of the session's git operations; a
/// runtime is the `runtime` there, else the source of the session's messages.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky cost
  netsky cost --by model --since 7d
  netsky cost --by week --agent agent1 --tz Europe/Berlin
  netsky cost --by session --since 2026-04-20 --until 2026-04-27 --format csv"
)]
pub struct CostArgs {
    /// How to group the calls
    #[arg(long, value_enum, default_value_t = By::Day)]
    pub by: By,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub output: TableOutput,
}

pub fn run(store: &StoreArgs, args: &CostArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    let TableOutput { format, json } = args.output;
    let for_people = args.output.is_for_people();
    let zone = match for_people || format == Format::Vertical && !json {
        true => time_zone::shown()?,
        false => time_zone::given()
            .map_or_else(|| time_zone::parse("UTC"), Ok)
            .map_err(Failure::usage)?,
    };
    let costs = read(&db, args, zone, for_people)?;
    if is_empty(&costs, for_people) {
        args.filters.check_names(&db)?;
        if for_people && format == Format::Table {
            return output::print_line(&args.filters.nothing_found(&db, zone)?);
        }
    }
    let batch = match format {
        Format::Table if for_people => table::for_people(args.by, zone, &costs)?,
        Format::MARKDOWN if for_people => table::plain(args.by, &costs)?,
        _ => costs.clone(),
    };
    args.output.print(batch)?;
    if let Some(origin) = args.by.origin()
        && costs.num_rows() > 0
        && costs.column(0).null_count() == costs.num_rows()
    {
        output::warn(format_args!("no call has a known {}: {origin}", args.by.column()));
    }
    Ok(())
}

/// The costs, with a total as the last row if it is wanted.
fn read(db: &Db, args: &CostArgs, zone: Zone, with_total: bool) -> Result<RecordBatch, Failure> {
    let (conditions, parameters) = args.filters.conditions();
    rows(db, &args.by.sql(zone, &conditions, with_total), &parameters)
}

fn is_empty(costs: &RecordBatch, with_total: bool) -> bool {
    costs.num_rows() <= usize::from(with_total)
}
