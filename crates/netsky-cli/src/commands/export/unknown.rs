//! Export of a table whose columns are not known: each row as it is stored.

use std::ffi::OsStr;
use std::io::{self, BufWriter, IsTerminal, Write, stdout};
use std::ops::ControlFlow;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use netsky_db::{Db, ErrorKind, TABLES, Table, UnknownTable};
use netsky_formats::Format;
use serde::de::IgnoredAny;

use crate::commands::export::exported::Exported;
use crate::failure::Failure;
use crate::files::table_format::{TableFormat, table_file};
use crate::output::{AtomicFile, Guarded};

/// What `netsky export` was called with, as far as a table of unknown columns needs it.
pub struct Request<'a> {
    pub target: &'a OsStr,
    pub file: Option<&'a Path>,
    pub format: Option<TableFormat>,
    /// Whether rows are to be chosen or divided by their times.
    pub needs_times: bool,
    pub force: bool,
}

/// Exports the table that is asked for if its columns are not known. `None` if it is another table, or
/// none at all; `Some(None)` if its rows were printed.
pub fn run(db: &Db, request: &Request<'_>) -> Result<Option<Option<Exported>>, Failure> {
    let name = request.target.to_string_lossy();
    if Table::find(&name, TABLES).is_ok() {
        return Ok(None);
    }
    let Some(table) = db.unknown_tables()?.into_iter().find(|table| table.name == name) else {
        return Ok(None);
    };
    export(db, &table, request).map(Some)
}

fn export(
    db: &Db,
    table: &UnknownTable,
    request: &Request<'_>,
) -> Result<Option<Exported>, Failure> {
    let name = &table.name;
    let Some(file) = request.file else {
        return Err(Failure::input(format!(
            "no file for table '{name}'; use netsky export {name} {name}.ndjson, or - for standard output"
        )));
    };
    let to_stdout = file.as_os_str() == "-";
    let named = if to_stdout { None } else { table_file(file) };
    let format = request.format.map(|format| format.0).or(named.map(|named| named.format));
    if format.is_some_and(|format| format != Format::Ndjson) || request.needs_times {
        return Err(Failure::input(format!(
            "the columns of {name} are unknown, so it can only be exported completely and as NDJSON: \
             netsky export {name} {name}.ndjson"
        )));
    }
    if to_stdout {
        let out = BufWriter::new(stdout());
        return match stdout().is_terminal() {
            true => write_rows(db, name, Guarded::new(out)),
            false => write_rows(db, name, out),
        }
        .map(|_| None);
    }
    let mut file_out = AtomicFile::create_private(file, request.force)?;
    let rows = match named.is_some_and(|named| named.gzipped) {
        true => {
            let mut out = GzEncoder::new(&mut file_out, Compression::default());
            let rows = write_rows(db, name, &mut out)?;
            out.finish()?;
            rows
        }
        false => write_rows(db, name, &mut file_out)?,
    };
    let finished = file_out.close()?;
    let bytes = finished.bytes;
    finished.rename()?;
    Ok(Some(Exported::file(name, file, rows, bytes)))
}

/// Returns how many there are.
fn write_rows(db: &Db, table: &str, mut out: impl Write) -> Result<u64, Failure> {
    let (mut rows, mut failed) = (0, None);
    db.stored_rows(table, |id, json| match write_row(id, json, &mut out) {
        Ok(true) => {
            rows += 1;
            ControlFlow::Continue(())
        }
        Ok(false) => {
            failed = Some(Failure::store(ErrorKind::Damaged, format!(
                "row {id} of {table} is not a JSON object, so it cannot be exported\n  `netsky backup` \
                 copies the row as it is"
            )));
            ControlFlow::Break(())
        }
        Err(error) => {
            failed = Some(error.into());
            ControlFlow::Break(())
        }
    })?;
    match failed {
        Some(failure) => Err(failure),
        None => {
            out.flush()?;
            Ok(rows)
        }
    }
}

/// Writes the row as a line. `false` if it is not a JSON object.
fn write_row(id: i64, json: &[u8], out: &mut impl Write) -> io::Result<bool> {
    /// Rows have their id; others than netsky may have left it out.
    #[derive(serde::Deserialize)]
    struct Row {
        id: Option<IgnoredAny>,
    }
    let Some(columns) = json.trim_ascii().strip_prefix(b"{") else { return Ok(false) };
    let Ok(row) = serde_json::from_slice::<Row>(json) else { return Ok(false) };
    let columns = columns.trim_ascii_start();
    out.write_all(b"{")?;
    if row.id.is_none() {
        let comma = if columns == b"}" { "" } else { "," };
        write!(out, "\"id\":{id}{comma}")?;
    }
    // Other programs may have written it in more than one line.
    let line: Vec<u8> =
        columns.iter().map(|b| if b.is_ascii_whitespace() { b' ' } else { *b }).collect();
    out.write_all(&line)?;
    out.write_all(b"\n")?;
    Ok(true)
}
