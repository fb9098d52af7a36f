//! Reading the transcripts that an event is about.

use std::sync::Arc;
use std::time::Duration;

use netsky_db::{OpenOptions, internal};
use netsky_ingest::hooks::{Agent, HookTask, SessionChange};
use netsky_ingest::{Committer, Found, Ingest, Program, ReadOptions};

use crate::commands::prices;
use crate::process;
use crate::store::StoreArgs;

/// How long a hook waits while another program writes. The next one reads what this one could not store.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Stores what is new in the transcripts of a task, and prints nothing.
pub fn run(
    store: &StoreArgs,
    agent: Agent,
    task: &HookTask,
    without_content: bool,
) -> Result<(), String> {
    let program = match agent {
        Agent::ClaudeCode => Program::Claude,
        _ => Program::Codex,
    };
    let mut found = Found::default();
    for path in &task.transcripts {
        // A session that ended without a prompt has no transcript.
        if path.is_dir() {
            found.add_root(path, program);
        } else if path.exists() {
            found.add_file_of(path, program);
        }
    }
    found.finish();
    let mut problem = found.problems.first().map(ToString::to_string);
    if !found.transcripts.is_empty() {
        // Not the options of the other commands, which print.
        let options = OpenOptions::new().busy_timeout(BUSY_TIMEOUT);
        let db = store.open_silently(&options).map_err(|error| error.to_string())?;
        let prices = prices::load().map_err(|failure| failure.to_string())?;
        let options =
            ReadOptions { without_content, agent: None, host: process::host_name(), since: None };
        let ingest = Ingest::new(Committer::new(db, Arc::new(prices)), options);
        let has_ended = task.session == Some(SessionChange::Ended);
        for transcript in &found.transcripts {
            if let Err(error) = ingest.run_file(transcript, internal::now(), has_ended) {
                problem.get_or_insert(error.to_string());
            }
        }
        if let Some(session_id) = task.session_id.as_deref().filter(|_| has_ended) {
            let ended = ingest.end_session(session_id, internal::now());
            ended.map_err(|error| error.to_string())?;
        }
    }
    problem.map_or(Ok(()), Err)
}
