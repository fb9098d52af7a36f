//! Where a record is from, as all of its rows say it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::record::Record;
use crate::detail::Detail;
use crate::row::Row;
use crate::sighting::{SessionRef, Sighting};
use crate::via::Via;

/// The program, in `detail_json.runtime`.
pub(super) const RUNTIME: &str = "claude";

/// Where a record is from.
#[derive(Debug, Clone)]
pub(super) struct Origin<'a> {
    pub(super) time: DateTime<Utc>,
    pub(super) session: Option<Arc<SessionRef>>,
    pub(super) session_id: Option<&'a str>,
    /// The name of the project, or the one that the user gave.
    pub(super) project: Option<String>,
    /// The working directory of the session, which names the repository.
    pub(super) session_cwd: Option<String>,
    pub(super) cwd: Option<&'a str>,
    pub(super) git_branch: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    /// The subagent, and its type; `None` in the main conversation.
    pub(super) subagent: Option<Subagent>,
    /// Whether it is shown as progress of the call that dispatched the subagent.
    pub(super) is_progress: bool,
}

/// A subagent.
#[derive(Debug, Clone)]
pub(super) struct Subagent {
    /// Its id. Old versions do not write one.
    pub(super) id: Option<String>,
    /// Its type.
    pub(super) kind: String,
}

impl Origin<'_> {
    /// The name in the column `agent`.
    pub(super) fn agent(&self) -> Option<String> {
        let project = self.project.as_deref()?;
        Some(match &self.subagent {
            Some(subagent) => format!("{project}/{}", subagent.kind),
            None => project.to_owned(),
        })
    }

    /// The conversation in which one message follows another: the main one, or a subagent's.
    pub(super) fn chain(&self) -> &str {
        match &self.subagent {
            Some(Subagent { id: Some(id), .. }) => id,
            Some(_) => "sidechain",
            None => "",
        }
    }

    /// The details that all rows have.
    pub(super) fn detail(&self) -> Detail {
        let agent_id = self.subagent.as_ref().and_then(|subagent| subagent.id.as_deref());
        Detail::default()
            .with("runtime", Some(RUNTIME))
            .with("session_id", self.session_id)
            .with("agent_id", agent_id)
            .with("cwd", self.cwd)
            .with("git_branch", self.git_branch)
            .with("version", self.version)
    }
}

/// Returns a sighting of a row of a session.
pub(super) fn sighting(
    session: Option<&Arc<SessionRef>>,
    row: Row,
    keys: impl IntoIterator<Item = [u8; 16]>,
) -> Sighting {
    let sighting = Sighting::new(Via::Transcript, row, keys);
    match session {
        Some(session) => sighting.in_session(session),
        None => sighting,
    }
}

/// Returns the time of a record, if it can be stored.
pub(super) fn time(record: &Record<'_>) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(record.timestamp.text()?).ok()?;
    let time = DateTime::from_timestamp_millis(time.timestamp_millis())?;
    time.timestamp_nanos_opt().map(|_| time)
}
