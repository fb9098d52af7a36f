//! What to do at an event of an agent.

use std::path::{Path, PathBuf};

use super::payload::HookPayload;

/// What to record at an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookTask {
    /// Transcripts to read from where the last ingestion stopped: files, and directories with files. They
    /// need not exist, for example if the session has no subagents.
    pub transcripts: Vec<PathBuf>,
    /// What became of the session, if the event says so.
    pub session: Option<SessionChange>,
    /// The session.
    pub session_id: Option<String>,
    /// The directory that the agent works in.
    pub cwd: Option<PathBuf>,
}

/// A change of a session that an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionChange {
    /// It started, or was resumed.
    Started,
    /// It ended, so its transcript is complete.
    Ended,
}

impl HookTask {
    /// Whether the event is of no interest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.transcripts.is_empty() && self.session.is_none()
    }
}

impl HookPayload {
    /// Returns what to record. Events of no interest give an empty task.
    #[must_use]
    pub fn task(&self) -> HookTask {
        let transcript = self.path(self.transcript_path.as_deref());
        let (transcripts, session) = match self.event.as_str() {
            // A new session has no transcript yet, and that of a resumed one is read at the end of the turn.
            "SessionStart" => (Vec::new(), Some(SessionChange::Started)),
            "SessionEnd" => {
                // With the transcripts of subagents that were stopped without an event.
                let subagents = transcript.as_ref().map(|file| file.with_extension(""));
                (transcript.into_iter().chain(subagents).collect(), Some(SessionChange::Ended))
            }
            "SubagentStop" => {
                let of_subagent = self.path(self.agent_transcript_path.as_deref());
                (of_subagent.or(transcript).into_iter().collect(), None)
            }
            "Stop" | "StopFailure" | "PreCompact" | "PostCompact" => {
                (transcript.into_iter().collect(), None)
            }
            _ => return HookTask::default(),
        };
        HookTask {
            transcripts,
            session,
            session_id: self.session_id.clone(),
            cwd: self.cwd.as_ref().map(PathBuf::from),
        }
    }

    /// A path of the agent, which is relative to its directory if it is relative.
    fn path(&self, path: Option<&str>) -> Option<PathBuf> {
        let dir = self.cwd.as_deref().unwrap_or_default();
        Some(Path::new(dir).join(path?))
    }
}
