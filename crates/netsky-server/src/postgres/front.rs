//! The connections that speak the protocol of PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::client::{self, Input, Output};
use super::limits::Limits;
use super::login::{Login, Logins, Peer};
use super::reply::{self, Severity};
use super::session::Session;
use super::sql_error::SqlError;
use crate::state::ReadState;
use crate::stop::Phase;

/// How many sessions there are at a time.
const MAX_SESSIONS: u32 = 100;

/// How long a client may take to log in.
const LOGIN: Duration = Duration::from_secs(10);

/// Answers connections that speak the protocol of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Front {
    state: Arc<ReadState>,
    logins: Logins,
    stall: Duration,
}

impl Front {
    /// `stall` is the time that a client may take nothing of an answer.
    pub(crate) fn new(state: Arc<ReadState>, stall: Duration) -> Self {
        let logins = Logins {
            token: Arc::clone(&state.queries.token),
            cancels: Default::default(),
            sessions: Arc::new(Semaphore::new(MAX_SESSIONS as usize)),
        };
        Self { state, logins, stall }
    }

    /// Answers a connection over TCP, until it ends.
    pub(crate) async fn serve_tcp(&self, stream: TcpStream) {
        let address = stream.peer_addr().map(|address| address.ip().to_canonical());
        let peer = match address {
            Ok(address) if address.is_loopback() => Peer::Loopback,
            _ => Peer::Remote,
        };
        let (from, to) = stream.into_split();
        self.serve(from, to, peer).await;
    }

    /// Answers a connection, until it ends.
    pub(crate) async fn serve(
        &self,
        from: impl AsyncRead + Send + Unpin + 'static,
        to: impl AsyncWrite + Send + Unpin + 'static,
        peer: Peer,
    ) {
        let (mut input, mut output) = (Input::new(from), Output::new(to));
        let stop = &self.state.stop;
        let login = tokio::select! {
            login = timeout(LOGIN, self.logins.login(&mut input, &mut output, peer)) => login,
            () = stop.until(Phase::Stopping) => {
                Ok(Err(SqlError::new("57P03", "the database system is shutting down")))
            }
        };
        match login {
            Ok(Ok(Some(Login { settings, cancellable, place }))) => {
                let cancels = cancellable.requests.clone();
                let limits = Limits::new(cancels, stop.clone(), self.stall);
                let state = Arc::clone(&self.state);
                Session::new((input, output), state, limits, settings).serve().await;
                drop((cancellable, place));
            }
            Ok(Err(error)) => {
                reply::error(&mut output.buffer, Severity::Fatal, &error);
                client::close(input, output).await;
            }
            // It has gone, or was too slow.
            Ok(Ok(None)) | Err(_) => {}
        }
    }

    /// Waits until there are no sessions.
    pub(crate) async fn drained(&self) {
        let _ = self.logins.sessions.acquire_many(MAX_SESSIONS).await;
    }
}
