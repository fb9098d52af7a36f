//! Stores batches: each row once, in the transaction that stores how far its source was read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use netsky_db::internal::UpsertTransaction;
use netsky_db::{Db, Record, Result, SessionRecord, Table, TokenUsageRecord, Value};

use crate::batch::{Batch, Chunk};
use crate::content;
use crate::file_state::FileState;
use crate::merge::merge;
use crate::row::Row;
use crate::session::{self, Sessions};
use crate::sighting::Sighting;
use crate::state;
use crate::via::{Via, Vias};

/// Prices model calls.
pub trait Price: Send + Sync {
    /// Sets `cost_usd_micros` of a row of `token_usage`, and what its details say of the cost, from the rest of
    /// the row.
    fn price(&self, row: &mut Row);
}

/// What a commit has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The number of new rows, by table.
    pub new: BTreeMap<&'static str, u64>,
    /// The number of rows that were amended.
    pub amended: u64,
    /// The number of sightings that told nothing new.
    pub duplicates: u64,
    /// The number of new sessions.
    pub new_sessions: u64,
    /// The cost of the new model calls in millionths of a dollar.
    pub cost_usd_micros: i64,
    /// The number of new calls without a price, by model.
    pub unpriced: BTreeMap<String, u64>,
    /// The number of new calls whose output count is a lower bound: old versions of Claude Code did not write the
    /// final one to transcripts.
    pub understated: u64,
    /// The first and the last time of the new rows.
    pub times: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The files of which a chunk was not stored, because somebody else has read them in the meantime.
    pub conflicts: Vec<PathBuf>,
}

impl Committed {
    /// Adds what another commit has changed.
    pub fn add(&mut self, other: Self) {
        for (table, rows) in other.new {
            *self.new.entry(table).or_default() += rows;
        }
        for (model, calls) in other.unpriced {
            *self.unpriced.entry(model).or_default() += calls;
        }
        self.amended += other.amended;
        self.duplicates += other.duplicates;
        self.new_sessions += other.new_sessions;
        self.understated += other.understated;
        self.cost_usd_micros = self.cost_usd_micros.saturating_add(other.cost_usd_micros);
        if let Some((first, last)) = other.times {
            self.add_time(first);
            self.add_time(last);
        }
        self.conflicts.extend(other.conflicts);
    }

    /// The number of new rows.
    pub fn rows(&self) -> u64 {
        self.new.values().sum()
    }

    fn add_time(&mut self, time: DateTime<Utc>) {
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    fn add_row(&mut self, row: &Row) {
        *self.new.entry(row.table().name()).or_default() += 1;
        if let Some(time) = row.time() {
            self.add_time(time);
        }
        if row.table() == TokenUsageRecord::TABLE {
            let has = |key: &str, value: &str| row.detail.text(key) == Some(value);
            self.understated += u64::from(
                has("runtime", "claude")
                    && has("via", Via::Transcript.name())
                    && row.detail.get("stop_reason").is_none(),
            );
            match row.int("cost_usd_micros") {
                Some(cost) => self.cost_usd_micros = self.cost_usd_micros.saturating_add(cost),
                None => {
                    let model = row.text("model").unwrap_or("unknown").to_owned();
                    *self.unpriced.entry(model).or_default() += 1;
                }
            }
        }
    }
}

/// Stores batches in a store.
#[derive(Clone)]
pub struct Committer {
    db: Db,
    prices: Arc<dyn Price>,
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer").field("db", &self.db).finish_non_exhaustive()
    }
}

impl Committer {
    /// Creates one for a store.
    pub fn new(db: Db, prices: Arc<dyn Price>) -> Self {
        Self { db, prices }
    }

    /// The store.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Stores a batch durably, all or nothing but for the chunks of files that somebody else has read in the
    /// meantime. `now` decides whether sessions have ended.
    ///
    /// # Errors
    ///
    /// Those of [`Db::record`]; a row with a time that cannot be stored is left out by the readers.
    pub fn commit(&self, mut batch: Batch, now: DateTime<Utc>) -> Result<Committed> {
        let prices = Arc::clone(&self.prices);
        self.db.upsert(move |txn| {
            let mut commit = Commit::new(&*prices, now);
            for chunk in &mut batch.chunks {
                commit.chunk(txn, chunk)?;
            }
            commit.finish(txn)
        })
    }

    /// Records the end of the sessions whose last record is an hour old.
    ///
    /// # Errors
    ///
    /// Those of [`Db::record`].
    pub fn close_sessions(&self, now: DateTime<Utc>) -> Result<Committed> {
        // Most of the time there is nothing to write, and a transaction costs two syncs of the disk.
        if !session::have_ended(&self.db, now)? {
            return Ok(Committed::default());
        }
        let prices = Arc::clone(&self.prices);
        self.db.upsert(move |txn| {
            let mut commit = Commit::new(&*prices, now);
            commit.sessions.load_ended(txn)?;
            commit.finish(txn)
        })
    }
}

/// A commit that is being made.
struct Commit<'a> {
    prices: &'a dyn Price,
    sessions: Sessions,
    committed: Committed,
}

impl<'a> Commit<'a> {
    fn new(prices: &'a dyn Price, now: DateTime<Utc>) -> Self {
        Self { prices, sessions: Sessions::new(now), committed: Committed::default() }
    }

    fn finish(mut self, txn: &mut UpsertTransaction<'_>) -> Result<Committed> {
        let new = self.sessions.finish(txn)?;
        if new > 0 {
            *self.committed.new.entry(SessionRecord::TABLE.name()).or_default() += new;
        }
        self.committed.new_sessions = self.sessions.new;
        Ok(self.committed)
    }

    fn chunk(&mut self, txn: &mut UpsertTransaction<'_>, chunk: &mut Chunk) -> Result<()> {
        if let Some(progress) = &chunk.progress {
            let name = FileState::name(&progress.path);
            if state::get::<FileState>(txn, &name)? != progress.before {
                self.committed.conflicts.push(progress.path.clone());
                return Ok(());
            }
            state::set(txn, &name, &progress.after)?;
        }
        for update in &chunk.sessions {
            self.sessions.update(txn, update)?;
        }
        for sighting in &mut chunk.sightings {
            self.sighting(txn, sighting)?;
        }
        Ok(())
    }

    /// Stores a sighting. It completes the row in place, and anew if the transaction is repeated.
    fn sighting(&mut self, txn: &mut UpsertTransaction<'_>, sighting: &mut Sighting) -> Result<()> {
        let Sighting { row: seen, keys, content, via, session } = sighting;
        let (table, via) = (seen.table(), *via);
        if let Some(session) = session {
            let num = self.sessions.of(txn, session, via)?.num;
            seen.detail.set("session_num", Some(num));
        }
        let mut found = None;
        for key in keys.iter() {
            found = found.or(txn.number(key)?);
        }
        if let (Some(id), Some(_)) = (found, &content) {
            found = Some(content::joined(txn, table, id)?);
        }
        let (known, twin) = match (found, &content) {
            (None, Some(content)) => (content::find(txn, content, via)?, None),
            (Some(id), Some(content)) => (found, content::find_twin(txn, content, via, id)?),
            (found, None) => (found, None),
        };
        let id = match known {
            Some(id) => {
                self.amend(txn, id, seen, via)?;
                id
            }
            None => {
                self.price(seen);
                let id = txn.push(table, seen.encode()?)?;
                self.committed.add_row(seen);
                id
            }
        };
        for key in keys.iter() {
            if found != Some(id) || txn.number(key)?.is_none() {
                txn.set_number(key, id);
            }
        }
        match (content, twin) {
            (Some(content), None) => content::note(txn, content, via, id),
            (Some(content), Some(twin)) => {
                self.join(txn, table, id, twin)?;
                content::note_in_place_of(txn, content, via, id, twin)
            }
            (None, _) => Ok(()),
        }
    }

    /// Merges a row into another one of the same call.
    fn join(
        &mut self,
        txn: &mut UpsertTransaction<'_>,
        table: &'static Table,
        id: i64,
        twin: i64,
    ) -> Result<()> {
        let Some(stored) = txn.row(table, twin)? else { return Ok(()) };
        // One that cannot be read stays as it is.
        let Some(row) = Row::parse(table, &stored) else { return Ok(()) };
        let via = Vias::parse(row.detail.text("via").unwrap_or_default()).best();
        txn.remove(table, twin)?;
        content::set_joined(txn, table, twin, id);
        self.amend(txn, id, &row, via.unwrap_or(Via::Hook))
    }

    /// Merges a sighting into its stored row.
    fn amend(
        &mut self,
        txn: &mut UpsertTransaction<'_>,
        id: i64,
        seen: &Row,
        via: Via,
    ) -> Result<()> {
        let table = seen.table();
        // A row that was pruned stays away, and one that cannot be read is left as it is.
        let stored = txn.row(table, id)?.and_then(|stored| Row::parse(table, &stored));
        let Some(mut row) = stored else {
            self.committed.duplicates += 1;
            return Ok(());
        };
        let sessions = [seen, &row].map(|row| row.detail.text("session_id"));
        let is_of_older_session = match sessions {
            [Some(seen), Some(row)] if seen != row => self.sessions.is_older(txn, seen, row)?,
            _ => false,
        };
        if !merge(&mut row, seen, via, is_of_older_session) {
            self.committed.duplicates += 1;
            return Ok(());
        }
        self.price(&mut row);
        txn.amend(table, id, row.encode()?)?;
        self.committed.amended += 1;
        Ok(())
    }

    fn price(&self, row: &mut Row) {
        if row.table() == TokenUsageRecord::TABLE {
            row.set("cost_usd_micros", Value::Null);
            self.prices.price(row);
        }
    }
}
