//! The catalogue: every table of schema version 2, each declared once.
//!
//! From a block here follow the record's struct, the stored JSON, the Arrow schema, migration,
//! registration with DataFusion, the command line's help and the table in `docs/tables.md`. A new table is one
//! new block.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::names::names;
use crate::table::{Cell, ColumnType, Value};

/// The version of the stored format that this crate reads and writes.
pub const SCHEMA_VERSION: i64 = 2;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To the fleet; stored as `inbound`.
    Inbound,
    /// From the fleet; stored as `outbound`.
    Outbound,
}

// The stored form is not the one that serde derives (`Inbound`): rows go through `Cell` alone.
impl Cell for Direction {
    const TYPE: ColumnType = ColumnType::Text;
    const ALLOWED: &'static [&'static str] = Self::NAMES;

    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self.name()))
    }
}

names! {
    /// The stored text.
    Direction {
        Inbound = "inbound",
        Outbound = "outbound",
    }
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEvent {
    /// It began; stored as `up`.
    Up,
    /// It ended; stored as `down`.
    Down,
    /// Something worth noting in between; stored as `note`.
    Note,
}

impl Cell for SessionEvent {
    const TYPE: ColumnType = ColumnType::Text;
    const ALLOWED: &'static [&'static str] = Self::NAMES;

    fn value(&self) -> Value<'_> {
        Value::Text(Cow::Borrowed(self.name()))
    }
}

names! {
    /// The stored text.
    SessionEvent {
        Up = "up",
        Down = "down",
        Note = "note",
    }
}

crate::tables! {
    /// The fourteen tables of schema version 2.
    pub static TABLES;

    /// Messages to and from agents, on every channel.
    #[table = "messages"]
    pub struct MessageRecord<'a> {
        /// When the message was sent or received.
        pub ts_utc: DateTime<Utc>,
        /// The channel it came through, such as imessage, email or agent.
        pub source: &'a str,
        /// Whether it went to the fleet or came from it.
        pub direction: Direction,
        /// The conversation it belongs to.
        pub chat_id: Option<&'a str>,
        /// The agent, or person, who sent it.
        pub from_agent: Option<&'a str>,
        /// The agent, or person, it was sent to.
        pub to_agent: Option<&'a str>,
        /// Its text.
        pub body: Option<&'a str>,
        /// The message as the channel delivered it, as JSON.
        pub raw_json: Option<&'a str>,
    }

    /// Runs of command-line programs.
    #[table = "cli_invocations"]
    pub struct CliInvocationRecord<'a> {
        /// When the program was started.
        pub ts_utc: DateTime<Utc>,
        /// The program's name.
        pub bin: &'a str,
        /// Its arguments, as a JSON array of strings.
        pub argv_json: &'a str,
        /// Its exit code; null if it has none, or is still running.
        pub exit_code: Option<i64>,
        /// How long it ran, in milliseconds.
        #[min = 0]
        pub duration_ms: Option<i64>,
        /// The machine it ran on.
        pub host: &'a str,
    }

    /// Crashes of agents and of the programs that run them.
    #[table = "crashes"]
    pub struct CrashRecord<'a> {
        /// When the crash was noticed.
        pub ts_utc: DateTime<Utc>,
        /// What kind of crash it was.
        pub kind: &'a str,
        /// The agent that crashed.
        pub agent: &'a str,
        /// Its details, as JSON.
        pub detail_json: &'a str,
    }

    /// Heartbeats of agents and daemons.
    #[table = "ticks"]
    pub struct TickRecord<'a> {
        /// The time of the tick.
        pub ts_utc: DateTime<Utc>,
        /// The agent or daemon that sent it.
        pub source: &'a str,
        /// Its details, as JSON.
        pub detail_json: &'a str,
    }

    /// Working copies of repositories that agents work in.
    #[table = "workspaces"]
    pub struct WorkspaceRecord<'a> {
        /// When the workspace was created.
        pub ts_utc_created: DateTime<Utc>,
        /// Its name.
        pub name: &'a str,
        /// The branch checked out in it.
        pub branch: &'a str,
        /// When it was deleted; null while it exists.
        pub ts_utc_deleted: Option<DateTime<Utc>>,
        /// What became of the work in it.
        pub verdict: Option<&'a str>,
    }

    /// Starts and ends of agent sessions, and notes in between.
    #[table = "sessions"]
    pub struct SessionRecord<'a> {
        /// When it happened.
        pub ts_utc: DateTime<Utc>,
        /// The agent whose session it is.
        pub agent: &'a str,
        /// The session's number, counted by agent.
        pub session_num: i64,
        /// What happened.
        pub event: SessionEvent,
    }

    /// Clones of agents that were dispatched to do a piece of work.
    #[table = "clone_dispatches"]
    pub struct CloneDispatchRecord<'a> {
        /// When the clone was dispatched.
        pub ts_utc_start: DateTime<Utc>,
        /// When it ended; null while it works.
        pub ts_utc_end: Option<DateTime<Utc>>,
        /// The clone's name.
        pub agent_id: &'a str,
        /// The program it runs in, such as claude or codex.
        pub runtime: Option<&'a str>,
        /// The file its brief was read from.
        pub brief_path: Option<&'a str>,
        /// What it was told to do.
        #[max_chars = 16_384]
        pub brief: Option<&'a str>,
        /// The workspace it works in.
        pub workspace: Option<&'a str>,
        /// The branch it works on.
        pub branch: Option<&'a str>,
        /// Its state, or how it ended.
        pub status: Option<&'a str>,
        /// The exit code of its program.
        pub exit_code: Option<i64>,
        /// Further details, as JSON.
        pub detail_json: Option<&'a str>,
    }

    /// Merges of agents' branches into their target branches.
    #[table = "harvest_events"]
    pub struct HarvestEventRecord<'a> {
        /// When the merge was attempted.
        pub ts_utc: DateTime<Utc>,
        /// The branch with the work.
        pub source_branch: &'a str,
        /// The branch it was merged into.
        pub target_branch: &'a str,
        /// The resulting commit.
        pub commit_sha: Option<&'a str>,
        /// The outcome.
        pub status: &'a str,
        /// The conflicts, if any.
        pub conflicts: Option<&'a str>,
        /// Further details, as JSON.
        pub detail_json: Option<&'a str>,
    }

    /// Events of the tools through which agents communicate with people.
    #[table = "communication_events"]
    pub struct CommunicationEventRecord<'a> {
        /// When it happened.
        pub ts_utc: DateTime<Utc>,
        /// The channel, such as imessage or email.
        pub source: &'a str,
        /// The tool that was used.
        pub tool: Option<&'a str>,
        /// Whether it went to the fleet or came from it.
        pub direction: Direction,
        /// The conversation it belongs to.
        pub chat_id: Option<&'a str>,
        /// The channel's id for the message.
        pub message_id: Option<&'a str>,
        /// The person's address on the channel.
        pub handle: Option<&'a str>,
        /// The agent involved.
        pub agent: Option<&'a str>,
        /// The text.
        #[max_chars = 4_096]
        pub body: Option<&'a str>,
        /// The outcome.
        pub status: Option<&'a str>,
        /// Further details, as JSON.
        pub detail_json: Option<&'a str>,
    }

    /// Tool calls by agents.
    #[table = "mcp_tool_calls"]
    pub struct McpToolCallRecord<'a> {
        /// When the call began.
        pub ts_utc_start: DateTime<Utc>,
        /// When it ended; null while it runs.
        pub ts_utc_end: Option<DateTime<Utc>>,
        /// The server that offers the tool.
        pub source: &'a str,
        /// The tool's name.
        pub tool: &'a str,
        /// The agent that called.
        pub agent: Option<&'a str>,
        /// How long the call took, in milliseconds.
        #[min = 0]
        pub duration_ms: Option<i64>,
        /// Whether it succeeded.
        pub success: bool,
        /// What went wrong.
        #[max_chars = 2_048]
        pub error: Option<&'a str>,
        /// Whether the response came after the caller had given up.
        pub timeout_race: bool,
        /// The request, as JSON.
        #[max_chars = 8_192]
        pub request_json: Option<&'a str>,
        /// The response, as JSON.
        #[max_chars = 8_192]
        pub response_json: Option<&'a str>,
    }

    /// Git commands that agents ran.
    #[table = "git_operations"]
    pub struct GitOperationRecord<'a> {
        /// When it was run.
        pub ts_utc: DateTime<Utc>,
        /// The command, such as commit, push or rebase.
        pub operation: &'a str,
        /// The repository.
        pub repo: &'a str,
        /// The branch.
        pub branch: Option<&'a str>,
        /// The remote.
        pub remote: Option<&'a str>,
        /// The commit before.
        pub from_sha: Option<&'a str>,
        /// The commit after.
        pub to_sha: Option<&'a str>,
        /// The outcome.
        pub status: &'a str,
        /// Further details, as JSON.
        pub detail_json: Option<&'a str>,
    }

    /// Trusted owner directives and the actions they resolved to.
    #[table = "owner_directives"]
    pub struct OwnerDirectiveRecord<'a> {
        /// When the directive arrived.
        pub ts_utc: DateTime<Utc>,
        /// The channel it came through.
        pub source: &'a str,
        /// The conversation it belongs to.
        pub chat_id: Option<&'a str>,
        /// The owner's words.
        #[max_chars = 16_384]
        pub raw_text: &'a str,
        /// The resolved action; null until it is decided.
        pub resolved_action: Option<&'a str>,
        /// The agent that accepted it.
        pub agent: Option<&'a str>,
        /// Its state.
        pub status: Option<&'a str>,
        /// Further details, as JSON.
        pub detail_json: Option<&'a str>,
    }

    /// Tokens used by model calls, and their cost.
    #[table = "token_usage"]
    pub struct TokenUsageRecord<'a> {
        /// When the call was made.
        pub ts_utc: DateTime<Utc>,
        /// The session it was made in.
        pub session_id: Option<&'a str>,
        /// The agent that called.
        pub agent: Option<&'a str>,
        /// The model's name.
        pub model: Option<&'a str>,
        /// Tokens read that were not cached.
        #[min = 0]
        pub input_tokens: Option<i64>,
        /// Tokens written.
        #[min = 0]
        pub output_tokens: Option<i64>,
        /// Tokens read from the cache.
        #[min = 0]
        pub cached_input_tokens: Option<i64>,
        /// The cost, in millionths of a US dollar.
        pub cost_usd_micros: Option<i64>,
        /// Further details, as JSON.
        pub detail_json: Option<&'a str>,
    }

    /// What the watchdog of the fleet saw and did.
    #[table = "watchdog_events"]
    pub struct WatchdogEventRecord<'a> {
        /// When it happened.
        pub ts_utc: DateTime<Utc>,
        /// What happened.
        pub event: &'a str,
        /// The agent it concerns.
        pub agent: Option<&'a str>,
        /// Its severity.
        pub severity: Option<&'a str>,
        /// Its state.
        pub status: Option<&'a str>,
        /// Further details, as JSON.
        pub detail_json: Option<&'a str>,
    }
}
