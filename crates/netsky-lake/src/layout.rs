//! The names of a lake's files.
//!
//! ```text
//! <table>/date=2026-01-27/machine=dev3/000000017720-000000041003.parquet
//! _netsky/lake.json
//! _netsky/machines/dev3/000000000042.json
//! ```
//!
//! Everything but Parquet is in `_netsky`, where programs that read a table's directory do not look. The directory
//! of a machine is not called `host`, because `cli_invocations` has a column of that name: DuckDB would silently
//! take the directory's.

use std::ops::RangeInclusive;

use chrono::NaiveDate;
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::Serialize;

use crate::error::{Error, Result};

/// The columns that directories give to rows.
pub(crate) const DATE: &str = "date";
pub(crate) const MACHINE: &str = "machine";

pub(crate) const LAKE: &str = "_netsky/lake.json";
pub(crate) const MACHINES: &str = "_netsky/machines";

/// The name of a machine in a lake, which is also that of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine(String);

impl Machine {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidMachine`].
    pub fn new(name: &str) -> Result<Self> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_valid = (1..=100).contains(&name.len())
            && name.chars().all(is_allowed)
            && !name.starts_with('.');
        match is_valid {
            true => Ok(Self(name.to_owned())),
            false => Err(Error::InvalidMachine { name: name.to_owned() }),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Rows of one table, day and machine, with the ids of one push.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) meta: ObjectMeta,
    pub(crate) date: NaiveDate,
    pub(crate) machine: String,
    pub(crate) ids: RangeInclusive<i64>,
}

/// The path of a file of rows, from the lake's directory: those of a day with ids in a range. Ranges of a machine's
/// table must not overlap, and files of several days can have the same one.
pub fn file_of(
    table: &str,
    date: NaiveDate,
    machine: &Machine,
    ids: &RangeInclusive<i64>,
) -> String {
    let (directory, first, last) =
        (machine_directory(table, date, machine.name()), ids.start(), ids.end());
    format!("{directory}/{first:012}-{last:012}.parquet")
}

/// The path of a file of rows from the lake's directory, which a plan does not know.
pub(crate) fn name_of(file: &Path) -> String {
    let parts: Vec<_> = file.parts().collect();
    let parts = &parts[parts.len().saturating_sub(4)..];
    parts.iter().map(|part| part.as_ref()).collect::<Vec<&str>>().join("/")
}

pub(crate) fn date_directory(table: &str, date: NaiveDate) -> String {
    format!("{table}/{DATE}={date}")
}

pub(crate) fn machine_directory(table: &str, date: NaiveDate, machine: &str) -> String {
    format!("{}/{MACHINE}={machine}", date_directory(table, date))
}

/// The day of a directory such as `date=2026-01-27`.
pub(crate) fn parse_date(directory: &str) -> Option<NaiveDate> {
    directory.strip_prefix(DATE)?.strip_prefix('=')?.parse().ok()
}

impl DataFile {
    /// Reads the name of a file in a table's directory. `None` for files that are not Parquet, such as those that
    /// other programs write beside it.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignFile`] if another program wrote the Parquet: its rows could be there twice.
    pub(crate) fn parse(meta: ObjectMeta) -> Result<Option<Self>> {
        if meta.location.extension() != Some("parquet") {
            return Ok(None);
        }
        match Self::parts(&meta.location) {
            Some((date, machine, ids)) => Ok(Some(Self { meta, date, machine, ids })),
            None => Err(Error::ForeignFile {
                file: meta.location.to_string(),
                what: "a file that netsky pushed",
            }),
        }
    }

    fn parts(path: &Path) -> Option<(NaiveDate, String, RangeInclusive<i64>)> {
        let path = path.as_ref();
        let mut parts = path.rsplit('/');
        let (first, last) = parts.next()?.strip_suffix(".parquet")?.split_once('-')?;
        let machine = parts.next()?.strip_prefix(MACHINE)?.strip_prefix('=')?;
        let date = parse_date(parts.next()?)?;
        let ids = first.parse().ok()?..=last.parse().ok()?;
        (!ids.is_empty()).then(|| (date, machine.to_owned(), ids))
    }

    /// Whether the other file has the rows of this one, because it was compacted.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.ids != other.ids
            && (&self.date, &self.machine) == (&other.date, &other.machine)
            && other.ids.start() <= self.ids.start()
            && self.ids.end() <= other.ids.end()
    }
}

/// Readable by people, because it is small and may be looked at.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(path: &str) -> ObjectMeta {
        let last_modified = chrono::DateTime::UNIX_EPOCH;
        let location = Path::parse(path).unwrap();
        ObjectMeta { location, last_modified, size: 1, e_tag: None, version: None }
    }

    #[test]
    fn names_of_files_are_read_as_they_are_written() {
        let date = NaiveDate::from_ymd_opt(2026, 1, 27).unwrap();
        for machine in ["dev3", "a", "A_b-c.d", "1"] {
            for ids in [1..=1, 7..=1_000, 999_999_999_999..=i64::MAX] {
                let machine = Machine::new(machine).unwrap();
                let path = file_of("ticks", date, &machine, &ids);
                let file = DataFile::parse(meta(&format!("fleet/{path}"))).unwrap().unwrap();
                assert_eq!(
                    (file.date, file.machine.as_str(), file.ids),
                    (date, machine.name(), ids)
                );
            }
        }
    }

    #[test]
    fn foreign_parquet_is_refused_and_other_files_are_not_seen() {
        for path in [
            "ticks/part-0.parquet",
            "ticks/date=2026-01-27/machine=a/part-0.parquet",
            "ticks/date=2026-01-27/machine=a/5-4.parquet",
            "ticks/date=2026-13-27/machine=a/1-4.parquet",
            "ticks/date=2026-01-27/host=a/1-4.parquet",
        ] {
            assert!(
                matches!(DataFile::parse(meta(path)), Err(Error::ForeignFile { .. })),
                "{path}"
            );
        }
        for path in
            ["ticks/date=2026-01-27/machine=a/.tmp-1", "ticks/_delta_log/0.json", "a/_SUCCESS"]
        {
            assert!(DataFile::parse(meta(path)).unwrap().is_none(), "{path}");
        }
    }

    #[test]
    fn names_of_machines_are_names_of_directories() {
        for name in ["", ".", "..", ".a", "a/b", "a b", "a=b", "ä", "a%20b", &"x".repeat(101)] {
            assert!(Machine::new(name).is_err(), "{name}");
        }
        for name in ["a", "dev3-mac.local", "A_1", &"x".repeat(100)] {
            assert_eq!(Machine::new(name).unwrap().name(), name);
        }
    }
}
