//! `netsky top`

mod issues;
mod overview;
mod snapshot;
mod watch;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use chrono::{DateTime, TimeDelta, Utc};
use clap::ValueEnum;
use netsky_db::internal;

use crate::failure::Failure;
use crate::human;
use crate::output::{self, Format, TableOutput};
use crate::store::StoreArgs;

use issues::{Issue, Kind};
use snapshot::Snapshot;

/// Show costs, and what is open, stuck or silent, worst first
///
/// The list has crash loops of the last hour, tool calls that have run for at least 10 minutes, clones that
/// have run for at least an hour, sources of ticks that are silent, and open sessions. A source is silent if
/// it has not ticked for 5 minutes, and for longer than ever before in this session. What belongs to an
/// agent ends with the agent's session. The table shows the first 5 of each kind and counts the others; the
/// other formats include all, and no costs.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky top
  netsky top --watch
  netsky top --since 7d --format json
  netsky top --fail-if stuck,silent > /dev/null && echo well"
)]
pub struct TopArgs {
    /// Refresh every 2 seconds, until q or Ctrl-C
    #[arg(long, short, conflicts_with_all = ["format", "json"])]
    pub watch: bool,
    /// Leave out what began before a time (RFC 3339), a date (midnight UTC), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", default_value = "24h",
        value_parser = crate::time_or_age::parse_time_or_age)]
    pub since: DateTime<Utc>,
    /// Exit with 1 if the list has one of these
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',', conflicts_with = "watch")]
    pub fail_if: Vec<FailIf>,
    #[command(flatten)]
    pub output: TableOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailIf {
    /// A stuck call or clone
    Stuck,
    /// A silent source of ticks
    Silent,
    /// A crash loop
    CrashLoop,
}

impl FailIf {
    fn covers(self, kind: Kind) -> bool {
        match self {
            Self::Stuck => matches!(kind, Kind::StuckCall | Kind::StuckClone),
            Self::Silent => kind == Kind::Silent,
            Self::CrashLoop => kind == Kind::CrashLoop,
        }
    }
}

pub fn run(store: &StoreArgs, args: &TopArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    // An age keeps its length while the list is refreshed.
    let length = (internal::now() - args.since).max(TimeDelta::zero());
    if args.watch {
        return watch::run(|| Snapshot::read(&db, internal::now(), length));
    }
    let snapshot = Snapshot::read(&db, internal::now(), length)?;
    let failing = |issue: &&Issue| args.fail_if.iter().any(|fail_if| fail_if.covers(issue.kind));
    let mut failure = match snapshot.issues.iter().filter(failing).count() as u64 {
        0 => None,
        found => Some(Failure::found(format!("found {}", human::counted(found, "problem")))),
    };
    if let Some(failure) = failure.take_if(|_| args.output.json) {
        return Err(failure.with_report(&output::batch_object(all(&snapshot.issues)?)?));
    }
    match args.output.format {
        Format::Table if args.output.is_table() => {
            output::print(&snapshot.text(output::screen_columns())?)?;
        }
        Format::MARKDOWN => args.output.print(snapshot.table()?)?,
        _ => args.output.print(all(&snapshot.issues)?)?,
    }
    failure.map_or(Ok(()), Err)
}

fn all(issues: &[Issue]) -> Result<RecordBatch, Failure> {
    let texts = |cell: fn(&Issue) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(issues.iter().map(cell)))
    };
    let since = issues.iter().map(|issue| issue.since.timestamp_nanos_opt());
    let since = since.collect::<TimestampNanosecondArray>().with_timezone("UTC");
    let ages = issues.iter().map(|issue| issue.age_ms);
    let columns: [(&str, ArrayRef); 5] = [
        ("state", texts(|issue| issue.kind.name())),
        ("who", texts(|issue| &issue.who)),
        ("what", texts(|issue| &issue.what)),
        ("age_ms", Arc::new(Int64Array::from_iter_values(ages))),
        ("since", Arc::new(since)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
