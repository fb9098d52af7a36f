//! `netsky top`

mod troubles;
mod watch;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};

use netsky_db::internal;

use crate::failure::Failure;
use crate::figures;
use crate::output::{self, Format};
use crate::store::StoreArgs;

use troubles::{Trouble, Troubles};

/// Show what is open, stuck or silent now, worst first
///
/// The list has crash loops of the last hour, tool calls that have run for 10 minutes and clones that have
/// run for an hour, sources without a tick for 5 minutes, and open sessions. The table shows the
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

/// So many of each kind stand in a table.
const SHOWN_OF_A_KIND: usize = 5;

pub fn run(store: &StoreArgs, args: &TopArgs) -> Result<(), Failure> {
    let db = store.open_read_only()?;
    if args.watch {
        return watch::run(&db);
    }
    let mut troubles = Troubles::default();
    troubles.look(&db)?;
    let now = troubles.now(internal::now());
    match args.format {
        Format::Table if now.is_empty() => output::print_line(WELL),
        Format::Table | Format::Markdown => output::print_batch(args.format, readable(&now)?),
        format => output::print_batch(format, all(&now)?),
    }
}

const WELL: &str = "All is well: nothing is open, stuck or silent.";

/// The first of each kind, as people read them.
fn readable(troubles: &[Trouble]) -> Result<RecordBatch, Failure> {
    let mut lines: Vec<[String; 5]> = Vec::new();
    for kind in troubles.chunk_by(|one, next| one.kind == next.kind) {
        for trouble in kind.iter().take(SHOWN_OF_A_KIND) {
            lines.push([
                trouble.kind.name().to_owned(),
                figures::duration(trouble.age_ms),
                cut(&trouble.who, 24),
                cut(&trouble.what, 32),
                trouble.since.format("%Y-%m-%d %H:%M").to_string(),
            ]);
        }
        if let more @ 1.. = kind.len().saturating_sub(SHOWN_OF_A_KIND) {
            let more = figures::count(i64::try_from(more).unwrap_or(i64::MAX));
            let state = kind[0].kind.name().to_owned();
            let [age, what, since] = [const { String::new() }; 3];
            lines.push([state, age, format!("and {more} more"), what, since]);
        }
    }
    let text = |index: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(lines.iter().map(|line| &line[index])))
    };
    let ages = lines.iter().map(|line| Some(line[1].clone())).collect();
    let columns = [
        ("state", text(0)),
        ("for", figures::column(ages)),
        ("who", text(2)),
        ("what", text(3)),
        ("since (UTC)", text(4)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn cut(text: &str, width: usize) -> String {
    let text = text.replace(char::is_control, " ");
    console::truncate_str(&text, width, "…").into_owned()
}

fn all(troubles: &[Trouble]) -> Result<RecordBatch, Failure> {
    let texts = |cell: fn(&Trouble) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(troubles.iter().map(cell)))
    };
    let since = troubles.iter().map(|trouble| trouble.since.timestamp_nanos_opt());
    let since = since.collect::<TimestampNanosecondArray>().with_timezone("UTC");
    let ages = troubles.iter().map(|trouble| trouble.age_ms);
    let columns: [(&str, ArrayRef); 5] = [
        ("state", texts(|trouble| trouble.kind.name())),
        ("who", texts(|trouble| &trouble.who)),
        ("what", texts(|trouble| &trouble.what)),
        ("age_ms", Arc::new(Int64Array::from_iter_values(ages))),
        ("since", Arc::new(since)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
