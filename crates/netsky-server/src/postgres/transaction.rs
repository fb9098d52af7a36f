//! Transactions. They change nothing but settings and cursors, because the store is only read.

use super::settings::Settings;
use super::sql_error::SqlError;

/// The transaction that a client has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Block {
    #[default]
    None,
    Open,
    /// Only its end is possible.
    Failed,
}

#[derive(Debug)]
struct Savepoint {
    name: String,
    settings: Settings,
}

/// The transaction of a session: a block, or without one, what a batch of messages does.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) block: Block,
    /// The settings before the transaction, if there is one.
    before: Option<Settings>,
    savepoints: Vec<Savepoint>,
    /// A batch of messages has begun.
    works: bool,
    has_failed: bool,
    /// The batch is a text with several statements, which are one transaction.
    is_many: bool,
}

impl Transaction {
    /// What ReadyForQuery says.
    pub(crate) fn status(&self) -> u8 {
        match self.block {
            Block::None => b'I',
            Block::Open => b'T',
            Block::Failed => b'E',
        }
    }

    pub(crate) fn works(&self) -> bool {
        self.works
    }

    pub(crate) fn is_many(&self) -> bool {
        self.is_many
    }

    pub(crate) fn set_many(&mut self, is_many: bool) {
        self.is_many = is_many;
    }

    /// A batch of messages begins.
    pub(crate) fn begin_work(&mut self, settings: &Settings) {
        (self.works, self.has_failed, self.is_many) = (true, false, false);
        if self.block == Block::None {
            self.before = Some(settings.clone());
        }
    }

    /// A batch of messages ends. Returns whether it is committed, if it was a transaction.
    pub(crate) fn end_work(&mut self) -> Option<bool> {
        (self.works, self.is_many) = (false, false);
        (self.block == Block::None).then_some(!self.has_failed)
    }

    pub(crate) fn fail(&mut self) {
        self.has_failed = true;
        if self.block == Block::Open {
            self.block = Block::Failed;
        }
    }

    /// Begins a block. Returns false if there is one.
    pub(crate) fn begin(&mut self) -> bool {
        let begins = self.block == Block::None;
        if begins {
            self.block = Block::Open;
        }
        begins
    }

    /// Ends the block, and whatever follows in the batch begins with these settings.
    pub(crate) fn end(&mut self, settings: &Settings) {
        self.block = Block::None;
        self.has_failed = false;
        self.savepoints.clear();
        self.before = Some(settings.clone());
    }

    /// The settings before the transaction.
    pub(crate) fn before(&mut self) -> Option<Settings> {
        self.before.take()
    }

    /// How many savepoints there are.
    pub(crate) fn level(&self) -> usize {
        self.savepoints.len()
    }

    pub(crate) fn savepoint(&mut self, name: &str, settings: &Settings) -> Result<(), SqlError> {
        self.check("SAVEPOINT")?;
        if self.savepoints.len() >= MAX_SAVEPOINTS {
            let message = format!("a transaction has at most {MAX_SAVEPOINTS} savepoints");
            return Err(SqlError::new("53200", message));
        }
        self.savepoints.push(Savepoint { name: name.to_owned(), settings: settings.clone() });
        Ok(())
    }

    /// Forgets a savepoint and those after it. Returns how many are left.
    pub(crate) fn release(&mut self, name: &str) -> Result<usize, SqlError> {
        self.check("RELEASE SAVEPOINT")?;
        let place = self.find(name)?;
        self.savepoints.truncate(place);
        Ok(place)
    }

    /// Goes back to a savepoint. Returns how many there are now, and the settings.
    pub(crate) fn rollback_to(&mut self, name: &str) -> Result<(usize, Settings), SqlError> {
        self.check("ROLLBACK TO SAVEPOINT")?;
        let place = self.find(name)?;
        self.savepoints.truncate(place + 1);
        self.block = Block::Open;
        let settings = self.savepoints.last().map(|savepoint| savepoint.settings.clone());
        Ok((place + 1, settings.unwrap_or_default()))
    }

    fn check(&self, what: &str) -> Result<(), SqlError> {
        match self.block {
            Block::None => {
                let message = format!("{what} can only be used in transaction blocks");
                Err(SqlError::new("25P01", message))
            }
            _ => Ok(()),
        }
    }

    fn find(&self, name: &str) -> Result<usize, SqlError> {
        let place = self.savepoints.iter().rposition(|savepoint| savepoint.name == name);
        place.ok_or_else(|| SqlError::new("3B001", format!("savepoint \"{name}\" does not exist")))
    }
}

/// Each keeps the settings.
const MAX_SAVEPOINTS: usize = 1_000;
