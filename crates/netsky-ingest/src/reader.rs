//! What reads the lines of one kind of transcript.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::session::SessionUpdate;
use crate::sighting::{SessionRef, Sighting};
use crate::via::Via;

/// Reads the lines of a transcript of one kind, in order.
///
/// A reader hands out a row when nothing more is to come that belongs to it. It keeps what is unfinished, and
/// says where that begins: after a restart, reading goes on there.
pub trait LineReader: Send {
    /// Reads a line, without its line break.
    ///
    /// # Errors
    ///
    /// Why the line is left out.
    fn read(&mut self, line: Line<'_>, out: &mut Output) -> Result<(), SkippedLine>;

    /// Hands out what is finished by now, when the last line of the file as it is has been read. More lines may
    /// come.
    fn end(&mut self, end: FileEnd, out: &mut Output);

    /// Returns the offset of the first line that belongs to something unfinished. If no line has to be read again,
    /// because the context has what is unfinished, it is [`u64::MAX`].
    fn unfinished(&self) -> Option<u64>;

    /// Returns what the next reader of the file must know to go on at [`unfinished`](Self::unfinished), or
    /// after the last line if nothing is.
    fn context(&self) -> serde_json::Value;
}

/// A line of a file.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The line, without its line break, a byte order mark, and NUL bytes at its ends.
    pub bytes: &'a [u8],
    /// Where it begins in the file.
    pub offset: u64,
}

/// Why a line is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkippedLine {
    /// It is no JSON.
    NotJson,
    /// It is JSON, but no object.
    NotObject,
    /// It is longer than 64 MiB.
    TooLong,
}

/// The end of a file as it is.
#[derive(Debug, Clone, Copy)]
pub struct FileEnd {
    /// The time.
    pub now: DateTime<Utc>,
    /// Whether everything unfinished is to be handed out as it is, because the session has ended, or
    /// because reading it again and again would cost too much.
    pub is_final: bool,
}

/// How transcripts become rows.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Whether texts are left out: bodies, briefs, inputs, outputs and errors.
    pub without_content: bool,
    /// The agent of all rows, instead of the project's name.
    pub agent: Option<String>,
    /// The host that commands ran on.
    pub host: String,
    /// Rows from before this time are left out.
    pub since: Option<DateTime<Utc>>,
}

/// What a reader has handed out.
#[derive(Debug, Default)]
pub struct Output {
    /// The rows.
    pub sightings: Vec<Sighting>,
    /// What was seen of sessions, by id.
    sessions: BTreeMap<String, SessionUpdate>,
    /// The number of records of types that the reader does not know.
    pub unknown: BTreeMap<String, u64>,
}

impl Output {
    /// Returns what was seen of a session, to add to it.
    pub fn session(&mut self, session: &Arc<SessionRef>, via: Via) -> &mut SessionUpdate {
        self.sessions.entry(session.id.clone()).or_insert_with(|| SessionUpdate {
            session: Arc::clone(session),
            via,
            spans: Default::default(),
            cwd: None,
            transcript: None,
            created_ns: None,
        })
    }

    /// Takes what was seen of sessions.
    pub fn take_sessions(&mut self) -> Vec<SessionUpdate> {
        std::mem::take(&mut self.sessions).into_values().collect()
    }
}
