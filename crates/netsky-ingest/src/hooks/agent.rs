//! The coding agents that have hooks.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::error::HookError;

/// A coding agent that runs commands at events, its hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Agent {
    /// Anthropic's Claude Code.
    ClaudeCode,
    /// OpenAI's Codex.
    Codex,
}

impl Agent {
    /// All agents.
    pub const ALL: [Self; 2] = [Self::ClaudeCode, Self::Codex];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
        }
    }

    /// The name that people know the program by.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::Codex => "Codex",
        }
    }

    /// The events that are installed.
    ///
    /// The transcript is complete at the end of each turn, so nothing is installed for single tool calls:
    /// that would start two processes per call and bring nothing that `Stop` does not. Codex 0.169 has no
    /// event for subagents; they write rollouts of their own.
    pub(super) fn events(self) -> &'static [Event] {
        const START: Event = Event { name: "SessionStart", waits: false };
        const STOP: Event = Event { name: "Stop", waits: false };
        const SUBAGENT_STOP: Event = Event { name: "SubagentStop", waits: false };
        const END: Event = Event { name: "SessionEnd", waits: true };
        match self {
            Self::ClaudeCode => &[START, STOP, SUBAGENT_STOP, END],
            Self::Codex => &[START, STOP, END],
        }
    }

    /// Whether the agent can continue while a hook runs. Codex skips hooks that ask for it.
    pub(super) fn has_async_hooks(self) -> bool {
        self == Self::ClaudeCode
    }
}

/// An event of an agent that netsky listens to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub name: &'static str,
    /// Whether the agent must wait for the hook, because it exits afterwards.
    pub waits: bool,
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Agent {
    type Err = HookError;

    fn from_str(name: &str) -> Result<Self, HookError> {
        Self::ALL
            .into_iter()
            .find(|agent| agent.name() == name)
            .ok_or_else(|| HookError::UnknownAgent { name: name.to_owned() })
    }
}
