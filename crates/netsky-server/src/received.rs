//! What a server has received so far.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use netsky_ingest::Committed;
use netsky_ingest::otlp::Mapped;

/// What a server has received so far.
#[derive(Debug, Default)]
pub struct Received(Mutex<Total>);

/// Sums of what a server has received.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Total {
    /// The number of requests that were recorded.
    pub requests: u64,
    /// The number of requests that were refused: broken, too long, or not allowed.
    pub refused: u64,
    /// The number of requests that were to be sent again later.
    pub postponed: u64,
    /// The number of records in the recorded requests.
    pub records: u64,
    /// The number of records that were broken.
    pub rejected: u64,
    /// The number of records that give no row, by name.
    pub ignored: BTreeMap<String, u64>,
    /// What was recorded.
    pub committed: Committed,
    /// The last problem with the store.
    pub last_problem: Option<String>,
}

/// There are not many names of records, unless somebody makes them up.
const MAX_NAMES: usize = 1_000;

impl Received {
    /// Returns the sums.
    pub fn total(&self) -> Total {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Total)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn add(&self, mapped: &Mapped, committed: Committed) {
        self.change(|total| {
            total.requests += 1;
            total.records += mapped.records;
            total.rejected += mapped.rejected;
            for (name, count) in &mapped.ignored {
                if let Some(known) = total.ignored.get_mut(name) {
                    *known += count;
                } else if total.ignored.len() < MAX_NAMES {
                    total.ignored.insert(name.clone(), *count);
                }
            }
            // The files of a commit; a request has none.
            total.committed.add(committed);
        });
    }
}
