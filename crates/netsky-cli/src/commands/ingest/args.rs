//! The arguments.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::output::ReportOutput;
use crate::time_or_age::parse_time_or_age;

/// Record transcripts of Claude Code and Codex
///
/// Without a path, reads all transcripts below ~/.claude/projects, ~/.config/claude/projects
/// ($CLAUDE_CONFIG_DIR), ~/.codex/sessions and ~/.codex/archived_sessions ($CODEX_HOME). A path is a transcript or
/// a directory of them.
///
/// Everything is recorded once, however often it is read: only what is new of a transcript is read again, and a call
/// that stands in several transcripts, or came by OpenTelemetry or a hook, is one row. So run it as often as
/// you like. Lines that are no records are left out, counted and named.
///
/// An agent is named for its project: the last part of its working directory; a subagent is PROJECT/TYPE. Costs are
/// calculated from list prices, see `netsky prices`.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky ingest
  netsky ingest claude --since 7d
  netsky ingest --follow
  netsky ingest ~/backup/.claude/projects --agent laptop

Then:
  netsky cost --by session
  netsky top"
)]
pub struct IngestArgs {
    /// claude or codex, to read only theirs; transcripts and directories of them
    #[arg(value_name = "claude|codex|PATH")]
    pub sources: Vec<PathBuf>,
    /// Read only what is newer: a time, a date, or an age such as 7d
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_age)]
    pub since: Option<DateTime<Utc>>,
    /// Go on and read what the agents write, until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    pub follow: bool,
    /// Show what would be recorded, without recording it
    #[arg(long)]
    pub dry_run: bool,
    /// Fail if lines are left out
    #[arg(long)]
    pub strict: bool,
    /// Leave out texts: messages, briefs, inputs, outputs and errors
    #[arg(long)]
    pub no_content: bool,
    /// Name the agent of all rows, instead of after its project
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Name the machine that commands ran on [default: this machine's name]
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// The directory of transcripts, as in version 0.2.0.
    #[arg(long, hide = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    #[command(flatten)]
    pub output: ReportOutput,
}
