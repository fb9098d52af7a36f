//! `netsky query`

use std::fs;
use std::io::{IsTerminal, Read, stdin};
use std::path::PathBuf;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytesize::ByteSize;
use chrono::Utc;
use futures::executor::{block_on, block_on_stream};
use netsky_db::{Db, OpenOptions, Value};

use crate::args::StoreArgs;
use crate::failure::Failure;
use crate::output::{self, Answer, Format};

/// Run one SQL query and print its answer
///
/// SQL only reads: SELECT, WITH, VALUES, EXPLAIN, DESCRIBE and SHOW. A query sees the store as it was
/// when it began. `netsky schema` lists tables and columns. JSON columns open with ->>, as in
/// detail_json->>'elapsed_s', or with json_get_int(detail_json, 'elapsed_s') and its kin.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky query 'SELECT source, max(ts_utc) FROM ticks GROUP BY source'
  netsky query --format csv --file report.sql > report.csv
  echo 'SELECT count(*) FROM messages' | netsky query --format ndjson"
)]
pub struct QueryArgs {
    /// The query; - or nothing reads it from standard input
    pub sql: Option<String>,
    /// Read the query from a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "sql")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub answer: AnswerArgs,
}

/// What every command that runs a query takes: how to print its answer, and what it may use.
#[derive(Debug, clap::Args)]
pub struct AnswerArgs {
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Print one JSON object with the rows and what is known of them
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// End the query after so long, as in 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// Let the query hold so much to sort, group and join, as in 64MiB; more goes to temporary files
    #[arg(long, value_name = "SIZE")]
    pub memory_limit: Option<ByteSize>,
    /// Leave out rows that cannot be decoded, and count them on standard error
    #[arg(long)]
    pub skip_corrupt: bool,
}

pub fn run(store: &StoreArgs, args: &QueryArgs) -> Result<(), Failure> {
    answer(store, &read_sql(args)?, &[], &args.answer)
}

/// Runs a query and prints its answer.
pub fn answer(
    store: &StoreArgs,
    sql: &str,
    parameters: &[Value<'_>],
    args: &AnswerArgs,
) -> Result<(), Failure> {
    let db = store.open_read_only_with(&options(store, args))?;
    let mut stream = block_on(db.query_stream_with(sql, parameters))?;
    let answer = Answer { schema: stream.schema(), batches: block_on_stream(&mut stream) };
    if args.json {
        print_envelope(sql, answer)?;
    } else {
        output::print(args.format, answer)?;
    }
    match stream.skipped_rows() {
        0 => {}
        rows => {
            eprintln!("netsky: left out {}, which cannot be decoded", output::counted(rows, "row"));
        }
    }
    Ok(())
}

/// The whole answer of a query that a command asks by itself.
pub fn rows(db: &Db, sql: &str, parameters: &[Value<'_>]) -> Result<RecordBatch, Failure> {
    let stream = block_on(db.query_stream_with(sql, parameters))?;
    let schema = stream.schema();
    let batches = block_on_stream(stream).collect::<netsky_db::Result<Vec<_>>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

fn options(store: &StoreArgs, args: &AnswerArgs) -> OpenOptions {
    let mut options = store.options();
    if let Some(timeout) = args.timeout {
        options = options.query_timeout(timeout);
    }
    if let Some(limit) = args.memory_limit {
        options = options.memory_limit(usize::try_from(limit.as_u64()).unwrap_or(usize::MAX));
    }
    if args.skip_corrupt {
        options = options.skip_corrupt();
    }
    options
}

fn read_sql(args: &QueryArgs) -> Result<String, Failure> {
    if let Some(path) = &args.file {
        return fs::read_to_string(path).map_err(|error| Failure::unreadable(path, &error));
    }
    match args.sql.as_deref() {
        Some(sql) if sql != "-" => return Ok(sql.to_owned()),
        None if stdin().is_terminal() => {
            return Err(Failure::input(
                "no query: give it as an argument, with --file, or on standard input",
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

/// The object that `netsky query --json` of netsky 0.2.0 prints.
fn print_envelope(
    sql: &str,
    answer: Answer<impl Iterator<Item = netsky_db::Result<RecordBatch>>>,
) -> Result<(), Failure> {
    let mut row_count = 0;
    let counted = Answer {
        schema: answer.schema,
        batches: answer
            .batches
            .inspect(|batch| row_count += batch.as_ref().map_or(0, |b| b.num_rows())),
    };
    let mut rows = Vec::new();
    output::write(Format::Json, counted, &mut rows)?;
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let line = format!(
        "{{\"command\":\"query\",\"status\":\"green\",\"summary\":\"{row_count} row(s)\",\
         \"generated_at\":{},\"data\":{{\"sql\":{},\"row_count\":{row_count},\"rows\":{}}}}}",
        text(&Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        text(sql),
        String::from_utf8_lossy(rows.trim_ascii_end()),
    );
    output::print_line(&line)
}
