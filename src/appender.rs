//! Appends rows to a table in bulk: they are pushed one by one, and committed together.

use std::io::{BufRead, Read};
use std::ops::Range;

use crate::duplicates::{Committed, Duplicates};
use crate::error::{Error, Result};
use crate::row::{EncodedRow, RowParser, RowSpool, Unstorable, fit};
use crate::row_location::{RowLocation, RowUnit};
use crate::store::Store;
use crate::table::{Record, Table, Value};

/// The limit on the length of a line, in bytes. Without it, a file without line ends would need
/// memory for all of its bytes.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Collects any number of rows for one table, in any form, and stores all of them or none.
///
/// Rows are checked and encoded when they are pushed, and are kept outside the store: in memory, or
/// in a temporary file if they are larger than 16 MiB. Other writers never wait for a slow source.
/// [`commit`](Self::commit) stores the rows; an appender that is dropped without it stores nothing.
///
/// A row that does not fit the table is left out, and the call fails with [`Error::RejectedRow`],
/// which says where the row is. The appender can still be used, so the caller decides whether to
/// continue without the row or to drop the appender.
///
/// ```
/// use std::borrow::Cow;
/// use chrono::Utc;
/// use netsky_db::{Db, TickRecord, Value};
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("meta.db");
/// let db = Db::open_path(path)?;
/// let mut ticks = db.appender("ticks")?;
/// ticks.push(&TickRecord { ts_utc: Utc::now(), source: "probe", detail_json: "{}" })?;
/// ticks.push_values([
///     Value::Time(Utc::now()),
///     Value::Text(Cow::Borrowed("probe")),
///     Value::Text(Cow::Borrowed("{}")),
/// ])?;
/// ticks.push_json(r#"{"ts_utc": "2026-04-15T23:00:00Z", "source": "cron", "detail_json": "{}"}"#)?;
///
/// let error = ticks.push_json(r#"{"source": "cron"}"#).unwrap_err();
/// assert_eq!(error.to_string(), "row 4: ts_utc is missing");
///
/// assert_eq!(ticks.commit()?, 1..4);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Appender {
    store: Store,
    table: &'static Table,
    parser: RowParser,
    encoded: EncodedRow,
    rows: RowSpool,
    source: Option<String>,
    /// The number of rows of the source that were pushed, including rejected ones.
    pushed: u64,
}

impl Appender {
    pub(crate) fn new(store: Store, table: &'static Table) -> Result<Self> {
        if store.is_read_only() {
            return Err(Error::ReadOnlyStore { path: store.path().to_owned() });
        }
        Ok(Self {
            store,
            table,
            parser: RowParser::new(table, None),
            encoded: EncodedRow::default(),
            rows: RowSpool::new(),
            source: None,
            pushed: 0,
        })
    }

    /// Returns the table that the rows are for.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Returns the number of rows that `commit` will store.
    pub fn row_count(&self) -> u64 {
        self.rows.count()
    }

    /// Sets the name of the source of the next rows, such as a file, and counts its rows from 1
    /// again. This affects only the errors.
    pub fn begin_source(&mut self, name: impl Into<String>) {
        self.source = Some(name.into());
        self.pushed = 0;
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`Error::RejectedRow`] if a value cannot be stored, such as a time outside 1677-09-21 to
    /// 2262-04-11, or if the record belongs to another table. [`Error::Io`] if the temporary file
    /// cannot be written.
    pub fn push<R: Record>(&mut self, record: &R) -> Result<()> {
        self.pushed += 1;
        if R::TABLE != self.table {
            let reason =
                format!("it is a record of {}, not {}", R::TABLE.name(), self.table.name());
            return Err(self.rejected(reason));
        }
        let encoded = self.encoded.encode(self.table, record.values());
        self.add(None, encoded.map_err(described))
    }

    /// Adds a row of values: one for each of [`Table::columns`], in the same order.
    ///
    /// Values of other types are converted as in [`push_json`](Self::push_json).
    ///
    /// # Errors
    ///
    /// [`Error::RejectedRow`] if the values do not fit the columns; [`Error::Io`] if the temporary
    /// file cannot be written.
    pub fn push_values<'a>(&mut self, values: impl IntoIterator<Item = Value<'a>>) -> Result<()> {
        self.push_former(None, values)
    }

    /// Like [`push_values`](Self::push_values), for a row that had an id in its source. If every
    /// row has a different former id, rows are stored in the order of these ids, else in the order
    /// in which they were pushed. They get new ids in both cases.
    ///
    /// # Errors
    ///
    /// Those of `push_values`.
    pub fn push_former<'a>(
        &mut self,
        former_id: Option<i64>,
        values: impl IntoIterator<Item = Value<'a>>,
    ) -> Result<()> {
        self.pushed += 1;
        let encoded = self.encode(values);
        self.add(former_id, encoded)
    }

    /// Adds a row given as a JSON object with the columns as keys. Keys of nullable columns may be
    /// left out. Keys that are not columns are refused, except `id`, which is the former id as in
    /// [`push_former`](Self::push_former).
    ///
    /// Values may have the forms in which other programs write them:
    ///
    /// | column | values besides its own type |
    /// | --- | --- |
    /// | time | text: RFC 3339, `2026-04-15 23:00:00` or `2026-04-15`, in UTC if it has no zone; `now` |
    /// | | numbers: seconds since 1970 if they have 9 to 11 digits before the point, milliseconds if 12 to 14, microseconds if 15 to 17, nanoseconds if more |
    /// | float | integers |
    /// | int | numbers without a fraction, such as `12.0` |
    /// | bool | `0` and `1` |
    /// | text whose name ends with `_json` | objects and arrays, which are stored as compact text; other text must be JSON, or as long as the column allows |
    ///
    /// An integer below the column's [`min`](crate::Column::min) is refused, such as a negative duration.
    ///
    /// # Errors
    ///
    /// [`Error::RejectedRow`] if the object does not fit the table; [`Error::Io`] if the temporary
    /// file cannot be written.
    pub fn push_json(&mut self, json: impl AsRef<[u8]>) -> Result<()> {
        self.pushed += 1;
        let encoded = self.parser.encode(json.as_ref(), &mut self.encoded);
        let former_id = *encoded.as_ref().unwrap_or(&None);
        self.add(former_id, encoded.map(|_| ()))
    }

    /// Adds the rows of an NDJSON source: one JSON object per line, as in
    /// [`push_json`](Self::push_json). Empty lines are skipped. The limit on a line is 64 MiB.
    ///
    /// ```
    /// # fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
    /// let mut ticks = db.appender("ticks")?;
    /// ticks.begin_source("monday.ndjson");
    /// let error = ticks.push_lines(&b"\n{\"ts_utc\": \"now\", \"source\": 7}\n"[..]).unwrap_err();
    /// assert_eq!(error.to_string(), "monday.ndjson: line 2: source should be text, found an integer");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::RejectedRow`] at the first line that is not a row of the table; the rows before it
    /// stay added. [`Error::SourceUnreadable`] if the source cannot be read; [`Error::Io`] if the
    /// temporary file cannot be written.
    pub fn push_lines(&mut self, lines: impl BufRead) -> Result<()> {
        self.push_lines_or(lines, |location, reason| Err(Error::RejectedRow { location, reason }))
    }

    /// Like [`push_lines`](Self::push_lines), but leaves out the lines that are not rows of the
    /// table. `on_invalid` gets the location of each of them, and what is wrong with it.
    ///
    /// # Errors
    ///
    /// Those of `push_lines`, but [`Error::RejectedRow`] only for a line that is too long.
    pub fn push_valid_lines(
        &mut self,
        lines: impl BufRead,
        mut on_invalid: impl FnMut(&RowLocation, &str),
    ) -> Result<()> {
        self.push_lines_or(lines, |location, reason| {
            on_invalid(&location, &reason);
            Ok(())
        })
    }

    fn push_lines_or(
        &mut self,
        mut lines: impl BufRead,
        mut on_invalid: impl FnMut(RowLocation, String) -> Result<()>,
    ) -> Result<()> {
        let source = self.source.clone();
        let location = |number| RowLocation { source: source.clone(), unit: RowUnit::Line, number };
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = (&mut lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            let unreadable = |error| Error::SourceUnreadable { location: location(number), error };
            if read.map_err(unreadable)? == 0 {
                break;
            }
            if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
                let reason = format!("longer than {} MiB", MAX_LINE_BYTES >> 20);
                return Err(Error::RejectedRow { location: location(number), reason });
            }
            let mut json = line.trim_ascii();
            if number == 1 {
                // Some programs write a byte order mark at the start of a UTF-8 file.
                json = json.strip_prefix("\u{feff}".as_bytes()).unwrap_or(json);
            }
            if json.is_empty() {
                continue;
            }
            match self.parser.encode(json, &mut self.encoded) {
                Ok(former_id) => self.rows.push_former(&self.encoded, former_id)?,
                Err(reason) => on_invalid(location(number), reason)?,
            }
        }
        Ok(())
    }

    /// Stores all rows or none, and returns their ids. The rows are durable when this returns.
    ///
    /// More than 50,000 rows or 8 MiB are stored in many short transactions, so that others can
    /// record in between. One of these makes all of the rows visible at once.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Damaged`], [`Error::Storage`], and [`Error::Io`] for the temporary
    /// file; nothing is stored then. After [`Error::CommitUncertain`] and [`Error::StoreReplaced`],
    /// the rows may or may not be stored.
    pub fn commit(self) -> Result<Range<i64>> {
        self.store.append_rows(self.table, self.rows)
    }

    /// Like [`commit`](Self::commit), but treats rows that the table has already as `duplicates` says.
    ///
    /// The comparison is exact even while others record: it includes every row that is committed before
    /// these. It reads only the blocks of the table whose times overlap those of the rows; if there are
    /// none, it costs nothing. Otherwise it needs 24 bytes of memory per row.
    ///
    /// ```
    /// use netsky_db::{Db, Duplicates};
    ///
    /// # fn main() -> netsky_db::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Db::open_path(dir.path().join("meta.db"))?;
    /// let appender = |sources: &[&str]| -> netsky_db::Result<_> {
    ///     let mut ticks = db.appender("ticks")?;
    ///     for source in sources {
    ///         ticks.push_json(format!(
    ///             r#"{{"ts_utc": "2026-04-15T23:00:00Z", "source": "{source}", "detail_json": "{{}}"}}"#
    ///         ))?;
    ///     }
    ///     Ok(ticks)
    /// };
    /// assert_eq!(appender(&["cron", "cron"])?.commit_with(Duplicates::Refuse)?.ids, 1..3);
    ///
    /// let error = appender(&["probe", "cron"])?.commit_with(Duplicates::Refuse).unwrap_err();
    /// let text = "1 of 2 rows are in ticks already, with the same time and values";
    /// assert_eq!(error.to_string(), text);
    ///
    /// let committed = appender(&["probe", "cron"])?.commit_with(Duplicates::Skip)?;
    /// assert_eq!((committed.ids, committed.skipped), (3..4, 1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateRows`], and those of `commit`.
    pub fn commit_with(self, duplicates: Duplicates) -> Result<Committed> {
        self.store.append_rows_with(self.table, self.rows, duplicates)
    }

    /// Returns the parts that a commit needs.
    pub(crate) fn into_parts(self) -> (Store, &'static Table, RowSpool) {
        (self.store, self.table, self.rows)
    }

    /// Encodes a row of values, replacing the previous one.
    fn encode<'a>(&mut self, values: impl IntoIterator<Item = Value<'a>>) -> Result<(), String> {
        let columns = self.table.columns();
        let mut fitted = Vec::with_capacity(columns.len());
        for value in values {
            let Some(column) = columns.get(fitted.len()) else {
                return Err(format!("expected {} values, found more", columns.len()));
            };
            fitted.push(fit(column, value)?);
        }
        if fitted.len() < columns.len() {
            return Err(format!("expected {} values, found {}", columns.len(), fitted.len()));
        }
        self.encoded.encode(self.table, fitted).map_err(described)
    }

    /// Adds the last encoded row, or fails with what is wrong with it.
    fn add(&mut self, former_id: Option<i64>, encoded: Result<(), String>) -> Result<()> {
        match encoded {
            Ok(()) => self.rows.push_former(&self.encoded, former_id),
            Err(reason) => Err(self.rejected(reason)),
        }
    }

    /// Returns the error for the last row pushed.
    fn rejected(&self, reason: String) -> Error {
        let (source, unit) = (self.source.clone(), RowUnit::Row);
        Error::RejectedRow { location: RowLocation { source, unit, number: self.pushed }, reason }
    }

    /// Adds rows. Each is given as its former id and its values, or as what is wrong with it.
    /// `on_invalid` decides whether to continue after a row that does not fit the table.
    #[cfg(feature = "sql")]
    pub(crate) fn push_all<'a, V>(
        &mut self,
        rows: impl IntoIterator<Item = Result<(Option<i64>, V), String>>,
        mut on_invalid: impl FnMut(Error) -> Result<()>,
    ) -> Result<()>
    where
        V: IntoIterator<Item = Value<'a>>,
    {
        for row in rows {
            let pushed = match row {
                Ok((former_id, values)) => self.push_former(former_id, values),
                Err(reason) => {
                    self.pushed += 1;
                    Err(self.rejected(reason))
                }
            };
            match pushed {
                Err(rejected @ Error::RejectedRow { .. }) => on_invalid(rejected)?,
                pushed => pushed?,
            }
        }
        Ok(())
    }
}

fn described(Unstorable { column, reason }: Unstorable) -> String {
    format!("{column}: {reason}")
}
