//! Files of rows, in whatever format, as the NDJSON that a store imports.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, stdin};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use flate2::bufread::MultiGzDecoder;
use netsky_db::{ColumnType, Table};

use crate::files::columnar::{self, Batches, Columnar};
use crate::files::csv::{CsvRecord, Records};
use crate::progress::Progress;

/// Files of rows of one table, read one after another as lines of JSON.
pub struct Source<'a> {
    table: &'static Table,
    progress: &'a Progress,
    files: std::vec::IntoIter<PathBuf>,
    rows: Option<Rows>,
    lines: Vec<u8>,
    taken: usize,
    /// How many lines have been given.
    given: u64,
    places: Places,
}

/// Where lines of a [`Source`] come from.
#[derive(Clone, Default)]
pub struct Places(Rc<RefCell<Vec<Beginning>>>);

struct Beginning {
    file: PathBuf,
    /// What a row of the file is counted as.
    unit: &'static str,
    /// How many lines were given before its first.
    after: u64,
}

impl Places {
    /// What is wrong with a line of the source, and where in which file that is.
    pub fn locate(&self, line: u64, reason: &str) -> String {
        let beginnings = self.0.borrow();
        let Some(Beginning { file, unit, after }) =
            beginnings.iter().rev().find(|beginning| beginning.after < line)
        else {
            return format!("line {line}: {reason}");
        };
        let file = file.display();
        match unit {
            // Rows are read some at a time, so which cannot be read is not known.
            &ROW if reason.starts_with("cannot be read") => format!("{file} {reason}"),
            unit => format!("{file}: {unit} {}: {reason}", line - after),
        }
    }
}

impl<'a> Source<'a> {
    /// Opens the first of the files.
    pub fn open(
        table: &'static Table,
        files: Vec<PathBuf>,
        progress: &'a Progress,
    ) -> io::Result<Self> {
        let mut source = Self {
            table,
            progress,
            files: files.into_iter(),
            rows: None,
            lines: Vec::new(),
            taken: 0,
            given: 0,
            places: Places::default(),
        };
        source.open_next()?;
        Ok(source)
    }

    pub fn places(&self) -> Places {
        self.places.clone()
    }

    fn open_next(&mut self) -> io::Result<()> {
        let Some(file) = self.files.next() else { return Ok(()) };
        let rows = Rows::open(self.table, &file, self.progress)?;
        let beginning = Beginning { file, unit: rows.unit(), after: self.given };
        self.places.0.borrow_mut().push(beginning);
        self.rows = Some(rows);
        Ok(())
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.taken == self.lines.len()
            && let Some(rows) = &mut self.rows
        {
            self.lines.clear();
            self.taken = 0;
            if rows.next(self.table, &mut self.lines, self.progress)? {
                let lines = self.lines.iter().filter(|byte| **byte == b'\n').count() as u64;
                self.given += lines;
                self.progress.add_rows(lines);
            } else {
                self.rows = None;
                self.open_next()?;
            }
        }
        Ok(&self.lines[self.taken..])
    }

    fn consume(&mut self, amount: usize) {
        self.taken = (self.taken + amount).min(self.lines.len());
    }
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

/// What is counted in files of lines, and in other files.
const LINE: &str = "line";
const ROW: &str = "row";

/// The rows of one file.
enum Rows {
    /// `ended` tells whether the last line that was read had an end.
    Ndjson {
        bytes: Box<dyn BufRead>,
        ended: bool,
    },
    Csv {
        records: Records<Box<dyn BufRead>>,
        header: Vec<String>,
    },
    Columns {
        batches: Batches,
        /// What is left of the batch that was read last; the last piece is next.
        pieces: Vec<RecordBatch>,
        file_bytes: u64,
        read: u64,
    },
}

/// The largest CSV record, as long as a line of NDJSON may be.
const MAX_RECORD_BYTES: usize = 64 << 20;
/// So many CSV records are turned into lines at once.
const CSV_RECORDS: usize = 256;

impl Rows {
    fn open(table: &'static Table, path: &Path, progress: &Progress) -> io::Result<Self> {
        if path.as_os_str() != "-" {
            // Columns are read here and there, not from the beginning to the end.
            let mut file = File::open(path)?;
            let mut first = Vec::new();
            file.by_ref().take(8).read_to_end(&mut first)?;
            if let Some(columnar) = columnar::recognise(&first) {
                file.rewind()?;
                return Self::columns(table, columnar, file);
            }
        }
        let bytes: Box<dyn Read> = match path.as_os_str() == "-" {
            true => Box::new(stdin().lock()),
            false => Box::new(File::open(path)?),
        };
        let mut bytes: Box<dyn BufRead> =
            Box::new(BufReader::with_capacity(1 << 16, progress.read(bytes)));
        if bytes.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            bytes = Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(bytes)));
            // The decoder tells an error once, and then takes the file for ended.
            bytes.fill_buf()?;
        }
        if let Some(columnar) = columnar::recognise(bytes.fill_buf()?) {
            let mut file = tempfile::tempfile()?;
            io::copy(&mut bytes, &mut file)?;
            file.rewind()?;
            return Self::columns(table, columnar, file);
        }
        // Some programs begin a UTF-8 file with a byte order mark.
        if bytes.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
            bytes.consume("\u{feff}".len());
        }
        if is_csv(table, path, bytes.fill_buf()?) {
            return Self::csv(table, bytes);
        }
        Ok(Self::Ndjson { bytes, ended: true })
    }

    fn csv(table: &'static Table, bytes: Box<dyn BufRead>) -> io::Result<Self> {
        let mut records = Records::new(bytes, MAX_RECORD_BYTES);
        let header = next_record(&mut records)?.map(|record| record.cells).unwrap_or_default();
        let header: Vec<String> = header.into_iter().map(Option::unwrap_or_default).collect();
        check_header(table, &header).map_err(io::Error::other)?;
        Ok(Self::Csv { records, header })
    }

    fn columns(table: &'static Table, columnar: Columnar, file: File) -> io::Result<Self> {
        let file_bytes = file.metadata()?.len();
        let batches = columnar::read(columnar, file).map_err(unreadable)?;
        check_types(table, &batches.schema).map_err(io::Error::other)?;
        Ok(Self::Columns { batches, pieces: Vec::new(), file_bytes, read: 0 })
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::Ndjson { .. } => LINE,
            Self::Csv { .. } | Self::Columns { .. } => ROW,
        }
    }

    /// Adds some more lines, or parts of lines. There are none any more if it says so.
    fn next(
        &mut self,
        table: &'static Table,
        lines: &mut Vec<u8>,
        progress: &Progress,
    ) -> io::Result<bool> {
        match self {
            Self::Ndjson { bytes, ended } => {
                let part = bytes.fill_buf()?;
                let length = part.len();
                if length > 0 {
                    *ended = part.ends_with(b"\n");
                    lines.extend_from_slice(part);
                    bytes.consume(length);
                } else if !*ended {
                    // Else the first line of the next file would go on with this one.
                    *ended = true;
                    lines.push(b'\n');
                    return Ok(true);
                }
                Ok(length > 0)
            }
            Self::Csv { records, header } => {
                for _ in 0..CSV_RECORDS {
                    let Some(record) = next_record(records)? else { break };
                    csv_line(table, header, &record, lines)?;
                }
                Ok(!lines.is_empty())
            }
            Self::Columns { batches, pieces, file_bytes, read } => {
                if pieces.is_empty() {
                    let Some(batch) = batches.batches.next() else { return Ok(false) };
                    pieces.push(normalised(&batch.map_err(unreadable)?).map_err(unreadable)?);
                }
                let Some(piece) = columnar::next_piece(pieces) else { return Ok(true) };
                *read += piece.num_rows() as u64;
                if let Some(rows) = batches.rows.filter(|rows| *rows > 0) {
                    let share = *read as f64 / rows as f64;
                    progress.set((share * *file_bytes as f64) as u64);
                }
                let batch = netsky_db::times_as_text(&piece).map_err(io::Error::other)?;
                let mut writer =
                    WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(lines);
                writer.write(&batch).and_then(|()| writer.finish()).map_err(unreadable)?;
                Ok(true)
            }
        }
    }
}

fn unreadable(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        ArrowError::ParseError(reason) => io::Error::other(reason),
        other => io::Error::other(other.to_string()),
    }
}

/// Whether the file's beginning is a header of the table's columns. NDJSON begins with a brace.
fn is_csv(table: &'static Table, path: &Path, first: &[u8]) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".csv") || first.trim_ascii_start().starts_with(b"{") {
        return name.ends_with(".csv");
    }
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = line.split(|byte| *byte == b',').map(|name| {
        let name = name.trim_ascii();
        name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
    });
    let columns = || table.columns().iter().map(|column| column.name.as_bytes());
    names.into_iter().any(|name| columns().any(|column| column == name))
}

/// Refuses a header under which no row could be one of the table. Its rows would be refused one by one,
/// but there may be none: lines that end with CR alone make the whole file one header.
fn check_header(table: &Table, header: &[String]) -> Result<(), String> {
    let names = || table.columns().iter().map(|column| column.name);
    let columns = || names().collect::<Vec<_>>().join(", ");
    if header.is_empty() {
        return Err(format!("no header; the columns of {} are {}", table.name(), columns()));
    }
    if header.iter().any(|name| name.contains('\r')) {
        return Err("lines end with CR only; they must end with LF or CR LF".to_owned());
    }
    for (index, name) in header.iter().enumerate() {
        if name != "id" && !names().any(|column| column == name) {
            let table = table.name();
            return Err(format!(
                "the header names '{name}', which is not a column of {table}; the columns are {}",
                columns()
            ));
        }
        if header.iter().take(index).any(|before| before == name) {
            return Err(format!("the header names {name} twice"));
        }
    }
    let missing = table.columns().iter().filter(|column| !column.nullable);
    let missing = missing.map(|column| column.name).find(|name| !header.iter().any(|n| n == name));
    match missing {
        Some(name) => Err(format!("the header lacks {name}, which is required")),
        None => Ok(()),
    }
}

fn next_record<R: BufRead>(records: &mut Records<R>) -> io::Result<Option<CsvRecord>> {
    records.next().map_err(|(line, reason)| io::Error::other(format!("line {line}: {reason}")))
}

/// A CSV record as a line of JSON, with numbers and booleans where the table has them. What is none
/// stays a text, which the import refuses by name.
fn csv_line(
    table: &Table,
    header: &[String],
    record: &CsvRecord,
    line: &mut Vec<u8>,
) -> io::Result<()> {
    let (cells, names) = (record.cells.len(), header.len());
    if cells != names {
        let reason = format!("line {}: {cells} cells under a header of {names}", record.line);
        return Err(io::Error::other(reason));
    }
    line.push(b'{');
    for (index, (name, cell)) in header.iter().zip(&record.cells).enumerate() {
        if index > 0 {
            line.push(b',');
        }
        serde_json::to_writer(&mut *line, name)?;
        line.push(b':');
        let ty = match table.columns().iter().find(|column| column.name == name) {
            Some(column) => column.ty,
            None if name == "id" => ColumnType::Int,
            None => ColumnType::Text,
        };
        match cell.as_deref() {
            None => line.extend_from_slice(b"null"),
            Some(text @ ("true" | "false")) if ty == ColumnType::Bool => {
                line.extend_from_slice(text.as_bytes());
            }
            Some(text) => match text.parse::<i64>() {
                Ok(number) if ty == ColumnType::Int => {
                    line.extend_from_slice(number.to_string().as_bytes());
                }
                _ => serde_json::to_writer(&mut *line, text)?,
            },
        }
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

/// Refuses types whose values would not be the same as JSON, such as a fraction that is no number.
fn check_types(table: &Table, schema: &Schema) -> Result<(), String> {
    for field in schema.fields() {
        let ty = field.data_type();
        let text = |ty: &DataType| {
            matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null)
        };
        let fits = match ty {
            DataType::Dictionary(_, value) => text(value),
            DataType::Timestamp(_, zone) => zone.is_some(),
            ty => text(ty) || ty.is_integer() || *ty == DataType::Boolean,
        };
        let column = table.columns().iter().find(|column| column.name == field.name());
        if let (false, Some(column)) = (fits, column) {
            let hint = match ty {
                DataType::Timestamp(_, None) => "; give its times a zone, such as UTC",
                _ => "",
            };
            return Err(format!(
                "column {} should be {}, found {ty}{hint}",
                column.name,
                column.ty.name()
            ));
        }
    }
    Ok(())
}

/// The batch with all times in nanoseconds of UTC, as the store has them, and all texts as views. A text
/// that a dictionary has once and many rows name is one in memory then, too.
fn normalised(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    // A time beyond what they can tell is not to become a null.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Timestamp(..) => cast_with_options(column, &nanoseconds, &options),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Dictionary(..) => {
            cast_with_options(column, &DataType::Utf8View, &options)
        }
        _ => Ok(Arc::clone(column)),
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
    let fields = batch.schema_ref().fields().iter().zip(&columns);
    let fields = fields.map(|(field, column)| {
        Field::new(field.name(), column.data_type().clone(), field.is_nullable())
    });
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)
}
