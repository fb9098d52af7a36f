//! What the fleet does after its history, as it happens.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::db::Db;
use crate::demo::calls::{CliInvocations, TokenUsage, ToolCalls};
use crate::demo::code::{GitOperations, HarvestEvents};
use crate::demo::conversations::{CommunicationEvents, Messages, OwnerDirectives};
use crate::demo::event_context::{EventContext, Generator, History, Texts};
use crate::demo::health::{Ticks, WatchdogEvents};
use crate::demo::rng::DemoRng;
use crate::error::Result;

#[derive(Debug, Clone, Copy)]
enum Table {
    Messages,
    CliInvocations,
    Ticks,
    HarvestEvents,
    CommunicationEvents,
    ToolCalls,
    GitOperations,
    OwnerDirectives,
    TokenUsage,
    WatchdogEvents,
}

/// About the proportions of the history. Sessions, crashes, clones and workspaces stay as they are at its
/// end.
const TABLES: [(u32, Table); 10] = [
    (125, Table::Messages),
    (60, Table::CliInvocations),
    (330, Table::Ticks),
    (8, Table::HarvestEvents),
    (16, Table::CommunicationEvents),
    (205, Table::ToolCalls),
    (9, Table::GitOperations),
    (20, Table::OwnerDirectives),
    (190, Table::TokenUsage),
    (26, Table::WatchdogEvents),
];

/// A [`Fleet`](super::Fleet) after its history: [`Fleet::live`](super::Fleet::live) returns it.
pub struct LiveFleet {
    seed: u64,
    history: History,
    rng: DemoRng,
    ticks: Ticks,
    git_operations: GitOperations,
    token_usage: TokenUsage,
    watchdog_events: WatchdogEvents,
}

impl fmt::Debug for LiveFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveFleet").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl LiveFleet {
    /// `requests` is the number of requests to models in the history.
    pub(super) fn new(seed: u64, history: History, requests: u64) -> Self {
        Self {
            seed,
            history: history.without_end(),
            rng: DemoRng::new(seed, "live"),
            ticks: Ticks::default(),
            git_operations: GitOperations::default(),
            token_usage: TokenUsage { requests },
            watchdog_events: WatchdogEvents::after_end(),
        }
    }

    /// Records what happens at a time, and returns the number of rows: one on average, and sometimes none
    /// or a burst. Calls are recorded when they end.
    ///
    /// # Errors
    ///
    /// Those of [`Db::record`].
    pub fn record(&mut self, db: &Db, at: DateTime<Utc>) -> Result<u64> {
        let rows = if self.rng.one_in(10) { 6 } else { self.rng.within(0..2) };
        for _ in 0..rows {
            let rng = DemoRng::new(self.rng.within(0..i64::MAX).unsigned_abs(), "row");
            let mut context = EventContext { at, history: &self.history, rng, seed: self.seed };
            match self.rng.weighted(&TABLES) {
                Table::Messages => record(db, &mut context, &mut Messages),
                Table::CliInvocations => record(db, &mut context, &mut CliInvocations),
                Table::Ticks => record(db, &mut context, &mut self.ticks),
                Table::HarvestEvents => record(db, &mut context, &mut HarvestEvents),
                Table::CommunicationEvents => record(db, &mut context, &mut CommunicationEvents),
                Table::ToolCalls => {
                    let mut call =
                        ToolCalls::after_end(self.token_usage.requests.saturating_sub(1));
                    record(db, &mut context, &mut call)
                }
                Table::GitOperations => record(db, &mut context, &mut self.git_operations),
                Table::OwnerDirectives => record(db, &mut context, &mut OwnerDirectives),
                Table::TokenUsage => record(db, &mut context, &mut self.token_usage),
                Table::WatchdogEvents => record(db, &mut context, &mut self.watchdog_events),
            }?;
        }
        Ok(rows.unsigned_abs())
    }
}

/// Records a row that ends now.
fn record<G: Generator>(db: &Db, context: &mut EventContext<'_>, generator: &mut G) -> Result<()> {
    let mut texts = Texts::default();
    let at = context.at;
    let mut row = generator.row(context, &mut texts);
    G::end_at(&mut row, at);
    db.record(&row).map(|_| ())
}
