//! Records of a rollout.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::reader::Output;
use crate::shorten::start_of;

/// A record of a rollout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) kind: &'a str,
    pub(super) time: Option<DateTime<Utc>>,
    /// The text of the time.
    pub(super) timestamp: &'a str,
    pub(super) ordinal: Option<i64>,
    pub(super) payload: &'a Value,
}

/// Counts a record of an unknown type.
pub(super) fn unknown(kind: &str, inner: Option<&str>, out: &mut Output) {
    let name = match inner {
        Some(inner) => format!("{kind}/{inner}"),
        None => kind.to_owned(),
    };
    // Names come from the file: they must not fill the memory.
    let name = start_of(&name, 64).to_owned();
    if out.unknown.len() < 256 || out.unknown.contains_key(&name) {
        *out.unknown.entry(name).or_default() += 1;
    }
}
