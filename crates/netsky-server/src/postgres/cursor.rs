//! Cursors: DECLARE, FETCH and MOVE.

use std::sync::Arc;

use super::command::{Command, Declare, Fetch, Rows};
use super::limits::Result;
use super::portal::{Cursor, Portal, State, Statement};
use super::reply;
use super::session::Session;
use super::sql_error::SqlError;
use super::transaction::Block;

impl Session {
    pub(crate) fn take_cursor(&mut self, cursor: &str, own: &str) -> Result<Portal> {
        self.cursor(cursor)?;
        match self.named.portals.remove(cursor) {
            Some(portal) if cursor != own => Ok(portal),
            _ => {
                Err(SqlError::new("55006", format!("portal \"{cursor}\" is already active")).into())
            }
        }
    }

    /// Starts the run of a cursor, in the formats that its first FETCH asks for.
    pub(crate) async fn start_cursor(
        &mut self,
        name: &str,
        cursor: &mut Portal,
        formats: &[i16],
    ) -> Result {
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
    pub(crate) async fn fetch(
        &mut self,
        name: &str,
        portal: &mut Portal,
        fetch: &Fetch,
        max_rows: Option<u64>,
        is_simple: bool,
    ) -> Result {
        let wanted = match &portal.state {
            State::New => None,
            State::Fetches(left) => Some(*left),
            State::Failed(error) => return Err(error.clone().into()),
            _ => return Err(SqlError::new("55000", "the portal cannot be run again").into()),
        };
        let mut cursor = self.take_cursor(&fetch.cursor, name)?;
        let fetched = self
            .fetch_from(&mut cursor, (fetch, &portal.formats), wanted, max_rows, is_simple)
            .await;
        self.named.portals.insert(fetch.cursor.clone(), cursor);
        let (sent, left) = fetched?;
        if let Some(left) = left {
            portal.state = State::Fetches(left);
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
        // A MOVE sends nothing, in any format.
        let moves_on = fetch.is_move && !matches!(cursor.state, State::New);
        let formats = if moves_on { cursor.formats.clone() } else { formats.to_vec() };
        self.start_cursor(&fetch.cursor, cursor, &formats).await?;
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

    pub(crate) async fn declare(
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
        let query = statement.part(&declare.query, declare.characters_before);
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
