//! Merges two sightings of one row.
//!
//! The order in which they arrive makes no difference: each column has a rule that is commutative,
//! associative and idempotent, so every store that has seen the same has the same rows.

use std::cmp::Ordering;

use netsky_db::Value;

use crate::detail::Detail;
use crate::row::{BUILTIN, Row};
use crate::via::{Via, Vias};

/// How a column of two sightings becomes one.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// The lesser value: when something began, and how long it took. A duration of a source that includes the
    /// wait for a permission is the greater one.
    Least,
    /// The greater value: when something ended, and counts that grow.
    Greatest,
    /// True, if either is.
    Either,
    /// The value that stands later in the list; others stand before all of them.
    Furthest(&'static [&'static str]),
    /// The value of the source that knows most of the row; of two equal ones, that of the session with the older
    /// transcript, or else the one that is there, unless another source may have told it.
    Best,
    /// As `Best`, but any value rather than the id of the call, which stands in for one that is not known yet.
    BestNamed,
    /// As `Best`, but the tool of a server rather than one of the agent's program: the record of a call may not say
    /// that it is one of a server, and that of its end does.
    BestServed,
}

impl Rule {
    fn of(table: &str, column: &str) -> Self {
        match (table, column) {
            (_, "ts_utc" | "ts_utc_start" | "duration_ms") => Self::Least,
            (_, "ts_utc_end" | "input_tokens" | "output_tokens" | "cached_input_tokens") => {
                Self::Greatest
            }
            (_, "success" | "timeout_race") => Self::Either,
            ("clone_dispatches" | "git_operations", "status") => {
                Self::Furthest(&["unknown", "running", "failed", "completed", "ok"])
            }
            ("clone_dispatches", "agent_id") => Self::BestNamed,
            ("mcp_tool_calls", "source" | "tool") => Self::BestServed,
            _ => Self::Best,
        }
    }

    /// The rule of a key of the details.
    fn of_detail(key: &str) -> Self {
        match key {
            _ if key.ends_with("_tokens") || key == "web_searches" => Self::Greatest,
            _ => Self::Best,
        }
    }
}

/// Merges a sighting into a row. Returns whether the row has changed.
///
/// `is_of_older_session` says whether the session of the sighting is older than that of the row. A forked
/// session has copies of the records of the one that it was forked from, and may be the first to tell of a call that
/// the other one still waits for.
pub(crate) fn merge(row: &mut Row, seen: &Row, via: Via, is_of_older_session: bool) -> bool {
    let before = row.clone();
    let vias = Vias::parse(row.detail.text("via").unwrap_or_default());
    // A source may tell of a row before it knows all of it, and another one fills the gaps in the meantime.
    let is_next_of_session = vias != Vias::default().with(via)
        && row.detail.get("session_id") == seen.detail.get("session_id");
    let is_better = vias.best().is_some_and(|best| {
        best < via || best == via && (is_of_older_session || is_next_of_session)
    });
    let table = row.table();
    let call = row.detail.text("tool_use_id").map(str::to_owned);
    let (is_served, seen_served) = (is_of_server(row), is_of_server(seen));
    let is_call =
        |value: &Value<'_>| matches!(value, Value::Text(text) if call.as_deref() == Some(text));
    for ((column, value), seen) in table.columns().iter().zip(row.values_mut()).zip(seen.values()) {
        let takes = match (&*value, seen) {
            (_, Value::Null) => false,
            (Value::Null, _) => true,
            (value, seen) => match Rule::of(table.name(), column.name) {
                Rule::Least => order(seen, value) == Some(Ordering::Less),
                Rule::Greatest => order(seen, value) == Some(Ordering::Greater),
                Rule::Either => *seen == Value::Bool(true),
                Rule::Furthest(list) => place(list, seen) > place(list, value),
                Rule::Best => is_better,
                Rule::BestNamed => !is_call(seen) && (is_better || is_call(value)),
                Rule::BestServed if is_served != seen_served => seen_served,
                Rule::BestServed => is_better,
            },
        };
        if takes {
            *value = seen.clone();
        }
    }
    // Without a column for them, the details are not stored, so they would always seem to be new.
    if Detail::column(table).is_some() {
        merge_detail(&mut row.detail, &seen.detail, is_better);
        row.detail.set("via", Some(vias.with(via).to_string()));
    }
    *row != before
}

/// Whether the row is a call of a server's tool.
fn is_of_server(row: &Row) -> bool {
    let mut columns = row.table().columns().iter().zip(row.values());
    columns.any(|(column, value)| {
        column.name == "source" && matches!(value, Value::Text(source) if source != BUILTIN)
    })
}

fn merge_detail(detail: &mut Detail, seen: &Detail, is_better: bool) {
    for (key, seen) in seen.iter() {
        let takes = match (detail.get(key), Rule::of_detail(key)) {
            (None, _) => true,
            (Some(value), Rule::Greatest) => {
                value.as_i64().zip(seen.as_i64()).is_none_or(|(value, seen)| seen > value)
            }
            (Some(_), _) => is_better,
        };
        if takes {
            detail.set(key.clone(), Some(seen.clone()));
        }
    }
}

fn order(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.timestamp_millis().cmp(&b.timestamp_millis())),
        _ => None,
    }
}

fn place(list: &[&str], value: &Value<'_>) -> Option<usize> {
    match value {
        Value::Text(text) => list.iter().position(|known| known == text),
        _ => None,
    }
}
