//! Finds new rows for all followers.
//!
//! One task asks the store for the last ids of the tables that are followed. Each follower then reads the rows
//! after those that it has sent, when its client has taken these. So no rows wait in memory, and no follower can
//! miss a row or get one twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::state::ReadState;

/// The interval between checks for new rows, as in `netsky tail -f`.
const PAUSE: Duration = Duration::from_millis(250);

/// Looks for new rows, for ever. While nobody follows, it does nothing.
pub(crate) async fn poll(state: Arc<ReadState>) {
    loop {
        let tables = state.followers.followed();
        if tables.is_empty() {
            state.followers.follower().await;
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
            () = state.followers.follower() => {}
        }
    }
}
