//! Child processes: `netsky`, started again, so that no query of anyone can stop the server.
//!
//! DataFusion's joins do not give their thread back, so a query in this process could not be cancelled. A process
//! can be killed. It also has its own memory, and no file is open between queries.

use std::any::Any;
use std::ffi::OsStr;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use axum::body::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::history::History;

/// What a child process has of the environment.
const INHERITED: [&str; 8] = [
    "HOME",
    "TZ",
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// The beginnings of other variables that it has: the credentials of a lake are in them.
const INHERITED_WITH: [&str; 4] = ["NETSKY_", "AWS_", "AZURE_", "GOOGLE_"];

/// The variable with the id of the parent. The child ends itself when its parent is another process, for example
/// because this one was killed.
pub const PARENT: &str = "NETSKY_PARENT";

/// The variable and value by which failures are objects in JSON on standard error, with `--json` too: standard output
/// may have rows already.
pub const ERRORS: (&str, &str) = ("NETSKY_ERRORS", "json");

/// What `netsky` sets for queries, and starts itself again for, unless it is set.
const ALLOCATOR: [(&str, &str); 2] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "65536")];

/// What is kept of standard error: its end has the failure.
const MAX_ERROR_BYTES: usize = 64 << 10;

const CHUNK_BYTES: usize = 64 << 10;

/// The program `netsky`, and what it is asked about.
#[derive(Debug, Clone)]
pub struct Program {
    executable: PathBuf,
    history: History,
}

impl Program {
    /// `executable` is `netsky`.
    pub fn new(executable: impl Into<PathBuf>, history: impl Into<History>) -> Self {
        Self { executable: executable.into(), history: history.into() }
    }

    /// The program that runs now, which must be `netsky`.
    ///
    /// # Errors
    ///
    /// Its path is unknown.
    pub fn this(history: impl Into<History>) -> io::Result<Self> {
        // Of the path, another version may be there soon, or nothing.
        let executable = match cfg!(target_os = "linux") {
            true => "/proc/self/exe".into(),
            false => std::env::current_exe()?,
        };
        Ok(Self { executable, history: history.into() })
    }

    /// What it is asked about.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Starts a command, with `input` as its standard input. It is killed when the process is dropped.
    pub(crate) fn start<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: Vec<u8>,
    ) -> Result<Process, Failure> {
        self.started(spawn(&self.executable, Some(&self.history), arguments, input))
    }

    /// Starts a command whose standard input stays open. It is killed when the process is dropped.
    pub(crate) fn open<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<(Process, ChildStdin), Failure> {
        self.started(open(&self.executable, Some(&self.history), arguments))
    }

    fn started<T>(&self, started: io::Result<T>) -> Result<T, Failure> {
        started.map_err(|error| {
            let path = self.executable.display();
            match error.kind() {
                // There are too many processes or open files.
                io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => Failure::busy(
                    axum::http::StatusCode::SERVICE_UNAVAILABLE,
                    format!("cannot start a process: {error}"),
                ),
                _ => Failure::internal(format!("cannot start {path}: {error}")),
            }
        })
    }
}

/// Starts a command of `netsky`, with `input` as its standard input. Without a history, it finds a store by itself.
pub(crate) fn spawn<S: AsRef<OsStr>>(
    executable: &Path,
    history: Option<&History>,
    arguments: impl IntoIterator<Item = S>,
    input: Vec<u8>,
) -> io::Result<Process> {
    let (mut process, stdin) = open(executable, history, arguments)?;
    // It reads its input before it writes anything, but it can also fail before.
    process.input = Some(tokio::spawn(write(stdin, input)));
    Ok(process)
}

fn open<S: AsRef<OsStr>>(
    executable: &Path,
    history: Option<&History>,
    arguments: impl IntoIterator<Item = S>,
) -> io::Result<(Process, ChildStdin)> {
    // A killed process cannot remove the files that its query has spilled.
    let temp = tempfile::Builder::new().prefix(".netsky-").tempdir()?;
    let environment = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        INHERITED.contains(&&*name) || INHERITED_WITH.iter().any(|start| name.starts_with(start))
    });
    let mut command = Command::new(executable);
    #[cfg(unix)]
    command.arg0("netsky");
    if let Some(history) = history {
        command.args(history.arguments());
    }
    let mut child = command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .envs(ALLOCATOR)
        .env("TMPDIR", temp.path())
        .env(PARENT, std::process::id().to_string())
        .env(ERRORS.0, ERRORS.1)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let errors = tokio::spawn(last_bytes(stderr));
    let running = Some(Box::new(Running { child, temp, held: Vec::new() }));
    Ok((Process { running, stdout, errors, input: None }, stdin))
}

/// A running command.
pub(crate) struct Process {
    running: Option<Box<Running>>,
    stdout: ChildStdout,
    errors: JoinHandle<Vec<u8>>,
    input: Option<JoinHandle<()>>,
}

/// What a command has printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) status: ExitStatus,
    pub(crate) output: Vec<u8>,
    /// The end of its standard error.
    pub(crate) errors: Vec<u8>,
}

struct Running {
    child: Child,
    /// For what the process writes to temporary files.
    temp: TempDir,
    held: Vec<Box<dyn Any + Send + Sync>>,
}

impl Process {
    /// Keeps `it` until the process has ended.
    pub(crate) fn hold(&mut self, it: impl Any + Send + Sync) {
        if let Some(running) = &mut self.running {
            running.held.push(Box::new(it));
        }
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        let running = self.running.as_mut();
        running.is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    /// Reads some bytes of standard output. There are none at its end.
    pub(crate) async fn read(&mut self) -> io::Result<Bytes> {
        read(&mut self.stdout).await.map(Bytes::from)
    }

    /// Waits until the process has ended, after its standard output. Fails if the command has failed.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        let (status, errors) =
            self.ended().await.map_err(|error| Failure::internal(error.to_string()))?;
        check(status, &errors)
    }

    /// Waits until the process has ended, after its standard output. Returns the end of its standard error, too.
    async fn ended(&mut self) -> io::Result<(ExitStatus, Vec<u8>)> {
        let Some(running) = &mut self.running else { return Err(io::ErrorKind::NotFound.into()) };
        let status = running.child.wait().await?;
        Ok((status, (&mut self.errors).await.unwrap_or_default()))
    }

    /// Returns all that a command prints, whether or not it fails; `None` if that is longer than `max_bytes`.
    pub(crate) async fn printed(mut self, max_bytes: usize) -> io::Result<Option<Printed>> {
        let mut output = Vec::new();
        loop {
            let some = self.read().await?;
            if some.is_empty() {
                let (status, errors) = self.ended().await?;
                return Ok(Some(Printed { status, output, errors }));
            }
            if some.len() > max_bytes.saturating_sub(output.len()) {
                return Ok(None);
            }
            output.extend_from_slice(&some);
        }
    }

    /// Returns the whole standard output of a command. Fails if it is longer than `max_bytes`, if it takes longer
    /// than `limit`, or if the command fails.
    pub(crate) async fn output(
        self,
        max_bytes: usize,
        limit: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let output = async move {
            let printed = self.printed(max_bytes).await;
            let printed = printed.map_err(|error| Failure::internal(error.to_string()))?;
            let Some(printed) = printed else {
                let message = format!("the answer is longer than {max_bytes} bytes");
                return Err(Failure::too_large(message, "query less"));
            };
            check(printed.status, &printed.errors).map(|()| printed.output)
        };
        timeout(limit, output).await.unwrap_or_else(|_| Err(Failure::timeout(limit)))
    }
}

impl Drop for Process {
    /// Kills the process. What it holds is free when it has really ended.
    fn drop(&mut self) {
        if let Some(input) = &self.input {
            input.abort();
        }
        self.errors.abort();
        let (Some(mut running), Ok(runtime)) = (self.running.take(), Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            let _ = running.child.kill().await;
            let Running { temp, held, .. } = *running;
            let _ = tokio::task::spawn_blocking(|| drop(temp)).await;
            drop(held);
        });
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.running.as_ref().and_then(|running| running.child.id());
        f.debug_struct("Process").field("id", &id).finish_non_exhaustive()
    }
}

/// Fails if a command has failed, with what it has said about that.
fn check(status: ExitStatus, errors: &[u8]) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    let last = last_line(errors);
    Err(Failure::from_json(last).unwrap_or_else(|| {
        // Nobody else kills it but the system, when there is no memory left.
        #[cfg(unix)]
        if std::os::unix::process::ExitStatusExt::signal(&status) == Some(9) {
            return Failure::internal(
                "the query's process was killed, perhaps because the machine has no memory left",
            );
        }
        let said = String::from_utf8_lossy(last);
        let colon = if said.is_empty() { "" } else { ": " };
        Failure::internal(format!("the query's process ended with {status}{colon}{said}"))
    }))
}

/// The last line of standard error, which is the failure if there is one.
pub(crate) fn last_line(errors: &[u8]) -> &[u8] {
    errors.rsplit(|&byte| byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default()
}

async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; CHUNK_BYTES];
    let mut buf = ReadBuf::new(&mut bytes);
    poll_fn(|cx| Pin::new(&mut *from).poll_read(cx, &mut buf)).await?;
    let len = buf.filled().len();
    bytes.truncate(len);
    Ok(bytes)
}

async fn write(mut stdin: ChildStdin, input: Vec<u8>) {
    let mut left = input.as_slice();
    while !left.is_empty() {
        match poll_fn(|cx| Pin::new(&mut stdin).poll_write(cx, left)).await {
            Ok(written @ 1..) => left = left.get(written..).unwrap_or_default(),
            // The process has ended, and says why.
            _ => return,
        }
    }
}

/// Reads to the end, and returns the last bytes.
async fn last_bytes(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut last = Vec::new();
    while let Ok(some) = read(&mut from).await
        && !some.is_empty()
    {
        last.extend_from_slice(&some);
        let surplus = last.len().saturating_sub(MAX_ERROR_BYTES);
        last.drain(..surplus);
    }
    last
}
