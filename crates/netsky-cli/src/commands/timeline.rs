//! `netsky timeline`

use std::io::{IsTerminal, stdout};

use arrow::array::AsArray;
use chrono::{DateTime, Utc};
use netsky_db::{Db, Value, nearest};

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::store::StoreArgs;

/// Show what an agent did and what happened to it, newest last
///
/// The events are the last rows of the view v_timeline, which covers all tables with an agent column. ID
/// identifies the row of an event; JSON and CSV also have its table, and the time to the millisecond.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky timeline agent3
  netsky timeline agent3 --since 6h --limit 500"
)]
pub struct TimelineArgs {
    /// The agent
    pub agent: String,
    /// Only events since a time (RFC 3339), a date (midnight UTC), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub since: Option<DateTime<Utc>>,
    /// The maximum number of events; the newest are shown
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

pub fn run(store: &StoreArgs, args: &TimelineArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    let since = if args.since.is_some() { "AND ts_utc >= $2" } else { "" };
    let columns = match args.format {
        Format::Table | Format::MARKDOWN => {
            r#"to_char(ts_utc, '%Y-%m-%d %H:%M:%S') AS "time (UTC)", kind, id, what"#
        }
        _ => "ts_utc, kind, what, table_name, id",
    };
    let sql = format!(
        "SELECT {columns} FROM (
           SELECT * FROM v_timeline WHERE agent = $1 {since}
           ORDER BY ts_utc DESC, table_name DESC, id DESC, kind DESC LIMIT {})
         ORDER BY ts_utc, table_name, id, kind",
        args.limit
    );
    let mut parameters = vec![Value::Text(args.agent.as_str().into())];
    parameters.extend(args.since.map(Value::Time));
    let events = rows(&db, &sql, &parameters)?;
    let found = events.num_rows();
    if found == 0 && args.limit > 0 {
        check_agent(&db, &args.agent)?;
    }
    output::print_batch(args.format, events)?;
    if found == args.limit as usize && stdout().is_terminal() {
        output::warn(format_args!(
            "there may be more events; --limit {} shows up to twice as many",
            2 * args.limit
        ));
    }
    Ok(())
}

/// Fails if no row names the agent.
fn check_agent(db: &Db, agent: &str) -> Result<(), Failure> {
    let agents =
        rows(db, "SELECT DISTINCT agent::text AS name FROM v_timeline ORDER BY name", &[])?;
    let agents: Vec<&str> = agents.column(0).as_string_view().iter().flatten().collect();
    if agents.contains(&agent) {
        return Ok(());
    }
    Err(Failure::input(format!("no agent named '{agent}'{}", nearest(agent, agents))))
}
