//! Writes answers in each format, to a terminal, a pipe or a file.

mod ascii_table;
mod atomic_file;
mod format;
pub mod json;
mod limited;
mod pager;
mod rows;
mod screen;
mod summary;
mod table;
mod table_output;
mod table_text;
mod vertical;
mod visible;

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write, stdout};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use indicatif::HumanCount;
use netsky_formats::{FileFormat, write_object};
use serde::Serialize;

use crate::failure::Failure;
use crate::time_zone;

pub use crate::human::counted;
pub use atomic_file::{AtomicFile, FinishedFile, create_dir};
pub use format::Format;
pub use json::json_line;
pub use limited::{CountingSink, Limited, Limits};
pub use netsky_formats::{Answer, Batches};
pub use rows::Shown;
pub use summary::Summary;
pub use table_output::{ReportOutput, TableOutput, batch_object};
pub use table_text::{screen_columns, table_text};
pub use visible::{Guarded, visible, visible_lines, warn, warn_plain};

use ascii_table::AsciiTable;
use pager::Paged;
pub use pager::unpaged;
use rows::Rows;
use screen::Screen;
use table::Layout;
use vertical::Vertical;

/// How many rows a table on a terminal shows without `--all`.
pub const ROWS_SHOWN: u64 = 40;

/// How many rows decide the column widths of a longer table.
const ROWS_OF_LAYOUT: usize = 1_000;

/// Prints all of a batch that a command built itself. Nulls are printed as empty text.
pub fn print_batch(format: Format, batch: RecordBatch) -> Result<(), Failure> {
    let answer = Answer { schema: batch.schema(), batches: std::iter::once(Ok(batch)) };
    show_with(format, answer, None, "").map(|_| ())
}

/// Prints text with its colours. Parts from outside must be [`visible()`].
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

pub fn print_line(line: &str) -> Result<(), Failure> {
    Ok(visible::print_line(line)?)
}

/// Prints a line beside the answers.
pub fn print_dim(line: &str) -> Result<(), Failure> {
    print(&format!("{}\n", table::dim(visible(line))))
}

/// Prints a report as one JSON object in a line.
pub fn print_json(report: &impl Serialize) -> Result<(), Failure> {
    Ok(json::print_json(report)?)
}

/// Prints the result of something that is already done. If that fails, it is reported on standard error
/// without failing the command, because the caller must not repeat it.
pub fn print_done(line: &str, done: impl Display) {
    if let Err(failure) = print_line(line)
        && !failure.is_silent()
    {
        warn(format_args!("{done}; {failure}"));
    }
}

/// Prints an answer on standard output. On a terminal, a table fits its width, long output goes through a
/// pager, and `table` and `vertical` print at most `max_rows` rows and a line with the total.
pub fn show(
    format: Format,
    answer: Answer<impl Batches>,
    max_rows: Option<u64>,
) -> Result<Shown, Failure> {
    show_with(format, answer, max_rows, "NULL")
}

fn show_with(
    format: Format,
    answer: Answer<impl Batches>,
    max_rows: Option<u64>,
    null: &'static str,
) -> Result<Shown, Failure> {
    let Some(screen) = Screen::of_stdout() else {
        let mut out = BufWriter::with_capacity(1 << 16, stdout());
        let rows = write_counted(format, answer, &mut out)?;
        out.flush()?;
        return Ok(Shown { rows, shown: rows });
    };
    let mut out = BufWriter::with_capacity(1 << 16, Paged::new(screen));
    let shown = match format {
        Format::Table | Format::Vertical => {
            let Answer { schema, batches } = answer;
            let mut rows = Rows::new(batches, max_rows);
            if format == Format::Table {
                show_table(screen, &schema, &mut rows, null, &mut out)?;
            } else {
                let mut vertical = Vertical::new(&schema, null, Some(screen.columns));
                while let Some(batch) = rows.next()? {
                    vertical.write(&batch, &mut out)?;
                }
            }
            rows.shown
        }
        Format::File(file) if file.is_binary() => {
            return Err(Failure::usage(
                "arrow and parquet cannot be printed on a terminal; redirect the output, or use --output FILE",
            ));
        }
        format => {
            let rows = write_counted(format, answer, Guarded::new(&mut out))?;
            Shown { rows, shown: rows }
        }
    };
    if shown.shown < shown.rows {
        let (shown, rows) = (HumanCount(shown.shown), counted(shown.rows, "row"));
        writeln!(
            out,
            "{}",
            table::dim(format!("{shown} of {rows}; --all, or .all in the shell, shows every row"))
        )?;
    }
    let paged = out.into_inner().map_err(|error| Failure::from(error.into_error()))?;
    paged.finish()?;
    Ok(shown)
}

fn show_table(
    screen: Screen,
    schema: &Schema,
    rows: &mut Rows<impl Batches>,
    null: &'static str,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let (mut first, mut held) = (Vec::new(), 0);
    while held < ROWS_OF_LAYOUT
        && let Some(batch) = rows.next()?
    {
        held += batch.num_rows();
        first.push(batch);
    }
    let layout = match is_plan(schema) {
        true => None,
        false => Layout::fit(schema, &first, null, screen.columns)?,
    };
    let Some(layout) = layout else {
        let mut vertical = Vertical::new(schema, null, Some(screen.columns));
        for batch in first {
            vertical.write(&batch, out)?;
        }
        while let Some(batch) = rows.next()? {
            vertical.write(&batch, out)?;
        }
        return Ok(());
    };
    layout.write_header(out)?;
    for batch in first {
        layout.write_rows(&[batch], out)?;
    }
    while let Some(batch) = rows.next()? {
        layout.write_rows(&[batch], out)?;
    }
    Ok(())
}

/// Whether it is the answer of EXPLAIN. A plan is text of many lines, which a table would truncate on a
/// terminal, and pad to the longest line elsewhere.
fn is_plan(schema: &Schema) -> bool {
    ["plan_type", "plan"].iter().all(|name| schema.column_with_name(name).is_some())
}

/// As [`write()`], and returns the number of rows.
pub fn write_counted(
    format: Format,
    answer: Answer<impl Batches>,
    out: impl Write + Send,
) -> Result<u64, Failure> {
    let mut rows = 0;
    let batches = counting(answer.batches, &mut rows);
    write(format, Answer { schema: answer.schema, batches }, out)?;
    Ok(rows)
}

fn counting(batches: impl Batches, rows: &mut u64) -> impl Batches {
    batches.inspect(|batch| *rows += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64))
}

/// Prints what `write` writes on standard output, escaped if it is a terminal.
pub fn print_all(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = BufWriter::new(stdout());
    match stdout().is_terminal() {
        true => write(&mut Guarded::new(&mut out))?,
        false => write(&mut out)?,
    }
    Ok(out.flush()?)
}

/// Prints an answer as one JSON object, as [`write_json_object`] does, and returns the number of rows.
pub fn print_object<T: Serialize>(
    answer: Answer<impl Batches>,
    facts: impl FnOnce() -> T,
) -> Result<u64, Failure> {
    let mut out = BufWriter::new(stdout());
    match stdout().is_terminal() {
        true => write_json_object(answer, facts, &mut Guarded::new(&mut out)),
        false => write_json_object(answer, facts, &mut out),
    }
}

/// Writes an answer as one JSON object, and returns the number of rows.
pub fn write_json_object<T: Serialize>(
    answer: Answer<impl Batches>,
    facts: impl FnOnce() -> T,
    out: &mut impl Write,
) -> Result<u64, Failure> {
    // The times are text in a zone, but the columns are still those of the query.
    let schema = answer.schema.clone();
    let answer = Answer { schema, batches: in_zone(Format::JSON, answer)?.batches };
    Ok(write_object(answer, facts, out)?)
}

/// Prints an answer on standard output without a pager, because more may follow.
pub fn print_unpaged(format: Format, answer: Answer<impl Batches>) -> Result<(), Failure> {
    match stdout().is_terminal() {
        true => write(format, answer, Guarded::new(stdout())),
        false => write(format, answer, stdout()),
    }
}

/// Writes an answer for a pipe. Only the table needs all rows before it can start.
pub fn write(
    format: Format,
    answer: Answer<impl Batches>,
    mut out: impl Write + Send,
) -> Result<(), Failure> {
    let answer = in_zone(format, answer)?;
    match format {
        Format::Table if is_plan(&answer.schema) => {
            // With the widest screen, values keep their line breaks.
            let mut vertical = Vertical::new(&answer.schema, "NULL", Some(usize::MAX));
            for batch in answer.batches {
                vertical.write(&batch?, &mut out)?;
            }
            Ok(())
        }
        Format::Table => {
            let batches = answer.batches.collect::<netsky_db::Result<Vec<_>>>()?;
            let mut table = AsciiTable::new(&answer.schema);
            batches.iter().try_for_each(|batch| table.fit(batch))?;
            table.write_header(&mut out)?;
            batches.iter().try_for_each(|batch| table.write_rows(batch, &mut out))?;
            table.write_rule(&mut out)
        }
        Format::Vertical => {
            let mut vertical = Vertical::new(&answer.schema, "NULL", None);
            for batch in answer.batches {
                vertical.write(&batch?, &mut out)?;
            }
            Ok(())
        }
        Format::File(file) => Ok(file.for_pipe().write(answer, out)?),
    }
}

/// The answer with its times as text in the zone of the format, if that is not UTC.
fn in_zone(format: Format, answer: Answer<impl Batches>) -> Result<Answer<impl Batches>, Failure> {
    let zone = match format {
        // These store instants.
        Format::File(file) if file.is_binary() => None,
        Format::Table | Format::Vertical | Format::MARKDOWN => Some(time_zone::shown()?),
        Format::File(_) => time_zone::given(),
    };
    let zone = zone.filter(|zone| !zone.is_utc());
    let schema = match zone {
        Some(zone) => zone.schema_of_texts(&answer.schema)?,
        None => answer.schema,
    };
    let batches = answer.batches.map(move |batch| match zone {
        Some(zone) => zone.times_as_text(&batch?),
        None => batch,
    });
    Ok(Answer { schema, batches })
}

/// Appends an answer to a file.
pub fn append_to_file(
    format: Format,
    answer: Answer<impl Batches>,
    path: &Path,
) -> Result<Shown, Failure> {
    let unwritable =
        |error: io::Error| Failure::input(format!("cannot write {}: {error}", path.display()));
    let mut file = BufWriter::new(File::options().append(true).open(path).map_err(unwritable)?);
    let mut rows = 0;
    let batches = counting(answer.batches, &mut rows);
    let answer = in_zone(format, Answer { schema: answer.schema, batches })?;
    match format {
        Format::File(format) => FileFormat::named(format, path).write(answer, &mut file)?,
        Format::Table | Format::Vertical => write(format, answer, &mut file)?,
    }
    file.flush().map_err(unwritable)?;
    Ok(Shown { rows, shown: rows })
}

/// Writes an answer to a file, which is renamed when complete. It is compressed if its name ends in `.gz`.
pub fn write_file(
    format: Format,
    answer: Answer<impl Batches>,
    path: &Path,
) -> Result<Shown, Failure> {
    let mut file = AtomicFile::create(path)?;
    let mut rows = 0;
    let batches = counting(answer.batches, &mut rows);
    let answer = in_zone(format, Answer { schema: answer.schema, batches })?;
    match format {
        Format::File(format) => FileFormat::named(format, path).write(answer, &mut file)?,
        Format::Table | Format::Vertical => write(format, answer, &mut file)?,
    }
    file.finish()?;
    Ok(Shown { rows, shown: rows })
}
