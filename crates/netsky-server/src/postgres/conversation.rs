//! What a client sends, in its order, and what it gets.

use std::sync::Arc;

use super::client::{self, Incoming};
use super::command::Command;
use super::limits::{Abort, Result};
use super::message::{Bind, MAX_MESSAGE_BYTES, Message, Target};
use super::perform::answer_columns;
use super::portal::{NO_VALUES, Named, Portal, State, Statement};
use super::reply::{self, Severity};
use super::rows::GATHERED_BYTES;
use super::session::Session;
use super::sql_error::{SqlError, protocol_violation};
use super::token::split;

impl Session {
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
                    MAX_MESSAGE_BYTES
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
        let statements: Vec<_> =
            pieces.into_iter().map(|piece| Statement::new(piece, Vec::new(), self.batch)).collect();
        // A text that cannot be read does nothing.
        let mut errors = statements.iter().filter_map(|statement| statement.as_ref().err());
        if let Some(error) = errors.find(|error| error.code() == "42601") {
            return Err(error.clone().into());
        }
        for statement in statements {
            let statement = statement?;
            self.check_not_failed(&statement.command)?;
            self.begin_statement();
            let (statement, values) = self.resolve(Arc::new(statement), Arc::from(NO_VALUES))?;
            let mut portal = Portal::new(statement, values, Vec::new());
            portal.level = self.transaction.level();
            self.execute("", &mut portal, None, true).await?;
            self.limits.deadline = None;
        }
        Ok(())
    }

    fn parse(&mut self, name: String, sql: &str, types: Vec<u32>) -> Result {
        let statement = Statement::only(sql, types, self.batch)?;
        if statement.command != Command::Empty {
            self.check_not_failed(&statement.command)?;
        }
        self.named.add_statement(name, Arc::new(statement))?;
        reply::raw(&mut self.output.buffer, b'1', b"");
        Ok(())
    }

    fn bind(&mut self, bind: Bind) -> Result {
        let statement = self.statement(&bind.statement)?;
        self.check_not_failed(&statement.command)?;
        let (statement, values) = self.resolve(statement, bind.values.into())?;
        let mut portal = Portal::new(statement, values, bind.formats);
        portal.level = self.transaction.level();
        self.named.add_portal(bind.portal, portal)?;
        reply::raw(&mut self.output.buffer, b'2', b"");
        Ok(())
    }

    /// What EXECUTE runs, with its values; other statements are as they are.
    fn resolve(
        &self,
        statement: Arc<Statement>,
        values: Arc<[u8]>,
    ) -> Result<(Arc<Statement>, Arc<[u8]>)> {
        let Command::Execute(name, values) = &statement.command else {
            return Ok((statement, values));
        };
        let prepared = self.statement(name)?;
        if prepared.command != Command::Read {
            let message = format!("prepared statement \"{name}\" is not a query");
            return Err(SqlError::new("0A000", message).into());
        }
        Ok((prepared, Arc::from(reply::text_values(values))))
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
                let query = statement.part(&declare.query, declare.characters_before);
                (self.describe_source(&query).await?.parameters, None)
            }
            Command::Fetch(fetch) if !fetch.is_move => {
                let cursor = self.named.portals.get(&fetch.cursor);
                (vec![0, 0], cursor.and_then(|cursor| cursor.columns.clone()))
            }
            Command::Execute(name, _) => {
                let prepared = self.statement(name)?;
                (vec![0, 0], self.describe_source(&prepared).await?.columns)
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

    /// The columns of a portal, in the formats that the client has asked for. A run that is needed for it goes on with
    /// Execute.
    async fn describe(&mut self, name: &str, portal: &mut Portal) -> Result<Option<Vec<u8>>> {
        self.begin_statement();
        let statement = Arc::clone(&portal.statement);
        match &statement.command {
            // It starts when its first FETCH says in which format.
            Command::Read if portal.cursor.is_some() && matches!(portal.state, State::New) => {
                Ok(portal.columns.clone())
            }
            Command::Read | Command::Copy => {
                self.start(portal).await?;
                Ok(portal.columns.clone())
            }
            // If there is no cursor, Execute says it.
            Command::Fetch(fetch) if !self.named.portals.contains_key(&fetch.cursor) => Ok(None),
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
            return Ok(());
        }
        reply::command_complete(&mut self.output.buffer, tag);
        // What has rows can be asked for more of them.
        if !matches!(portal.statement.command, Command::Show(_) | Command::ShowAll) {
            portal.state = State::Done;
        }
        Ok(())
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
