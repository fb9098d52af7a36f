//! What ends a statement or a session before its time.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::sql_error::SqlError;
use crate::stop::{Phase, Stop};

/// What limits the statement that runs.
pub(crate) struct Limits {
    /// When it ends, and whether the server or the client says so. Without one, no statement runs.
    pub(crate) deadline: Option<(Instant, Duration, Limit)>,
    /// Changes at each cancel.
    pub(crate) cancels: watch::Receiver<u64>,
    pub(crate) stop: Stop,
    /// The time that a client may take nothing, and a cursor may wait.
    pub(crate) stall: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Server,
    Client,
}

/// What ends more than it should.
#[derive(Debug)]
pub(crate) enum Abort {
    /// The statement has failed.
    Statement(SqlError),
    /// The connection ends, with a last message if the client is there.
    Connection(Option<SqlError>),
}

impl From<SqlError> for Abort {
    fn from(error: SqlError) -> Self {
        Self::Statement(error)
    }
}

pub(crate) type Result<T = ()> = std::result::Result<T, Abort>;

impl Limits {
    pub(crate) fn new(cancels: watch::Receiver<u64>, stop: Stop, stall: Duration) -> Self {
        Self { deadline: None, cancels, stop, stall }
    }

    pub(crate) fn ends(&self) -> Option<std::time::Instant> {
        self.deadline.map(|(deadline, ..)| deadline.into_std())
    }

    /// Waits until a limit is exceeded.
    pub(crate) async fn exceeded(&mut self) -> Abort {
        let canceling =
            |why: &str| SqlError::new("57014", format!("canceling statement due to {why}"));
        let Some((deadline, time, limit)) = self.deadline else {
            self.stop.until(Phase::Killing).await;
            return Abort::Connection(Some(stopping()));
        };
        tokio::select! {
            // The sender lives as long as the session.
            _ = self.cancels.changed() => Abort::Statement(canceling("user request")),
            () = sleep_until(deadline) => {
                let error = canceling("statement timeout");
                Abort::Statement(match limit {
                    Limit::Client => error,
                    Limit::Server => error.hint(format!(
                        "query less, for example a shorter time range, or start the server with a longer --timeout than {} s",
                        time.as_secs_f64()
                    )),
                })
            }
            () = self.stop.until(Phase::Killing) => Abort::Connection(Some(stopping())),
        }
    }
}

pub(crate) fn stopping() -> SqlError {
    SqlError::new("57P01", "terminating connection due to administrator command")
}
