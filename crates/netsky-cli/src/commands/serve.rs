//! `netsky serve`

mod claude_hooks;

use std::fs;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytesize::ByteSize;
use netsky_db::{Db, ErrorKind, internal};
use netsky_ingest::otlp::{Lookup, Transcripts};
use netsky_ingest::{Committer, ReadOptions};
#[cfg(unix)]
use netsky_server::PostgresSocket;
use netsky_server::{
    ClaimError, History, Program, Queries, RunningServer, ServeFile, Server, ServerOptions, Total,
    random_token,
};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use claude_hooks::ClaudeHooks;

use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::store::StoreArgs;

/// Clients wait for their answers, and send again what was not recorded.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Show a page, answer HTTP and Postgres, receive OpenTelemetry
///
/// The link that it prints opens a page with costs, agents, tools, live rows and SQL.
///
/// Answers POST /query, GET /events, /tables and /metrics with the token that it prints, in the formats of
/// `netsky query`, read-only. Each query has a process for itself, with limits. The store is not kept open, and
/// need not exist. One server serves a store; serve.json beside the store says where it is.
///
/// Clients of PostgreSQL connect to the same port with any user and the token as password, or without a password
/// to a Unix socket beside the store, as the line says that it prints for psql.
///
/// With --otlp, it also listens for OTLP over HTTP, as Protocol Buffers or JSON, and records model calls, tool
/// calls, messages, errors and sessions. A request is answered after its rows are durable. What is sent again, or
/// stands in a transcript that `netsky ingest` reads, is recorded once. `netsky hook install claude-code
/// --telemetry` sets an agent up. Programs of this machine need no token for it; other machines do, and there is
/// no TLS: put a proxy before it.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky serve
  netsky serve --otlp --open
  netsky serve --otlp --listen 0.0.0.0:4318 --token-file token
  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:4318/query -d 'SELECT count(*) FROM messages'

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
    /// The file with the token that clients must send [default: a new one at each start]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Leave out texts: messages, inputs, outputs and errors
    #[arg(long)]
    pub no_content: bool,
    /// Open the server in a browser, also one that runs already
    #[arg(long)]
    pub open: bool,
    /// How many queries run at a time [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_queries: Option<u16>,
    /// The time for a query and its answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// The memory of a query
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub memory_limit: ByteSize,
}

pub fn run(store: &StoreArgs, args: &ServeArgs) -> Result<(), Failure> {
    let lake = store.lake_history()?;
    let path = match &lake {
        Some(_) if args.otlp => {
            return Err(Failure::usage(
                "nothing is recorded in a lake; leave out --otlp or --lake",
            ));
        }
        Some(History::Lake { url, .. }) => beside_default_store(url)?,
        _ => store.path_or_default()?,
    };
    let history = lake.unwrap_or_else(|| path.clone().into());
    let mut options = ServerOptions::new();
    if args.otlp {
        options = options.hooks(ClaudeHooks::new(store.clone(), args.no_content));
    }
    let token = match &args.token_file {
        Some(file) => {
            let token = read_token(file)?;
            options = options.token(token.as_str());
            token
        }
        None if args.listen.ip().is_loopback() => random_token()?,
        None => {
            return Err(Failure::usage(format!(
                "{} is not a loopback address, so clients need a token\n  write one to a file, and add --token-file FILE",
                args.listen
            )));
        }
    };
    let mut file = match claim(&path)? {
        Ok(file) => file,
        Err(Some(running)) if args.open => return open(&running),
        Err(running) => return Err(already_serves(&path, running.as_ref())),
    };
    let mut queries = Queries::new(Program::this(history.clone())?, token.as_str())
        .timeout(args.timeout)
        .memory_limit(args.memory_limit.as_u64());
    if let Some(max) = args.max_queries {
        queries = queries.max_running(max.into());
    }
    let mut server = Server::new(options).answer(queries);
    if args.otlp {
        let (committer, lookup) = receiver(store, args)?;
        server = server.receive(committer, lookup);
    }
    let received = server.received();

    // After Ctrl-C or SIGTERM, the requests that have begun are answered.
    let captured = interrupt::capture_stop();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let listeners = runtime
        .block_on(listen(args.listen))
        .map_err(|error| Failure::from(error).about(args.listen.to_string()))?;
    let address = listeners.first().map_or(Ok(args.listen), TcpListener::local_addr)?;
    let running = RunningServer { pid: std::process::id(), address, token };
    #[cfg(unix)]
    let socket = postgres_socket(&path, address.port());
    if let Some(file) = &mut file {
        file.write(&running)
            .map_err(|error| Failure::from(error).about(ServeFile::path(&path).display()))?;
    }
    let what = if args.otlp { "recording OpenTelemetry from" } else { "serving" };
    let at = if args.otlp { "in" } else { "from" };
    let of = match &history {
        History::Lake { url, .. } => url.clone(),
        History::Store(path) => path.display().to_string(),
    };
    output::print_line(&format!("{what} http://{address} {at} {of}"))?;
    output::warn_plain(running.url());
    #[cfg(unix)]
    if let Some(socket) = socket {
        let directory = socket.path().parent().unwrap_or(Path::new("."));
        output::warn_plain(format_args!("psql -h {} -p {}", shown(directory), address.port()));
        server = server.listen_postgres(socket);
    }
    if args.open {
        open(&running)?;
    }
    let until_interrupted = async { drop(interrupt::unless_pressed(pending::<()>()).await) };
    let ended = runtime.block_on(server.run(listeners, until_interrupted));
    // Queries that still run are killed.
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(file);
    drop(captured);
    ended.map_err(|error| Failure::usage(error.to_string()))?;
    if args.otlp {
        report(&received.total());
    }
    Ok(())
}

/// The path of a store that a lake would have beside the default one. Programs find the server of a lake there.
fn beside_default_store(url: &str) -> Result<PathBuf, Failure> {
    let plain = |it: char| if it.is_ascii_alphanumeric() || it == '.' { it } else { '-' };
    let name: String = url.chars().map(plain).collect();
    Ok(Db::default_path()?.with_file_name(format!("lake-{}", name.trim_matches('-'))))
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let token = fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
    match token.trim() {
        "" => Err(Failure::usage(format!("{} has no token", file.display()))),
        token => Ok(token.to_owned()),
    }
}

/// Makes this the store's server. Returns the one that runs already, or no file if its directory is read-only.
fn claim(store: &Path) -> Result<Result<Option<ServeFile>, Option<RunningServer>>, Failure> {
    if let Some(dir) = store.parent().filter(|dir| !dir.as_os_str().is_empty() && !dir.exists()) {
        internal::create_private_dir(dir)
            .map_err(|error| Failure::from(error).about(dir.display()))?;
    }
    match ServeFile::claim(store) {
        Ok(file) => Ok(Ok(Some(file))),
        Err(ClaimError::Running(running)) => Ok(Err(running)),
        Err(error) => {
            output::warn(format_args!("{error}; other programs will not find this server"));
            Ok(Ok(None))
        }
    }
}

/// Listens for clients of PostgreSQL beside the store.
#[cfg(unix)]
fn postgres_socket(store: &Path, port: u16) -> Option<PostgresSocket> {
    let directory = store.parent().filter(|dir| !dir.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    match directory.canonicalize().and_then(|directory| PostgresSocket::bind(&directory, port)) {
        Ok(socket) => Some(socket),
        Err(error) => {
            output::warn(format_args!(
                "no Unix socket for psql: {error}; over TCP, the token is the password"
            ));
            None
        }
    }
}

/// A directory as an argument in a shell, with the home directory abbreviated.
#[cfg(unix)]
fn shown(directory: &Path) -> String {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let in_home = home.and_then(|home| directory.strip_prefix(home).ok().map(Path::to_path_buf));
    let (start, rest) = match &in_home {
        Some(rest) if !rest.as_os_str().is_empty() => ("~/", rest.as_path()),
        _ => ("", directory),
    };
    let rest = rest.to_string_lossy();
    let is_plain = |it: char| it.is_alphanumeric() || matches!(it, '/' | '.' | '_' | '-' | '+');
    match rest.chars().all(is_plain) {
        true => format!("{start}{rest}"),
        false => format!("{start}'{}'", rest.replace('\'', "'\\''")),
    }
}

fn already_serves(store: &Path, running: Option<&RunningServer>) -> Failure {
    let store = store.display();
    match running {
        Some(RunningServer { pid, address, .. }) => Failure::store(
            ErrorKind::Busy,
            format!(
                "process {pid} serves {store} already, at http://{address}\n  open it with `netsky serve \
                 --open`, or stop it with `kill {pid}`"
            ),
        ),
        None => Failure::store(
            ErrorKind::Busy,
            format!("another process is about to serve {store}\n  try again later"),
        ),
    }
}

fn receiver(store: &StoreArgs, args: &ServeArgs) -> Result<(Committer, Lookup), Failure> {
    let store = StoreArgs { busy_timeout: store.busy_timeout.min(BUSY_TIMEOUT), ..store.clone() };
    let db: Db = store.open()?;
    let transcripts = Transcripts::new(&|name: &str| std::env::var(name).ok());
    let read = ReadOptions {
        without_content: args.no_content,
        host: crate::process::host_name(),
        ..ReadOptions::default()
    };
    let lookup = Lookup::new(Some(db.clone()), transcripts, read);
    Ok((Committer::new(db, Arc::new(super::prices::load()?)), lookup))
}

/// Listens at the address; for the loopback address of IPv4, also at that of IPv6, because `localhost` can be either.
async fn listen(address: SocketAddr) -> io::Result<Vec<TcpListener>> {
    let mut listeners = vec![TcpListener::bind(address).await?];
    if address.ip() == Ipv4Addr::LOCALHOST {
        let port = listeners.first().map_or(Ok(address), TcpListener::local_addr)?.port();
        // Not every machine has IPv6, and the port may be taken there.
        listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await);
    }
    Ok(listeners)
}

/// Opens the server in the user's browser.
fn open(server: &RunningServer) -> Result<(), Failure> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let url = server.url();
    let mut command = Command::new(program);
    command.arg(&url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.spawn() {
        output::warn(format_args!("cannot start {program}: {error}; open {url}"));
    }
    Ok(())
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
