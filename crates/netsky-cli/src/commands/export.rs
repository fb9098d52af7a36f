//! `netsky export`

mod exported;
mod unknown;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use futures::executor::{block_on, block_on_stream};
use netsky_db::{Db, Error, QueryOptions, TABLES, Table};
use netsky_formats::columnar::{table_schema, write_table};
use netsky_formats::{FileFormat, Format};
use netsky_lake::{Lake, Machine, file_of};
use serde_json::json;

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::files::days::Days;
use crate::files::table_format::{TableFormat, table_file, table_suffixes};
use crate::output::{self, Answer, AtomicFile, FinishedFile, ReportOutput};
use crate::progress::Progress;
use crate::row::Row;
use crate::store::StoreArgs;

use exported::Exported;

/// Export tables to NDJSON, CSV, Arrow or Parquet
///
/// Rows are sorted by the first time column of the table, then by id; each table is read from one snapshot.
/// The suffix of FILE selects the format; .ndjson.gz and .csv.gz are gzipped. A file is renamed to FILE once
/// it is complete, and only its owner can read it.
///
/// A directory gets one file per table, or with --by-day, one per day in the layout of Hive, which lets programs
/// read only the days they need. As Parquet it is a lake with the rows of one machine, which --lake queries:
/// <table>/date=2026-04-15/machine=<name>/<first id>-<last id>.parquet; the name is that of the host, or --machine.
/// In other formats the files are <table>/date=2026-04-15/part-0.<suffix>. `netsky import` reads all of them.
///
/// Times are timestamps with a time zone in Arrow and Parquet, to the nanosecond, in a lake to the microsecond, and
/// RFC 3339 in NDJSON and CSV.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky export messages messages.parquet
  netsky export messages yesterday.csv.gz --since 2026-04-15 --until 2026-04-16
  netsky export ticks - --since 1h | jq .source
  netsky export all/                       # every table, as all/<table>.parquet
  netsky export lake/ --by-day
  duckdb -c \"SELECT date, count(*) FROM read_parquet('lake/messages/**/*.parquet') GROUP BY ALL\""
)]
pub struct ExportArgs {
    /// The table; or, without FILE, a directory for all tables, which is created
    #[arg(value_name = "TABLE|DIR")]
    pub target: OsString,
    /// The file to create, or with --by-day the directory; - is standard output
    pub file: Option<PathBuf>,
    /// The format, if no suffix selects it [default: parquet; on standard output, ndjson]
    #[arg(long, value_enum)]
    pub format: Option<TableFormat>,
    /// Only rows at or after a time (RFC 3339), a date (midnight UTC, or in --tz), or an age such as 7d
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub since: Option<DateTime<Utc>>,
    /// Only rows before a time, a date, or an age
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub until: Option<DateTime<Utc>>,
    /// Write one file per day (UTC), in a directory named after the day
    #[arg(long)]
    pub by_day: bool,
    /// Replace existing files; with --by-day, remove the files of days that have no rows any more
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

/// What does not fit is sorted in temporary files. But some batches of rows must fit, and with long texts
/// they may not, so that there is more for a second try, and no limit for the last.
const SORT_BYTES: [usize; 4] = [32 << 20, 128 << 20, 512 << 20, usize::MAX];

pub fn run(store: &StoreArgs, args: &ExportArgs) -> Result<(), Failure> {
    let to_stdout = args.file.as_deref().is_some_and(|file| file.as_os_str() == "-");
    if args.output.json && to_stdout {
        return Err(Failure::usage(
            "--json prints the result on standard output, where the rows would be\n  name a file, or use \
             --format ndjson without --json",
        ));
    }
    // Without a store there is no table in it, but first of all the arguments must be right.
    let db = store.open_read_only();
    let request = unknown::Request {
        target: &args.target,
        file: args.file.as_deref(),
        format: args.format,
        needs_times: args.by_day || args.since.is_some() || args.until.is_some(),
        force: args.force,
    };
    if let Ok(db) = &db
        && let Some(exported) = unknown::run(db, &request)?
    {
        return match exported {
            Some(exported) if args.output.json => {
                output::print_json(&json!({"exports": [exported], "skipped": []}))
            }
            Some(exported) => output::print_line(&exported.to_string()),
            None => Ok(()),
        };
    }
    let exports = exports(store, args)?;
    if !args.force {
        // Before there is any work to lose.
        for path in exports.iter().filter_map(|export| export.place.file()) {
            if path.exists() {
                return Err(Error::FileExists { path: path.to_owned() }.into());
            }
        }
    }
    let db = db?;
    if let Some(Export { place: Place::Lake(dir, machine), .. }) = exports.first() {
        Lake::prepare(&dir.display().to_string(), machine)?;
    }
    let mut done: Vec<Exported> = Vec::new();
    for export in &exports {
        let exported = export.run(&db, args);
        done.extend(exported.map_err(|failure| failure.with_report(&json!({"exports": done})))?);
        if let (Some(exported), false) = (done.last(), args.output.json) {
            output::print_line(&exported.to_string())?;
        }
    }
    let skipped = if args.file.is_none() { db.unknown_tables()? } else { Vec::new() };
    if args.output.json {
        let skipped: Vec<&str> = skipped.iter().map(|table| table.name.as_str()).collect();
        return output::print_json(&json!({"exports": done, "skipped": skipped}));
    }
    for table in skipped {
        output::warn(format_args!(
            "skipped {0}, {1}, because its columns are unknown; use netsky export {0} FILE.ndjson",
            table.name,
            output::counted(table.rows, "row")
        ));
    }
    Ok(())
}

/// Rows that come sorted.
struct Sorted {
    schema: SchemaRef,
    batches: Box<dyn Iterator<Item = netsky_db::Result<RecordBatch>>>,
}

impl Sorted {
    fn query(db: &Db, sql: &str) -> Result<Self, Failure> {
        let mut limits = SORT_BYTES.into_iter().peekable();
        loop {
            let limit = limits.next().unwrap_or(usize::MAX);
            let limited = db.with_query_options(QueryOptions::new().memory_limit(limit));
            let stream = block_on(limited.query_stream(sql))?;
            let schema = stream.schema();
            let reading = Progress::of_query(stream.progress());
            let mut batches = block_on_stream(stream);
            // A sort has all the memory that it needs when it gives its first row.
            let first = batches.next();
            drop(reading);
            if let (Some(Err(Error::MemoryLimit { .. })), Some(_)) = (&first, limits.peek()) {
                continue;
            }
            let batches = Box::new(first.into_iter().chain(batches));
            return Ok(Self { schema, batches });
        }
    }
}

/// A table on its way out.
struct Export {
    table: &'static Table,
    place: Place,
    format: FileFormat,
}

enum Place {
    Stdout,
    File(PathBuf),
    /// A directory with one for each day in it.
    Days(PathBuf),
    /// A directory for all tables, which is a lake with the rows of one machine.
    Lake(PathBuf, Machine),
}

impl Place {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Stdout | Self::Days(_) | Self::Lake(..) => None,
        }
    }
}

fn exports(store: &StoreArgs, args: &ExportArgs) -> Result<Vec<Export>, Failure> {
    let Some(file) = &args.file else {
        if TABLES.iter().any(|table| table.name() == args.target) {
            return Err(Failure::input(format!(
                "no file for table '{0}'; use netsky export {0} {0}.parquet, or - for standard output; to \
                 export all tables to a directory of that name, use ./{0}",
                args.target.display()
            )));
        }
        return exports_to_dir(store, args, Path::new(&args.target));
    };
    let table = Table::find(&args.target.to_string_lossy(), TABLES)?;
    if args.by_day {
        if file.as_os_str() == "-" {
            return Err(Failure::input("--by-day writes files; name a directory for them"));
        }
        return Ok(vec![by_day(store, args, table, file)?]);
    }
    if file.as_os_str() == "-" {
        let format = args.format.map_or(Format::Ndjson, |format| format.0).into();
        return Ok(vec![Export { table, place: Place::Stdout, format }]);
    }
    let named = table_file(file);
    let format = match (args.format.map(|format| format.0), named) {
        (Some(format), Some(named)) if format == named.format => named,
        (Some(format), _) => format.into(),
        (None, Some(named)) => named,
        (None, None) => {
            return Err(Failure::input(format!(
                "the suffix of {} does not select a format; use {}, or --format",
                file.display(),
                table_suffixes()
            )));
        }
    };
    Ok(vec![Export { table, place: Place::File(file.clone()), format }])
}

fn exports_to_dir(
    store: &StoreArgs,
    args: &ExportArgs,
    dir: &Path,
) -> Result<Vec<Export>, Failure> {
    if dir.as_os_str() == "-" || table_file(dir).is_some() {
        return Err(Failure::input(format!(
            "no table for {0}; name it, as in netsky export messages {0}",
            dir.display()
        )));
    }
    let export = |table: &&'static Table| {
        let format = dir_format(args);
        match args.by_day {
            true => by_day(store, args, table, dir),
            false => {
                let file = dir.join(format!("{}.{}", table.name(), format.format.suffix()));
                Ok(Export { table, place: Place::File(file), format })
            }
        }
    };
    TABLES.iter().map(export).collect()
}

fn by_day(
    store: &StoreArgs,
    args: &ExportArgs,
    table: &'static Table,
    dir: &Path,
) -> Result<Export, Failure> {
    let format = dir_format(args);
    let place = match format.format {
        Format::Parquet => Place::Lake(dir.to_owned(), store.this_machine()?),
        _ => Place::Days(dir.join(table.name())),
    };
    Ok(Export { table, place, format })
}

fn dir_format(args: &ExportArgs) -> FileFormat {
    args.format.map_or(Format::Parquet, |format| format.0).into()
}

impl Export {
    /// `None` if the rows were printed.
    fn run(&self, db: &Db, args: &ExportArgs) -> Result<Option<Exported>, Failure> {
        let name = self.table.name();
        let condition = condition(self.table, args)?;
        let order = match self.table.time_column() {
            Some(time) => format!("{}, id", time.name),
            None => "id".to_owned(),
        };
        let (condition, ids) = self.with_ids(db, condition)?;
        let sql = format!("SELECT * FROM {name}{condition} ORDER BY {order}");
        let mut sorted = Sorted::query(db, &sql)?;
        let schema = table_schema(self.table, &sorted.schema);
        if let Place::Stdout = self.place {
            let answer = Answer { schema, batches: sorted.batches };
            return output::show(output::Format::File(self.format.format), answer, None)
                .map(|_| None);
        }
        let total = count(db, name, &condition)?;
        let progress = Progress::of_rows(format!("{name}:"), total);
        let mut rows = 0;
        let batches = sorted.batches.by_ref().inspect(|batch| {
            let read = batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            rows += read;
            progress.add(read);
        });
        // They get their names once all of them are whole.
        let mut files = Vec::new();
        let mut days_written = BTreeSet::new();
        match &self.place {
            Place::Stdout => {}
            Place::File(path) => files.push(self.write_file(&schema, batches, path, args.force)?),
            Place::Days(_) | Place::Lake(..) => {
                let mut days = Days::new(self.table, batches);
                while let Some(day) = days.next_day()? {
                    let path = self.day_file(day, &ids);
                    if let (false, Some(path)) = (args.force, self.files_of(day).into_iter().next())
                    {
                        return Err(Error::FileExists { path }.into());
                    }
                    files.push(self.write_file(&schema, days.of(day), &path, args.force)?);
                    days_written.insert(day);
                }
            }
        }
        let (count, bytes) = (files.len() as u64, files.iter().map(|file| file.bytes).sum());
        files.into_iter().try_for_each(FinishedFile::rename)?;
        let removed = match self.directory_of_days() {
            Some(dir) if args.force => {
                for day in &days_written {
                    self.remove_files(*day, Some(&self.day_file(*day, &ids)))?;
                }
                self.remove_days(&dir, &days_written, args)?
            }
            _ => 0,
        };
        drop(progress);
        Ok(Some(match &self.place {
            Place::Stdout => return Ok(None),
            Place::File(path) => Exported::file(name, path, rows, bytes),
            Place::Days(_) | Place::Lake(..) => Exported {
                files: count,
                removed_files: removed,
                is_by_day: true,
                ..Exported::file(name, &self.directory_of_days().unwrap_or_default(), rows, bytes)
            },
        }))
    }

    /// The ids that are exported, and the condition with them: a file of a lake is named for them.
    fn with_ids(
        &self,
        db: &Db,
        condition: String,
    ) -> Result<(String, RangeInclusive<i64>), Failure> {
        let Place::Lake(..) = self.place else { return Ok((condition, 1..=1)) };
        let name = self.table.name();
        let found = rows(db, &format!("SELECT min(id), max(id) FROM {name}{condition}"), &[])?;
        let id =
            |column: usize| Row::all(&found).next().and_then(|row| row.int(column)).unwrap_or(1);
        let (first, last) = (id(0), id(1));
        let word = if condition.is_empty() { "WHERE" } else { "AND" };
        Ok((format!("{condition} {word} id <= {last}"), first..=last))
    }

    /// The directory with one for each day in it.
    fn directory_of_days(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Days(dir) => Some(dir.clone()),
            Place::Lake(dir, _) => Some(dir.join(self.table.name())),
            Place::Stdout | Place::File(_) => None,
        }
    }

    /// The file of a day's rows.
    fn day_file(&self, day: NaiveDate, ids: &RangeInclusive<i64>) -> PathBuf {
        match &self.place {
            Place::Lake(dir, machine) => dir.join(file_of(self.table.name(), day, machine, ids)),
            _ => {
                let dir = self.directory_of_days().unwrap_or_default();
                let suffix = self.format.format.suffix();
                dir.join(format!("date={day}")).join(format!("part-0.{suffix}"))
            }
        }
    }

    /// The files of a day's rows that are there.
    fn files_of(&self, day: NaiveDate) -> Vec<PathBuf> {
        let file = self.day_file(day, &(1..=1));
        let Place::Lake(..) = self.place else {
            return Some(file).filter(|file| file.is_file()).into_iter().collect();
        };
        // In a lake its name depends on the ids that were exported.
        let Some(entries) = file.parent().and_then(|dir| fs::read_dir(dir).ok()) else {
            return Vec::new();
        };
        let files = entries.flatten().map(|entry| entry.path());
        files.filter(|file| file.extension().is_some_and(|suffix| suffix == "parquet")).collect()
    }

    /// Removes the files of a day, but not the one that is kept. Returns how many.
    fn remove_files(&self, day: NaiveDate, kept: Option<&Path>) -> Result<u64, Failure> {
        let mut removed = 0;
        for file in self.files_of(day) {
            if kept != Some(&file) {
                fs::remove_file(&file).map_err(|error| {
                    Failure::input(format!("cannot remove {}: {error}", file.display()))
                })?;
                removed += 1;
                // Unless there is something else in them.
                let _ = file.ancestors().skip(1).take(2).try_for_each(fs::remove_dir);
            }
        }
        Ok(removed)
    }

    /// Removes the files of days that an older export had rows of, and this one, which asks for the whole
    /// of those days, has not: whoever reads the directory would take them for rows. Returns how many.
    fn remove_days(
        &self,
        dir: &Path,
        written: &BTreeSet<NaiveDate>,
        args: &ExportArgs,
    ) -> Result<u64, Failure> {
        let mut removed = 0;
        let Ok(entries) = fs::read_dir(dir) else { return Ok(0) };
        for entry in entries {
            let name = entry.map_err(|error| Failure::unreadable(dir, &error))?.file_name();
            let day = name.to_str().and_then(|name| name.strip_prefix("date=")?.parse().ok());
            let Some(day) = day.filter(|day| !written.contains(day)) else { continue };
            let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
            let is_asked_for = args.since.is_none_or(|since| since <= midnight(day))
                && args.until.is_none_or(|until| midnight(day) + TimeDelta::days(1) <= until);
            if is_asked_for {
                removed += self.remove_files(day, None)?;
            }
        }
        Ok(removed)
    }

    fn write_file<B>(
        &self,
        schema: &SchemaRef,
        batches: B,
        path: &Path,
        replaces: bool,
    ) -> Result<FinishedFile, Failure>
    where
        B: Iterator<Item = netsky_db::Result<RecordBatch>>,
    {
        if let Some(dir) = path.parent() {
            output::create_dir(dir).map_err(|error| {
                Failure::input(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        let mut file = AtomicFile::create_private(path, replaces)?;
        self.write(schema, batches, &mut file).map_err(|failure| failure.about(path.display()))?;
        file.close()
    }

    fn write<B>(
        &self,
        schema: &SchemaRef,
        batches: B,
        out: &mut (impl Write + Send),
    ) -> Result<(), Failure>
    where
        B: Iterator<Item = netsky_db::Result<RecordBatch>>,
    {
        let answer = Answer { schema: schema.clone(), batches };
        match &self.place {
            Place::Lake(..) => Ok(write_table(self.table, answer, out)?),
            _ => Ok(self.format.write(answer, out)?),
        }
    }
}

/// Which of the table's rows are wanted, as SQL.
fn condition(table: &Table, args: &ExportArgs) -> Result<String, Failure> {
    let bounds = [(">=", args.since), ("<", args.until)];
    let mut condition = String::new();
    for (operator, moment) in bounds {
        let Some(moment) = moment else { continue };
        let Some(time) = table.time_column() else {
            return Err(Error::NoTimeColumn { table: table.name().to_owned() }.into());
        };
        let moment = moment.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let word = if condition.is_empty() { "WHERE" } else { "AND" };
        condition += &format!(" {word} {} {operator} '{moment}'", time.name);
    }
    Ok(condition)
}

/// How many rows are wanted. Blocks know it of most without reading them.
fn count(db: &Db, table: &str, condition: &str) -> Result<u64, Failure> {
    let answer = db.query_batches(&format!("SELECT count(*) FROM {table}{condition}"))?;
    let count = answer.first().map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
    Ok(count.unwrap_or_default().unsigned_abs())
}
