//! `netsky query`

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{BufWriter, IsTerminal, Read, Write, stderr, stdin, stdout};
use std::iter::from_fn;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use bytesize::ByteSize;
use console::Style;
use futures::StreamExt;
use futures::executor::{block_on, block_on_stream};
use netsky_db::{Db, QueryOptions, QueryProgress, QueryStream, ScanCounts, Value};
use netsky_formats::write_object;
use serde::Serialize;

use crate::chart::{ChartKind, Picture};
use crate::commands::parameters::{Parameters, parse_named};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{self, Answer, CountingSink, Format, Limited, Limits, Shown, Summary};
use crate::progress::Progress;
use crate::store::StoreArgs;

/// Run one SQL query and print its answer
///
/// SQL is read-only: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE and SHOW. A query reads one snapshot of the
/// store. `netsky schema` lists tables and columns. To read JSON columns, use ->>, as in
/// detail_json->>'elapsed_s', or functions such as json_get_int(detail_json, 'elapsed_s').
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky query 'SELECT source, max(ts_utc) FROM ticks GROUP BY source'
  netsky query --file report.sql --output report.parquet
  netsky query --chart bar 'SELECT agent, count(*) FROM mcp_tool_calls GROUP BY agent'
  netsky query 'SELECT * FROM ticks WHERE ts_utc > $since' --param since=7d --max-rows 100 --json
  netsky query --output calls.svg 'SELECT day, sum(calls) FROM v_tool_latency GROUP BY day'
  echo 'SELECT count(*) FROM messages' | netsky query --format ndjson"
)]
pub struct QueryArgs {
    /// The query; without it, or with -, the query is read from standard input
    pub sql: Option<String>,
    /// What a shell has made of a query without quotes
    #[arg(hide = true)]
    pub rest: Vec<String>,
    /// Read the query from a file; - is standard input
    #[arg(long, short, value_name = "FILE", conflicts_with = "sql")]
    pub file: Option<PathBuf>,
    /// The value of a named parameter, such as since=7d for $since
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_named)]
    pub named: Vec<(String, String)>,
    /// The values of $1, $2, ..., one -p for each
    #[arg(short = 'p', value_name = "VALUE", allow_negative_numbers = true)]
    pub numbered: Vec<String>,
    #[command(flatten)]
    pub answer: AnswerArgs,
}

/// The options of every command that runs a query: the output, and the limits of the query.
#[derive(Debug, Clone, clap::Args)]
pub struct AnswerArgs {
    /// The output format [default: table, or the format of the suffix of --output]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Draw the answer as a chart
    #[arg(long, value_enum, value_name = "KIND", conflicts_with_all = ["format", "json", "all"])]
    pub chart: Option<ChartKind>,
    /// Write the answer to a file: .txt, .json, .ndjson, .jsonl, .csv, .tsv, .md, .arrow, .feather, .arrows
    /// or .parquet, text also with .gz; or plot it: .svg or .png
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show every row on a terminal, not only the first 40
    #[arg(long, conflicts_with = "output")]
    pub all: bool,
    /// Print one JSON object with columns, counts and rows, or with the error
    #[arg(long, conflicts_with_all = ["format", "output", "all"])]
    pub json: bool,
    /// Print at most this many rows, and say if there are more
    #[arg(long, value_name = "N")]
    pub max_rows: Option<u64>,
    /// Print at most this many bytes, in whole rows, and say if there are more; such as 20000 or 64KiB
    #[arg(long, value_name = "SIZE")]
    pub max_bytes: Option<ByteSize>,
    /// Cancel the query after this time, such as 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// Limit the memory of the query, such as 64MiB; sorts and aggregations that need more spill to disk
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<ByteSize>,
    /// Skip rows that cannot be decoded, and print their number on standard error
    #[arg(long)]
    pub skip_corrupt: bool,
    /// Whether the answer is appended to the output file instead of replacing it.
    #[arg(skip)]
    pub appends: bool,
}

pub fn run(store: &StoreArgs, args: &QueryArgs) -> Result<(), Failure> {
    let parameters = Parameters { numbered: &args.numbered, named: &args.named };
    answer(store, &read_sql(args)?, &parameters, &args.answer)
}

/// Runs a query and prints its answer, followed by a summary if standard error is a terminal.
pub fn answer(
    store: &StoreArgs,
    sql: &str,
    parameters: &Parameters<'_>,
    args: &AnswerArgs,
) -> Result<(), Failure> {
    answer_with(store, sql, parameters, args, stderr().is_terminal())
}

/// As [`answer`], but the caller decides about the summary.
pub fn answer_with(
    store: &StoreArgs,
    sql: &str,
    parameters: &Parameters<'_>,
    args: &AnswerArgs,
    with_summary: bool,
) -> Result<(), Failure> {
    let picture = match args.format {
        None => Picture::of(args.chart, args.file())?,
        Some(_) => None,
    };
    let format = if picture.is_some() { Format::Table } else { args.format()? };
    let db = store.open_read_only()?.with_query_options(args.limits());
    let started = Instant::now();
    let stream = block_on(interrupt::unless_pressed(start(&db, sql, parameters)))??;
    let (schema, progress) = (stream.schema(), stream.progress());
    let (stream, is_truncated) = (RefCell::new(stream), Cell::new(false));
    let batches = from_fn(|| next_batch(&mut stream.borrow_mut()));
    let mut batches = BatchesWithBar::new(batches, &progress);
    // The bar must not be drawn while rows are printed.
    batches.hides_bar_at_once = args.all || !matches!(format, Format::Table | Format::Vertical);
    batches.hides_bar_at_once &= args.file().is_none() && stdout().is_terminal();
    let answer = args.limited(Answer { schema, batches: &mut batches }, format, &is_truncated)?;
    let facts = || Facts {
        truncated: is_truncated.get(),
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        skipped_rows: stream.borrow().skipped_rows(),
        ..Facts::of(progress.counts())
    };
    let shown = match (&picture, args.file()) {
        _ if args.json => {
            output::print_object(answer, facts).map(|rows| Shown { rows, shown: rows })
        }
        (Some(picture), _) => picture.draw(answer),
        (None, Some(path)) if args.appends => output::append_to_file(format, answer, path),
        (None, Some(path)) => output::write_file(format, answer, path),
        (None, None) => output::show(format, answer, args.rows_shown()),
    };
    let took = batches.ended.unwrap_or_else(Instant::now) - started;
    drop(batches);
    if interrupt::pressed() {
        return Err(Failure::interrupted());
    }
    let shown = shown?;
    if with_summary {
        let summary = Summary { rows: shown.rows, took, read: progress.counts() };
        // In one write, because other processes may print there too.
        let line = format!("{}\n", Style::new().for_stderr().dim().apply_to(summary));
        let _ = stderr().write_all(line.as_bytes());
    }
    if is_truncated.get() && !args.json {
        let limit = if args.max_rows == Some(shown.rows) { "--max-rows" } else { "--max-bytes" };
        let rows = output::counted(shown.rows, "row");
        output::warn(format_args!("{limit} ended the answer after {rows}; it has more"));
    }
    let skipped_rows = stream.borrow().skipped_rows();
    match skipped_rows {
        0 => {}
        rows => {
            output::warn(format_args!(
                "skipped {} that cannot be decoded",
                output::counted(rows, "row")
            ));
        }
    }
    Ok(())
}

/// Runs a query and writes its answer, without a summary. No chart and no file is made.
pub fn write_answer(
    store: &StoreArgs,
    sql: &str,
    args: &QueryArgs,
    out: impl Write + Send,
) -> Result<(), Failure> {
    let parameters = Parameters { numbered: &args.numbered, named: &args.named };
    let args = &args.answer;
    let format = args.format()?;
    let db = store.open_read_only()?.with_query_options(args.limits());
    let started = Instant::now();
    let stream = block_on(start(&db, sql, &parameters))?;
    let (schema, progress) = (stream.schema(), stream.progress());
    let (stream, is_truncated) = (RefCell::new(stream), Cell::new(false));
    let batches = from_fn(|| next_batch(&mut stream.borrow_mut()));
    let answer = args.limited(Answer { schema, batches }, format, &is_truncated)?;
    let mut out = BufWriter::new(out);
    if args.json {
        let facts = || Facts {
            truncated: is_truncated.get(),
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            skipped_rows: stream.borrow().skipped_rows(),
            ..Facts::of(progress.counts())
        };
        output::write_json_object(answer, facts, &mut out)?;
    } else {
        output::write(format, answer, &mut out)?;
    }
    Ok(out.flush()?)
}

/// Returns the next batch when it is ready. If Ctrl-C is pressed first, an error ends the answer.
fn next_batch(stream: &mut QueryStream) -> Option<netsky_db::Result<RecordBatch>> {
    block_on(interrupt::unless_pressed(stream.next())).unwrap_or_else(|_| {
        Some(Err(netsky_db::Error::QueryAborted { reason: "it was interrupted".to_owned() }))
    })
}

/// The batches of an answer, with a progress bar until batches are printed.
struct BatchesWithBar<B> {
    batches: B,
    bar: Option<Progress>,
    /// Whether the bar is removed before the first batch, instead of after the last.
    hides_bar_at_once: bool,
    /// When the batches ended.
    ended: Option<Instant>,
}

impl<B> BatchesWithBar<B> {
    fn new(batches: B, progress: &QueryProgress) -> Self {
        let bar = Some(Progress::of_query(progress.clone()));
        Self { batches, bar, hides_bar_at_once: false, ended: None }
    }
}

impl<B: output::Batches> Iterator for BatchesWithBar<B> {
    type Item = B::Item;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next();
        if batch.is_none() {
            self.ended = Some(Instant::now());
        }
        if self.hides_bar_at_once || !matches!(batch, Some(Ok(_))) {
            self.bar = None;
        }
        batch
    }
}

impl AnswerArgs {
    /// The format, as given by name or by the suffix of the output file.
    pub fn format(&self) -> Result<Format, Failure> {
        match (self.format, self.file()) {
            (Some(format), _) => Ok(format),
            (None, Some(path)) => Format::of_file(path),
            (None, None) => Ok(Format::Table),
        }
    }

    /// The output file; `-` is standard output.
    fn file(&self) -> Option<&PathBuf> {
        self.output.as_ref().filter(|path| path.as_os_str() != "-")
    }

    /// How many rows a terminal shows.
    fn rows_shown(&self) -> Option<u64> {
        (!self.all && self.max_rows.is_none()).then_some(output::ROWS_SHOWN)
    }

    /// The answer up to the limits of what is printed.
    fn limited<'a, B: output::Batches>(
        &self,
        answer: Answer<B>,
        format: Format,
        is_truncated: &'a Cell<bool>,
    ) -> Result<Answer<Limited<'a, B>>, Failure> {
        let max_bytes = self.max_bytes.map(|size| size.as_u64());
        let limits = Limits { max_rows: self.max_rows, max_bytes };
        let (format, around) = match self.json {
            true => (Format::JSON, Facts::size(&answer.schema)?),
            false => (format, 0),
        };
        Limited::new(answer, limits, format, around, is_truncated)
    }

    fn limits(&self) -> QueryOptions {
        let bytes = self.memory_limit.map(|limit| usize::try_from(limit.as_u64()));
        QueryOptions::new()
            .timeout(self.timeout)
            .memory_limit(bytes.map(|bytes| bytes.unwrap_or(usize::MAX)))
            .skip_corrupt(self.skip_corrupt)
    }
}

async fn start(db: &Db, sql: &str, parameters: &Parameters<'_>) -> Result<QueryStream, Failure> {
    let failure = |error| Failure::of_query(error, sql);
    if parameters.is_empty() {
        return db.query_stream(sql).await.map_err(failure);
    }
    let query = db.prepare_async(sql).await.map_err(failure)?;
    let values = parameters.values_for(&query)?;
    query.bind(&values)?.stream().await.map_err(failure)
}

/// Returns the whole answer of a query that a command runs for itself.
pub fn rows(db: &Db, sql: &str, parameters: &[Value<'_>]) -> Result<RecordBatch, Failure> {
    let stream = block_on(db.query_stream_with(sql, parameters))?;
    let schema = stream.schema();
    let batches = block_on_stream(stream).collect::<netsky_db::Result<Vec<_>>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

/// As [`rows`], but if the handle is on a lake, each machine has the rows of its own, with its name as the last
/// column.
pub fn rows_per_machine(
    db: &Db,
    sql: &str,
    parameters: &[Value<'_>],
) -> Result<RecordBatch, Failure> {
    if !db.is_lake() {
        return rows(db, sql, parameters);
    }
    let sql = netsky_lake::per_machine(sql);
    let sql =
        sql.ok_or_else(|| Failure::input("this cannot be asked for each machine of a lake"))?;
    rows(db, &sql, parameters)
}

fn read_sql(args: &QueryArgs) -> Result<String, Failure> {
    if !args.rest.is_empty() {
        return Err(Failure::usage(
            "a query is one argument, in quotes: netsky query 'SELECT ...'\n  without them, the shell \
             would expand * and redirect at >",
        ));
    }
    if let Some(path) = args.file.as_ref().filter(|path| path.as_os_str() != "-") {
        return fs::read_to_string(path).map_err(|error| Failure::unreadable(path, &error));
    }
    match args.sql.as_deref() {
        Some(sql) if sql != "-" => return Ok(sql.to_owned()),
        None if args.file.is_none() && stdin().is_terminal() => {
            return Err(Failure::input(
                "no query; pass it as an argument, with --file, or on standard input",
            ));
        }
        _ => {}
    }
    let mut sql = String::new();
    match stdin().read_to_string(&mut sql) {
        Ok(_) => Ok(sql),
        Err(error) => Err(Failure::unreadable("standard input".as_ref(), &error)),
    }
}

/// What `--json` says of an answer besides its columns and rows.
#[derive(Debug, Default, Serialize)]
struct Facts {
    /// Whether a limit ended the answer.
    truncated: bool,
    elapsed_ms: u64,
    rows_read: u64,
    bytes_read: u64,
    skipped_rows: u64,
}

impl Facts {
    fn of(read: ScanCounts) -> Self {
        let ScanCounts { rows_read, bytes_scanned: bytes_read, .. } = read;
        Self { rows_read, bytes_read, ..Self::default() }
    }

    /// The bytes of an answer's JSON object besides its rows, at most.
    fn size(schema: &SchemaRef) -> Result<u64, Failure> {
        const LARGEST: u64 = u64::MAX;
        let facts = || Self {
            truncated: false,
            elapsed_ms: LARGEST,
            rows_read: LARGEST,
            bytes_read: LARGEST,
            skipped_rows: LARGEST,
        };
        let mut out = CountingSink(0);
        let answer = Answer { schema: schema.clone(), batches: std::iter::empty() };
        write_object(answer, facts, &mut out)?;
        Ok(out.0 + LARGEST.to_string().len() as u64)
    }
}
