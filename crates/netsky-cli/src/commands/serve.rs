//! `netsky serve`

use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use netsky_ingest::otlp::{Lookup, Transcripts};
use netsky_ingest::{Committer, ReadOptions};
use netsky_server::{Server, ServerOptions, Total};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::store::StoreArgs;

/// Clients wait for their answers, and send again what was not recorded.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Record what agents send by OpenTelemetry
///
/// Listens for OTLP over HTTP, as Protocol Buffers or JSON, and records model calls, tool calls, messages, errors
/// and sessions. A request is answered after its rows are durable. What is sent again, or stands in a transcript
/// that `netsky ingest` reads, is recorded once. `netsky hook install claude-code --telemetry` sets an agent up.
///
/// Other machines need a token, as 'Authorization: Bearer TOKEN'. There is no TLS: put a proxy before it.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky serve --otlp
  netsky serve --otlp --listen 0.0.0.0:4318 --token-file token

To set an agent or a program up:
  netsky hook install claude-code --telemetry
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf PROGRAM"
)]
pub struct ServeArgs {
    /// Receive OpenTelemetry
    #[arg(long)]
    pub otlp: bool,
    /// The address and port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
    pub listen: SocketAddr,
    /// The file with the token that clients must send
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Leave out texts: messages, inputs, outputs and errors
    #[arg(long)]
    pub no_content: bool,
}

pub fn run(store: &StoreArgs, args: &ServeArgs) -> Result<(), Failure> {
    if !args.otlp {
        return Err(Failure::usage("nothing to serve; add --otlp to receive OpenTelemetry"));
    }
    let mut options = ServerOptions::new();
    if let Some(file) = &args.token_file {
        let token = fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
        if token.trim().is_empty() {
            return Err(Failure::usage(format!("{} has no token", file.display())));
        }
        options = options.token(token.trim());
    } else if !args.listen.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "{} is not a loopback address, so clients need a token\n  write one to a file, and add --token-file FILE",
            args.listen
        )));
    }
    let store = StoreArgs { busy_timeout: store.busy_timeout.min(BUSY_TIMEOUT), ..store.clone() };
    let db = store.open()?;
    let path = db.path().display().to_string();
    let transcripts = Transcripts::new(&|name: &str| std::env::var(name).ok());
    let read = ReadOptions {
        without_content: args.no_content,
        host: crate::process::host_name(),
        ..ReadOptions::default()
    };
    let lookup = Lookup::new(Some(db.clone()), transcripts, read);
    let committer = Committer::new(db, Arc::new(super::prices::load()?));
    let server = Server::new(committer, lookup, options);
    let received = server.received();

    // After Ctrl-C, the requests that have begun are answered.
    let captured = interrupt::capture();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let listening = runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await?;
        Ok::<_, std::io::Error>((listener.local_addr()?, listener))
    });
    let (address, listener) =
        listening.map_err(|error| Failure::from(error).about(args.listen.to_string()))?;
    output::print_line(&format!("recording OpenTelemetry from http://{address} in {path}"))?;
    let until_interrupted = async { drop(interrupt::unless_pressed(pending::<()>()).await) };
    runtime
        .block_on(server.run(listener, until_interrupted))
        .map_err(|error| Failure::usage(error.to_string()))?;
    drop(captured);
    report(&received.total());
    Err(Failure::interrupted())
}

/// Says on standard error what was recorded.
fn report(total: &Total) {
    let mut line = format!(
        "{} requests, {} new rows, {} amended",
        total.requests,
        total.committed.rows(),
        total.committed.amended
    );
    for (count, what) in [
        (total.rejected, "broken records"),
        (total.refused, "requests refused"),
        (total.postponed, "requests to be sent again"),
    ] {
        if count > 0 {
            line += &format!(", {count} {what}");
        }
    }
    output::warn_plain(&line);
    if let Some(problem) = &total.last_problem {
        output::warn(format_args!("the last request to be sent again: {problem}"));
    }
}
