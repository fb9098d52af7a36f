//! Results of calls of tools.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::record::{Block, ToolUseResult};

/// The result of a call.
#[derive(Debug)]
pub(super) struct ToolResult<'a> {
    pub(super) time: DateTime<Utc>,
    pub(super) is_error: bool,
    pub(super) text: Cow<'a, str>,
    /// What Claude Code adds to it.
    pub(super) more: Option<&'a ToolUseResult<'a>>,
}

impl<'a> ToolResult<'a> {
    pub(super) fn new(
        time: DateTime<Utc>,
        block: &'a Block<'a>,
        more: Option<&'a ToolUseResult<'a>>,
    ) -> Self {
        let text = block.content.get().and_then(|content| content.prose("\n"));
        Self { time, is_error: block.is_error.is_true(), text: text.unwrap_or_default(), more }
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.more.is_some_and(|more| more.interrupted.is_true())
    }

    /// The exit code of a command, if it is known.
    pub(super) fn exit_code(&self) -> Option<i64> {
        if self.is_error {
            let text = self.text.trim_start();
            let text = text.strip_prefix("Error: ").unwrap_or(text).strip_prefix("Exit code ")?;
            let end = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
            return text.get(..end)?.parse().ok();
        }
        // Claude Code does not take some codes for errors, such as that of grep without a match, and does not
        // say which one it was. A command in the background has none yet.
        let is_zero = !self.more.is_some_and(|more| {
            more.interrupted.is_true()
                || more.return_code_interpretation.text().is_some()
                || more.background_task_id.text().is_some()
        });
        is_zero.then_some(0)
    }
}
