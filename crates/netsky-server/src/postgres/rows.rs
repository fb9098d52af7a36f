//! What backends answer, on its way to the client.

use std::sync::Arc;

use tokio::time::Instant;

use super::limits::{Abort, Result};
use super::portal::{Portal, State, Statement};
use super::reply;
use super::run::{Head, Run};
use super::session::Session;
use super::sql_error::{SqlError, garbage};

/// What is gathered before it is sent.
pub(crate) const GATHERED_BYTES: usize = 64 << 10;

/// What has come of the rows of a run.
enum Part {
    /// There may be more.
    Some(Box<Run>),
    All {
        tag: String,
    },
}

impl Session {
    pub(crate) async fn describe_source(&mut self, statement: &Statement) -> Result<Head> {
        // Of one session, only one statement works at a time.
        self.rest();
        self.flush(None).await?;
        let state = Arc::clone(&self.state);
        let work = Run::describe(&state, statement.source(), self.limits.ends());
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

    /// Starts the run of a portal, unless it has one.
    pub(crate) async fn start(&mut self, portal: &mut Portal) -> Result {
        match &portal.state {
            State::New => {}
            State::Failed(error) => return Err(error.clone().into()),
            _ => return Ok(()),
        }
        // Of one session, only one statement works at a time.
        self.rest();
        self.flush(None).await?;
        let state = Arc::clone(&self.state);
        let request = portal.statement.source().run(&portal.values, &portal.formats);
        let work = Run::start(&state, request, self.limits.ends());
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

    /// Sends rows of a backend.
    pub(crate) async fn execute_run(
        &mut self,
        portal: &mut Portal,
        max_rows: Option<u64>,
    ) -> Result {
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
    pub(crate) async fn send_run(
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
}

fn cannot_run() -> State {
    State::Failed(SqlError::new("55000", "the portal cannot be run after its failure"))
}
