//! What all rows of a rollout have in common.

use netsky_db::Record as TableRecord;
use netsky_db::internal::Key;

use super::reader::CodexReader;
use crate::detail::Detail;
use crate::key;
use crate::reader::Output;
use crate::row::Row;
use crate::sighting::Sighting;
use crate::via::Via;

impl CodexReader {
    /// Returns the details that every row has.
    pub(super) fn detail(&self) -> Detail {
        let detail = Detail::default().with("runtime", Some("codex"));
        let Some(thread) = &self.context.thread else { return detail };
        detail
            .with("session_id", Some(thread.id.as_str()))
            .with("parent_session_id", thread.parent.as_deref())
            .with("cwd", thread.cwd.as_deref())
            .with("git_branch", thread.git_branch.as_deref())
            .with("version", thread.version.as_deref())
    }

    /// Returns the id of the thread.
    pub(super) fn thread_id(&self) -> &str {
        self.session.as_ref().map_or("", |session| session.id.as_str())
    }

    /// Returns the agent that works in the thread.
    pub(super) fn agent_name(&self) -> &str {
        self.session.as_ref().map_or("", |session| session.agent.as_str())
    }

    /// Returns the id of something in the thread, for the functions of [`key`].
    pub(super) fn key_id(&self, id: &str) -> String {
        key::in_thread(self.thread_id(), id)
    }

    /// Returns a sighting of a row of the thread.
    pub(super) fn sighting<R: TableRecord>(
        &self,
        record: &R,
        detail: Detail,
        keys: impl IntoIterator<Item = Key>,
    ) -> Sighting {
        let sighting = Sighting::new(Via::Transcript, Row::new(record, detail), keys);
        match &self.session {
            Some(session) => sighting.in_session(session),
            None => sighting,
        }
    }

    /// Hands out a row, unless it is too old.
    pub(super) fn push(&self, sighting: Sighting, out: &mut Output) {
        let is_old = self.options.since.zip(sighting.row.time()).is_some_and(|(s, time)| time < s);
        if !is_old {
            out.sightings.push(sighting);
        }
    }

    /// Returns a text, unless texts are left out.
    pub(super) fn content<'a>(&self, text: Option<&'a str>) -> Option<&'a str> {
        text.filter(|_| !self.options.without_content)
    }
}
