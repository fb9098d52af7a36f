//! Whose session it is: telemetry tells no working directory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use netsky_db::Db;

use crate::reader::ReadOptions;
use crate::session::SessionState;

/// Finds the transcript of a session, which tells its working directory.
pub trait SessionLookup: Send + Sync {
    /// Returns what is known of a session. `runtime` is `claude` or `codex`.
    fn find(&self, runtime: &str, session_id: &str) -> Option<FoundSession>;
}

impl<F: Fn(&str, &str) -> Option<FoundSession> + Send + Sync> SessionLookup for F {
    fn find(&self, runtime: &str, session_id: &str) -> Option<FoundSession> {
        self(runtime, session_id)
    }
}

/// What is known of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundSession {
    /// The agent whose session it is.
    pub agent: Option<String>,
    /// Its working directory.
    pub cwd: Option<String>,
}

/// Finds sessions: in the store, then among transcripts. What it finds, it keeps.
pub struct Lookup {
    db: Option<Db>,
    transcripts: Box<dyn SessionLookup>,
    options: ReadOptions,
    sessions: Mutex<HashMap<String, Known>>,
    /// The type of a subagent by its id.
    subagents: Mutex<HashMap<String, String>>,
}

#[derive(Debug, Clone)]
struct Known {
    session: FoundSession,
    /// When to look again, if it was not found: the transcript may not have been written yet.
    until: Option<Instant>,
}

/// A session that was not found is looked for again after this time. The transcript of a session begins within
/// a second of its first events.
const RETRY: Duration = Duration::from_secs(10);

/// More are forgotten. Each is found again by one read of the store.
const MAX_KNOWN: usize = 10_000;

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Lookup {
    /// Creates one that looks in a store, then asks `transcripts`.
    pub fn new(
        db: Option<Db>,
        transcripts: impl SessionLookup + 'static,
        options: ReadOptions,
    ) -> Self {
        let transcripts = Box::new(transcripts);
        Self { db, transcripts, options, sessions: Mutex::default(), subagents: Mutex::default() }
    }

    /// How records become rows.
    pub fn options(&self) -> &ReadOptions {
        &self.options
    }

    /// Returns what is known of a session.
    pub(super) fn session(&self, runtime: &str, id: &str) -> FoundSession {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sessions.get(id)
            && known.until.is_none_or(|until| Instant::now() < until)
        {
            return known.session.clone();
        }
        drop(sessions);
        let found = self.find(runtime, id);
        let until = found.is_none().then(|| Instant::now() + RETRY);
        let session = found.unwrap_or_default();
        sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MAX_KNOWN {
            sessions.clear();
        }
        sessions.insert(id.to_owned(), Known { session: session.clone(), until });
        session
    }

    fn find(&self, runtime: &str, id: &str) -> Option<FoundSession> {
        // A store that cannot be read fails when the rows are stored, which is where it is reported.
        let stored = self.db.as_ref().and_then(|db| db.state(&SessionState::name(id)).ok()?);
        let stored = stored.and_then(|json| serde_json::from_slice::<SessionState>(&json).ok());
        // The agent of a session that only telemetry has told of is a guess.
        stored
            .filter(|state| state.cwd.is_some())
            .map(|state| FoundSession { agent: Some(state.agent), cwd: state.cwd })
            .or_else(|| self.transcripts.find(runtime, id))
    }

    /// Notes the type of a subagent.
    pub(super) fn learn_subagent(&self, id: &str, ty: &str) {
        let mut subagents = self.subagents.lock().unwrap_or_else(PoisonError::into_inner);
        if subagents.len() >= MAX_KNOWN {
            subagents.clear();
        }
        subagents.entry(id.to_owned()).or_insert_with(|| ty.to_owned());
    }

    /// Returns the type of a subagent.
    pub(super) fn subagent(&self, id: &str) -> Option<String> {
        self.subagents.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}
