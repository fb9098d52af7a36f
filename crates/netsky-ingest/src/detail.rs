//! The JSON object that a row keeps what has no column in: `detail_json`, or the column that serves as it.

use netsky_db::Table;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::shorten::shortened;

/// The keys that most rows have, in the order in which they stand first in each.
const FIRST: [&str; 8] =
    ["runtime", "session_id", "session_num", "agent_id", "cwd", "git_branch", "version", "via"];

/// The details of a row. Setting a key to nothing leaves it out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Detail(Map<String, Value>);

impl Detail {
    /// Returns the index, among the table's columns without the id, of the column that holds the details.
    pub fn column(table: &Table) -> Option<usize> {
        let name = match table.name() {
            "mcp_tool_calls" => "request_json",
            "messages" => "raw_json",
            _ => "detail_json",
        };
        table.columns().iter().position(|column| column.name == name)
    }

    /// Reads the stored text. A text that is no JSON object gives no details.
    pub fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// Sets a key, if there is a value.
    #[must_use]
    pub fn with<V: Into<Value>>(mut self, key: &str, value: Option<V>) -> Self {
        self.set(key, value);
        self
    }

    /// Sets a key, if there is a value.
    pub fn set<V: Into<Value>>(&mut self, key: &str, value: Option<V>) {
        if let Some(value) = value.map(Into::into).filter(|value| !value.is_null()) {
            self.0.insert(key.to_owned(), value);
        }
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Returns the text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// Returns the integer of a key.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.0.get(key)?.as_i64()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// Writes the object with at most `max` bytes. If it is longer, its values are shortened.
    pub(crate) fn to_json_within(&self, max: usize) -> String {
        let json = self.to_json();
        if json.len() <= max {
            return json;
        }
        match shortened(&Value::Object(self.0.clone()), max) {
            Value::Object(short) => Self(short).to_json(),
            _ => "{}".to_owned(),
        }
    }

    /// Writes the object. The order of the keys does not depend on how it came to be.
    pub fn to_json(&self) -> String {
        let mut keys: Vec<&String> = self.0.keys().collect();
        let place = |key: &str| FIRST.iter().position(|first| *first == key);
        keys.sort_by_key(|key| (place(key).unwrap_or(FIRST.len()), *key));
        let mut json = String::from("{");
        for key in keys {
            if json.len() > 1 {
                json.push(',');
            }
            json += &Value::from(key.as_str()).to_string();
            json.push(':');
            json += &self.0.get(key).unwrap_or(&Value::Null).to_string();
        }
        json.push('}');
        json
    }
}
