//! Running a command of `netsky` as a child process.

use std::time::Duration;

use tokio::time::timeout;

use super::options::McpOptions;
use super::outcome::{Failure, Outcome};
use super::rows::Rows;
use super::tool::{DEFAULT_BYTES, Invocation, Output, Tool};
use crate::program::{self, last_line};

/// What a command prints at most.
const MAX_OUTPUT_BYTES: usize = 32 << 20;

/// How many warnings of a command are told.
const MAX_WARNINGS: usize = 20;

/// A query ends itself after its timeout, with a better message than that of a process that was killed.
const GRACE: Duration = Duration::from_secs(2);

/// What a command has printed.
#[derive(Debug)]
pub(super) struct Printed(program::Printed);

/// Runs a command. If the future is dropped, the process is killed.
pub(super) async fn run(options: &McpOptions, invocation: &Invocation) -> Result<Printed, Failure> {
    // Whatever $NETSKY_TZ says, so that a model need not know it.
    let mut arguments = vec!["--tz=UTC".to_owned()];
    let mut given = invocation.args.iter().cloned();
    arguments.extend(given.next());
    if invocation.args.first().is_some_and(|command| command == "query") {
        arguments.push(format!("--timeout={}s", options.timeout.as_secs()));
        arguments.push(format!("--memory-limit={}MiB", options.memory_limit_mib));
    }
    arguments.extend(given);
    let input = invocation.input.clone().into_bytes();
    let cannot_run = |error| {
        let program = options.program.display();
        Failure::new(1, "io", format!("{program} cannot be run: {error}"))
    };
    let process = program::spawn(&options.program, options.history.as_ref(), arguments, input);
    let printed = process.map_err(cannot_run)?.printed(MAX_OUTPUT_BYTES);
    match timeout(options.timeout + GRACE, printed).await {
        Err(_) => {
            let message = format!("the call was cancelled after {} s", options.timeout.as_secs());
            Err(Failure::new(124, "timeout", message).hint("ask for less, such as a shorter time"))
        }
        Ok(Err(error)) => Err(cannot_run(error)),
        Ok(Ok(None)) => {
            let message = format!("the answer is larger than {} MiB", MAX_OUTPUT_BYTES >> 20);
            Err(Failure::new(1, "resource_limit", message).hint("ask for less"))
        }
        Ok(Ok(Some(printed))) => Ok(Printed(printed)),
    }
}

impl Printed {
    /// What the output means.
    pub fn outcome(self, tool: &Tool, output: Output, max_bytes: Option<u64>) -> Outcome {
        if !self.0.status.success() {
            return self.failure().into();
        }
        let text = String::from_utf8_lossy(&self.0.output);
        let keep = match output {
            Output::Text => return Outcome::Text(text.into_owned()),
            Output::Object => {
                return match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                    Ok(_) => Outcome::Object(text.trim().to_owned()),
                    Err(_) => self.failure().into(),
                };
            }
            Output::Rows(keep) => keep,
        };
        let Some(mut rows) = Rows::parse(text.trim()) else { return self.failure().into() };
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
        match self.0.status.success() {
            true => Ok(String::from_utf8_lossy(&self.0.output).into_owned()),
            false => Err(self.failure()),
        }
    }

    fn failure(&self) -> Failure {
        let last = last_line(&self.0.errors);
        Failure::of_object(last).unwrap_or_else(|| {
            let code = self.0.status.code().unwrap_or(1);
            let message = match last {
                [] => format!("netsky gave no answer ({})", self.0.status),
                last => String::from_utf8_lossy(last).into_owned(),
            };
            Failure::new(code, "internal", message)
        })
    }

    /// The lines on standard error.
    fn warnings(&self) -> Vec<String> {
        let errors = String::from_utf8_lossy(&self.0.errors);
        let lines = errors.lines().filter(|line| !line.trim().is_empty()).take(MAX_WARNINGS);
        lines.map(|line| line.strip_prefix("netsky: ").unwrap_or(line).to_owned()).collect()
    }
}
