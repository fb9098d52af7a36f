//! The statements that need no backend.

use std::collections::VecDeque;
use std::sync::Arc;

use super::command::Command;
use super::limits::Result;
use super::portal::{Portal, Statement};
use super::reply;
use super::session::Session;
use super::settings::{Change, Settings};
use super::sql_error::{SqlError, garbage};
use super::transaction::Block;

impl Session {
    /// Does what needs no backend. Returns its rows, and its tag.
    pub(crate) async fn perform(
        &mut self,
        statement: &Statement,
        portal: &Portal,
    ) -> Result<(VecDeque<Vec<u8>>, String)> {
        let mut rows = VecDeque::new();
        let tag = match &statement.command {
            Command::Read | Command::Copy | Command::Fetch(_) | Command::Execute(..) => {
                return Err(garbage().into());
            }
            Command::Prepare(prepare) => {
                let query = statement.part(&prepare.query, prepare.characters_before);
                let query = query.with_types(prepare.types.clone());
                // To say now what is wrong with it.
                self.describe_source(&query).await?;
                if prepare.name.is_empty() {
                    return Err(SqlError::new("42601", "a statement must have a name").into());
                }
                self.named.add_statement(prepare.name.clone(), Arc::new(query))?;
                "PREPARE"
            }
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
}

/// The columns of a statement that needs no backend.
pub(crate) fn answer_columns(
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
