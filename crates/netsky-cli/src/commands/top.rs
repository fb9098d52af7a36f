//! `netsky top`

mod issues;
mod watch;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field};
use netsky_db::internal;

use crate::failure::Failure;
use crate::human;
use crate::output::{self, Answer, Format};
use crate::store::StoreArgs;

use issues::{Issue, Issues};

/// Show what is open, stuck or silent now, worst first
///
/// The list has crash loops of the last hour, tool calls that have run for at least 10 minutes, clones that
/// have run for at least an hour, sources without a tick for 5 minutes, and open sessions. The table shows the
/// first 5 of each kind and counts the others; the other formats include all.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky top
  netsky top --watch
  netsky top --format json"
)]
pub struct TopArgs {
    /// Refresh every 2 seconds, until q or Ctrl-C
    #[arg(long, short, conflicts_with = "format")]
    pub watch: bool,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// The number of issues of each kind in the table.
const SHOWN_OF_A_KIND: usize = 5;

pub fn run(store: &StoreArgs, args: &TopArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    if args.watch {
        return watch::run(&db, list);
    }
    let mut issues = Issues::default();
    issues.update(&db)?;
    let now = issues.now(internal::now());
    match args.format {
        Format::Table if now.is_empty() => output::print_line(WELL),
        Format::Table | Format::MARKDOWN => output::print_batch(args.format, readable(&now)?),
        format => output::print_batch(format, all(&now)?),
    }
}

/// The list as text.
fn list(issues: &Issues) -> Result<String, Failure> {
    let now = issues.now(internal::now());
    if now.is_empty() {
        return Ok(WELL.to_owned());
    }
    let batch = readable(&now)?;
    let mut text = Vec::new();
    let answer = Answer { schema: batch.schema(), batches: std::iter::once(Ok(batch)) };
    output::write(Format::Table, answer, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

const WELL: &str = "All is well: nothing is open, stuck or silent.";

/// The first issues of each kind, formatted for people.
fn readable(issues: &[Issue]) -> Result<RecordBatch, Failure> {
    let mut lines: Vec<[String; 5]> = Vec::new();
    for kind in issues.chunk_by(|one, next| one.kind == next.kind) {
        for issue in kind.iter().take(SHOWN_OF_A_KIND) {
            lines.push([
                issue.kind.name().to_owned(),
                human::duration(issue.age_ms),
                cut(&issue.who, 24),
                cut(&issue.what, 32),
                issue.since.format("%Y-%m-%d %H:%M").to_string(),
            ]);
        }
        if let more @ 1.. = kind.len().saturating_sub(SHOWN_OF_A_KIND) {
            let more = human::count(i64::try_from(more).unwrap_or(i64::MAX));
            let state = kind[0].kind.name().to_owned();
            let [age, what, since] = [const { String::new() }; 3];
            lines.push([state, age, format!("and {more} more"), what, since]);
        }
    }
    let text = |name: &str, index: usize| -> (Field, ArrayRef) {
        let texts = StringArray::from_iter_values(lines.iter().map(|line| &line[index]));
        (Field::new(name, DataType::Utf8, false), Arc::new(texts))
    };
    let ages = lines.iter().map(|line| Some(line[1].clone())).collect();
    Ok(human::batch(vec![
        text("state", 0),
        human::column("for", ages),
        text("who", 2),
        text("what", 3),
        text("since (UTC)", 4),
    ])?)
}

fn cut(text: &str, width: usize) -> String {
    let text = text.replace(char::is_control, " ");
    console::truncate_str(&text, width, "…").into_owned()
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
