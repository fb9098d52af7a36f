//! `netsky query`

use std::fs;
use std::io::{IsTerminal, Read, stdin};

use chrono::Utc;
use futures::executor::{block_on, block_on_stream};
use netsky_db::OpenOptions;

use crate::args::{Format, QueryArgs, StoreArgs};
use crate::failure::Failure;
use crate::output::{self, Answer};

pub fn run(store: &StoreArgs, args: &QueryArgs) -> Result<(), Failure> {
    let sql = read_sql(args)?;
    let db = store.open_read_only_with(&options(store, args))?;
    let mut stream = block_on(db.query_stream(&sql))?;
    let answer = Answer { schema: stream.schema(), batches: block_on_stream(&mut stream) };
    if args.json {
        print_envelope(&sql, answer)?;
    } else {
        output::print(args.format, answer)?;
    }
    match stream.skipped_rows() {
        0 => {}
        1 => eprintln!("netsky: left out 1 row that cannot be decoded"),
        rows => eprintln!("netsky: left out {rows} rows that cannot be decoded"),
    }
    Ok(())
}

fn options(store: &StoreArgs, args: &QueryArgs) -> OpenOptions {
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
    answer: Answer<impl Iterator<Item = netsky_db::Result<arrow::array::RecordBatch>>>,
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
