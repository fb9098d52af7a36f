//! What a store notes about the lakes that it pushes to.
//!
//! The notes are states of the store, so they are committed durably, and they are not copied into backups: a store
//! that is restored has another number, and cannot go on from what the original has pushed since.

use std::collections::BTreeMap;

use netsky_db::{Db, Table};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::layout::json;

/// The name of the state with a store's number. Both names begin with [`OWN_STATE`](netsky_db::internal::OWN_STATE).
const STORE: &str = "own.store";

/// The beginning of the names of the other states.
const LAKE: &str = "own.lake.";

/// What a store has pushed to one lake.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pushed {
    pub(crate) url: String,
    pub(crate) machine: String,
    pub(crate) tables: BTreeMap<String, Range>,
}

/// Which ids of a table are in the lake: all up to `pushed`. Those up to `pending` may be there in part. `rows` counts
/// the rows up to `pushed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) pushed: i64,
    #[serde(default)]
    pub(crate) pending: Option<i64>,
    #[serde(default)]
    pub(crate) rows: u64,
}

impl Pushed {
    pub(crate) fn read(db: &Db, lake: &str) -> Result<Option<Self>> {
        Ok(db
            .state(&format!("{LAKE}{lake}"))?
            .and_then(|state| serde_json::from_slice(&state).ok()))
    }

    /// Commits the note durably.
    pub(crate) fn write(&self, db: &Db, lake: &str) -> Result<()> {
        let (name, value) = (format!("{LAKE}{lake}"), json(self));
        Ok(db.upsert(move |txn| txn.set_state(&name, &value))?)
    }

    pub(crate) fn of(&self, table: &Table) -> Range {
        self.tables.get(table.name()).copied().unwrap_or_default()
    }

    pub(crate) fn set(&mut self, table: &Table, range: Range) {
        self.tables.insert(table.name().to_owned(), range);
    }
}

/// The store's number. It gets one with its first push.
pub(crate) fn store_number(db: &Db) -> Result<String> {
    if let Some(number) = db.state(STORE)? {
        return Ok(String::from_utf8_lossy(&number).into_owned());
    }
    let number = format!("{:032x}", fastrand::u128(..));
    let number = db.upsert(move |txn| match txn.state(STORE)? {
        Some(found) => Ok(found),
        None => {
            txn.set_state(STORE, number.as_bytes())?;
            Ok(number.clone().into_bytes())
        }
    })?;
    Ok(String::from_utf8_lossy(&number).into_owned())
}

/// How far a table of a store has been pushed to a lake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watermark {
    /// The lake.
    pub url: String,
    /// The highest id that is in the lake.
    pub id: i64,
}

/// Returns how far a table has been pushed, for each lake that the store pushes to. If rows above are deleted from the
/// store, the lake never gets them.
///
/// # Errors
///
/// [`Error::Store`](crate::Error::Store).
pub fn watermarks(db: &Db, table: &Table) -> Result<Vec<Watermark>> {
    let states = db.states_with(LAKE)?.into_iter();
    let notes = states.filter_map(|(_, state)| serde_json::from_slice::<Pushed>(&state).ok());
    let of_table = |note: Pushed| Watermark { id: note.of(table).pushed, url: note.url };
    Ok(notes.map(of_table).collect())
}
