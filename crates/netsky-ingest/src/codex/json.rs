//! Values of records. Any of them may be missing, of another type, or out of range.

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;

/// Returns the text of a member, unless it is empty.
pub(super) fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// Returns the number of a member. Numbers in texts count, fractions are cut off, and what is out of range
/// becomes the nearest.
pub(super) fn int(object: &Value, key: &str) -> Option<i64> {
    match object.get(key)? {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_u64().map(|_| i64::MAX))
            // A cast from a float saturates.
            .or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Returns the time of a member: a text as of RFC 3339.
pub(super) fn time(object: &Value, key: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text(object, key)?).ok()?.to_utc();
    storable(time)
}

/// Returns the time of a member: milliseconds since 1970.
pub(super) fn time_of_millis(object: &Value, key: &str) -> Option<DateTime<Utc>> {
    storable(DateTime::from_timestamp_millis(int(object, key)?)?)
}

/// A time that a row can have, to the millisecond, because sources differ in what they give below it.
fn storable(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    time.timestamp_nanos_opt().map(|_| time.trunc_subsecs(3))
}
