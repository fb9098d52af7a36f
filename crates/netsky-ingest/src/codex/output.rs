//! What a tool call has put out.

use serde_json::Value;

use super::json::{int, text};
use crate::shorten::start_of;

/// The start of the texts with which Codex answers a call that it did not run, or that failed.
const FAILURES: [&str; 12] = [
    "aborted",
    "apply_patch verification failed",
    "exec command rejected",
    "exec_command failed",
    "execution error",
    "failed to parse function arguments",
    "patch rejected",
    "tool call error",
    "tool call failed",
    "unsupported call",
    "unsupported custom tool call",
    "user rejected",
];

/// The head of an output, in which the exit code stands, is not longer.
const HEAD_BYTES: usize = 1_024;

/// The output of a tool call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ToolOutput {
    pub(super) text: String,
    pub(super) exit_code: Option<i64>,
    /// Whether its command still runs.
    pub(super) is_running: bool,
    pub(super) is_failure: bool,
    pub(super) is_interrupted: bool,
}

impl ToolOutput {
    /// Reads the `output` of a record.
    pub(super) fn parse(output: &Value) -> Self {
        let mut text = text_of(output);
        let mut exit_code = None;
        // The first versions wrote JSON into the text.
        if text.starts_with('{')
            && text.contains("\"metadata\"")
            && let Ok(inner) = serde_json::from_str::<Value>(&text)
            && let Some(metadata) = inner.get("metadata")
        {
            exit_code = int(metadata, "exit_code");
            text = text_of(inner.get("output").unwrap_or(&Value::Null));
        }
        let head = start_of(&text, HEAD_BYTES);
        let mut is_running = false;
        for line in head.lines().take_while(|line| *line != "Output:") {
            let code = ["Exit code: ", "Process exited with code "]
                .iter()
                .find_map(|before| line.strip_prefix(before)?.trim().parse().ok());
            exit_code = exit_code.or(code);
            is_running |= line.starts_with("Process running with session ID");
        }
        let head = start_of(head, 64).to_ascii_lowercase();
        let is_interrupted = head.starts_with("aborted");
        let is_failure = output.get("success") == Some(&Value::Bool(false))
            || FAILURES.iter().any(|start| head.starts_with(start));
        Self { text, exit_code, is_running, is_failure, is_interrupted }
    }
}

/// Returns the text of an output: a text, a list of parts, or an object with either.
fn text_of(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| text(part, "text")).collect(),
        Value::Object(object) => object.get("content").map(text_of_parts).unwrap_or_default(),
        _ => String::new(),
    }
}

fn text_of_parts(content: &Value) -> String {
    // Not `text_of`, which would go down as deep as a file wants.
    match content {
        Value::Object(_) => String::new(),
        content => text_of(content),
    }
}
