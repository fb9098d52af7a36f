//! A session: what a client sends, in its order, and what it gets.
//!
//! Everything that takes time is waited for in [`Session::attend`] or [`Session::flush`], where a cancel, a timeout, a
//! client that goes away and the server's end are seen too. Whatever ends a wait drops what was waited for, and with it
//! the backend.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::backend::{Backends, garbage};
use super::client::{self, Incoming, Input, Output};
use super::command::{Command, Declare, Fetch, Rows};
use super::message::{Bind, Message, Target};
use super::portal::{Cursor, NO_VALUES, Named, Portal, State, Statement};
use super::reply::{self, Severity};
use super::run::Run;
use super::settings::{Change, Settings};
use super::sql_error::{SqlError, protocol_violation};
use super::token::split;
use super::transaction::{Block, Transaction};
use crate::places::SLOW;
use crate::stop::{Phase, Stop};

/// What is gathered before it is sent.
const GATHERED_BYTES: usize = 64 << 10;

/// What limits the statement that runs.
pub(crate) struct Limits {
    /// When it ends, and whether the server or the client says so. Without one, no statement runs.
    deadline: Option<(Instant, Duration, Limit)>,
    /// Changes at each cancel.
    cancels: watch::Receiver<u64>,
    stop: Stop,
    /// The time that a client may take nothing, and a cursor may wait.
    stall: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Server,
    Client,
}

/// What ends more than it should.
#[derive(Debug)]
enum Abort {
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

type Result<T = ()> = std::result::Result<T, Abort>;

impl Limits {
    pub(crate) fn new(cancels: watch::Receiver<u64>, stop: Stop, stall: Duration) -> Self {
        Self { deadline: None, cancels, stop, stall }
    }

    fn ends(&self) -> Option<std::time::Instant> {
        self.deadline.map(|(deadline, ..)| deadline.into_std())
    }

    /// Waits until a limit is exceeded.
    async fn exceeded(&mut self) -> Abort {
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

fn stopping() -> SqlError {
    SqlError::new("57P01", "terminating connection due to administrator command")
}

/// A session.
pub(crate) struct Session {
    input: Input,
    output: Output,
    backends: Arc<Backends>,
    limits: Limits,
    settings: Settings,
    /// The values that the client was told.
    told: Vec<String>,
    transaction: Transaction,
    named: Named,
    /// After an error, messages are skipped until Sync.
    skips: bool,
    /// The number of this batch of messages, which Sync or Query ends.
    batch: u64,
}

/// What has come of the rows of a run.
enum Part {
    /// There may be more.
    Some(Box<Run>),
    All {
        tag: String,
    },
}

impl Session {
    pub(crate) fn new(
        (input, output): (Input, Output),
        backends: Arc<Backends>,
        limits: Limits,
        settings: Settings,
    ) -> Self {
        Self {
            input,
            output,
            backends,
            limits,
            told: settings.reported().map(|(_, value)| value.to_owned()).collect(),
            settings,
            transaction: Transaction::default(),
            named: Named::default(),
            skips: false,
            batch: 0,
        }
    }

    /// Answers until the client or the server ends.
    pub(crate) async fn serve(mut self) {
        self.ready_message();
        let last = loop {
            match self.step().await {
                Ok(()) => {}
                Err(Abort::Statement(error)) => self.fail(&error),
                Err(Abort::Connection(last)) => break last,
            }
        };
        // The backends of portals need not wait for a slow client.
        self.named = Named::default();
        if let Some(error) = last {
            reply::error(&mut self.output.buffer, Severity::Fatal, &error);
            client::close(self.input, self.output).await;
        }
    }

    /// Waits for a message, and does what it asks for.
    async fn step(&mut self) -> Result {
        let is_in_batch = self.transaction.works() && !self.skips;
        if !is_in_batch || self.output.buffer.len() > GATHERED_BYTES {
            self.flush(None).await?;
        }
        match self.next().await? {
            Incoming::End => Err(Abort::Connection(None)),
            Incoming::TooLong { tag, length } => {
                if !self.input.discard(length).await {
                    return Err(Abort::Connection(None));
                }
                let message = format!(
                    "a message of {length} bytes is too long: {} may be sent",
                    super::message::MAX_MESSAGE_BYTES
                );
                self.refuse(tag, &SqlError::new("54000", message));
                Ok(())
            }
            Incoming::Message { tag: b'p', .. } => {
                let error = protocol_violation("a password that nobody has asked for");
                Err(Abort::Connection(Some(error)))
            }
            Incoming::Message { tag, body } => match Message::decode(tag, &body) {
                Ok(message) => {
                    drop(body);
                    self.answer(message).await
                }
                Err(error) => {
                    self.refuse(tag, &error);
                    Ok(())
                }
            },
        }
    }

    /// Waits for a message. Cursors that wait too long for their client are ended.
    async fn next(&mut self) -> Result<Incoming> {
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
    fn rest(&mut self) {
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
    async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Result<T> {
        let Self { input, limits, .. } = self;
        tokio::select! {
            done = work => Ok(done),
            () = input.gone() => Err(Abort::Connection(None)),
            abort = limits.exceeded() => Err(abort),
        }
    }

    /// Sends what was gathered. While the client is slow, the run rests.
    async fn flush(&mut self, mut run: Option<&mut Run>) -> Result {
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

    /// Says that a message is refused, in the way that its kind has.
    fn refuse(&mut self, tag: u8, error: &SqlError) {
        if self.skips || matches!(tag, b'd' | b'c' | b'f') {
            return;
        }
        self.begin_work();
        self.fail(error);
        if matches!(tag, b'Q' | b'F') {
            self.end_batch();
        }
    }

    /// The statement has failed, and with it the transaction.
    fn fail(&mut self, error: &SqlError) {
        reply::error(&mut self.output.buffer, Severity::Error, error);
        self.transaction.fail();
        self.skips = true;
        self.limits.deadline = None;
    }

    fn warn(&mut self, warning: &SqlError) {
        if !matches!(self.settings.get("client_min_messages"), Ok((_, "error"))) {
            reply::error(&mut self.output.buffer, Severity::Warning, warning);
        }
    }

    /// A batch of messages begins, unless one has.
    fn begin_work(&mut self) {
        if !self.transaction.works() {
            self.transaction.begin_work(&self.settings);
        }
    }

    /// A batch of messages ends. A transaction that nobody has begun ends with it.
    fn end_batch(&mut self) {
        self.skips = false;
        self.batch += 1;
        if let Some(commits) = self.transaction.end_work() {
            self.end_transaction(commits);
        }
        self.ready_message();
    }

    /// Undoes or keeps what the transaction has changed.
    fn end_transaction(&mut self, commits: bool) {
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
    fn ready_message(&mut self) {
        for ((name, value), told) in self.settings.reported().zip(&mut self.told) {
            if told != value {
                value.clone_into(told);
                reply::parameter_status(&mut self.output.buffer, name, value);
            }
        }
        reply::ready(&mut self.output.buffer, self.transaction.status());
    }

    /// A statement begins. A cancel that came before is not meant for it.
    fn begin_statement(&mut self) {
        self.limits.cancels.borrow_and_update();
        let server = self.backends.state.queries.timeout;
        let client = self.settings.milliseconds("statement_timeout").map(Duration::from_millis);
        let (time, limit) = match client {
            Some(client) if client < server => (client, Limit::Client),
            _ => (server, Limit::Server),
        };
        self.limits.deadline = Some((Instant::now() + time, time, limit));
    }

    async fn answer(&mut self, message: Message) -> Result {
        if self.skips && !matches!(message, Message::Sync | Message::Terminate) {
            return Ok(());
        }
        match message {
            Message::Terminate => return Err(Abort::Connection(None)),
            Message::Copy => return Ok(()),
            Message::Flush => return self.flush(None).await,
            Message::Sync => {
                self.end_batch();
                return Ok(());
            }
            _ => self.begin_work(),
        }
        match message {
            Message::Query(sql) => {
                let answered = self.query(&sql).await;
                self.limits.deadline = None;
                match answered {
                    Ok(()) => {}
                    Err(Abort::Statement(error)) => self.fail(&error),
                    Err(ends) => return Err(ends),
                }
                self.end_batch();
                return Ok(());
            }
            Message::FunctionCall => {
                let error = SqlError::new("0A000", "function calls by number are not supported");
                self.fail(&error.hint("call the function in a SELECT"));
                self.end_batch();
                return Ok(());
            }
            Message::Parse { name, sql, types } => self.parse(name, &sql, types)?,
            Message::Bind(bind) => self.bind(bind)?,
            Message::Describe(Target::Statement, name) => self.describe_statement(&name).await?,
            Message::Describe(Target::Portal, name) => {
                let mut portal = self.take_portal(&name)?;
                let described = self.describe(&name, &mut portal).await;
                self.named.portals.insert(name, portal);
                match described? {
                    Some(columns) => reply::raw(&mut self.output.buffer, b'T', &columns),
                    None => reply::raw(&mut self.output.buffer, b'n', b""),
                }
            }
            Message::Execute { portal: name, max_rows } => {
                let mut portal = self.take_portal(&name)?;
                self.begin_statement();
                let max_rows = Some(u64::from(max_rows)).filter(|&rows| rows > 0);
                let executed = self.execute(&name, &mut portal, max_rows, false).await;
                let is_end = ends_portals(&portal.statement.command);
                // It may have closed itself, with all others.
                if !is_end || executed.is_err() {
                    self.named.portals.insert(name, portal);
                }
                executed?;
            }
            Message::Close(Target::Statement, name) => {
                self.named.statements.remove(&name);
                reply::raw(&mut self.output.buffer, b'3', b"");
            }
            Message::Close(Target::Portal, name) => {
                self.named.close_portal(&name);
                reply::raw(&mut self.output.buffer, b'3', b"");
            }
            Message::Terminate | Message::Copy | Message::Flush | Message::Sync => {}
        }
        self.limits.deadline = None;
        Ok(())
    }

    /// Answers a text with any number of statements.
    async fn query(&mut self, sql: &str) -> Result {
        self.named.statements.remove("");
        self.named.close_portal("");
        let pieces = split(sql);
        if pieces.is_empty() {
            reply::raw(&mut self.output.buffer, b'I', b"");
        }
        self.transaction.set_many(pieces.len() > 1);
        for piece in pieces {
            let statement = Statement::new(piece, Vec::new(), self.batch)?;
            self.check_not_failed(&statement.command)?;
            self.begin_statement();
            let mut portal = Portal::new(Arc::new(statement), Arc::from(NO_VALUES), Vec::new());
            portal.level = self.transaction.level();
            self.execute("", &mut portal, None, true).await?;
            self.limits.deadline = None;
        }
        Ok(())
    }

    fn check_not_failed(&self, command: &Command) -> Result {
        let is_possible = command.ends_failure() || *command == Command::Empty;
        if self.transaction.block == Block::Failed && !is_possible {
            let message =
                "current transaction is aborted, commands ignored until end of transaction block";
            return Err(SqlError::new("25P02", message).into());
        }
        Ok(())
    }

    fn parse(&mut self, name: String, sql: &str, types: Vec<u32>) -> Result {
        let statement = Statement::only(sql, types, self.batch)?;
        self.check_not_failed(&statement.command)?;
        self.named.add_statement(name, Arc::new(statement))?;
        reply::raw(&mut self.output.buffer, b'1', b"");
        Ok(())
    }

    fn statement(&self, name: &str) -> Result<Arc<Statement>> {
        let statement = self.named.statements.get(name).map(Arc::clone);
        statement.ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_owned(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            SqlError::new("26000", message).into()
        })
    }

    fn bind(&mut self, bind: Bind) -> Result {
        let statement = self.statement(&bind.statement)?;
        self.check_not_failed(&statement.command)?;
        let mut portal = Portal::new(statement, bind.values.into(), bind.formats);
        portal.level = self.transaction.level();
        self.named.add_portal(bind.portal, portal)?;
        reply::raw(&mut self.output.buffer, b'2', b"");
        Ok(())
    }

    /// Takes a portal out of the others, so that its statement can change them.
    fn take_portal(&mut self, name: &str) -> Result<Portal> {
        let Some(portal) = self.named.portals.get(name) else {
            return Err(SqlError::new("34000", format!("portal \"{name}\" does not exist")).into());
        };
        self.check_not_failed(&portal.statement.command)?;
        match self.named.portals.remove(name) {
            Some(portal) => Ok(portal),
            None => Err(garbage().into()),
        }
    }

    async fn describe_statement(&mut self, name: &str) -> Result {
        let statement = self.statement(name)?;
        self.check_not_failed(&statement.command)?;
        self.begin_statement();
        let (parameters, columns) = match &statement.command {
            Command::Read | Command::Copy => {
                let head = self.describe_source(&statement).await?;
                (head.parameters, head.columns)
            }
            Command::Declare(declare) => {
                let query = statement.of_cursor(&declare.query, declare.characters_before);
                (self.describe_source(&query).await?.parameters, None)
            }
            Command::Fetch(fetch) if !fetch.is_move => {
                (vec![0, 0], self.cursor(&fetch.cursor)?.columns.clone())
            }
            command => (vec![0, 0], answer_columns(command, &self.settings, &[])?),
        };
        reply::raw(&mut self.output.buffer, b't', &parameters);
        match columns {
            Some(columns) => reply::raw(&mut self.output.buffer, b'T', &columns),
            None => reply::raw(&mut self.output.buffer, b'n', b""),
        }
        Ok(())
    }

    async fn describe_source(&mut self, statement: &Statement) -> Result<super::run::Head> {
        // Of one session, only one statement works at a time.
        self.rest();
        self.flush(None).await?;
        let backends = Arc::clone(&self.backends);
        let work = Run::describe(&backends, statement.source(), self.limits.ends());
        let described = self.attend(work).await?;
        let described = described.map_err(|error| self.not_understood(statement, error));
        statement.understand();
        Ok(described?)
    }

    /// A backend does not understand a statement. If it has just been sent, its Parse should have failed, so there
    /// must be no such statement.
    fn not_understood(&mut self, statement: &Statement, error: SqlError) -> SqlError {
        let is_wrong =
            ["42", "22", "0A", "25", "3F", "08"].iter().any(|it| error.code().starts_with(it));
        if is_wrong && !statement.is_understood() {
            let batch = self.batch;
            self.named.statements.retain(|_, known| {
                known.batch != batch || known.is_understood() || known.sql != statement.sql
            });
        }
        error.shifted(statement.characters_before)
    }

    fn cursor(&self, name: &str) -> Result<&Portal> {
        let portal = self.named.portals.get(name);
        portal.ok_or_else(|| {
            SqlError::new("34000", format!("cursor \"{name}\" does not exist")).into()
        })
    }

    /// The columns of a portal, in the formats that the client has asked for. A run that is needed for it goes on with
    /// Execute.
    async fn describe(&mut self, name: &str, portal: &mut Portal) -> Result<Option<Vec<u8>>> {
        self.begin_statement();
        let statement = Arc::clone(&portal.statement);
        match &statement.command {
            Command::Read | Command::Copy => {
                self.start(portal).await?;
                Ok(portal.columns.clone())
            }
            Command::Fetch(fetch) if !fetch.is_move => {
                let mut cursor = self.take_cursor(&fetch.cursor, name)?;
                let started = self.start_cursor(&fetch.cursor, &mut cursor, &portal.formats).await;
                let columns = cursor.columns.clone();
                self.named.portals.insert(fetch.cursor.clone(), cursor);
                started.map(|()| columns)
            }
            command => Ok(answer_columns(command, &self.settings, &portal.formats)?),
        }
    }

    /// Starts the run of a portal, unless it has one.
    async fn start(&mut self, portal: &mut Portal) -> Result {
        match &portal.state {
            State::New => {}
            State::Failed(error) => return Err(error.clone().into()),
            _ => return Ok(()),
        }
        // Of one session, only one statement works at a time.
        self.rest();
        self.flush(None).await?;
        let backends = Arc::clone(&self.backends);
        let request = portal.statement.source().run(&portal.values, &portal.formats);
        let work = Run::start(&backends, request, self.limits.ends());
        match self.attend(work).await? {
            Ok((mut run, head)) => {
                run.set_deadline(None);
                portal.statement.understand();
                portal.columns = head.columns;
                portal.state = State::Runs(Box::new(run));
                portal.waits_since = Some(Instant::now());
                Ok(())
            }
            Err(error) => {
                let error = self.not_understood(&portal.statement, error);
                portal.state = cannot_run();
                Err(error.into())
            }
        }
    }

    /// Does what a statement asks for. `is_simple` means that nobody asks for its columns, so they are sent with it.
    async fn execute(
        &mut self,
        name: &str,
        portal: &mut Portal,
        max_rows: Option<u64>,
        is_simple: bool,
    ) -> Result {
        let statement = Arc::clone(&portal.statement);
        match &statement.command {
            Command::Read | Command::Copy => {
                self.start(portal).await?;
                if is_simple && let Some(columns) = &portal.columns {
                    reply::raw(&mut self.output.buffer, b'T', columns);
                }
                self.execute_run(portal, max_rows).await
            }
            Command::Fetch(fetch) => self.fetch(name, portal, fetch, max_rows, is_simple).await,
            _ if matches!(portal.state, State::New) => {
                let (rows, tag) = self.perform(&statement, portal).await?;
                let columns = answer_columns(&statement.command, &self.settings, &portal.formats)?;
                if let (true, Some(columns)) = (is_simple, &columns) {
                    reply::raw(&mut self.output.buffer, b'T', columns);
                }
                if statement.command == Command::Empty {
                    reply::raw(&mut self.output.buffer, b'I', b"");
                    return Ok(());
                }
                portal.state = State::Rows(rows, tag);
                self.send_rows(portal, max_rows)
            }
            _ => self.send_rows(portal, max_rows),
        }
    }

    /// Sends rows that needed no backend.
    fn send_rows(&mut self, portal: &mut Portal, max_rows: Option<u64>) -> Result {
        let (rows, tag) = match &mut portal.state {
            State::Rows(rows, tag) => (rows, tag),
            State::Failed(error) => return Err(error.clone().into()),
            _ => return Err(SqlError::new("55000", "the portal cannot be run again").into()),
        };
        let mut left = max_rows.unwrap_or(u64::MAX);
        while left > 0
            && let Some(row) = rows.pop_front()
        {
            reply::raw(&mut self.output.buffer, b'D', &row);
            left -= 1;
        }
        if left == 0 {
            reply::raw(&mut self.output.buffer, b's', b"");
        } else {
            reply::command_complete(&mut self.output.buffer, tag);
            portal.state = State::Done;
        }
        Ok(())
    }

    /// Sends rows of a backend.
    async fn execute_run(&mut self, portal: &mut Portal, max_rows: Option<u64>) -> Result {
        let before = portal.position;
        let end = self.send_run(portal, max_rows, true).await?;
        let sent = portal.position - before;
        match end {
            // Also if there happen to be no more, as in PostgreSQL.
            _ if max_rows == Some(sent) => reply::raw(&mut self.output.buffer, b's', b""),
            None => reply::raw(&mut self.output.buffer, b's', b""),
            Some(tag) => {
                // Only the rows of this part.
                let tag = match tag.split_once(' ') {
                    Some(("SELECT", _)) => format!("SELECT {sent}"),
                    _ => tag,
                };
                reply::command_complete(&mut self.output.buffer, &tag);
            }
        }
        Ok(())
    }

    /// Sends rows of a portal, or passes over them. Returns the tag at their end; `None` if there may be more.
    async fn send_run(
        &mut self,
        portal: &mut Portal,
        max_rows: Option<u64>,
        is_shown: bool,
    ) -> Result<Option<String>> {
        let run = match std::mem::replace(&mut portal.state, cannot_run()) {
            State::Runs(run) => run,
            State::Done => {
                portal.state = State::Done;
                return match portal.columns {
                    Some(_) => Ok(Some("SELECT 0".to_owned())),
                    None => Err(SqlError::new("55000", "the portal cannot be run again").into()),
                };
            }
            State::Failed(error) => {
                portal.state = State::Failed(error.clone());
                return Err(error.into());
            }
            _ => return Err(garbage().into()),
        };
        portal.waits_since = None;
        let part = self.pump(run, max_rows, is_shown, &mut portal.position).await;
        match part.map_err(|abort| match abort {
            Abort::Statement(error) => error.shifted(portal.statement.characters_before).into(),
            ends => ends,
        })? {
            Part::All { tag } => {
                portal.state = State::Done;
                Ok(Some(tag))
            }
            Part::Some(mut run) => {
                run.set_deadline(None);
                portal.state = State::Runs(run);
                portal.rest();
                Ok(None)
            }
        }
    }

    /// Sends rows of a run until there are enough, or all. Counts them in `rows`.
    async fn pump(
        &mut self,
        mut run: Box<Run>,
        max_rows: Option<u64>,
        is_shown: bool,
        rows: &mut u64,
    ) -> Result<Part> {
        let mut left = max_rows.unwrap_or(u64::MAX);
        run.set_deadline(self.limits.ends());
        loop {
            let frame = match run.frame() {
                Ok(frame) => frame,
                Err(error) => return Err(run.fail(error).into()),
            };
            let Some(frame) = frame else {
                self.flush(Some(&mut *run)).await?;
                if let Err(error) = self.attend(run.fill()).await? {
                    return Err(run.fail(error).into());
                }
                continue;
            };
            let length = frame.whole.len();
            match frame.tag {
                b'D' if left == 0 => return Ok(Part::Some(run)),
                b'D' => {
                    if is_shown {
                        self.output.buffer.extend_from_slice(frame.whole);
                    }
                    left -= 1;
                    *rows += 1;
                }
                b'H' | b'd' | b'c' | b'N' => self.output.buffer.extend_from_slice(frame.whole),
                b'C' => {
                    let tag = String::from_utf8_lossy(frame.body);
                    let tag = tag.trim_end_matches('\0').to_owned();
                    run.consume(length);
                    self.attend(run.until_ready()).await?;
                    run.finish();
                    return Ok(Part::All { tag });
                }
                b'E' => {
                    let error = SqlError::read(frame.body).unwrap_or_else(garbage);
                    run.consume(length);
                    self.attend(run.until_ready()).await?;
                    return Err(run.fail(error).into());
                }
                _ => {
                    return Err(run.fail(garbage()).into());
                }
            }
            run.consume(length);
            // Unless the end has come already: the backend is needed by others.
            if left == 0 && !matches!(run.frame(), Ok(Some(frame)) if frame.tag == b'C') {
                return Ok(Part::Some(run));
            }
            if self.output.buffer.len() > GATHERED_BYTES {
                self.flush(Some(&mut *run)).await?;
            }
        }
    }

    fn take_cursor(&mut self, cursor: &str, own: &str) -> Result<Portal> {
        self.cursor(cursor)?;
        match self.named.portals.remove(cursor) {
            Some(portal) if cursor != own => Ok(portal),
            _ => {
                Err(SqlError::new("55006", format!("portal \"{cursor}\" is already active")).into())
            }
        }
    }

    /// Starts the run of a cursor, in the formats that its first FETCH asks for.
    async fn start_cursor(&mut self, name: &str, cursor: &mut Portal, formats: &[i16]) -> Result {
        if let State::Failed(error) = &cursor.state {
            return Err(error.clone().into());
        }
        let formats = match cursor.cursor {
            Some(cursor) if cursor.is_binary => &[1],
            Some(_) => formats,
            // Of a Bind, which has said it.
            None => return self.start(cursor).await,
        };
        if matches!(cursor.state, State::New) {
            cursor.formats = formats.to_vec();
            return self.start(cursor).await;
        }
        let all = |formats: &[i16], format| formats.iter().all(|it| *it == format);
        let is_same = cursor.formats == formats
            || all(&cursor.formats, 0) && all(formats, 0)
            || all(&cursor.formats, 1)
                && all(formats, 1)
                && !formats.is_empty()
                && !cursor.formats.is_empty();
        if is_same {
            return Ok(());
        }
        let message = format!(
            "cursor \"{name}\" gives its rows in the format that its first FETCH has asked for"
        );
        Err(SqlError::new("0A000", message)
            .hint("use one format for all, or another cursor")
            .into())
    }

    /// Fetches rows of a cursor, or moves it.
    async fn fetch(
        &mut self,
        name: &str,
        portal: &mut Portal,
        fetch: &Fetch,
        max_rows: Option<u64>,
        is_simple: bool,
    ) -> Result {
        let (before, wanted) = match &portal.state {
            State::New => (0, None),
            State::Fetches(sent, left) => (*sent, Some(*left)),
            State::Failed(error) => return Err(error.clone().into()),
            _ => return Err(SqlError::new("55000", "the portal cannot be run again").into()),
        };
        let mut cursor = self.take_cursor(&fetch.cursor, name)?;
        let fetched = self
            .fetch_from(&mut cursor, (fetch, &portal.formats), wanted, max_rows, is_simple)
            .await;
        self.named.portals.insert(fetch.cursor.clone(), cursor);
        let (sent, left) = fetched?;
        let sent = before + sent;
        if let Some(left) = left {
            portal.state = State::Fetches(sent, left);
            reply::raw(&mut self.output.buffer, b's', b"");
        } else {
            portal.state = State::Done;
            let word = if fetch.is_move { "MOVE" } else { "FETCH" };
            reply::command_complete(&mut self.output.buffer, &format!("{word} {sent}"));
        }
        Ok(())
    }

    /// Returns how many rows were sent, and how many are left to send if there are more than `max_rows`.
    async fn fetch_from(
        &mut self,
        cursor: &mut Portal,
        (fetch, formats): (&Fetch, &[i16]),
        wanted: Option<Option<u64>>,
        max_rows: Option<u64>,
        is_simple: bool,
    ) -> Result<(u64, Option<Option<u64>>)> {
        let position = cursor.position;
        let (passed, number) = match (wanted, fetch.rows) {
            (Some(left), _) => (0, left),
            (None, Rows::All) => (0, None),
            (None, Rows::Next(0) | Rows::Relative(0) | Rows::Absolute(0)) if position == 0 => {
                (0, Some(0))
            }
            (None, Rows::Next(number @ 1..)) => (0, Some(number)),
            (None, Rows::Relative(number @ 1..)) => (number - 1, Some(1)),
            (None, Rows::Absolute(row)) if row > position => (row - position - 1, Some(1)),
            _ => {
                let error = SqlError::new("55000", "cursor can only scan forward");
                return Err(error.hint("declare another cursor to read the rows again").into());
            }
        };
        match &cursor.statement.command {
            Command::Read => {}
            _ => {
                let message = format!("cursor \"{}\" is not of a query", fetch.cursor);
                return Err(SqlError::new("55000", message).into());
            }
        }
        self.start_cursor(&fetch.cursor, cursor, formats).await?;
        if is_simple
            && !fetch.is_move
            && let Some(columns) = &cursor.columns
        {
            reply::raw(&mut self.output.buffer, b'T', columns);
        }
        if passed > 0 {
            self.send_run(cursor, Some(passed), false).await?;
        }
        // Rows that are not sent need not be limited.
        let limit = max_rows.filter(|_| !fetch.is_move);
        let now = match (number, limit) {
            (Some(number), Some(limit)) => Some(number.min(limit)),
            (number, limit) => number.or(limit),
        };
        if now == Some(0) {
            return Ok((0, None));
        }
        let before = cursor.position;
        let end = self.send_run(cursor, now, !fetch.is_move).await?;
        let sent = cursor.position - before;
        let left = number.map(|number| number - sent);
        let has_more = end.is_none() && limit == Some(sent) && left != Some(0);
        Ok((sent, has_more.then_some(left)))
    }

    /// Does what needs no backend. Returns its rows, and its tag.
    async fn perform(
        &mut self,
        statement: &Statement,
        portal: &Portal,
    ) -> Result<(VecDeque<Vec<u8>>, String)> {
        let mut rows = VecDeque::new();
        let tag = match &statement.command {
            Command::Read | Command::Copy | Command::Fetch(_) => return Err(garbage().into()),
            Command::Empty => "",
            Command::Begin(changes, tag) => {
                if !self.transaction.begin() {
                    let message = "there is already a transaction in progress";
                    self.warn(&SqlError::new("25001", message));
                }
                self.change(changes)?;
                tag
            }
            Command::Commit { chain } => {
                return self.end_block(true, *chain).map(|tag| (rows, tag));
            }
            Command::Rollback { chain } => {
                return self.end_block(false, *chain).map(|tag| (rows, tag));
            }
            Command::Savepoint(name) => {
                self.transaction.savepoint(name, &self.settings)?;
                "SAVEPOINT"
            }
            Command::Release(name) => {
                let level = self.transaction.release(name)?;
                for portal in self.named.portals.values_mut() {
                    portal.level = portal.level.min(level);
                }
                "RELEASE"
            }
            Command::RollbackTo(name) => {
                let (level, settings) = self.transaction.rollback_to(name)?;
                self.settings = settings;
                self.named.keep_portals(|_, portal| {
                    portal.level < level || portal.cursor.is_some_and(|cursor| !cursor.is_new)
                });
                "ROLLBACK"
            }
            Command::Set(changes, tag) => {
                self.change(changes)?;
                tag
            }
            Command::Nothing(tag) => tag,
            Command::Show(name) => {
                let (_, value) = self.settings.get(name)?;
                rows.push_back(reply::text_row(&[value]));
                "SHOW"
            }
            Command::ShowAll => {
                let all = self.settings.all();
                rows.extend(all.map(|(name, value)| reply::text_row(&[name, value, ""])));
                "SHOW"
            }
            Command::DiscardAll => {
                if self.transaction.block != Block::None || self.transaction.is_many() {
                    let message = "DISCARD ALL cannot run inside a transaction block";
                    return Err(SqlError::new("25001", message).into());
                }
                self.named.keep_portals(|_, _| false);
                self.named.statements.clear();
                self.change(&[Change::all()])?;
                "DISCARD ALL"
            }
            Command::Deallocate(Some(name)) => {
                self.statement(name)?;
                self.named.statements.remove(name);
                "DEALLOCATE"
            }
            Command::Deallocate(None) => {
                self.named.statements.clear();
                "DEALLOCATE ALL"
            }
            Command::Declare(declare) => {
                self.declare(statement, declare, portal).await?;
                "DECLARE CURSOR"
            }
            Command::CloseCursor(Some(name)) => {
                self.cursor(name)?;
                self.named.close_portal(name);
                "CLOSE CURSOR"
            }
            Command::CloseCursor(None) => {
                self.named.keep_portals(|_, _| false);
                "CLOSE CURSOR ALL"
            }
        };
        Ok((rows, tag.to_owned()))
    }

    /// Ends a transaction block. Returns the tag.
    fn end_block(&mut self, commits: bool, chain: bool) -> Result<String> {
        let block = self.transaction.block;
        if block == Block::None {
            if chain {
                let word = if commits { "COMMIT" } else { "ROLLBACK" };
                let message = format!("{word} AND CHAIN can only be used in transaction blocks");
                return Err(SqlError::new("25P01", message).into());
            }
            self.warn(&SqlError::new("25P01", "there is no transaction in progress"));
        }
        let commits = commits && block != Block::Failed;
        self.end_transaction(commits);
        self.transaction.end(&self.settings);
        if chain {
            self.transaction.begin();
        }
        Ok(if commits { "COMMIT" } else { "ROLLBACK" }.to_owned())
    }

    fn change(&mut self, changes: &[Change]) -> Result {
        for change in changes {
            if change.is_local
                && self.transaction.block == Block::None
                && !self.transaction.is_many()
            {
                let what = match change.name.starts_with("transaction_") {
                    true => "SET TRANSACTION",
                    false => "SET LOCAL",
                };
                let message = format!("{what} can only be used in transaction blocks");
                self.warn(&SqlError::new("25P01", message));
                continue;
            }
            if let Some(warning) = self.settings.change(change)? {
                self.warn(&warning);
            }
        }
        Ok(())
    }

    async fn declare(
        &mut self,
        statement: &Statement,
        declare: &Declare,
        portal: &Portal,
    ) -> Result {
        let is_in_block = self.transaction.block != Block::None || self.transaction.is_many();
        if !declare.is_held && !is_in_block {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(SqlError::new("25P01", message)
                .hint("BEGIN first, or DECLARE … WITH HOLD")
                .into());
        }
        let query = statement.of_cursor(&declare.query, declare.characters_before);
        // To say now what is wrong with the query. It runs when its rows are fetched.
        let head = self.describe_source(&query).await?;
        let mut cursor = Portal::new(Arc::new(query), Arc::clone(&portal.values), Vec::new());
        cursor.level = self.transaction.level();
        cursor.columns = head.columns;
        let (is_binary, is_held) = (declare.is_binary, declare.is_held);
        cursor.cursor = Some(Cursor { is_binary, is_held, is_new: true });
        if declare.name.is_empty() {
            return Err(SqlError::new("34000", "a cursor must have a name").into());
        }
        Ok(self.named.add_portal(declare.name.clone(), cursor)?)
    }
}

/// Whether a statement closes all portals, its own too.
fn ends_portals(command: &Command) -> bool {
    matches!(
        command,
        Command::Commit { .. }
            | Command::Rollback { .. }
            | Command::DiscardAll
            | Command::CloseCursor(None)
    )
}

fn cannot_run() -> State {
    State::Failed(SqlError::new("55000", "the portal cannot be run after its failure"))
}

/// The columns of a statement that needs no backend.
fn answer_columns(
    command: &Command,
    settings: &Settings,
    formats: &[i16],
) -> std::result::Result<Option<Vec<u8>>, SqlError> {
    let is_binary = |place| formats.get(place).or(formats.first()).is_some_and(|it| *it == 1);
    Ok(match command {
        Command::Show(name) => Some(reply::text_columns(&[settings.get(name)?.0], is_binary)),
        Command::ShowAll => {
            Some(reply::text_columns(&["name", "setting", "description"], is_binary))
        }
        _ => None,
    })
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
