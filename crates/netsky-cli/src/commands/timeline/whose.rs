//! Whose events are shown.

use arrow::array::AsArray;
use netsky_db::{Db, Value, nearest};

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::session_id::{self, Session};

/// Whose events are shown.
#[derive(Debug)]
pub enum Whose<'a> {
    All,
    Agent(&'a str),
    /// A session with its subagents.
    Session(Session),
}

/// The rows of a session. A message has two events, of which one is enough: that of the agent, or of the one that
/// sent it. A row of `sessions` names its session by agent and number alone.
const OF_SESSION: &str = "
SELECT 'token_usage' AS of_table, id AS of_id, NULL AS of_kind FROM token_usage
WHERE coalesce(detail_json->>'parent_session_id', session_id) = $1::text
UNION ALL
SELECT 'mcp_tool_calls', id, NULL FROM mcp_tool_calls
WHERE coalesce(request_json->>'parent_session_id', request_json->>'session_id') = $1::text
UNION ALL
SELECT 'messages', id, CASE from_agent WHEN 'user' THEN 'received' ELSE 'sent' END FROM messages
WHERE coalesce(raw_json->>'parent_session_id', raw_json->>'session_id') = $1::text
UNION ALL
SELECT 'clone_dispatches', id, NULL FROM clone_dispatches
WHERE coalesce(detail_json->>'parent_session_id', detail_json->>'session_id') = $1::text
UNION ALL
SELECT 'watchdog_events', id, NULL FROM watchdog_events
WHERE coalesce(detail_json->>'parent_session_id', detail_json->>'session_id') = $1::text
UNION ALL
SELECT 'sessions', id, NULL FROM sessions WHERE agent = $2::text AND session_num = $3::bigint";

impl<'a> Whose<'a> {
    /// Finds who is meant by a word: an agent, or else a session.
    ///
    /// # Errors
    ///
    /// There is neither, or several sessions begin with the word.
    pub fn find(db: &Db, word: Option<&'a str>) -> Result<Self, Failure> {
        let Some(word) = word else { return Ok(Self::All) };
        let sql = "SELECT 1 FROM v_timeline WHERE agent = $1 LIMIT 1";
        if rows(db, sql, &[Value::Text(word.into())])?.num_rows() > 0 {
            return Ok(Self::Agent(word));
        }
        match session_id::find(db, word)? {
            Some(session) if !word.is_empty() => Ok(Self::Session(session)),
            _ => Err(unknown(db, word)?),
        }
    }

    /// The events among which those are that are meant.
    pub fn events(&self) -> String {
        match self {
            Self::Session(_) => format!(
                "(SELECT v_timeline.* FROM v_timeline JOIN ({OF_SESSION})
                    ON of_table = table_name AND of_id = id
                  WHERE of_kind IS NULL OR of_kind = kind) AS events"
            ),
            _ => "v_timeline".to_owned(),
        }
    }

    /// The condition on these events, and its parameters.
    pub fn condition(&self) -> (String, Vec<Value<'_>>) {
        match self {
            Self::All => ("true".to_owned(), Vec::new()),
            Self::Agent(agent) => ("agent = $1".to_owned(), vec![Value::Text((*agent).into())]),
            Self::Session(Session { id, agent, num }) => {
                let num = num.map_or(Value::Null, Value::Int);
                let parameters = vec![Value::Text(id.into()), Value::Text(agent.into()), num];
                ("true".to_owned(), parameters)
            }
        }
    }
}

/// Returns the failure for a word that names nobody.
fn unknown(db: &Db, word: &str) -> Result<Failure, Failure> {
    // Clones last, because there are many of them, and the busiest first.
    let sql = "SELECT agent::text AS name FROM v_timeline GROUP BY agent
               ORDER BY bool_and(kind IN ('clone', 'received')), count(*) DESC, name";
    let agents = rows(db, sql, &[])?;
    let near = nearest(word, agents.column(0).as_string_view().iter().flatten());
    Ok(Failure::input(format!("no agent named '{word}'{near}")).with_nearest(&near))
}
