//! The time zone in which times are shown: `--tz`, else `$NETSKY_TZ`, else UTC.
//!
//! Values stay in UTC. Only their text is in the zone, so the zone changes no answer, and a query means
//! the same to everybody. What people read (tables, vertical, Markdown, charts) is in the zone. What
//! programs read (JSON, CSV and so on) is in UTC unless the zone was given with `--tz`, because a
//! script must not depend on a setting of whoever runs it. Arrow and Parquet store instants, so
//! they are always in UTC.

use std::env;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampNanosecondType};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, TimeZone};
use chrono::{Timelike, Utc};
use chrono_tz::TZ_VARIANTS;
use netsky_db::{Nearest, nearest};

use crate::failure::Failure;

const VARIABLE: &str = "NETSKY_TZ";

/// A zone in which times are shown. Its name is one that SQL accepts in `AT TIME ZONE`.
#[derive(Debug, Clone, Copy)]
pub struct Zone(Tz);

/// The zone of `--tz`, or of the shell's `.tz`.
static GIVEN: RwLock<Option<Zone>> = RwLock::new(None);

/// Shows times in this zone from now on.
pub fn set(zone: Zone) {
    *GIVEN.write().unwrap_or_else(PoisonError::into_inner) = Some(zone);
}

/// The zone that was given with `--tz`.
pub fn given() -> Option<Zone> {
    *GIVEN.read().unwrap_or_else(PoisonError::into_inner)
}

/// The zone in which people read times. It fails only if `$NETSKY_TZ` is read and names no zone, so
/// that a wrong setting does not keep a program from recording.
pub fn shown() -> Result<Zone, Failure> {
    static SET: OnceLock<Result<Zone, String>> = OnceLock::new();
    if let Some(zone) = given() {
        return Ok(zone);
    }
    let set = SET.get_or_init(|| match env::var(VARIABLE) {
        Ok(name) if !name.trim().is_empty() => parse(&name),
        _ => parse("UTC"),
    });
    set.clone().map_err(|message| Failure::usage(format!("${VARIABLE}: {message}")))
}

/// Parses `Europe/Berlin`, `+02:00`, `UTC` or `local`.
pub fn parse(text: &str) -> Result<Zone, String> {
    let name = text.trim().replace(' ', "_");
    if name.eq_ignore_ascii_case("local") {
        return local();
    }
    let known = TZ_VARIANTS.iter().map(|zone| zone.name());
    let name = match known.clone().find(|known| known.eq_ignore_ascii_case(&name)) {
        Some(known) => known,
        None if name.eq_ignore_ascii_case("z") => "UTC",
        None => &name,
    };
    if let Ok(zone) = name.parse() {
        return Ok(Zone(zone));
    }
    if name.starts_with(['+', '-']) {
        return Err(format!("'{name}' is not an offset; write it as in +02:00"));
    }
    let city =
        |known: &&str| known.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
    let near = match known.clone().find(city) {
        Some(zone) => Nearest::Resembling(vec![zone.to_owned()]),
        None => nearest(name, known),
    };
    let next = match near {
        near @ Nearest::Resembling(_) => near.to_string(),
        _ => "; write it as in Europe/Berlin, +02:00, UTC or local".to_owned(),
    };
    Err(format!("no time zone named '{}'{next}", text.trim()))
}

/// The zone of this machine: `$TZ`, else the setting of the system.
fn local() -> Result<Zone, String> {
    let name = match env::var("TZ") {
        Ok(name) if !name.trim().is_empty() => name.trim_start_matches(':').to_owned(),
        _ => iana_time_zone::get_timezone()
            .map_err(|_| "the zone of this machine is not known; name it".to_owned())?,
    };
    match name.parse() {
        Ok(zone) => Ok(Zone(zone)),
        // Such as CET-1CEST, a rule without a name.
        Err(_) => Err(format!("the zone of this machine, '{name}', is not known; name it")),
    }
}

impl Zone {
    /// The name as SQL accepts it.
    pub fn name(self) -> String {
        self.0.to_string()
    }

    pub fn is_utc(self) -> bool {
        matches!(self.name().as_str(), "UTC" | "Etc/UTC" | "Zulu" | "+00:00")
    }

    /// The time as it is on a clock in the zone.
    pub fn local(self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        time.with_timezone(&self.0).fixed_offset()
    }

    /// When a day begins in the zone.
    pub fn start_of(self, date: NaiveDate) -> DateTime<Utc> {
        let midnight = date.and_time(NaiveTime::MIN);
        // In some zones, a day in spring begins at 1:00.
        let hours = (0..3).map(|hours| midnight + TimeDelta::hours(hours));
        let mut found = hours.filter_map(|time| self.0.from_local_datetime(&time).earliest());
        found.next().map_or_else(|| midnight.and_utc(), |time| time.to_utc())
    }

    /// The time as text, as in `2026-04-16T01:00:00.000+02:00`. In UTC that is the stored form.
    pub fn text(self, time: DateTime<Utc>) -> String {
        let decimals = match time.nanosecond() {
            n if n % 1_000_000 == 0 => SecondsFormat::Millis,
            n if n % 1_000 == 0 => SecondsFormat::Micros,
            _ => SecondsFormat::Nanos,
        };
        self.local(time).to_rfc3339_opts(decimals, self.is_utc())
    }

    /// The batch with its times as text in the zone. Times inside lists and structs, and times for which
    /// the query chose a zone, stay as they are.
    pub fn times_as_text(self, batch: &RecordBatch) -> netsky_db::Result<RecordBatch> {
        let texts = netsky_db::times_as_text(batch)?;
        if self.is_utc() {
            return Ok(texts);
        }
        let columns = batch.columns().iter().zip(texts.columns());
        let columns = columns.map(|(column, text)| match column.data_type() == text.data_type() {
            true => Ok(Arc::clone(column)),
            false => self.column_as_text(column),
        });
        let columns = columns.collect::<netsky_db::Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(texts.schema(), columns, &options)?)
    }

    fn column_as_text(self, column: &ArrayRef) -> netsky_db::Result<ArrayRef> {
        let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let times = cast(column, &nanoseconds)?;
        let mut texts = StringViewBuilder::with_capacity(times.len());
        for nanos in times.as_primitive::<TimestampNanosecondType>() {
            texts
                .append_option(nanos.map(|nanos| self.text(DateTime::from_timestamp_nanos(nanos))));
        }
        Ok(Arc::new(texts.finish()))
    }

    /// The schema of [`times_as_text`](Self::times_as_text).
    pub fn schema_of_texts(self, schema: &SchemaRef) -> netsky_db::Result<SchemaRef> {
        Ok(self.times_as_text(&RecordBatch::new_empty(Arc::clone(schema)))?.schema())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        parse(name).unwrap()
    }

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn zones_are_names_and_offsets() {
        for (text, name) in [
            ("Europe/Berlin", "Europe/Berlin"),
            (" europe/berlin ", "Europe/Berlin"),
            ("America/New York", "America/New_York"),
            ("+02:00", "+02:00"),
            ("-0530", "-05:30"),
            ("utc", "UTC"),
            ("Z", "UTC"),
        ] {
            assert_eq!(zone(text).name(), name);
        }
        assert!(zone("utc").is_utc() && !zone("Europe/London").is_utc());
    }

    #[test]
    fn a_wrong_zone_suggests_the_nearest() {
        for (text, message) in [
            ("Europe/Berln", "no time zone named 'Europe/Berln'; did you mean 'Europe/Berlin'"),
            ("berlin", "no time zone named 'berlin'; did you mean 'Europe/Berlin'?"),
            ("New York", "no time zone named 'New York'; did you mean 'America/New_York'?"),
            ("xyz", "no time zone named 'xyz'; write it as in Europe/Berlin, +02:00, UTC or local"),
            ("+2", "'+2' is not an offset; write it as in +02:00"),
            ("+99:00", "'+99:00' is not an offset"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.starts_with(message), "{told}");
        }
    }

    #[test]
    fn times_carry_the_offset_of_their_season() {
        let berlin = zone("Europe/Berlin");
        assert_eq!(berlin.text(time("2026-04-15T23:00:00Z")), "2026-04-16T01:00:00.000+02:00");
        assert_eq!(berlin.text(time("2026-01-15T23:00:00.5Z")), "2026-01-16T00:00:00.500+01:00");
        assert_eq!(
            zone("UTC").text(time("2026-04-15T23:00:00.000001Z")),
            "2026-04-15T23:00:00.000001Z"
        );
        assert_eq!(
            zone("-05:30").text(time("2026-04-15T23:00:00Z")),
            "2026-04-15T17:30:00.000-05:30"
        );
    }

    #[test]
    fn a_day_begins_when_it_does_in_the_zone() {
        let start = |name: &str, date: &str| zone(name).start_of(date.parse().unwrap());
        assert_eq!(start("Europe/Berlin", "2026-04-15"), time("2026-04-14T22:00:00Z"));
        assert_eq!(start("UTC", "2026-04-15"), time("2026-04-15T00:00:00Z"));
        // In Cairo, clocks went from 0:00 to 1:00 at the start of this day.
        assert_eq!(start("Africa/Cairo", "2026-04-24"), time("2026-04-23T22:00:00Z"));
    }
}
