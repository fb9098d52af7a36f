//! `netsky cost`

mod by;
mod filters;
mod table;

use arrow::array::{Array, RecordBatch};
use netsky_db::Db;

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::{self, Format, TableOutput};
use crate::row::Row;
use crate::store::StoreArgs;
use crate::time_zone;

use by::By;
pub use by::USD;
use filters::Filters;

/// Show the cost of model calls, and the tokens they used
///
/// Periods are in order; other groups are sorted by cost, highest first. Days, weeks (from Monday), months
/// and hours are those of --tz or $NETSKY_TZ, else UTC. UNPRICED counts the calls without a recorded cost,
/// which USD leaves out. Input does not include what was read from the cache or written to it.
///
/// The calls of subagents count in the session that started them, and are those of the subagent by agent. The
/// cost of a call that used several tools is split evenly between them. A project is the `project` in a call's
/// detail_json, else the directory (`cwd`) in which the session began, else the repository of the session's git
/// operations; a branch is the `git_branch` there; a runtime is the `runtime` there, else the source of the
/// session's messages.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky cost
  netsky cost --by model --since 7d
  netsky cost --by week --agent agent1 --tz Europe/Berlin
  netsky cost --by session --since 2026-04-20 --until 2026-04-27 --format csv
  netsky cost --session 8c00ac51 --json"
)]
pub struct CostArgs {
    /// How to group the calls [default: day; with --session, session]
    #[arg(long, value_enum)]
    pub by: Option<By>,
    #[command(flatten)]
    pub filters: Filters,
    #[command(flatten)]
    pub output: TableOutput,
}

pub fn run(store: &StoreArgs, args: &CostArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    let default = if args.filters.session.is_some() { By::Session } else { By::Day };
    let by = args.by.unwrap_or(default);
    if by == By::Machine && !db.is_lake() {
        return Err(Failure::usage("a store is that of one machine; --by machine is for --lake"));
    }
    let filters = args.filters.with_whole_session(&db)?;
    let TableOutput { format, json } = args.output;
    let for_people = args.output.is_for_people();
    let zone = match for_people || format == Format::Vertical && !json {
        true => time_zone::shown()?,
        false => time_zone::given()
            .map_or_else(|| time_zone::parse("UTC"), Ok)
            .map_err(Failure::usage)?,
    };
    let (conditions, parameters) = filters.conditions();
    // With a total as the last row, for people.
    let costs = rows(&db, &by.sql(zone, &conditions, for_people, db.is_lake()), &parameters)?;
    if is_empty(&costs, for_people) {
        filters.check_names(&db)?;
        if for_people && format == Format::Table {
            return output::print_line(&filters.nothing_found(&db, zone)?);
        }
    }
    let batch = match format {
        Format::Table if for_people => table::for_people(by, zone, &costs)?,
        Format::MARKDOWN if for_people => table::plain(by, &costs)?,
        _ => costs.clone(),
    };
    args.output.print(batch)?;
    if let Some(origin) = by.origin()
        && costs.num_rows() > 0
        && costs.column(0).null_count() == costs.num_rows()
    {
        output::warn(format_args!("no call has a known {}: {origin}", by.column()));
    }
    if for_people {
        warn_of_lower_bounds(&db, &filters)?;
    }
    Ok(())
}

/// Says that the output of calls is a lower bound, if that is so: older versions of Claude Code wrote to
/// transcripts how many tokens there were when the answer began.
fn warn_of_lower_bounds(db: &Db, filters: &Filters) -> Result<(), Failure> {
    let (conditions, parameters) = filters.conditions();
    let sql = format!(
        "SELECT count(*) FILTER (WHERE detail_json->>'via' = 'transcript' AND detail_json->>'runtime' = 'claude'
                                   AND detail_json->>'stop_reason' IS NULL)
         FROM token_usage {conditions}"
    );
    let found = rows(db, &sql, &parameters)?;
    let calls = Row::all(&found).find_map(|row| row.int(0)).unwrap_or(0);
    if calls > 0 {
        let calls = output::counted(calls.unsigned_abs(), "call");
        output::warn(format_args!(
            "the output of {calls} is a lower bound, and so is its cost: transcripts of older versions of Claude \
             Code do not have the final number"
        ));
    }
    Ok(())
}

fn is_empty(costs: &RecordBatch, with_total: bool) -> bool {
    costs.num_rows() <= usize::from(with_total)
}
