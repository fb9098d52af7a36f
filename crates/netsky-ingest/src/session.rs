//! Sessions: which agent's they are, their number, and their rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use netsky_db::internal::UpsertTransaction;
use netsky_db::{Db, Record, Result, SessionEvent, SessionRecord};
use serde::{Deserialize, Serialize};

use crate::row::Row;
use crate::sighting::SessionRef;
use crate::spans::Spans;
use crate::via::Via;
use crate::{Detail, state};

/// What a source has seen of a session's course.
#[derive(Debug, Clone)]
pub struct SessionUpdate {
    /// The session.
    pub session: Arc<SessionRef>,
    /// Where it was seen.
    pub via: Via,
    /// The times of its records.
    pub spans: Spans,
    /// Its working directory, if it is known.
    pub cwd: Option<String>,
    /// The path of its transcript, if it is known.
    pub transcript: Option<String>,
    /// When its transcript was created, in Unix nanoseconds, if it is known.
    pub created_ns: Option<i64>,
}

/// What the store keeps of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// The agent whose session it is.
    pub agent: String,
    /// Its number among the agent's sessions, from 1.
    pub num: i64,
    /// Whether the agent is known from a source that knows it for sure.
    #[serde(default)]
    is_sure: bool,
    /// The times of its records.
    #[serde(default)]
    pub spans: Spans,
    /// The ids of its rows in `sessions`: of each span, the row of its start and that of its end, 0 if there is
    /// none.
    #[serde(default)]
    rows: Vec<(i64, i64)>,
    /// Its working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The path of its transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// When its transcript was created, in Unix nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_ns: Option<i64>,
}

impl SessionState {
    /// The name of a session's state.
    pub fn name(session_id: &str) -> String {
        format!("session:{session_id}")
    }

    fn has_ended(&self, now: DateTime<Utc>) -> bool {
        self.spans.at(now).last().is_some_and(|(_, end)| end.is_some())
    }
}

/// Whether a session has ended whose end is not recorded.
pub(crate) fn have_ended(db: &Db, now: DateTime<Utc>) -> Result<bool> {
    Ok(!ended(|name| db.state(name), now)?.is_empty())
}

/// Returns the sessions that have ended and whose end is not recorded. `stored` returns a state.
fn ended(
    stored: impl Fn(&str) -> Result<Option<Vec<u8>>>,
    now: DateTime<Utc>,
) -> Result<Vec<(String, SessionState)>> {
    let open: OpenSessions = state::parsed(stored(OPEN_SESSIONS)?).unwrap_or_default();
    let mut ended = Vec::new();
    for id in open.0 {
        let state: Option<SessionState> = state::parsed(stored(&SessionState::name(&id))?);
        ended.extend(state.filter(|state| state.has_ended(now)).map(|state| (id, state)));
    }
    Ok(ended)
}

/// The sessions without a row of their end. Without the list, finding those that have ended would mean to read
/// the states of all.
#[derive(Debug, Default, Serialize, Deserialize)]
struct OpenSessions(BTreeSet<String>);

const OPEN_SESSIONS: &str = "open-sessions";

/// The sessions that a transaction uses.
#[derive(Debug)]
pub(crate) struct Sessions {
    now: DateTime<Utc>,
    known: BTreeMap<String, Known>,
    /// The number of sessions that are new.
    pub(crate) new: u64,
}

#[derive(Debug)]
struct Known {
    state: SessionState,
    has_changed: bool,
}

impl Sessions {
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        Self { now, known: BTreeMap::new(), new: 0 }
    }

    /// Returns the state of a session. A new one gets its number.
    pub(crate) fn of(
        &mut self,
        txn: &mut UpsertTransaction<'_>,
        session: &SessionRef,
        via: Via,
    ) -> Result<&SessionState> {
        Ok(&self.known(txn, session, via)?.state)
    }

    /// Adds what was seen of a session's course.
    pub(crate) fn update(
        &mut self,
        txn: &mut UpsertTransaction<'_>,
        update: &SessionUpdate,
    ) -> Result<()> {
        let known = self.known(txn, &update.session, update.via)?;
        let before = known.state.clone();
        known.state.spans.merge(&update.spans);
        for (place, value) in
            [(&mut known.state.cwd, &update.cwd), (&mut known.state.transcript, &update.transcript)]
        {
            if place.is_none() {
                place.clone_from(value);
            }
        }
        let created = known.state.created_ns.into_iter().chain(update.created_ns).min();
        known.state.created_ns = created;
        known.has_changed |= known.state != before;
        Ok(())
    }

    /// Whether the transcript of a session was created before that of another one. The number of a session tells
    /// only that it was seen first, perhaps by telemetry.
    pub(crate) fn is_older(
        &self,
        txn: &UpsertTransaction<'_>,
        session_id: &str,
        other: &str,
    ) -> Result<bool> {
        Ok(self.created_ns(txn, session_id)? < self.created_ns(txn, other)?)
    }

    fn created_ns(&self, txn: &UpsertTransaction<'_>, session_id: &str) -> Result<i64> {
        let created = match self.known.get(session_id) {
            Some(known) => known.state.created_ns,
            None => state::get::<SessionState>(txn, &SessionState::name(session_id))?
                .and_then(|state| state.created_ns),
        };
        Ok(created.unwrap_or(i64::MAX))
    }

    /// Loads the sessions whose last record is so old by now that they have ended.
    pub(crate) fn load_ended(&mut self, txn: &UpsertTransaction<'_>) -> Result<()> {
        for (id, state) in ended(|name| txn.state(name), self.now)? {
            self.known.entry(id).or_insert(Known { state, has_changed: false });
        }
        Ok(())
    }

    /// Writes the sessions' rows and states. Returns the number of new rows.
    pub(crate) fn finish(&mut self, txn: &mut UpsertTransaction<'_>) -> Result<u64> {
        let mut new = 0;
        let mut opened = Vec::new();
        for (id, known) in &mut self.known {
            let rows = known.write_rows(txn, self.now, &mut new)?;
            let is_open = |rows: &[(i64, i64)]| rows.last().is_some_and(|(_, down)| *down == 0);
            if is_open(&rows) != is_open(&known.state.rows) {
                opened.push((id.clone(), is_open(&rows)));
            }
            if rows != known.state.rows {
                known.state.rows = rows;
                known.has_changed = true;
            }
            if known.has_changed {
                state::set(txn, &SessionState::name(id), &known.state)?;
            }
        }
        if !opened.is_empty() {
            let mut open: OpenSessions = state::get(txn, OPEN_SESSIONS)?.unwrap_or_default();
            for (id, is_open) in opened {
                if is_open {
                    open.0.insert(id)
                } else {
                    open.0.remove(&id)
                };
            }
            state::set(txn, OPEN_SESSIONS, &open)?;
        }
        Ok(new)
    }

    fn known(
        &mut self,
        txn: &mut UpsertTransaction<'_>,
        session: &SessionRef,
        via: Via,
    ) -> Result<&mut Known> {
        let is_sure = via == Via::Transcript;
        if !self.known.contains_key(&session.id) {
            let stored = state::get::<SessionState>(txn, &SessionState::name(&session.id))?;
            self.new += u64::from(stored.is_none());
            let has_changed = stored.is_none();
            let state = match stored {
                Some(state) => state,
                None => {
                    let num = next_num(txn, &session.agent)?;
                    SessionState {
                        agent: session.agent.clone(),
                        num,
                        is_sure,
                        ..Default::default()
                    }
                }
            };
            self.known.insert(session.id.clone(), Known { state, has_changed });
        }
        let Some(known) = self.known.get_mut(&session.id) else {
            return Err(netsky_db::Error::Storage("a session is missing".into()));
        };
        if is_sure && !known.state.is_sure {
            known.has_changed = true;
            known.state.is_sure = true;
            if known.state.agent != session.agent {
                known.state.agent.clone_from(&session.agent);
                known.state.num = next_num(txn, &session.agent)?;
            }
        }
        Ok(known)
    }
}

impl Known {
    /// Writes the rows of the spans and returns their ids.
    fn write_rows(
        &self,
        txn: &mut UpsertTransaction<'_>,
        now: DateTime<Utc>,
        new: &mut u64,
    ) -> Result<Vec<(i64, i64)>> {
        let table = SessionRecord::TABLE;
        let mut old = self.state.rows.iter().copied();
        let mut rows = Vec::new();
        for (first, last) in self.state.spans.at(now) {
            let (up, down) = old.next().unwrap_or_default();
            let up = self.put(txn, up, SessionEvent::Up, Some(first), new)?;
            rows.push((up, self.put(txn, down, SessionEvent::Down, last, new)?));
        }
        // Records between two spans have made them one.
        for id in old.flat_map(|(up, down)| [up, down]).filter(|id| *id > 0) {
            txn.remove(table, id)?;
        }
        Ok(rows)
    }

    /// Writes one row, if it is not stored already, and returns its id.
    fn put(
        &self,
        txn: &mut UpsertTransaction<'_>,
        id: i64,
        event: SessionEvent,
        millis: Option<i64>,
        new: &mut u64,
    ) -> Result<i64> {
        let table = SessionRecord::TABLE;
        let Some(ts_utc) = millis.and_then(DateTime::from_timestamp_millis) else {
            // The span goes on, which had seemed to have ended.
            if id > 0 {
                txn.remove(table, id)?;
            }
            return Ok(0);
        };
        let (agent, session_num) = (self.state.agent.as_str(), self.state.num);
        let row = Row::new(&SessionRecord { ts_utc, agent, session_num, event }, Detail::default());
        if id == 0 {
            *new += 1;
            return txn.push(table, row.encode()?);
        }
        let stored = txn.row(table, id)?;
        // A row that was pruned stays away.
        if stored.is_some_and(|stored| Row::parse(table, &stored).is_none_or(|old| old != row)) {
            txn.amend(table, id, row.encode()?)?;
        }
        Ok(id)
    }
}

/// Gives an agent's next session its number.
fn next_num(txn: &mut UpsertTransaction<'_>, agent: &str) -> Result<i64> {
    let name = format!("agent:{agent}");
    let num: i64 = state::get(txn, &name)?.unwrap_or(0);
    let num = num.saturating_add(1);
    state::set(txn, &name, &num)?;
    Ok(num)
}
