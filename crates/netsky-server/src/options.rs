//! Options of the server.

use std::sync::Arc;
use std::time::Duration;

/// Receives what an agent tells a hook.
pub trait HookReceiver: Send + Sync {
    /// Records a payload: one JSON object. It is called on a thread that may block.
    ///
    /// # Errors
    ///
    /// The payload was not recorded.
    fn receive(&self, payload: &[u8]) -> Result<(), HookRefusal>;
}

/// Why what an agent tells a hook was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HookRefusal {
    /// It is not what it should be. Sent again, it would fail again.
    #[error("{0}")]
    Broken(String),
    /// The client should send it again.
    #[error("{0}")]
    Later(String),
}

/// Options of a [`Server`](crate::Server).
#[derive(Clone)]
pub struct ServerOptions {
    pub(crate) token: Option<Arc<str>>,
    pub(crate) hooks: Option<Arc<dyn HookReceiver>>,
    pub(crate) max_body_bytes: usize,
    pub(crate) max_queued_bytes: usize,
    pub(crate) max_connections: usize,
    pub(crate) commit_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) stall_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            token: None,
            hooks: None,
            // That of OpenTelemetry's collector. One turn of Codex sends 1.2 MB.
            max_body_bytes: 20 << 20,
            max_queued_bytes: 64 << 20,
            max_connections: 512,
            // Claude Code gives up after 10 seconds, and then sends nothing any more.
            commit_timeout: Duration::from_secs(4),
            request_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            stall_timeout: Duration::from_secs(60),
        }
    }
}

impl std::fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerOptions")
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("hooks", &self.hooks.is_some())
            .field("max_body_bytes", &self.max_body_bytes)
            .field("max_queued_bytes", &self.max_queued_bytes)
            .field("max_connections", &self.max_connections)
            .field("commit_timeout", &self.commit_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .finish()
    }
}

impl ServerOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires `Authorization: Bearer TOKEN` of programs that send telemetry. Without a token, the server listens
    /// on a loopback address only.
    #[must_use]
    pub fn token(self, token: impl Into<Arc<str>>) -> Self {
        Self { token: Some(token.into()), ..self }
    }

    /// Receives hooks at `/v1/hooks/claude-code`. Without it, the path does not exist.
    #[must_use]
    pub fn hooks(self, hooks: impl HookReceiver + 'static) -> Self {
        Self { hooks: Some(Arc::new(hooks)), ..self }
    }

    /// The longest body in bytes, after decompression. The default is 20 MiB. A longer one is answered with 413.
    #[must_use]
    pub fn max_body_bytes(self, max_body_bytes: usize) -> Self {
        Self { max_body_bytes, ..self }
    }

    /// The number of bytes of bodies that are read or recorded at a time. The default is 64 MiB. A request for
    /// which there is no room is answered with 503.
    #[must_use]
    pub fn max_queued_bytes(self, max_queued_bytes: usize) -> Self {
        Self { max_queued_bytes, ..self }
    }

    /// The number of open connections. The default is 512. Further ones wait.
    #[must_use]
    pub fn max_connections(self, max_connections: usize) -> Self {
        Self { max_connections: max_connections.max(1), ..self }
    }

    /// The time that a request waits until it is recorded, before it is answered with 503. The default is 4
    /// seconds. How long a write waits for another process is an option of the store, which should be less:
    /// [`busy_timeout`](netsky_db::OpenOptions::busy_timeout).
    #[must_use]
    pub fn commit_timeout(self, commit_timeout: Duration) -> Self {
        Self { commit_timeout, ..self }
    }

    /// The time that a client may take for a whole request, from its first byte to the answer. A query has its own
    /// [`timeout`](crate::Queries::timeout). The default is 30
    /// seconds. A slower connection is closed.
    #[must_use]
    pub fn request_timeout(self, request_timeout: Duration) -> Self {
        Self { request_timeout, ..self }
    }

    /// The time that a connection stays open without a request. The default is 90 seconds.
    #[must_use]
    pub fn idle_timeout(self, idle_timeout: Duration) -> Self {
        Self { idle_timeout, ..self }
    }

    /// The time that a client may take nothing of its answer. The default is 60 seconds. The connection is then
    /// closed, and what makes the answer ends.
    #[must_use]
    pub fn stall_timeout(self, stall_timeout: Duration) -> Self {
        Self { stall_timeout, ..self }
    }
}
