//! NDJSON into the store: one JSON object a line, all of them or none.

use std::io::{BufRead, Read};
use std::ops::Range;

use crate::error::{Error, Result};
use crate::row::{EncodedRow, RowParser, RowSpool};
use crate::table::Table;

/// The longest line that is read, in bytes. It bounds the memory that a file without line ends can
/// take.
pub(crate) const MAX_LINE_BYTES: u64 = 64 << 20;

/// What [`Db::import_valid`](crate::Db::import_valid) did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The ids that the imported rows got.
    pub ids: Range<i64>,
    /// How many lines were left out.
    pub skipped: u64,
}

/// Reads lines and encodes the rows in them; empty lines do not count. `on_invalid` gets what is
/// wrong with a line that is no row of the table, and decides whether to go on.
pub(crate) fn read_rows(
    table: &'static Table,
    mut lines: impl BufRead,
    mut on_invalid: impl FnMut(u64, String) -> Result<()>,
) -> Result<RowSpool> {
    let mut rows = RowSpool::new();
    let mut input = RowParser::new(table, None);
    let (mut line, mut encoded) = (Vec::new(), EncodedRow::default());
    for number in 1.. {
        line.clear();
        let unreadable =
            |error| Error::InvalidLine { line: number, reason: format!("cannot be read: {error}") };
        let read = (&mut lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        if read.map_err(unreadable)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            let reason = format!("longer than {} MiB", MAX_LINE_BYTES >> 20);
            return Err(Error::InvalidLine { line: number, reason });
        }
        let mut json = line.trim_ascii();
        if number == 1 {
            // Some programs begin a UTF-8 file with a byte order mark.
            json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json);
        }
        if json.is_empty() {
            continue;
        }
        match input.encode(json, &mut encoded) {
            Ok(former_id) => rows.push_former(&encoded, former_id)?,
            Err(reason) => on_invalid(number, reason)?,
        }
    }
    Ok(rows)
}
