//! The thread of a file.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A thread: a conversation with its own file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Thread {
    pub(super) id: String,
    pub(super) agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) git_branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<String>,
    /// The thread that has started this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<String>,
    /// Whether an agent works in it, not a person.
    pub(super) is_subagent: bool,
    #[serde(with = "super::millis", skip_serializing_if = "Option::is_none")]
    pub(super) born: Option<DateTime<Utc>>,
}
