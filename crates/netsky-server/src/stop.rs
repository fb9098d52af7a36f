//! The end of the server.

use tokio::sync::watch;

/// How far the end of the server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Running,
    /// No connections are accepted, followers end, and queries have some seconds left.
    Stopping,
    /// Queries are killed.
    Killing,
}

/// Tells everybody how far the end of the server has come.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Sender<Phase>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Running))
    }
}

impl Stop {
    pub(crate) fn begin(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// Waits for a phase.
    pub(crate) async fn until(&self, phase: Phase) {
        // The sender is here, so this does not fail.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}
