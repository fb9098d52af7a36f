//! Files of rows, in whatever format, pushed into an appender.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write, stdin};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use flate2::bufread::MultiGzDecoder;
use netsky_db::{Appender, Error, RowLocation, Table};
use netsky_formats::columnar::{self, ColumnarReader};
use netsky_formats::csv::{CsvError, Records};

use crate::files::csv_columns::{CsvColumns, check_header, is_csv};
use crate::files::json_array::JsonArray;
use crate::progress::Progress;

/// Why the rows of a file cannot be appended.
#[derive(Debug)]
pub enum AppendError {
    /// The file cannot be opened, or no row of its table can be in it.
    Open(io::Error),
    /// The file cannot be read to its end.
    Read(io::Error),
    /// A row, or the store.
    Rows(Error),
}

impl From<Error> for AppendError {
    fn from(error: Error) -> Self {
        Self::Rows(error)
    }
}

/// What becomes of rows that are not rows of the table: they are told of and left out, or end the import.
pub type OnInvalid<'a> = Option<&'a mut dyn FnMut(&RowLocation, &str)>;

/// Pushes the rows of a file; `-` is standard input.
pub fn append_file(
    path: &Path,
    appender: &mut Appender,
    mut on_invalid: OnInvalid<'_>,
    progress: &Progress,
) -> Result<(), AppendError> {
    appender.begin_source(path.display().to_string());
    match Rows::open(appender, path, progress).map_err(AppendError::Open)? {
        Rows::Ndjson(lines) => {
            let lines = CountedLines { lines, progress };
            match on_invalid {
                Some(on_invalid) => appender.push_valid_lines(lines, on_invalid)?,
                None => appender.push_lines(lines)?,
            }
        }
        Rows::Json(mut array) => {
            while let Some(row) = array.next_element().map_err(AppendError::Read)? {
                skip_invalid(appender.push_json(row), &mut on_invalid)?;
                progress.add_rows(1);
            }
        }
        Rows::Csv { mut records, columns } => {
            while let Some(record) = records.next_record().map_err(unreadable_csv)? {
                let (former_id, values) = columns
                    .values(&record)
                    .map_err(|reason| AppendError::Read(io::Error::other(reason)))?;
                skip_invalid(appender.push_former(former_id, values), &mut on_invalid)?;
                progress.add_rows(1);
            }
        }
        Rows::Columns { batches, file_bytes } => {
            let (mut read, expected) = (0, batches.rows().filter(|rows| *rows > 0));
            for batch in batches {
                let batch = batch.map_err(|error| AppendError::Read(unreadable(error)))?;
                match &mut on_invalid {
                    Some(on_invalid) => appender.push_valid_batch(&batch, on_invalid)?,
                    None => appender.push_batch(&batch)?,
                }
                let rows = batch.num_rows() as u64;
                progress.add_rows(rows);
                read += rows;
                if let Some(all) = expected {
                    progress.set((read as f64 / all as f64 * file_bytes as f64) as u64);
                }
            }
        }
    }
    Ok(())
}

/// Tells of a row that does not fit the table, if such rows are left out.
fn skip_invalid(
    pushed: netsky_db::Result<()>,
    on_invalid: &mut OnInvalid<'_>,
) -> netsky_db::Result<()> {
    match (pushed, on_invalid) {
        (Err(Error::RejectedRow { location, reason }), Some(on_invalid)) => {
            on_invalid(&location, &reason);
            Ok(())
        }
        (pushed, _) => pushed,
    }
}

/// The rows of one file.
enum Rows {
    Ndjson(Box<dyn BufRead>),
    Json(JsonArray<Box<dyn BufRead>>),
    Csv { records: Records<Box<dyn BufRead>>, columns: CsvColumns },
    Columns { batches: ColumnarReader, file_bytes: u64 },
}

/// The largest CSV record, as long as a line of NDJSON may be.
const MAX_RECORD_BYTES: usize = 64 << 20;

impl Rows {
    fn open(appender: &mut Appender, path: &Path, progress: &Progress) -> io::Result<Self> {
        let table = appender.table();
        if path.as_os_str() != "-" {
            // Parquet is not read from the beginning to the end.
            let file = File::open(path)?;
            let file_bytes = file.metadata()?.len();
            if let Some(batches) = columnar::open(file).map_err(unreadable)? {
                return Self::columns(appender, batches, file_bytes);
            }
        }
        let bytes: Box<dyn Read> = match path.as_os_str() == "-" {
            true => Box::new(stdin().lock()),
            false => Box::new(File::open(path)?),
        };
        let before = progress.position();
        let mut bytes: Box<dyn BufRead> =
            Box::new(BufReader::with_capacity(1 << 16, progress.read(bytes)));
        if bytes.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            bytes = Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(bytes)));
            // The decoder tells an error once, and then takes the file for ended.
            bytes.fill_buf()?;
        }
        if columnar::is_columnar(bytes.fill_buf()?) {
            let mut file = tempfile::tempfile()?;
            let file_bytes =
                unpack(&mut bytes, &mut file, || progress.position().saturating_sub(before))?;
            file.rewind()?;
            if let Some(batches) = columnar::open(file).map_err(unreadable)? {
                return Self::columns(appender, batches, file_bytes);
            }
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Some programs begin a UTF-8 file with a byte order mark.
        if bytes.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
            bytes.consume("\u{feff}".len());
        }
        if is_csv(table, path, bytes.fill_buf()?) {
            return Self::csv(table, bytes);
        }
        match bytes.fill_buf()?.trim_ascii_start() {
            [b'[', ..] => Ok(Self::Json(JsonArray::new(bytes))),
            _ => Ok(Self::Ndjson(bytes)),
        }
    }

    fn csv(table: &'static Table, bytes: Box<dyn BufRead>) -> io::Result<Self> {
        let mut records = Records::new(bytes, MAX_RECORD_BYTES);
        let header = records.next_record().map_err(io::Error::from)?;
        let header = header.map(|record| record.cells).unwrap_or_default();
        let header: Vec<String> = header.into_iter().map(Option::unwrap_or_default).collect();
        check_header(table, &header).map_err(io::Error::other)?;
        Ok(Self::Csv { records, columns: CsvColumns::new(table, &header) })
    }

    fn columns(
        appender: &mut Appender,
        batches: ColumnarReader,
        file_bytes: u64,
    ) -> io::Result<Self> {
        // Columns that do not fit are refused also if there are no rows.
        match appender.push_batch(&RecordBatch::new_empty(batches.schema().clone())) {
            Err(Error::InvalidBatch { reason, .. }) => return Err(io::Error::other(reason)),
            pushed => pushed.map_err(io::Error::other)?,
        }
        Ok(Self::Columns { batches, file_bytes })
    }
}

/// The size up to which any file is unpacked, and how many times its own size a larger one may have.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;
const MAX_UNPACKED_RATIO: u64 = 200;

/// Writes Arrow or Parquet to a file, because their readers need one. `packed` is the size of what was read
/// of the original so far. Zeros of a few megabytes could fill
/// the disk otherwise: gzip packs a thousand of them into a byte.
fn unpack(bytes: &mut dyn BufRead, file: &mut File, packed: impl Fn() -> u64) -> io::Result<u64> {
    let mut unpacked = 0;
    loop {
        let part = bytes.fill_buf()?;
        let length = part.len();
        if length == 0 {
            return Ok(unpacked);
        }
        file.write_all(part)?;
        bytes.consume(length);
        unpacked += length as u64;
        let most = packed().saturating_mul(MAX_UNPACKED_RATIO);
        if unpacked > most.max(MAX_UNPACKED_BYTES) {
            return Err(io::Error::other(format!(
                "it unpacks to more than {MAX_UNPACKED_RATIO} times its size; decompress it with gunzip first"
            )));
        }
    }
}

/// Counts the lines for the bar while the appender reads them.
struct CountedLines<'a> {
    lines: Box<dyn BufRead>,
    progress: &'a Progress,
}

impl Read for CountedLines<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for CountedLines<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lines.fill_buf()
    }

    /// The appender takes a line, or what there is of it, at a time, so its last byte tells whether it is
    /// one.
    fn consume(&mut self, amount: usize) {
        let ends =
            amount.checked_sub(1).and_then(|last| self.lines.fill_buf().ok()?.get(last).copied());
        self.progress.add_rows(u64::from(ends == Some(b'\n')));
        self.lines.consume(amount);
    }
}

fn unreadable_csv(error: CsvError) -> AppendError {
    AppendError::Read(error.into())
}

fn unreadable(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        ArrowError::ParseError(reason) => io::Error::other(reason),
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, Utc};
    use netsky_db::Db;
    use tempfile::TempDir;

    use super::*;
    use crate::output::{self, Answer, Format};
    use netsky_formats::Format as File;

    netsky_db::tables! {
        /// Columns of the types that the catalogue has none of.
        static MEASURE_TABLES;

        /// Floats and dates.
        #[table = "measures"]
        struct MeasureRecord<'a> {
            /// When.
            ts_utc: DateTime<Utc>,
            /// How much.
            share: f64,
            /// Which day.
            day: NaiveDate,
            /// How much more.
            change: Option<f64>,
            /// Until which day.
            until: Option<NaiveDate>,
            /// What else.
            note: Option<&'a str>,
        }
    }

    fn measures(dir: &TempDir, name: &str) -> Db {
        let db = Db::open_path(dir.path().join(name)).unwrap();
        db.with_tables(MEASURE_TABLES).unwrap()
    }

    fn append(db: &Db, path: &Path) -> Result<std::ops::Range<i64>, AppendError> {
        let mut appender = db.appender("measures")?;
        append_file(path, &mut appender, None, &Progress::of_bytes("", None))?;
        Ok(appender.commit()?)
    }

    #[test]
    fn floats_and_dates_come_back_from_every_format() {
        let dir = tempfile::tempdir().unwrap();
        let db = measures(&dir, "from.db");
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let floats = [0.0, -0.0, 1.0, 0.1, -1e300, 5e-324, f64::MAX, 1e16, 123_456_789.125];
        for (share, note) in floats.into_iter().zip([Some(""), None, Some("a,\"\n")].iter().cycle())
        {
            db.record(&MeasureRecord {
                change: note.map(|_| -share),
                until: note.map(|_| day("0000-01-01")),
                note: *note,
                ..MeasureRecord::new(DateTime::UNIX_EPOCH, share, day("9999-12-31"))
            })
            .unwrap();
        }
        let sql = "SELECT * FROM measures ORDER BY id";
        let expected = db.query_batches(sql).unwrap();
        for (name, format) in [
            ("a.ndjson", Format::NDJSON),
            ("a.csv", Format::File(File::Csv)),
            ("a.arrow", Format::File(File::Arrow)),
            ("a.parquet", Format::File(File::Parquet)),
        ] {
            let path = dir.path().join(name);
            let batches = expected.iter().cloned().map(Ok);
            let answer = Answer { schema: expected[0].schema(), batches };
            output::write_file(format, answer, &path).unwrap();
            let to = measures(&dir, &format!("{name}.db"));
            let ids = append(&to, &path).unwrap();
            assert_eq!(ids, 1..10, "{name}");
            assert_eq!(to.query_batches(sql).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn csv_cells_that_are_no_floats_or_dates_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let db = measures(&dir, "to.db");
        let path = dir.path().join("measures.csv");
        for (share, day, said) in [
            ("much", "2026-04-15", "row 1: share should be float, found a string"),
            ("NaN", "2026-04-15", "row 1: share: NaN is not a finite number"),
            ("1", "15.4.2026", "row 1: day: '15.4.2026' is not a date of the form YYYY-MM-DD"),
        ] {
            let csv = format!("ts_utc,share,day\n2026-04-15T23:00:00Z,{share},{day}\n");
            std::fs::write(&path, csv).unwrap();
            match append(&db, &path) {
                Err(AppendError::Rows(error)) => {
                    assert_eq!(error.to_string(), format!("{}: {said}", path.display()));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
