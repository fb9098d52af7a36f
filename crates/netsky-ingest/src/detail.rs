//! The JSON object that a row keeps what has no column in: `detail_json`, or the column that serves as it.

use std::borrow::Cow;
use std::cmp::Ordering;

use netsky_db::Table;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::shorten::shortened;

/// The keys that most rows have, in the order in which they stand first in each.
const FIRST: [&str; 8] =
    ["runtime", "session_id", "session_num", "agent_id", "cwd", "git_branch", "version", "via"];

/// Nearly all rows have at most this many keys.
const USUAL_KEYS: usize = 16;

/// The details of a row. Setting a key to nothing leaves it out.
///
/// The keys are in the order in which they are written, which does not depend on when they were set. There are
/// about ten: a list of so few is smaller than a map, and is written in a third of the time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct Detail(Vec<(Cow<'static, str>, Value)>);

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
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Sets a key, if there is a value.
    #[must_use]
    pub fn with<V: Into<Value>>(mut self, key: &'static str, value: Option<V>) -> Self {
        self.set(key, value);
        self
    }

    /// Sets a key, if there is a value.
    pub fn set<V: Into<Value>>(&mut self, key: impl Into<Cow<'static, str>>, value: Option<V>) {
        let Some(value) = value.map(Into::into).filter(|value| !value.is_null()) else { return };
        let key = key.into();
        if self.0.is_empty() {
            self.0.reserve(USUAL_KEYS);
        }
        match self.place(&key) {
            Ok(at) => {
                if let Some((_, old)) = self.0.get_mut(at) {
                    *old = value;
                }
            }
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) {
        if let Ok(at) = self.place(key) {
            self.0.remove(at);
        }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Returns the text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Returns the integer of a key.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Cow<'static, str>, Value)> {
        self.0.iter()
    }

    /// Writes the object with at most `max` bytes. If it is longer, its values are shortened.
    pub(crate) fn to_json_within(&self, max: usize) -> String {
        let json = self.to_json();
        if json.len() <= max {
            return json;
        }
        let object = self.0.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
        match shortened(&Value::Object(object), max) {
            Value::Object(short) => Self::from(short).to_json(),
            _ => "{}".to_owned(),
        }
    }

    /// Writes the object.
    pub fn to_json(&self) -> String {
        // Writing to a text cannot fail.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Returns where a key is, or where it belongs.
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| order(known, key))
    }
}

impl From<Map<String, Value>> for Detail {
    fn from(object: Map<String, Value>) -> Self {
        let mut entries: Vec<_> =
            object.into_iter().map(|(key, value)| (Cow::Owned(key), value)).collect();
        entries.sort_unstable_by(|(a, _), (b, _)| order(a, b));
        Self(entries)
    }
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (key, value)))
    }
}

fn order(a: &str, b: &str) -> Ordering {
    let place = |key| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    place(a).cmp(&place(b)).then_with(|| a.cmp(b))
}
