//! The costs as people read them. The last row is the total.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimestampNanosecondType};
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};

use crate::commands::cost::by::By;
use crate::failure::Failure;
use crate::human;
use crate::human_table::{self, Column};
use crate::output;
use crate::session_id;
use crate::time_zone::Zone;

/// The columns that a narrow terminal can do without, least important first.
const DISPENSABLE: [&str; 6] =
    ["cache writes", "cache reads", "output", "input", "unpriced", "model"];

/// Numbers in plain digits, for a pipe.
pub fn plain(by: By, costs: &RecordBatch) -> Result<RecordBatch, Failure> {
    let mut columns = vec![names(by, costs)?];
    let schema = costs.schema();
    for (field, column) in schema.fields().iter().zip(costs.columns()).skip(1) {
        columns.push((field.as_ref().clone(), Arc::clone(column)));
    }
    Ok(human::batch(columns)?)
}

/// On a terminal, numbers as people write them, with as many columns as fit.
pub fn for_people(by: By, zone: Zone, costs: &RecordBatch) -> Result<RecordBatch, Failure> {
    let Some(screen) = output::screen_columns() else { return plain(by, costs) };
    let mut columns = columns(by, zone, costs, human::count)?;
    if !human_table::fits(&columns, screen)? {
        columns = self::columns(by, zone, costs, human::short_count)?;
    }
    Ok(human::batch(human_table::fit(columns, &DISPENSABLE, screen)?)?)
}

fn columns(
    by: By,
    zone: Zone,
    costs: &RecordBatch,
    tokens: fn(i64) -> String,
) -> Result<Vec<Column>, Failure> {
    let mut columns = vec![names(by, costs)?];
    if by == By::Session {
        let ids = columns[0].1.as_string_view();
        let length = session_id::short_length(ids.iter().flatten());
        let ids = ids.iter().map(|id| id.map(|id| session_id::shortened(id, length)));
        columns[0].1 = Arc::new(ids.collect::<StringViewArray>());
    }
    let schema = costs.schema();
    for (field, column) in schema.fields().iter().zip(costs.columns()).skip(1) {
        let counts = |name: &str, format: fn(i64) -> String| {
            let counts = column.as_primitive::<Int64Type>().iter();
            human::column(name, counts.map(|count| count.map(format)).collect())
        };
        columns.push(match field.name().as_str() {
            "calls" => counts("calls", human::count),
            "unpriced" if all_zero(column.as_primitive()) => continue,
            "unpriced" => counts("unpriced", human::count),
            // Not recorded at all.
            name if name.ends_with("_tokens") && column.null_count() == column.len() => continue,
            "input_tokens" => counts("input", tokens),
            "output_tokens" => counts("output", tokens),
            "cached_input_tokens" => counts("cache reads", tokens),
            "cache_write_tokens" => counts("cache writes", tokens),
            "duration_ms" => counts("length", human::duration),
            "usd" => {
                let costs = column.as_primitive::<Float64Type>().iter();
                human::column("usd", costs.map(|usd| usd.map(human::money)).collect())
            }
            "begin" => (Field::new("begin", DataType::Utf8View, true), times(column, zone)),
            _ => (field.as_ref().clone(), Arc::clone(column)),
        });
    }
    // A session's times and names mean nothing in the total.
    if by == By::Session {
        for (field, column) in &mut columns[1..] {
            if matches!(field.name().as_str(), "agent" | "model" | "begin" | "length") {
                *column = without_last(column)?;
            }
        }
    }
    Ok(columns)
}

fn all_zero(counts: &Int64Array) -> bool {
    counts.iter().all(|count| count == Some(0))
}

/// The names of the groups.
fn names(by: By, costs: &RecordBatch) -> Result<Column, ArrowError> {
    let names = match by {
        By::Hour => hours(costs.column(0))?,
        _ => cast(costs.column(0), &DataType::Utf8View)?,
    };
    let unknown = if by == By::Tool { "(no tool)" } else { "(unknown)" };
    let total = costs.num_rows().saturating_sub(1);
    let names = names.as_string_view().iter().enumerate().map(|(row, name)| match name {
        _ if row == total => Some("(all)"),
        name => Some(name.unwrap_or(unknown)),
    });
    let names: ArrayRef = Arc::new(names.collect::<StringViewArray>());
    Ok((Field::new(by.column(), DataType::Utf8View, true), names))
}

/// Hours as in `2026-04-15 23:00`. Their type names the zone.
fn hours(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let texts = cast(column, &DataType::Utf8View)?;
    let texts = texts.as_string_view().iter();
    let texts = texts.map(|text| text.map(|text| text.get(..16).unwrap_or(text).replace('T', " ")));
    Ok(Arc::new(texts.collect::<StringViewArray>()))
}

fn times(column: &ArrayRef, zone: Zone) -> ArrayRef {
    let times = column.as_primitive::<TimestampNanosecondType>().iter();
    let text = |nanos: i64| -> String {
        let time: DateTime<Utc> = DateTime::from_timestamp_nanos(nanos);
        zone.local(time).format("%Y-%m-%d %H:%M").to_string()
    };
    Arc::new(times.map(|nanos| nanos.map(text)).collect::<StringViewArray>())
}

/// The column with an empty last row.
fn without_last(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let last = column.len().saturating_sub(1);
    let empty = arrow::array::new_null_array(column.data_type(), column.len() - last);
    arrow::compute::concat(&[&column.slice(0, last), &empty])
}
