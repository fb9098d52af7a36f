//! Finds new rows for all followers.
//!
//! One task asks the store for the last ids of the tables that are followed. Each follower then reads the rows
//! after those that it has sent, when its client has taken these. So no rows wait in memory, and no follower can
//! miss a row or get one twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use netsky_db::Table;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::state::ReadState;

/// The interval between checks for new rows, as in `netsky tail -f`.
const PAUSE: Duration = Duration::from_millis(250);

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
    fn followed(&self) -> Vec<&'static Table> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = tables.values().filter(|it| it.position.receiver_count() > 0);
        followed.map(|it| it.table).collect()
    }

    fn set(&self, table: &Table, highest: i64, last_given: i64) {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(followed) = tables.get(table.name()) {
            followed.position.send_if_modified(|position| {
                let moved = position.moved(highest, last_given);
                std::mem::replace(position, moved) != moved
            });
        }
    }
}

/// Looks for new rows, for ever. While nobody follows, it does nothing.
pub(crate) async fn poll(state: Arc<ReadState>) {
    loop {
        let tables = state.followers.followed();
        if tables.is_empty() {
            state.followers.wake.notified().await;
            continue;
        }
        let here = Arc::clone(&state);
        let found = spawn_blocking(move || {
            let db = here.open()?;
            let ends =
                tables.iter().map(|&table| Ok((table, db.highest_id(table)?, db.last_id(table)?)));
            ends.collect::<netsky_db::Result<Vec<_>>>()
        });
        // An absent, busy or damaged store may be a better one later.
        if let Ok(Ok(ends)) = found.await {
            for (table, highest, last_given) in ends {
                state.followers.set(table, highest, last_given);
            }
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = state.followers.wake.notified() => {}
        }
    }
}
