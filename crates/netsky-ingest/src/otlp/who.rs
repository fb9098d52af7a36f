//! Whose session a record is of.

use std::sync::Arc;

use crate::detail::Detail;
use crate::sighting::SessionRef;

/// Whose session a record is of.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) runtime: String,
    /// The agent whose session it is.
    pub(super) agent: String,
    pub(super) session: Option<Arc<SessionRef>>,
    pub(super) cwd: Option<String>,
    pub(super) version: Option<String>,
}

impl Who {
    pub(super) fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.id.as_str())
    }

    pub(super) fn cwd(&self) -> Option<&str> {
        self.cwd.as_deref()
    }

    pub(super) fn runtime(&self) -> &str {
        &self.runtime
    }

    /// Returns the details that every row has.
    pub(super) fn detail(&self, agent_id: Option<&str>) -> Detail {
        Detail::default()
            .with("runtime", Some(self.runtime.as_str()))
            .with("session_id", self.session_id())
            .with("agent_id", agent_id)
            .with("cwd", self.cwd())
            .with("version", self.version.as_deref())
    }
}
