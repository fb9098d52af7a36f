//! `netsky ingest`

mod follow;
mod sources;
mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use netsky_db::{Db, internal};
use netsky_ingest::{Committer, Ingest, Observer, ReadOptions, Summary};

use crate::failure::Failure;
use crate::interrupt;
use crate::output::{self, ReportOutput};
use crate::progress::Progress;
use crate::store::{self, StoreArgs};
use crate::time_or_age::parse_time_or_age;

use sources::Sources;

/// Read the history of Claude Code and Codex from their transcripts
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

pub fn run(store: &StoreArgs, args: &IngestArgs) -> Result<(), Failure> {
    let sources = Sources::of(args)?;
    let found = sources.find();
    // With --follow, the first may be about to be written. With --since, all may be older.
    if !args.follow && args.since.is_none() {
        sources.refuse_none(&found)?;
    }
    // The copy is deleted when it is dropped.
    let (db, _copy) = if args.dry_run {
        let (db, copy) = copy_of(store)?;
        (db, Some(copy))
    } else {
        (store.open()?, None)
    };
    let ingest = ingest(db, args)?;
    // After Ctrl-C, what was read is stored.
    let captured = interrupt::capture();
    let began = std::time::Instant::now();
    let total = found.transcripts.iter().map(|found| found.size).sum();
    let bar = Progress::of_bytes("transcripts", Some(total));
    let mut summary = ingest
        .run(&found.transcripts, internal::now(), &Watcher { bar: Some(&bar) })
        .map_err(failure)?;
    drop(bar);
    summary.problems.splice(0..0, found.problems);
    summary::print(args, &summary, began.elapsed())?;
    if args.follow && !interrupt::pressed() {
        follow::run(&ingest, &sources, args)?;
    }
    let was_pressed = interrupt::pressed();
    drop(captured);
    if was_pressed {
        return Err(Failure::interrupted());
    }
    summary::fail(args, &summary)
}

/// Returns an ingest into a store.
pub fn ingest(db: Db, args: &IngestArgs) -> Result<Ingest, Failure> {
    let host = args.host.clone().unwrap_or_else(crate::process::host_name);
    let options = ReadOptions {
        without_content: args.no_content,
        agent: args.agent.clone(),
        host,
        since: args.since,
    };
    Ok(Ingest::new(Committer::new(db, Arc::new(super::prices::load()?)), options))
}

/// Returns a copy of the store in a temporary directory, which need not exist.
fn copy_of(store: &StoreArgs) -> Result<(Db, tempfile::TempDir), Failure> {
    let dir = tempfile::Builder::new().prefix("netsky-").tempdir();
    let dir = dir.map_err(|error| Failure::from(error).about("--dry-run"))?;
    let path = dir.path().join("meta.db");
    if store.path_or_default()?.exists() {
        store.open_read_only()?.backup(&path)?;
    }
    Ok((store::open_path(&store.options(), &path)?, dir))
}

/// Shows how far an ingest is, and stops it after Ctrl-C.
struct Watcher<'a> {
    bar: Option<&'a Progress>,
}

impl Observer for Watcher<'_> {
    fn bytes_read(&self, bytes: u64) {
        if let Some(bar) = self.bar {
            bar.set(bytes);
        }
    }

    fn stops(&self) -> bool {
        interrupt::pressed()
    }
}

/// Returns the failure of an ingest.
pub fn failure(error: netsky_ingest::Error) -> Failure {
    match error {
        netsky_ingest::Error::Store(error) => error.into(),
        netsky_ingest::Error::Io { path, source } => Failure::unreadable(&path, &source),
        other => Failure::input(other.to_string()),
    }
}

/// Returns the failure of a command that has found no transcripts.
fn nothing_found(places: &[PathBuf]) -> Failure {
    let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
    let looked = format!("no transcripts of Claude Code or Codex: looked in {}", places.join(", "));
    Failure::found(looked)
}

/// Shortens a path below the home directory.
fn short(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

/// A summary that is added to another while transcripts are followed.
fn is_news(summary: &Summary) -> bool {
    summary.committed.rows() > 0 || summary.committed.amended > 0 || !summary.problems.is_empty()
}

/// Reports in a line on standard error.
fn say(line: &str) {
    output::warn_plain(line);
}
