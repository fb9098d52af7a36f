//! Stores times as milliseconds since 1970.

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| time.timestamp_millis()).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(millis) = Option::<i64>::deserialize(deserializer)? else { return Ok(None) };
    let time = DateTime::from_timestamp_millis(millis);
    let time = time.filter(|time| time.timestamp_nanos_opt().is_some());
    time.map(Some).ok_or_else(|| D::Error::custom("a time is out of range"))
}

/// A time that is always there.
pub(super) mod always {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        time: &DateTime<Utc>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::serialize(&Some(*time), serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        super::deserialize(deserializer)?.ok_or_else(|| D::Error::custom("a time is missing"))
    }
}
