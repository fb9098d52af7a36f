//! `netsky import`

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use netsky_db::{Db, Duplicates, Error, RowLocation, TABLES, Table};
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::files::source::{AppendError, OnInvalid, append_file};
use crate::files::table_format::table_file;
use crate::output::{self, ReportOutput};
use crate::progress::Progress;
use crate::store::StoreArgs;

/// Import rows from NDJSON, CSV, Arrow or Parquet
///
/// The format is detected from the content; NDJSON and CSV can be gzipped, and NDJSON can be one JSON array.
/// The columns are those of the table, in any order, and nullable columns can be omitted. In CSV, an empty
/// field is NULL, and "" is an empty string. A time without a zone is in UTC; it can also be a number of
/// seconds, milliseconds or microseconds since 1970, or now. Columns named *_json take JSON, in NDJSON also
/// as objects and arrays. A token count or a duration cannot be negative. A file is imported completely, or not at
/// all if any row does not fit the table; so is a directory of files by day, as written by
/// `netsky export --by-day`. If one of several files is refused, the others are imported, and the exit code is 1.
///
/// If the table has some of the rows already, with the same time and values, a file is refused, unless
/// --skip-existing or --allow-duplicates says what to do with them. Equal rows in one file are all
/// imported.
///
/// Rows get new ids: in the order of the ids in the file if each row has a different one, else in the
/// order of the rows. So an export is imported in the order in which it was recorded, and with the same
/// ids if the table was empty and the ids had no gaps. Times are kept to the millisecond.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky import messages monday.ndjson tuesday.ndjson.gz
  netsky import messages.parquet   # the file is named for its table
  zcat history.ndjson.gz | netsky import ticks -
  netsky import --skip-existing lake/
  netsky import backup/            # every <table>.ndjson, .csv, .arrow, .parquet in the directory"
)]
pub struct ImportArgs {
    /// The table; or, without FILE, a file named <table>.<suffix> or a directory of such files
    #[arg(value_name = "TABLE|FILE|DIR")]
    pub target: OsString,
    /// The files, or directories of files by day; - is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Skip lines that do not fit the table, and count them
    #[arg(long)]
    pub skip_invalid: bool,
    /// Skip rows that the table has already, and count them
    #[arg(long)]
    pub skip_existing: bool,
    /// Import rows that the table has already once more
    #[arg(long, conflicts_with = "skip_existing")]
    pub allow_duplicates: bool,
    #[command(flatten)]
    pub output: ReportOutput,
}

impl ImportArgs {
    fn duplicates(&self) -> Duplicates {
        match (self.skip_existing, self.allow_duplicates) {
            (true, _) => Duplicates::Skip,
            (_, true) => Duplicates::Allow,
            _ => Duplicates::Refuse,
        }
    }
}

/// With `--skip-invalid`, this many lines are named; the others are counted.
const MAX_NAMED_LINES: u64 = 10;

/// Files that are imported together, completely or not at all.
struct Import {
    table: &'static Table,
    path: PathBuf,
    files: Vec<PathBuf>,
}

pub fn run(store: &StoreArgs, args: &ImportArgs) -> Result<(), Failure> {
    let imports = imports(args)?;
    let db = store.open()?;
    let mut done: Vec<Imported> = Vec::new();
    let mut refused: Vec<(&Import, Failure)> = Vec::new();
    for import in &imports {
        match import.run(&db, args.skip_invalid, args.duplicates()) {
            Ok(imported) => {
                netsky_ingest::note_import(&db)?;
                if !args.output.json {
                    let line = imported.to_string();
                    output::print_done(&line, &line);
                }
                done.push(imported);
            }
            // What is wrong with one file says nothing about the next. A store that cannot be written
            // fails for all.
            Err(failure) if imports.len() > 1 && failure.is_of_input() => {
                refused.push((import, failure));
            }
            Err(failure) => return Err(with_outcome(failure, &done, &refused, args)),
        }
    }
    if !refused.is_empty() {
        let (refused_count, all) = (refused.len(), imports.len());
        let failure = Failure::input(format!(
            "refused {refused_count} of {all} imports; nothing of these is stored"
        ));
        let hint =
            "after a fix, import again with --skip-existing, which skips the rows that are stored";
        let failure = failure.with_hint(hint);
        return Err(with_outcome(failure, &done, &refused, args));
    }
    if args.output.json {
        let rows: u64 = done.iter().map(|imported| imported.rows).sum();
        let object = output::json_line(&json!({"imports": done}))?;
        output::print_done(&object, format_args!("{} imported", output::counted(rows, "row")));
    }
    Ok(())
}

/// Adds to the failure of the command what was imported, and which files were refused. As text, these are
/// printed here.
fn with_outcome(
    failure: Failure,
    done: &[Imported],
    refused: &[(&Import, Failure)],
    args: &ImportArgs,
) -> Failure {
    if !args.output.json {
        refused.iter().for_each(|(_, failure)| output::warn(failure));
    }
    let refused = refused.iter().map(|(import, failure)| {
        json!({"path": import.path.display().to_string(), "error": failure.to_json()})
    });
    failure.with_report(&json!({"imports": done, "refused": refused.collect::<Vec<_>>()}))
}

/// Files that were imported. Its text is the line that the command prints.
#[derive(Debug, Serialize)]
struct Imported {
    table: &'static str,
    path: String,
    rows: u64,
    skipped_invalid: u64,
    skipped_existing: u64,
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = output::counted(self.rows, "row");
        write!(f, "{}: {rows} from {}", self.table, self.path)?;
        for (count, what) in
            [(self.skipped_invalid, "invalid line"), (self.skipped_existing, "existing row")]
        {
            if count > 0 {
                write!(f, ", skipped {}", output::counted(count, what))?;
            }
        }
        Ok(())
    }
}

fn imports(args: &ImportArgs) -> Result<Vec<Import>, Failure> {
    if !args.files.is_empty() {
        let table = Table::find(&args.target.to_string_lossy(), TABLES)?;
        return args.files.iter().map(|path| Import::new(table, path.clone())).collect();
    }
    let path = Path::new(&args.target);
    if path.is_dir() {
        return imports_of_dir(path);
    }
    match table_of(path) {
        Some(table) if path.is_file() => Ok(vec![Import::new(table, path.to_owned())?]),
        _ => Err(Failure::input(format!(
            "'{0}' is neither a directory nor a file named after a table; to import into table '{0}', list \
             the files: netsky import {0} FILE..., or - for standard input",
            args.target.display()
        ))),
    }
}

fn imports_of_dir(dir: &Path) -> Result<Vec<Import>, Failure> {
    let mut paths = files_in(dir)?;
    paths.retain(|path| table_of(path).is_some());
    let mut imports = Vec::new();
    for table in TABLES {
        let of_table: Vec<_> = paths.iter().filter(|path| table_of(path) == Some(*table)).collect();
        // Two formats would import the same rows twice.
        let formats = of_table.iter().map(|path| table_file(path).map(|file| file.format));
        if let [first, .., last] = of_table.as_slice()
            && formats.clone().any(|format| Some(format) != formats.clone().next())
        {
            return Err(Failure::input(format!(
                "{} and {} are both named after {name}; choose one: netsky import {name} FILE",
                first.display(),
                last.display(),
                name = table.name(),
            )));
        }
        for path in of_table {
            imports.push(Import::new(table, path.clone())?);
        }
    }
    if let (true, Some(table)) = (imports.is_empty(), table_of(dir)) {
        return Ok(vec![Import::new(table, dir.to_owned())?]);
    }
    if imports.is_empty() {
        return Err(Failure::input(format!(
            "no <table>.ndjson, .csv, .arrow or .parquet in {}, and no directory named after a table; \
             `netsky tables` lists the tables",
            dir.display()
        )));
    }
    Ok(imports)
}

/// The table that a file or directory is named after. A file must have the suffix of a format.
fn table_of(path: &Path) -> Option<&'static Table> {
    let name = path.file_name()?.to_str()?;
    let (stem, is_known) = match name.split_once('.') {
        Some((stem, _)) => (stem, table_file(path).is_some()),
        None => (name, path.is_dir()),
    };
    TABLES.iter().copied().find(|table| is_known && table.name() == stem)
}

/// The files and directories in a directory, sorted by name.
///
/// Symbolic links are skipped with a warning. A link to a file in the same directory would store its
/// rows twice, and a link to a parent directory would never end.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure::unreadable(dir, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_symlink() {
            output::warn(format_args!("skipped {}, a symbolic link", entry.path().display()));
        } else {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The files under a directory that have the suffix of a format, sorted by path.
fn files_under(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in files_in(dir)? {
        if path.is_dir() {
            files.extend(files_under(&path)?);
        } else if table_file(&path).is_some() {
            files.push(path);
        }
    }
    Ok(files)
}

impl Import {
    fn new(table: &'static Table, path: PathBuf) -> Result<Self, Failure> {
        let files = match path.is_dir() {
            true => files_under(&path)?,
            false => vec![path.clone()],
        };
        if files.is_empty() {
            let dir = path.display();
            return Err(Failure::input(format!("no NDJSON, CSV, Arrow or Parquet file in {dir}")));
        }
        Ok(Self { table, path, files })
    }

    fn run(
        &self,
        db: &Db,
        skip_invalid: bool,
        duplicates: Duplicates,
    ) -> Result<Imported, Failure> {
        let (table, path) = (self.table.name(), self.path.display());
        let sizes = self.files.iter().map(|file| fs::metadata(file).ok().filter(|f| f.is_file()));
        let size = sizes.map(|file| file.map(|file| file.len())).sum();
        let progress = Progress::of_bytes(format!("{table}:"), size);
        let mut appender = db.appender(table)?;
        let mut skipped = 0;
        let mut on_invalid = |location: &RowLocation, reason: &str| {
            if skipped < MAX_NAMED_LINES {
                progress.suspend(|| output::warn_plain(format_args!("{location}: {reason}")));
            }
            skipped += 1;
        };
        for file in &self.files {
            let on_invalid: OnInvalid<'_> = if skip_invalid { Some(&mut on_invalid) } else { None };
            append_file(file, &mut appender, on_invalid, &progress)
                .map_err(|error| failure(file, error))?;
        }
        drop(progress);
        let committed = appender.commit_with(duplicates);
        let committed = committed.map_err(|error| Failure::from(error).about(&path))?;
        Ok(Imported {
            table,
            path: path.to_string(),
            rows: (committed.ids.end - committed.ids.start).unsigned_abs(),
            skipped_invalid: skipped,
            skipped_existing: committed.skipped,
        })
    }
}

/// The failure of the command if a file cannot be imported.
fn failure(file: &Path, error: AppendError) -> Failure {
    match error {
        AppendError::Open(error) => Failure::unreadable(file, &error),
        AppendError::Read(error) => {
            Failure::input(format!("{} cannot be read: {error}", file.display()))
        }
        // The messages of these errors already name the file.
        AppendError::Rows(error @ (Error::RejectedRow { .. } | Error::SourceUnreadable { .. })) => {
            error.into()
        }
        AppendError::Rows(error) => Failure::from(error).about(file.display()),
    }
}
