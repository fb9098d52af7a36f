//! The tables that are followed, and where they end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use netsky_db::Table;
use tokio::sync::{Notify, watch};

/// Where a table ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The highest id of a row.
    pub(crate) highest: i64,
    /// The highest id that was given to a row.
    last_given: i64,
    /// How often the store was replaced by one with fewer rows, as far as that was seen.
    pub(crate) replaced: u64,
}

impl Position {
    fn moved(self, highest: i64, last_given: i64) -> Self {
        let replaced = self.replaced + u64::from(last_given < self.last_given);
        Self { highest, last_given, replaced }
    }
}

/// The tables that are followed.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    tables: Mutex<HashMap<&'static str, Followed>>,
    /// There is a new follower.
    wake: Notify,
}

#[derive(Debug)]
struct Followed {
    table: &'static Table,
    position: watch::Sender<Position>,
}

impl Followers {
    /// Follows a table.
    pub(crate) fn follow(&self, table: &'static Table) -> watch::Receiver<Position> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = tables
            .entry(table.name())
            .or_insert_with(|| Followed { table, position: watch::Sender::default() });
        let receiver = followed.position.subscribe();
        self.wake.notify_one();
        receiver
    }

    /// The tables that somebody follows.
    pub(crate) fn followed(&self) -> Vec<&'static Table> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = tables.values().filter(|it| it.position.receiver_count() > 0);
        followed.map(|it| it.table).collect()
    }

    /// Tells the followers of a table where it ends.
    pub(crate) fn set(&self, table: &Table, highest: i64, last_given: i64) {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(followed) = tables.get(table.name()) {
            followed.position.send_if_modified(|position| {
                let moved = position.moved(highest, last_given);
                std::mem::replace(position, moved) != moved
            });
        }
    }

    /// Waits for a new follower.
    pub(crate) async fn follower(&self) {
        self.wake.notified().await;
    }
}
