//! `netsky query-backend`, which `netsky serve` starts.

use std::io::{self, Write, stdin, stdout};

use clap::Parser;
use netsky_server::frame;
use serde::Deserialize;

use crate::commands::query::{QueryArgs, write_answer};
use crate::failure::Failure;
use crate::store::StoreArgs;

/// How much of an answer is sent at a time.
const SENT_BYTES: usize = 64 << 10;

/// Answer queries over HTTP for `netsky serve`
///
/// It reads the arguments of one `netsky query` after another from standard input, and writes the answers to
/// standard output, so that a query need not wait for a process to start. The server kills it to cancel a query.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct QueryBackendArgs {}

#[derive(Debug, Deserialize)]
struct Request {
    sql: String,
    /// As `netsky query` has them.
    arguments: Vec<String>,
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Arguments {
    #[command(flatten)]
    query: QueryArgs,
}

pub fn run(store: &StoreArgs, _: &QueryBackendArgs) -> Result<(), Failure> {
    let (mut input, mut output) = (stdin().lock(), stdout());
    while let Some(request) = frame::read(&mut input)? {
        match answer(store, &request.body, &mut output) {
            Ok(()) => frame::write(frame::DONE, &[], &mut output)?,
            Err(failure) => {
                let failure = failure.to_json().to_string();
                frame::write(frame::FAILURE, failure.as_bytes(), &mut output)?;
            }
        }
        output.flush()?;
    }
    Ok(())
}

fn answer(
    store: &StoreArgs,
    request: &[u8],
    output: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let Request { sql, arguments } = serde_json::from_slice(request).map_err(io::Error::from)?;
    let Arguments { query } = Arguments::try_parse_from(arguments)
        .map_err(|error| Failure::usage(error.render().to_string()))?;
    write_answer(store, &sql, &query, Frames(output))
}

/// Writes what is written in frames.
struct Frames<W>(W);

impl<W: Write> Write for Frames<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = bytes.get(..SENT_BYTES).unwrap_or(bytes);
        frame::write(frame::DATA, some, &mut self.0)?;
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
