//! Answers in the formats that people and programs read.

use std::collections::HashSet;
use std::io::{BufWriter, StdoutLock, Write, stdout};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited, WriterBuilder};
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use clap::ValueEnum;
use indicatif::HumanCount;

use crate::csv;
use crate::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An ASCII table
    Table,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values with a header; nulls are empty, and texts without characters ""
    Csv,
    /// A Markdown table
    Markdown,
}

/// The answer of a query: its columns, and its rows as they come.
pub struct Answer<B> {
    pub schema: SchemaRef,
    pub batches: B,
}

/// Prints an answer on standard output.
pub fn print<B>(format: Format, answer: Answer<B>) -> Result<(), Failure>
where
    B: Iterator<Item = netsky_db::Result<RecordBatch>>,
{
    let mut out = out();
    write(format, answer, &mut out)?;
    Ok(out.flush()?)
}

/// Prints a batch that a command put together by itself.
pub fn print_batch(format: Format, batch: RecordBatch) -> Result<(), Failure> {
    print(format, Answer { schema: batch.schema(), batches: std::iter::once(Ok(batch)) })
}

pub fn print_line(line: &str) -> Result<(), Failure> {
    Ok(writeln!(stdout().lock(), "{line}")?)
}

/// So many of a thing, as in `1 row` and `12,500 rows`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

fn out() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, stdout().lock())
}

/// Writes an answer. Only the table needs all of it before it can begin.
pub fn write<B>(format: Format, answer: Answer<B>, out: impl Write) -> Result<(), Failure>
where
    B: Iterator<Item = netsky_db::Result<RecordBatch>>,
{
    match format {
        Format::Table => write_table(answer, out),
        // Lines end themselves; an array does not.
        Format::Json => write_json::<JsonArray>(answer, out, "\n"),
        Format::Ndjson => write_json::<LineDelimited>(answer, out, ""),
        Format::Csv => write_csv(answer, out),
        Format::Markdown => write_markdown(answer, out),
    }
}

fn write_table<B>(answer: Answer<B>, mut out: impl Write) -> Result<(), Failure>
where
    B: Iterator<Item = netsky_db::Result<RecordBatch>>,
{
    let batches = answer.batches.collect::<netsky_db::Result<Vec<_>>>()?;
    Ok(writeln!(out, "{}", netsky_db::format_table(&answer.schema, &batches)?)?)
}

fn write_json<F: JsonFormat>(
    answer: Answer<impl Iterator<Item = netsky_db::Result<RecordBatch>>>,
    mut out: impl Write,
    end: &str,
) -> Result<(), Failure> {
    let names = unique_names(&answer.schema);
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, F>(&mut out);
    for batch in answer.batches {
        let batch = netsky_db::times_as_text(&batch?)?;
        writer.write(&for_json(&batch, &names)?)?;
    }
    writer.finish()?;
    Ok(write!(out, "{end}")?)
}

/// The columns' names; of equal ones, as a join can give, the later get a number, since an object
/// with a key twice loses one of them in most readers.
fn unique_names(schema: &Schema) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |field: &Arc<Field>| {
        let mut name = field.name().clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        name
    };
    schema.fields().iter().map(unique).collect()
}

/// The batch with unique names, and with text in place of what JSON has no form for.
fn for_json(batch: &RecordBatch, names: &[String]) -> Result<RecordBatch, Failure> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Union(..) | DataType::Interval(_) | DataType::Duration(_) => texts(column),
        _ => Ok(Arc::clone(column)),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let fields: Vec<Field> = names
        .iter()
        .zip(&columns)
        .map(|(name, c)| Field::new(name, c.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

fn texts(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let formatter = formatter(column)?;
    let text = |row| column.is_valid(row).then(|| formatter.value(row).to_string());
    Ok(Arc::new((0..column.len()).map(text).collect::<StringViewArray>()))
}

fn formatter(column: &ArrayRef) -> Result<ArrayFormatter<'_>, ArrowError> {
    static OPTIONS: FormatOptions<'static> =
        FormatOptions::new().with_duration_format(DurationFormat::Pretty);
    ArrayFormatter::try_new(column, &OPTIONS)
}

fn write_csv(
    answer: Answer<impl Iterator<Item = netsky_db::Result<RecordBatch>>>,
    mut out: impl Write,
) -> Result<(), Failure> {
    let names = answer.schema.fields().iter().map(|field| Some(field.name().as_str()));
    csv::write_record(names, &mut out)?;
    for batch in answer.batches {
        for_each_row(&batch?, |cells| {
            Ok(csv::write_record(cells.iter().map(Option::as_deref), &mut out)?)
        })?;
    }
    Ok(out.flush()?)
}

fn write_markdown(
    answer: Answer<impl Iterator<Item = netsky_db::Result<RecordBatch>>>,
    mut out: impl Write,
) -> Result<(), Failure> {
    let escape =
        |text: &str| text.replace('|', "\\|").replace("\r\n", "<br>").replace('\n', "<br>");
    let fields = answer.schema.fields();
    let names: Vec<String> = fields.iter().map(|field| escape(field.name())).collect();
    let rules: Vec<&str> =
        fields.iter().map(|f| if f.data_type().is_numeric() { "---:" } else { "---" }).collect();
    writeln!(out, "| {} |", names.join(" | "))?;
    writeln!(out, "| {} |", rules.join(" | "))?;
    for batch in answer.batches {
        for_each_row(&batch?, |cells| {
            let cells: Vec<String> =
                cells.iter().map(|cell| escape(cell.as_deref().unwrap_or_default())).collect();
            Ok(writeln!(out, "| {} |", cells.join(" | "))?)
        })?;
    }
    Ok(())
}

/// Gives the cells of each row as text, and nulls as none.
fn for_each_row(
    batch: &RecordBatch,
    mut write: impl FnMut(&[Option<String>]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let batch = netsky_db::times_as_text(batch)?;
    let formatters = batch.columns().iter().map(formatter).collect::<Result<Vec<_>, _>>()?;
    // Those of a union are its members'.
    let nulls: Vec<_> = batch.columns().iter().map(|column| column.logical_nulls()).collect();
    let mut cells = Vec::with_capacity(formatters.len());
    for row in 0..batch.num_rows() {
        cells.clear();
        cells.extend(formatters.iter().zip(&nulls).map(|(formatter, nulls)| {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            (!is_null).then(|| formatter.value(row).to_string())
        }));
        write(&cells)?;
    }
    Ok(())
}
