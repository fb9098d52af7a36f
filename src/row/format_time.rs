//! Formats times for queries, in the stored form.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewBuilder, TimestampNanosecondArray};
use chrono::{DateTime, SecondsFormat, Timelike, Utc};

/// Formats nanoseconds since 1970 in the stored form. A finer time, written by another program,
/// keeps its digits: there are three, six or nine decimals.
pub(crate) fn stored_time(nanos: i64) -> String {
    let instant = DateTime::<Utc>::from_timestamp_nanos(nanos);
    let decimals = match instant.nanosecond() {
        n if n % 1_000_000 == 0 => SecondsFormat::Millis,
        n if n % 1_000 == 0 => SecondsFormat::Micros,
        _ => SecondsFormat::Nanos,
    };
    instant.to_rfc3339_opts(decimals, true)
}

/// Formats each value like [`stored_time`].
pub(crate) fn stored_time_array(times: &TimestampNanosecondArray) -> ArrayRef {
    let mut texts = StringViewBuilder::with_capacity(times.len());
    for nanos in times {
        texts.append_option(nanos.map(stored_time));
    }
    Arc::new(texts.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_digits_than_milliseconds_are_kept() {
        assert_eq!(stored_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(stored_time(500_000_000), "1970-01-01T00:00:00.500Z");
        assert_eq!(stored_time(1_000), "1970-01-01T00:00:00.000001Z");
        assert_eq!(stored_time(-1), "1969-12-31T23:59:59.999999999Z");
    }
}
