//! Prepared statements, and portals: statements with values, which give their rows in parts. A cursor is a portal.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::command::Command;
use super::parser::Parser;
use super::run::{Run, Source};
use super::sql_error::SqlError;
use super::token::{Piece, split};

/// How many statements a session has, as many portals, and what they may take together.
const MAX_NAMES: usize = 1_000;
const MAX_BYTES: usize = 8 << 20;

/// A statement that a client has sent.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) command: Command,
    pub(crate) types: Vec<u32>,
    /// In the text that the client has sent.
    pub(crate) characters_before: usize,
    /// In which batch of messages it was sent.
    pub(crate) batch: u64,
    /// Whether a backend has understood it.
    is_understood: AtomicBool,
}

impl Statement {
    pub(crate) fn new(piece: Piece<'_>, types: Vec<u32>, batch: u64) -> Result<Self, SqlError> {
        let command = match piece.is_unterminated {
            true => Err(Parser::of(piece.sql).unterminated()),
            false => Command::parse(piece.sql),
        };
        let command = command.map_err(|error| error.shifted(piece.characters_before))?;
        Ok(Self {
            sql: piece.sql.to_owned(),
            command,
            types,
            characters_before: piece.characters_before,
            batch,
            is_understood: AtomicBool::new(false),
        })
    }

    /// A statement of its own, which need not be there.
    pub(crate) fn only(sql: &str, types: Vec<u32>, batch: u64) -> Result<Self, SqlError> {
        let pieces = split(sql);
        if pieces.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(SqlError::new("42601", message));
        }
        let none = Piece { sql: "", characters_before: 0, is_unterminated: false };
        Self::new(pieces.first().copied().unwrap_or(none), types, batch)
    }

    /// The query in DECLARE or PREPARE.
    pub(crate) fn part(&self, sql: &str, characters_before: usize) -> Self {
        Self {
            sql: sql.to_owned(),
            command: Command::Read,
            types: self.types.clone(),
            characters_before: self.characters_before + characters_before,
            batch: self.batch,
            is_understood: AtomicBool::new(true),
        }
    }

    pub(crate) fn with_types(self, types: Vec<u32>) -> Self {
        Self { types, ..self }
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { sql: &self.sql, types: &self.types }
    }

    pub(crate) fn understand(&self) {
        self.is_understood.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_understood(&self) -> bool {
        self.is_understood.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.sql.len() + 4 * self.types.len()
    }
}

/// How far a portal is.
#[derive(Debug)]
pub(crate) enum State {
    New,
    /// A backend works on it.
    Runs(Box<Run>),
    /// The rows that are left of an answer that needs no backend, and its tag.
    Rows(VecDeque<Vec<u8>>, String),
    /// FETCH has sent some rows, and may send so many more.
    Fetches(Option<u64>),
    Done,
    /// It has failed, or it was ended.
    Failed(SqlError),
}

/// A cursor's part of its portal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) is_binary: bool,
    /// It outlives its transaction.
    pub(crate) is_held: bool,
    /// Its transaction has not ended.
    pub(crate) is_new: bool,
}

/// A statement with values.
#[derive(Debug)]
pub(crate) struct Portal {
    pub(crate) statement: Arc<Statement>,
    /// Encoded as in Bind.
    pub(crate) values: Arc<[u8]>,
    pub(crate) formats: Vec<i16>,
    pub(crate) cursor: Option<Cursor>,
    /// How many savepoints there were when it was made.
    pub(crate) level: usize,
    pub(crate) state: State,
    /// The body of a RowDescription.
    pub(crate) columns: Option<Vec<u8>>,
    /// How many rows were fetched.
    pub(crate) position: u64,
    /// Since when it waits for the client.
    pub(crate) waits_since: Option<Instant>,
}

/// Without parameters: no formats, no values.
pub(crate) const NO_VALUES: [u8; 4] = [0; 4];

impl Portal {
    pub(crate) fn new(statement: Arc<Statement>, values: Arc<[u8]>, formats: Vec<i16>) -> Self {
        Self {
            statement,
            values,
            formats,
            cursor: None,
            level: 0,
            state: State::New,
            columns: None,
            position: 0,
            waits_since: None,
        }
    }

    fn bytes(&self) -> usize {
        let state = match &self.state {
            State::Rows(rows, _) => rows.iter().map(Vec::len).sum(),
            _ => 0,
        };
        let query = if self.cursor.is_some() { self.statement.bytes() } else { 0 };
        let columns = self.columns.as_ref().map_or(0, Vec::len);
        size_of::<Self>() + self.values.len() + 2 * self.formats.len() + columns + state + query
    }

    /// Leaves its place to others, until the client asks for its rows.
    pub(crate) fn rest(&mut self) {
        if let State::Runs(run) = &mut self.state {
            self.waits_since.get_or_insert_with(Instant::now);
            if !run.rest() {
                let error = SqlError::new("53300", "too many cursors wait for their clients");
                self.fail(error.hint("fetch all rows at once, or try again later"));
            }
        }
    }

    /// Ends it, and says why if it is asked for.
    pub(crate) fn fail(&mut self, error: SqlError) {
        self.waits_since = None;
        if let State::Runs(run) = std::mem::replace(&mut self.state, State::Failed(error)) {
            run.close();
        }
    }

    /// Ends it.
    pub(crate) fn close(self) {
        if let State::Runs(run) = self.state {
            run.close();
        }
    }
}

/// The statements and portals of a session.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) statements: HashMap<String, Arc<Statement>>,
    pub(crate) portals: HashMap<String, Portal>,
}

impl Named {
    pub(crate) fn add_statement(
        &mut self,
        name: String,
        statement: Arc<Statement>,
    ) -> Result<(), SqlError> {
        if !name.is_empty() && self.statements.contains_key(&name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new("42P05", message));
        }
        if name.is_empty() {
            self.statements.remove(&name);
        }
        self.check_room(self.statements.len(), statement.bytes() + name.len())
            .map_err(|error| error.hint("close statements that are not used, or DEALLOCATE ALL"))?;
        self.statements.insert(name, statement);
        Ok(())
    }

    pub(crate) fn add_portal(&mut self, name: String, portal: Portal) -> Result<(), SqlError> {
        if name.is_empty() {
            self.close_portal(&name);
        }
        if self.portals.contains_key(&name) {
            return Err(SqlError::new("42P03", format!("cursor \"{name}\" already exists")));
        }
        self.check_room(self.portals.len(), portal.bytes() + name.len())
            .map_err(|error| error.hint("close cursors that are not used, or CLOSE ALL"))?;
        self.portals.insert(name, portal);
        Ok(())
    }

    fn check_room(&self, number: usize, bytes: usize) -> Result<(), SqlError> {
        if number >= MAX_NAMES {
            let message =
                format!("a session has at most {MAX_NAMES} statements and as many cursors");
            return Err(SqlError::new("53200", message));
        }
        let statements = self.statements.iter().map(|(name, it)| name.len() + it.bytes());
        let portals = self.portals.iter().map(|(name, it)| name.len() + it.bytes());
        if statements.chain(portals).sum::<usize>() + bytes > MAX_BYTES {
            let message =
                format!("the statements and cursors of a session take at most {MAX_BYTES} bytes");
            return Err(SqlError::new("53200", message));
        }
        Ok(())
    }

    pub(crate) fn close_portal(&mut self, name: &str) -> bool {
        let portal = self.portals.remove(name);
        let existed = portal.is_some();
        portal.into_iter().for_each(Portal::close);
        existed
    }

    /// Closes the portals that are not to be kept.
    pub(crate) fn keep_portals(&mut self, keep: impl Fn(&str, &Portal) -> bool) {
        let closed = self.portals.extract_if(|name, portal| !keep(name, portal));
        closed.for_each(|(_, portal)| portal.close());
    }
}
