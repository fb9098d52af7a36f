//! A session: what a client has begun, and what it waits for.
//!
//! Everything that takes time is waited for in [`Session::next`], [`Session::attend`] or [`Session::flush`], where a
//! cancel, a timeout, a client that goes away and the server's end are seen too. Whatever ends a wait drops what was
//! waited for, and with it the backend.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::client::{Incoming, Input, Output};
use super::command::Command;
use super::limits::{Abort, Limit, Limits, Result, stopping};
use super::portal::{Named, Portal, State, Statement};
use super::reply::{self, Severity};
use super::run::Run;
use super::settings::Settings;
use super::sql_error::{SqlError, garbage};
use super::transaction::{Block, Transaction};
use crate::places::SLOW;
use crate::state::ReadState;
use crate::stop::Phase;

/// A session.
pub(crate) struct Session {
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) state: Arc<ReadState>,
    pub(crate) limits: Limits,
    pub(crate) settings: Settings,
    /// The values that the client was told.
    pub(crate) told: Vec<String>,
    pub(crate) transaction: Transaction,
    pub(crate) named: Named,
    /// After an error, messages are skipped until Sync.
    pub(crate) skips: bool,
    /// The number of this batch of messages, which Sync or Query ends.
    pub(crate) batch: u64,
}

impl Session {
    pub(crate) fn new(
        (input, output): (Input, Output),
        state: Arc<ReadState>,
        limits: Limits,
        settings: Settings,
    ) -> Self {
        Self {
            input,
            output,
            state,
            limits,
            told: settings.reported().map(|(_, value)| value.to_owned()).collect(),
            settings,
            transaction: Transaction::default(),
            named: Named::default(),
            skips: false,
            batch: 0,
        }
    }

    /// Waits for a message. Cursors that wait too long for their client are ended.
    pub(crate) async fn next(&mut self) -> Result<Incoming> {
        self.limits.deadline = None;
        loop {
            let stall = self.limits.stall;
            let waiting = self.named.portals.values().filter_map(|portal| portal.waits_since).min();
            let idle = match self.transaction.block {
                Block::None => "idle_session_timeout",
                _ => "idle_in_transaction_session_timeout",
            };
            let now = Instant::now();
            let rests = self.runs().any(|run| !run.rests()).then(|| now + SLOW);
            let expires = waiting.map(|since| since + stall);
            let idle_limit = self.settings.milliseconds(idle);
            let idle_ends = idle_limit.map(|time| now + Duration::from_millis(time));
            let Self { input, limits, .. } = self;
            tokio::select! {
                incoming = input.next() => {
                    return incoming.map_err(|error| Abort::Connection(Some(error)));
                }
                () = limits.stop.until(Phase::Stopping) => {
                    return Err(Abort::Connection(Some(stopping())));
                }
                () = until(expires) => self.end_waiting(),
                () = until(rests) => self.rest(),
                () = until(idle_ends) => {
                    let (code, what) = match self.transaction.block {
                        Block::None => ("57P05", "idle-session timeout"),
                        _ => ("25P03", "idle-in-transaction timeout"),
                    };
                    let message = format!("terminating connection due to {what}");
                    return Err(Abort::Connection(Some(SqlError::new(code, message))));
                }
            }
        }
    }

    /// What backends work on for the portals.
    fn runs(&self) -> impl Iterator<Item = &Run> {
        self.named.portals.values().filter_map(|portal| match &portal.state {
            State::Runs(run) => Some(&**run),
            _ => None,
        })
    }

    /// Lets the portals rest until the client asks for their rows.
    pub(crate) fn rest(&mut self) {
        for portal in self.named.portals.values_mut() {
            portal.rest();
        }
    }

    /// Ends the cursors that have waited too long.
    fn end_waiting(&mut self) {
        let stall = self.limits.stall;
        for portal in self.named.portals.values_mut() {
            if portal.waits_since.is_some_and(|since| since + stall <= Instant::now()) {
                let message = format!(
                    "the cursor was closed, because nothing was fetched from it for {} s",
                    stall.as_secs_f64()
                );
                let error = SqlError::new("24000", message).hint(
                    "a waiting cursor keeps old rows of the store; fetch sooner, or all rows at once",
                );
                portal.fail(error);
            }
        }
    }

    /// Waits for something, unless a limit is exceeded or the client goes away.
    pub(crate) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Result<T> {
        let Self { input, limits, .. } = self;
        tokio::select! {
            done = work => Ok(done),
            () = input.gone() => Err(Abort::Connection(None)),
            abort = limits.exceeded() => Err(abort),
        }
    }

    /// Sends what was gathered. While the client is slow, the run rests.
    pub(crate) async fn flush(&mut self, mut run: Option<&mut Run>) -> Result {
        let Self { input, output, limits, .. } = self;
        let start = Instant::now();
        let mut progress = start;
        let mut may_rest = run.is_some();
        while !output.is_empty() {
            let stall = limits.stall;
            tokio::select! {
                biased;
                written = output.write_some() => match written {
                    Ok(()) => progress = Instant::now(),
                    Err(_) => return Err(Abort::Connection(None)),
                },
                () = input.gone() => return Err(Abort::Connection(None)),
                abort = limits.exceeded() => return Err(abort),
                () = sleep_until(start + SLOW), if may_rest => {
                    may_rest = false;
                    if let Some(run) = &mut run {
                        run.rest();
                    }
                }
                () = sleep_until(progress + stall) => return Err(Abort::Connection(None)),
            }
        }
        Ok(())
    }

    /// The statement has failed, and with it the transaction.
    pub(crate) fn fail(&mut self, error: &SqlError) {
        reply::error(&mut self.output.buffer, Severity::Error, error);
        self.transaction.fail();
        self.skips = true;
        self.limits.deadline = None;
    }

    pub(crate) fn warn(&mut self, warning: &SqlError) {
        if !matches!(self.settings.get("client_min_messages"), Ok((_, "error"))) {
            reply::error(&mut self.output.buffer, Severity::Warning, warning);
        }
    }

    /// A batch of messages begins, unless one has.
    pub(crate) fn begin_work(&mut self) {
        if !self.transaction.works() {
            self.transaction.begin_work(&self.settings);
        }
    }

    /// A batch of messages ends. A transaction that nobody has begun ends with it.
    pub(crate) fn end_batch(&mut self) {
        self.skips = false;
        self.batch += 1;
        if let Some(commits) = self.transaction.end_work() {
            self.end_transaction(commits);
        }
        self.ready_message();
    }

    /// Undoes or keeps what the transaction has changed.
    pub(crate) fn end_transaction(&mut self, commits: bool) {
        if !commits && let Some(before) = self.transaction.before() {
            self.settings = before;
        }
        self.settings.end_transaction();
        for portal in self.named.portals.values_mut() {
            if commits && let Some(cursor) = &mut portal.cursor {
                cursor.is_new = !cursor.is_held;
            }
        }
        self.named.keep_portals(|_, portal| portal.cursor.is_some_and(|cursor| !cursor.is_new));
    }

    /// Says which settings have changed, and that another query may come.
    pub(crate) fn ready_message(&mut self) {
        for ((name, value), told) in self.settings.reported().zip(&mut self.told) {
            if told != value {
                value.clone_into(told);
                reply::parameter_status(&mut self.output.buffer, name, value);
            }
        }
        reply::ready(&mut self.output.buffer, self.transaction.status());
    }

    /// A statement begins. A cancel that came before is not meant for it.
    pub(crate) fn begin_statement(&mut self) {
        self.limits.cancels.borrow_and_update();
        let server = self.state.queries.timeout;
        let client = self.settings.milliseconds("statement_timeout").map(Duration::from_millis);
        let (time, limit) = match client {
            Some(client) if client < server => (client, Limit::Client),
            _ => (server, Limit::Server),
        };
        self.limits.deadline = Some((Instant::now() + time, time, limit));
    }

    pub(crate) fn check_not_failed(&self, command: &Command) -> Result {
        if self.transaction.block == Block::Failed && !command.ends_failure() {
            let message =
                "current transaction is aborted, commands ignored until end of transaction block";
            return Err(SqlError::new("25P02", message).into());
        }
        Ok(())
    }

    pub(crate) fn statement(&self, name: &str) -> Result<Arc<Statement>> {
        let statement = self.named.statements.get(name).map(Arc::clone);
        statement.ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_owned(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            SqlError::new("26000", message).into()
        })
    }

    /// Takes a portal out of the others, so that its statement can change them.
    pub(crate) fn take_portal(&mut self, name: &str) -> Result<Portal> {
        let Some(portal) = self.named.portals.get(name) else {
            return Err(SqlError::new("34000", format!("portal \"{name}\" does not exist")).into());
        };
        self.check_not_failed(&portal.statement.command)?;
        match self.named.portals.remove(name) {
            Some(portal) => Ok(portal),
            None => Err(garbage().into()),
        }
    }

    pub(crate) fn cursor(&self, name: &str) -> Result<&Portal> {
        let portal = self.named.portals.get(name);
        portal.ok_or_else(|| {
            SqlError::new("34000", format!("cursor \"{name}\" does not exist")).into()
        })
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
