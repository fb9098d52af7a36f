//! Sessions that another store has ingested, and whose rows were imported into this one.
//!
//! An export has the rows and not their keys, and not all keys can be made from rows: commands have no ids. So
//! what a transcript tells of such a session is left out up to its last imported row.

use std::collections::{BTreeMap, BTreeSet};

use netsky_db::internal::Key;
use netsky_db::{
    CloneDispatchRecord, Db, GitOperationRecord, McpToolCallRecord, MessageRecord, Record, Result,
    SessionRecord, TokenUsageRecord, WatchdogEventRecord,
};
use serde::{Deserialize, Serialize};

use crate::batch::Chunk;
use crate::row::Row;
use crate::{key, state};

const STATE: &str = "imported";

/// The last imported row of each session with imported rows, in milliseconds since 1970.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Imported(BTreeMap<String, i64>);

/// Tells the next ingest that rows were imported, which another store may have ingested. It finds out which.
///
/// # Errors
///
/// [`Error::Storage`](netsky_db::Error::Storage), and those of writing.
pub fn note_import(db: &Db) -> Result<()> {
    // A store without the state finds out anyway.
    match db.state(STATE)?.is_some_and(|state| !state.is_empty()) {
        true => db.upsert(|txn| txn.set_state(STATE, b"")),
        false => Ok(()),
    }
}

impl Imported {
    /// Finds the sessions, if that is not known: in a store that has not ingested anything yet, and after an import.
    pub(crate) fn of(db: &Db) -> Result<Self> {
        if let Some(known) = state::parsed(db.state(STATE)?) {
            return Ok(known);
        }
        let found = Self::find(db)?;
        let stored = found.clone();
        db.upsert(move |txn| state::set(txn, STATE, &stored))?;
        Ok(found)
    }

    fn find(db: &Db) -> Result<Self> {
        let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
        for table in [
            TokenUsageRecord::TABLE,
            McpToolCallRecord::TABLE,
            MessageRecord::TABLE,
            CloneDispatchRecord::TABLE,
            GitOperationRecord::TABLE,
            WatchdogEventRecord::TABLE,
        ] {
            let mut failure = None;
            db.visit_rows(table, |_, json| {
                // Other rows need not be parsed.
                if !std::str::from_utf8(json).is_ok_and(|json| json.contains(r#"\"via\""#)) {
                    return;
                }
                let Some(row) = Row::parse(table, json) else { return };
                let (Some(id), Some(time)) = (row.detail.text("session_id"), row.time()) else {
                    return;
                };
                let session = sessions.entry(id.to_owned()).or_default();
                match is_known(db, &row) {
                    Ok(Some(true)) => {}
                    Ok(is_known) => {
                        session.numbers.extend(number_of(&row, row.detail.int("session_num")));
                        session.last_ms = session.last_ms.max(Some(time.timestamp_millis()));
                        session.is_imported |= is_known.is_some();
                    }
                    Err(error) => failure = Some(error),
                }
            })?;
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        sessions.retain(|_, session| session.is_imported);
        if !sessions.is_empty() {
            add_ends(db, &mut sessions)?;
        }
        let last = |(id, session): (String, Session)| Some((id, session.last_ms?));
        Ok(Self(sessions.into_iter().filter_map(last).collect()))
    }

    /// Takes what is imported already out of a chunk. Returns the number of rows.
    pub(crate) fn take_out(&self, chunk: &mut Chunk) -> u64 {
        if self.0.is_empty() {
            return 0;
        }
        let before = chunk.sightings.len();
        chunk.sightings.retain(|sighting| {
            let session = sighting.session.as_ref();
            let last = session.and_then(|session| self.0.get(&session.id));
            let time = sighting.row.time().map(|time| time.timestamp_millis());
            last.is_none_or(|last| time > Some(*last))
        });
        chunk.sessions.retain_mut(|update| {
            let Some(last) = self.0.get(&update.session.id) else { return true };
            update.spans.retain_after(*last);
            !update.spans.is_empty()
        });
        (before - chunk.sightings.len()) as u64
    }
}

#[derive(Debug, Default)]
struct Session {
    /// The last row that is not known to be of this store.
    last_ms: Option<i64>,
    is_imported: bool,
    /// Its agent and its number among the agent's sessions, by which its rows in `sessions` are found.
    numbers: BTreeSet<(String, i64)>,
}

/// Adds the ends of sessions, which may be later than their last rows elsewhere.
fn add_ends(db: &Db, sessions: &mut BTreeMap<String, Session>) -> Result<()> {
    let mut ends: BTreeMap<(String, i64), i64> = BTreeMap::new();
    db.visit_rows(SessionRecord::TABLE, |_, json| {
        let Some(row) = Row::parse(SessionRecord::TABLE, json) else { return };
        let (number, time) = (number_of(&row, row.int("session_num")), row.time());
        if let Some((number, time)) = number.zip(time) {
            let end = ends.entry(number).or_insert(i64::MIN);
            *end = time.timestamp_millis().max(*end);
        }
    })?;
    for session in sessions.values_mut() {
        let end = session.numbers.iter().filter_map(|number| ends.get(number)).max();
        session.last_ms = session.last_ms.max(end.copied());
    }
    Ok(())
}

/// The agent of a row's session, and the session's number. A subagent belongs to the agent before the slash.
fn number_of(row: &Row, num: Option<i64>) -> Option<(String, i64)> {
    let agent = row.text("agent").or_else(|| row.text("to_agent"))?;
    Some((agent.split('/').next().unwrap_or(agent).to_owned(), num?))
}

/// Whether the store has a key of a row. `None` if the row does not tell which keys it has.
fn is_known(db: &Db, row: &Row) -> Result<Option<bool>> {
    let text = |key: &str| row.detail.text(key);
    let id_of = |id: &str| match (text("runtime"), text("session_id")) {
        (Some("codex"), Some(thread)) => key::in_thread(thread, id),
        _ => id.to_owned(),
    };
    let key: Option<Key> = match row.table().name() {
        "token_usage" => {
            text("request_id").map(key::request).or_else(|| text("message_id").map(key::message))
        }
        "mcp_tool_calls" => text("tool_use_id").map(|id| key::tool_call(&id_of(id))),
        "messages" => text("uuid").map(|id| key::record(&id_of(id))),
        _ => None,
    };
    key.map(|key| Ok(db.key_number(&key)?.is_some())).transpose()
}
