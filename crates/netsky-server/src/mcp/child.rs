//! Running a command of `netsky` as a child process.

use std::io;
use std::process::{self, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::options::McpOptions;
use super::outcome::{Failure, Outcome};
use super::rows::Rows;
use super::tool::{DEFAULT_BYTES, Invocation, Output, Tool};

/// What a command prints at most, before it is cut.
const MAX_OUTPUT_BYTES: u64 = 32 << 20;

/// What is kept of what it prints on standard error.
const MAX_ERROR_BYTES: u64 = 4 << 10;

/// A query ends itself after its timeout, with a better message than that of a process that was killed.
const GRACE: Duration = Duration::from_secs(2);

/// The child ends itself when this process is gone, which may have been killed.
const PARENT: &str = "NETSKY_PARENT";

/// What a command has printed.
#[derive(Debug)]
pub(super) struct Printed {
    status: ExitStatus,
    output: String,
    errors: String,
}

/// Runs a command. If the future is dropped, the process is killed.
pub(super) async fn run(options: &McpOptions, invocation: &Invocation) -> Result<Printed, Failure> {
    let mut command = Command::new(&options.program);
    // Whatever $NETSKY_TZ says, so that a model need not know it.
    command.arg("--tz=UTC");
    if let Some(db) = &options.db {
        command.arg("--db").arg(db);
    }
    let mut args = invocation.args.iter();
    command.args(args.next());
    if invocation.args.first().is_some_and(|command| command == "query") {
        command.arg(format!("--timeout={}s", options.timeout.as_secs()));
        command.arg(format!("--memory-limit={}MiB", options.memory_limit_mib));
    }
    command.args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).env(PARENT, process::id().to_string());
    let limit = options.timeout + GRACE;
    match timeout(limit, printed(command, &invocation.input)).await {
        Err(_) => {
            let message = format!("the call was cancelled after {} s", options.timeout.as_secs());
            Err(Failure::new(124, "timeout", message).hint("ask for less, such as a shorter time"))
        }
        Ok(Err(error)) => {
            let program = options.program.display();
            Err(Failure::new(1, "io", format!("{program} cannot be run: {error}")))
        }
        Ok(Ok(printed)) if printed.output.len() as u64 > MAX_OUTPUT_BYTES => {
            let message = format!("the answer is larger than {} MiB", MAX_OUTPUT_BYTES >> 20);
            Err(Failure::new(1, "resource_limit", message).hint("ask for less"))
        }
        Ok(Ok(printed)) => Ok(printed),
    }
}

async fn printed(mut command: Command, input: &str) -> io::Result<Printed> {
    // A killed process cannot remove the files that its query has spilled. Few queries do, so that a directory
    // which cannot be created is no reason to fail. It is dropped after the process.
    let temp = tempfile::Builder::new().prefix(".netsky-mcp-").tempdir().ok();
    if let Some(temp) = &temp {
        command.env("TMPDIR", temp.path());
    }
    let mut child = command.spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command that fails first does not read it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let output = async {
        let output = read(stdout, MAX_OUTPUT_BYTES + 1).await?;
        if output.len() as u64 > MAX_OUTPUT_BYTES {
            child.start_kill()?;
        }
        Ok::<_, io::Error>((output, child.wait().await?))
    };
    let ((), output, errors) = tokio::join!(write, output, read(stderr, MAX_ERROR_BYTES));
    let (output, status) = output?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Printed { status, output: text(output), errors: text(errors?) })
}

/// Reads up to a limit. Then the pipe is closed, so that the process does not wait for a reader.
async fn read(from: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(limit).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl Printed {
    /// What the output means.
    pub fn outcome(self, tool: &Tool, output: Output, max_bytes: Option<u64>) -> Outcome {
        if !self.status.success() {
            return self.failure().into();
        }
        let keep = match output {
            Output::Text => return Outcome::Text(self.output),
            Output::Object => {
                return match serde_json::from_str::<serde::de::IgnoredAny>(&self.output) {
                    Ok(_) => Outcome::Object(self.output.trim().to_owned()),
                    Err(_) => self.failure().into(),
                };
            }
            Output::Rows(keep) => keep,
        };
        let Some(mut rows) = Rows::parse(self.output.trim()) else { return self.failure().into() };
        let max_bytes = max_bytes.unwrap_or(DEFAULT_BYTES);
        rows.cut(usize::try_from(max_bytes).unwrap_or(usize::MAX), keep);
        if rows.is_truncated() {
            rows.insert("more", match rows.is_empty() {
                true => "The first row is larger than max_bytes: raise it, select fewer columns, or shorten texts, as in left(body, 500).",
                false => tool.more,
            });
        }
        let warnings = self.warnings();
        if !warnings.is_empty() {
            rows.insert("warnings", warnings);
        }
        Outcome::Object(rows.json())
    }

    /// The text of a command that prints one for a resource.
    pub fn text(self) -> Result<String, Failure> {
        if self.status.success() { Ok(self.output) } else { Err(self.failure()) }
    }

    fn failure(&self) -> Failure {
        if let Some(failure) = Failure::of_output(&self.output) {
            return failure;
        }
        let code = self.status.code().unwrap_or(1);
        let message = match self.warnings().into_iter().next() {
            Some(message) => message,
            None => format!("netsky gave no answer ({})", self.status),
        };
        Failure::new(code, "internal", message)
    }

    /// The lines on standard error.
    fn warnings(&self) -> Vec<String> {
        let lines = self.errors.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| line.strip_prefix("netsky: ").unwrap_or(line).to_owned()).collect()
    }
}
