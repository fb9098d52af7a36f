//! Times of records, as far as they can be stored.

use chrono::{DateTime, TimeDelta, Utc};

/// Returns the time of a number of nanoseconds since 1970. `None` for 0, which stands for an unknown time, and for
/// what cannot be stored.
pub(super) fn from_nanos(nanos: u64) -> Option<DateTime<Utc>> {
    let nanos = i64::try_from(nanos).ok().filter(|nanos| *nanos > 0)?;
    Some(DateTime::from_timestamp_nanos(nanos))
}

/// Reads a time as RFC 3339 has it. `None` if it cannot be stored.
pub(super) fn from_text(text: &str) -> Option<DateTime<Utc>> {
    storable(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

/// Returns the time that lies a number of milliseconds before another.
pub(super) fn before(time: DateTime<Utc>, millis: Option<i64>) -> DateTime<Utc> {
    millis
        .and_then(TimeDelta::try_milliseconds)
        .and_then(|span| time.checked_sub_signed(span))
        .and_then(storable)
        .unwrap_or(time)
}

/// Returns the milliseconds between two times, if the second is not the earlier one.
pub(super) fn millis_between(start: DateTime<Utc>, end: DateTime<Utc>) -> Option<i64> {
    let millis = end.signed_duration_since(start).num_milliseconds();
    (millis >= 0).then_some(millis)
}

fn storable(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    time.timestamp_nanos_opt().filter(|nanos| *nanos > 0).map(|_| time)
}
