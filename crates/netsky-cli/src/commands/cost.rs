//! `netsky cost`

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use netsky_db::Value;

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::human;
use crate::output::{self, Format};
use crate::store::StoreArgs;

/// Show the cost of model calls, and the tokens they used
///
/// Days are UTC, in order; other groups are sorted by cost, highest first. UNPRICED counts the calls
/// without a recorded cost, which USD leaves out. In JSON and CSV, USD is a number of dollars, and there
/// is no total.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky cost
  netsky cost --by model --since 7d
  netsky cost --by session --since 2026-04-20 --format csv"
)]
pub struct CostArgs {
    /// How to group the calls
    #[arg(long, value_enum, default_value_t = By::Day)]
    pub by: By,
    /// Only calls since a time (RFC 3339), a date (midnight UTC), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub since: Option<DateTime<Utc>>,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    Day,
    Model,
    Agent,
    Session,
}

impl By {
    /// The name of the column, and the expression for it.
    fn column(self) -> (&'static str, &'static str) {
        match self {
            Self::Day => ("day", "ts_utc::date"),
            Self::Model => ("model", "model"),
            Self::Agent => ("agent", "agent"),
            Self::Session => ("session", "session_id"),
        }
    }
}

pub fn run(store: &StoreArgs, args: &CostArgs) -> Result<(), Failure> {
    let for_people = matches!(args.format, Format::Table | Format::MARKDOWN);
    let (name, expr) = args.by.column();
    let order = if args.by == By::Day { "1" } else { "usd DESC NULLS LAST, 1" };
    let groups = if for_people { format!("GROUPING SETS (({expr}), ())") } else { expr.to_owned() };
    let is_total = if for_people { format!("grouping({expr})") } else { "0".to_owned() };
    let since = if args.since.is_some() { "WHERE ts_utc >= $1" } else { "" };
    // A sum of decimals, because a sum of 64-bit integers can overflow silently.
    let sql = format!(
        "SELECT * EXCLUDE (is_total) FROM (
           SELECT {expr} AS {name}, count(*) AS calls, count(*) - count(cost_usd_micros) AS unpriced,
                  sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
                  sum(cached_input_tokens) AS cached_input_tokens,
                  CAST(sum(CAST(cost_usd_micros AS DECIMAL(38, 0))) AS DOUBLE) / 1e6 AS usd,
                  {is_total} AS is_total
           FROM token_usage {since} GROUP BY {groups})
         ORDER BY is_total, {order}"
    );
    let since: Vec<Value<'_>> = args.since.map(Value::Time).into_iter().collect();
    let batch = rows(&store.open_read_only()?, &sql, &since)?;
    if for_people {
        output::print_batch(args.format, readable(&batch)?)
    } else {
        output::print_batch(args.format, batch)
    }
}

/// The costs as people read them. The last row is the total.
fn readable(batch: &RecordBatch) -> Result<RecordBatch, Failure> {
    let schema = batch.schema();
    let total = batch.num_rows().saturating_sub(1);
    let mut columns = Vec::new();
    for (index, (field, column)) in schema.fields().iter().zip(batch.columns()).enumerate() {
        columns.push(match column.data_type() {
            _ if index == 0 => {
                let names = cast(column, &DataType::Utf8View)?;
                let names = names.as_string_view().iter().enumerate();
                let names =
                    names.map(|(row, name)| if row == total { Some("(all)") } else { name });
                let names: ArrayRef = Arc::new(names.collect::<StringViewArray>());
                (Field::new(field.name(), DataType::Utf8View, true), names)
            }
            DataType::Int64 => {
                let counts = column.as_primitive::<Int64Type>().iter();
                human::column(field.name(), counts.map(|n| n.map(human::count)).collect())
            }
            DataType::Float64 => {
                let costs = column.as_primitive::<Float64Type>().iter();
                human::column(field.name(), costs.map(|usd| usd.map(human::money)).collect())
            }
            _ => (field.as_ref().clone(), Arc::clone(column)),
        });
    }
    Ok(human::batch(columns)?)
}
