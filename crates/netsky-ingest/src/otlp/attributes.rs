//! The attributes of a record and its resource.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::Value as Json;

/// The attributes of a record, and those of its resource for what it does not tell itself.
///
/// Numbers and truth values may be texts: older versions of Claude Code send all as texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'a> {
    own: &'a [KeyValue],
    resource: &'a [KeyValue],
}

impl<'a> Attributes<'a> {
    pub(super) fn new(own: &'a [KeyValue], resource: &'a [KeyValue]) -> Self {
        Self { own, resource }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        let found = self.own.iter().chain(self.resource).find(|pair| pair.key == key)?;
        found.value.as_ref()?.value.as_ref()
    }

    /// Returns a text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        match self.get(key)? {
            Value::StringValue(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Returns a text that names something: a model, a tool, an id. Longer ones than names are have no use, and
    /// anybody could fill the store's keys with them.
    pub(super) fn name(&self, key: &str) -> Option<&'a str> {
        const MAX_BYTES: usize = 512;
        self.text(key).map(str::trim).filter(|text| !text.is_empty() && text.len() <= MAX_BYTES)
    }

    /// Returns the first of several names that is there.
    pub(super) fn first_name(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.name(key))
    }

    /// Returns a count, which is not negative.
    pub(super) fn count(&self, key: &str) -> Option<i64> {
        self.number(key).filter(|number| *number >= 0.0).map(|number| {
            // Saturates, which a count never comes near.
            number.round() as i64
        })
    }

    /// Returns the first of several counts that is there.
    pub(super) fn first_count(&self, keys: &[&str]) -> Option<i64> {
        keys.iter().find_map(|key| self.count(key))
    }

    /// Returns a finite number.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        let number = match self.get(key)? {
            Value::IntValue(number) => *number as f64,
            Value::DoubleValue(number) => *number,
            Value::StringValue(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Returns a truth value.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::BoolValue(value) => Some(*value),
            Value::StringValue(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns JSON, which may come as a text.
    pub(super) fn json(&self, key: &str) -> Option<Json> {
        Some(match self.get(key)? {
            Value::StringValue(text) if text.is_empty() => return None,
            Value::StringValue(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
            }
            value => json(value),
        })
    }

    /// Returns an integer as a text, for keys.
    pub(super) fn integer_text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::IntValue(number) => Some(number.to_string()),
            Value::StringValue(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Returns the name of an event. The attribute comes first: the record's own is a line of source in Codex.
    pub(super) fn event_name(&self, record: &'a LogRecord) -> &'a str {
        let body = || match record.body.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text.as_str()),
            _ => None,
        };
        self.name("event.name")
            .or(Some(record.event_name.as_str()).filter(|name| !name.is_empty()))
            .or_else(body)
            .unwrap_or("unnamed")
    }
}

fn json(value: &Value) -> Json {
    let any = |value: &AnyValue| value.value.as_ref().map_or(Json::Null, json);
    match value {
        Value::StringValue(text) => text.as_str().into(),
        Value::BoolValue(value) => (*value).into(),
        Value::IntValue(value) => (*value).into(),
        Value::DoubleValue(value) => (*value).into(),
        Value::ArrayValue(values) => values.values.iter().map(any).collect(),
        Value::KvlistValue(pairs) => {
            let pairs = pairs.values.iter();
            pairs
                .map(|pair| (pair.key.clone(), pair.value.as_ref().map_or(Json::Null, any)))
                .collect()
        }
        // Bytes, and what a later version of the protocol adds.
        _ => Json::Null,
    }
}
