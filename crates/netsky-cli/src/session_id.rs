//! Ids of sessions: which one a person means, and how few characters show it.

use netsky_db::{Db, Value};

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::row::Row;

/// The session of a call of the model, in SQL. A subagent of Codex has a session of its own, and names that of
/// its agent; one of Claude Code shares it.
pub const OF_CALL: &str = "coalesce(detail_json->>'parent_session_id', session_id)";

/// No id of a session is cut to fewer characters.
const SHORTEST: usize = 8;

/// The number of sessions that an error names.
const NAMED: usize = 5;

/// A session that was found.
#[derive(Debug)]
pub struct Session {
    pub id: String,
    /// Its agent and the agent's number of it, which identify its rows in `sessions`.
    pub agent: String,
    pub num: Option<i64>,
}

/// Finds the session whose id is this text or begins with it. `None` if there is none.
pub fn find(db: &Db, text: &str) -> Result<Option<Session>, Failure> {
    let sql =
        "SELECT session_id::text AS id, coalesce(agent, '')::text AS name, session_num FROM v_agent_sessions
               WHERE starts_with(session_id, $1) ORDER BY id";
    let found = rows(db, sql, &[Value::Text(text.into())])?;
    let session = |row: Row<'_>| Session { id: row.text(0), agent: row.text(1), num: row.int(2) };
    let mut found: Vec<Session> = Row::all(&found).map(session).collect();
    if let Some(exact) = found.iter().position(|session| session.id == text) {
        return Ok(Some(found.swap_remove(exact)));
    }
    if found.len() > 1 {
        let mut names: Vec<&str> = found.iter().take(NAMED).map(|one| one.id.as_str()).collect();
        if found.len() > NAMED {
            names.push("…");
        }
        let (number, names) = (found.len(), names.join(", "));
        return Err(Failure::input(format!("{number} sessions begin with '{text}': {names}")));
    }
    Ok(found.pop())
}

/// Returns the failure of a command that was given no session's id.
pub fn unknown(text: &str) -> Failure {
    Failure::input(format!("no session begins with '{text}'"))
        .with_hint("`netsky cost --by session` lists the sessions")
}

/// Returns how many characters of their ids tell sessions apart. Ids that are no UUIDs are not counted.
pub fn short_length<'a>(ids: impl Iterator<Item = &'a str>) -> usize {
    let mut ids: Vec<&str> = ids.filter(|id| is_uuid(id)).collect();
    ids.sort_unstable();
    let common = |pair: &[&str]| {
        pair[0].bytes().zip(pair[1].bytes()).take_while(|(one, other)| one == other).count()
    };
    let longest = ids.windows(2).filter(|pair| pair[0] != pair[1]).map(common).max();
    longest.map_or(SHORTEST, |common| SHORTEST.max(common + 1))
}

/// Cuts the id of a session. One that is no UUID stays as it is.
pub fn shortened(id: &str, length: usize) -> &str {
    if is_uuid(id) { id.get(..length).unwrap_or(id) } else { id }
}

fn is_uuid(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_differ() {
        let ids = [
            "01a20a72-aa2b-74b2-ac2e-5bea98b093f2",
            "01a20a72-ad10-7f10-bd1a-0c8049d67e08",
            "01a20a72-ad10-7f10-bd1a-0c8049d67e08",
            "dbc37749-33f1-470e-b110-7c051a3e1fef",
            "s-1",
        ];
        let length = short_length(ids.into_iter());
        assert_eq!(shortened(ids[0], length), "01a20a72-aa");
        assert_eq!(shortened(ids[1], length), "01a20a72-ad");
        assert_eq!(shortened(ids[4], length), "s-1");
        assert_eq!(short_length([ids[3], "s-1"].into_iter()), 8);
    }
}
