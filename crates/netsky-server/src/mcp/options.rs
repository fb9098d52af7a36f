//! What a server runs, and its limits.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::history::History;

/// The options of a server.
#[derive(Debug, Clone)]
pub struct McpOptions {
    pub(super) program: PathBuf,
    pub(super) history: Option<History>,
    pub(super) allow_record: bool,
    pub(super) skill: Option<&'static str>,
    pub(super) max_running: usize,
    pub(super) max_waiting: usize,
    pub(super) timeout: Duration,
    pub(super) memory_limit_mib: u32,
}

impl McpOptions {
    /// The options of a server that runs this `netsky`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            history: None,
            allow_record: false,
            skill: None,
            max_running: thread::available_parallelism().map_or(2, NonZero::get),
            max_waiting: 64,
            timeout: Duration::from_secs(30),
            memory_limit_mib: 256,
        }
    }

    /// Sets what agents ask about, instead of the store that `netsky` finds.
    #[must_use]
    pub fn history(self, history: impl Into<History>) -> Self {
        Self { history: Some(history.into()), ..self }
    }

    /// Offers the tool that records rows. Otherwise nothing changes the store.
    #[must_use]
    pub fn allow_record(self, allow_record: bool) -> Self {
        Self { allow_record, ..self }
    }

    /// Sets the text of the resource `netsky://skill`: how an agent uses `netsky`.
    #[must_use]
    pub fn skill(self, skill: &'static str) -> Self {
        Self { skill: Some(skill), ..self }
    }

    /// Sets how long a call can run, to whole seconds. The default is 30 s.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}
