//! `netsky import`

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use netsky_db::{Db, TABLES};

use crate::args::StoreArgs;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

/// Import rows from NDJSON files, gzipped or not
///
/// A line is a JSON object with the table's columns as keys. A file is imported whole or, if a line
/// is no row of the table, not at all. Rows get fresh ids in their order; ids in the file are
/// ignored. Times are kept to the millisecond.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky import messages monday.ndjson tuesday.ndjson.gz
  zcat history.ndjson.gz | netsky import ticks -
  netsky import backup/            # every <table>.ndjson[.gz] in the directory"
)]
pub struct ImportArgs {
    /// The table, or a directory of <table>.ndjson[.gz] files
    #[arg(value_name = "TABLE|DIR")]
    pub target: String,
    /// The files; - is standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Leave out the lines that are no rows of the table, and count them
    #[arg(long)]
    pub skip_invalid: bool,
}

/// With `--skip-invalid`, so many lines are named; the others are counted.
const MAX_NAMED_LINES: u64 = 10;

pub fn run(store: &StoreArgs, args: &ImportArgs) -> Result<(), Failure> {
    let sources = sources(args)?;
    let db = store.open()?;
    for (table, path) in &sources {
        import_file(&db, table, path, args.skip_invalid)
            .map_err(|failure| failure.about(path.display()))?;
    }
    Ok(())
}

/// Which table each file goes to.
fn sources(args: &ImportArgs) -> Result<Vec<(String, PathBuf)>, Failure> {
    if !args.files.is_empty() {
        return Ok(args.files.iter().map(|file| (args.target.clone(), file.clone())).collect());
    }
    let dir = Path::new(&args.target);
    if !dir.is_dir() {
        return Err(Failure::input(format!(
            "{} is no directory; to import into the table of that name, name the files as well, or - \
             for standard input",
            args.target
        )));
    }
    let names = TABLES.iter().flat_map(|table| {
        let name = table.name();
        [(name, format!("{name}.ndjson")), (name, format!("{name}.ndjson.gz"))]
    });
    let found: Vec<_> = names
        .map(|(table, file)| (table.to_owned(), dir.join(file)))
        .filter(|(_, path)| path.is_file())
        .collect();
    if found.is_empty() {
        return Err(Failure::input(format!(
            "no <table>.ndjson or <table>.ndjson.gz in {}; `netsky tables` lists the tables",
            dir.display()
        )));
    }
    Ok(found)
}

fn import_file(db: &Db, table: &str, path: &Path, skip_invalid: bool) -> Result<(), Failure> {
    // A table that does not exist should not have to wait for its file to be opened.
    db.find_table(table)?;
    let size = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len());
    let progress = Progress::of_bytes(path.display().to_string(), size);
    let lines = open(path, &progress).map_err(|error| Failure::unreadable(path, &error))?;
    let (ids, skipped) = if skip_invalid {
        let mut named = 0;
        let imported = db.import_valid(table, lines, |line, reason| {
            if named < MAX_NAMED_LINES {
                progress.suspend(|| eprintln!("{}: line {line}: {reason}", path.display()));
            }
            named += 1;
        })?;
        (imported.ids, imported.skipped)
    } else {
        (db.import(table, lines)?, 0)
    };
    drop(progress);
    let rows = output::counted((ids.end - ids.start).unsigned_abs(), "row");
    let left_out = match skipped {
        0 => String::new(),
        lines => format!(", {} left out", output::counted(lines, "invalid line")),
    };
    output::print_line(&format!("{table}: {rows} from {}{left_out}", path.display()))
}

/// The file's bytes, unpacked if it is gzipped, whatever its name.
fn open(path: &Path, progress: &Progress) -> io::Result<Box<dyn BufRead>> {
    let file: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    let mut bytes = BufReader::with_capacity(1 << 16, progress.read(file));
    if bytes.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(bytes))));
    }
    Ok(Box::new(bytes))
}
