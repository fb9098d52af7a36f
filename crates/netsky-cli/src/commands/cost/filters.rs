//! Which calls count.

use arrow::array::AsArray;
use chrono::{DateTime, Utc};
use netsky_db::{Db, Value, nearest};

use crate::commands::query::rows;
use crate::failure::Failure;
use crate::row::Row;
use crate::session_id;
use crate::time_zone::Zone;

#[derive(Debug, Clone, clap::Args)]
pub struct Filters {
    /// Only calls since a time (RFC 3339), a date (its midnight), or an age: 90s, 15m, 6h, 7d, 4w
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub since: Option<DateTime<Utc>>,
    /// Only calls before a time, a date (its midnight), or an age
    #[arg(long, value_name = "TIME|AGE", value_parser = crate::time_or_age::parse_time_or_age)]
    pub until: Option<DateTime<Utc>>,
    /// Only calls of an agent
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Only calls of a model
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Only calls of a session and its subagents: its id, or how that begins
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
}

impl Filters {
    /// A WHERE clause, or nothing, with its parameters.
    pub fn conditions(&self) -> (String, Vec<Value<'_>>) {
        fn text(name: &Option<String>) -> Option<Value<'_>> {
            name.as_ref().map(|name| Value::Text(name.as_str().into()))
        }
        let of_session = format!("{} =", session_id::OF_CALL);
        let filters = [
            ("ts_utc >=", self.since.map(Value::Time)),
            ("ts_utc <", self.until.map(Value::Time)),
            ("agent =", text(&self.agent)),
            ("model =", text(&self.model)),
            (of_session.as_str(), text(&self.session)),
        ];
        let (mut conditions, mut parameters) = (Vec::new(), Vec::new());
        for (condition, value) in filters {
            if let Some(value) = value {
                parameters.push(value);
                conditions.push(format!("{condition} ${}", parameters.len()));
            }
        }
        match conditions.is_empty() {
            true => (String::new(), parameters),
            false => (format!("WHERE {}", conditions.join(" AND ")), parameters),
        }
    }

    /// Completes the id of the session.
    ///
    /// # Errors
    ///
    /// No session begins with it, or several do.
    pub fn with_whole_session(&self, db: &Db) -> Result<Self, Failure> {
        let Some(given) = &self.session else { return Ok(self.clone()) };
        let found = session_id::find(db, given)?.ok_or_else(|| session_id::unknown(given))?;
        Ok(Self { session: Some(found.id), ..self.clone() })
    }

    /// Fails if the table has no such agent or model at all.
    pub fn check_names(&self, db: &Db) -> Result<(), Failure> {
        for (column, name) in [("agent", &self.agent), ("model", &self.model)] {
            let Some(name) = name else { continue };
            let sql = format!(
                "SELECT DISTINCT {column}::text AS name FROM token_usage WHERE {column} IS NOT NULL \
                 ORDER BY name"
            );
            let known = rows(db, &sql, &[])?;
            let known: Vec<&str> = known.column(0).as_string_view().iter().flatten().collect();
            if !known.contains(&name.as_str()) {
                return Err(Failure::input(format!(
                    "no model call has the {column} '{name}'{}",
                    nearest(name, known)
                )));
            }
        }
        Ok(())
    }

    /// What to say if no call passes.
    pub fn nothing_found(&self, db: &Db, zone: Zone) -> Result<String, Failure> {
        let text = |time: DateTime<Utc>| zone.local(time).format("%Y-%m-%d %H:%M").to_string();
        let only_names = Self { since: None, until: None, ..self.clone() };
        let (conditions, parameters) = only_names.conditions();
        let last =
            rows(db, &format!("SELECT max(ts_utc) FROM token_usage {conditions}"), &parameters)?;
        let last = Row::all(&last).find_map(|row| row.time(0));
        let Some(last) = last else { return Ok("no calls are recorded in token_usage".to_owned()) };
        let mut message = "no calls".to_owned();
        for (word, value) in [
            ("of", self.agent.clone()),
            ("of", self.model.clone()),
            ("of session", self.session.clone()),
            ("since", self.since.map(text)),
            ("before", self.until.map(text)),
        ] {
            if let Some(value) = value {
                message += &format!(" {word} {value}");
            }
        }
        Ok(format!("{message}; the last call is of {} ({})", text(last), zone.name()))
    }
}
