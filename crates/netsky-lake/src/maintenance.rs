//! What a lake has, deleting from it, and making many small files one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};
use netsky_db::{Db, Table};

use crate::claim::{Latest, machines};
use crate::error::Result;
use crate::lake::Lake;
use crate::layout::{DataFile, MACHINE, Machine, file_of};
use crate::listing::{Wanted, all_files, current};
use crate::place::wait;
use crate::rows::by_day;

/// How long files stay after their rows are in another. A query that has listed them can still be running.
const GRACE: TimeDelta = TimeDelta::hours(1);

/// Files are merged up to so many bytes, because their rows are sorted in memory. Larger ones are read as fast.
const MERGED_BYTES: u64 = 16 << 20;

/// How many machines are looked at, or files written, at once.
const AT_ONCE: usize = 8;

/// What a lake knows of one machine.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MachineStatus {
    /// The machine.
    pub machine: String,
    /// The number of rows that it has pushed. `lake prune` does not change it.
    pub rows: u64,
    /// The number of its files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// The time of its newest row.
    pub newest_row: Option<DateTime<Utc>>,
    /// When a push of it ended for the last time. `None` if none has.
    pub pushed_at: Option<DateTime<Utc>>,
    /// The version of netsky that pushed.
    pub netsky: String,
}

/// What was deleted, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LakePruned {
    /// The number of files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// What a compaction has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LakeCompacted {
    /// The number of files whose rows are in another now.
    pub merged: u64,
    /// The number of files written.
    pub written: u64,
    /// The number of files deleted, whose rows have been in another for an hour.
    pub deleted: u64,
}

impl Lake {
    /// Returns the machines in the order of their names. It lists all files.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage) and [`Error::ForeignFile`](crate::Error::ForeignFile).
    pub fn status(&self) -> Result<Vec<MachineStatus>> {
        wait(async {
            let mut sizes = BTreeMap::<String, (u64, u64)>::new();
            for table in self.db().tables() {
                for file in all_files(self.place(), table.name(), &Wanted::everything()).await? {
                    let (files, bytes) = sizes.entry(file.machine).or_default();
                    (*files, *bytes) = (*files + 1, *bytes + file.meta.size);
                }
            }
            let machines = futures::stream::iter(machines(self.place()).await?)
                .map(|machine| async move {
                    let latest = Latest::of(self.place(), &machine).await?;
                    Ok::<_, crate::Error>((machine, latest.claim))
                })
                .buffered(AT_ONCE)
                .try_collect::<Vec<_>>()
                .await?;
            let status = machines.into_iter().filter_map(|(machine, claim)| {
                let (claim, name) = (claim?, machine.name().to_owned());
                let (files, bytes) = sizes.get(&name).copied().unwrap_or_default();
                Some(MachineStatus {
                    machine: name,
                    rows: claim.rows,
                    files,
                    bytes,
                    newest_row: claim.newest_row,
                    pushed_at: claim.pushed_at,
                    netsky: claim.netsky,
                })
            });
            Ok(status.collect())
        })
    }

    /// Deletes the days before the one of a time, and returns what was deleted. Without a time, deletes all that the
    /// lake has of the machines of [`of_machines`](Self::of_machines), which can then push anew.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage) and [`Error::ForeignFile`](crate::Error::ForeignFile).
    pub fn prune(&self, before: Option<DateTime<Utc>>, dry_run: bool) -> Result<LakePruned> {
        wait(async {
            let mut pruned = LakePruned::default();
            for table in self.db().tables() {
                let mut files = all_files(self.place(), table.name(), &self.wanted()).await?;
                files.retain(|file| before.is_none_or(|before| file.date < before.date_naive()));
                pruned.files += files.len() as u64;
                pruned.bytes += files.iter().map(|file| file.meta.size).sum::<u64>();
                if !dry_run {
                    self.delete(files).await?;
                }
            }
            // Last, because without it a machine could push its rows again.
            for machine in self.machines().iter().filter(|_| before.is_none() && !dry_run) {
                let latest = Latest::of(self.place(), &Machine::new(machine)?).await?;
                self.place().delete(latest.into_files()).await?;
            }
            Ok(pruned)
        })
    }

    /// Makes the files of each table and day before the one of a time one file, or several of 16 MiB, for each of the
    /// machines of [`of_machines`](Self::of_machines), or for all. Files whose rows have been in another for an hour are deleted.
    ///
    /// netsky reads each row once meanwhile. Other programs read rows twice until the old files are deleted. Only one
    /// process should compact a machine's files at a time; if two do, no row is lost or doubled.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`](crate::Error::Storage), [`Error::File`](crate::Error::File) and
    /// [`Error::ForeignFile`](crate::Error::ForeignFile).
    pub fn compact(&self, before: DateTime<Utc>) -> Result<LakeCompacted> {
        let mut compacted = LakeCompacted::default();
        let db = self.db();
        for &table in db.tables() {
            let mut files = wait(all_files(self.place(), table.name(), &self.wanted()))?;
            files.retain(|file| file.date < before.date_naive());
            let now = netsky_db::internal::now();
            let superseded = files.iter().filter(|file| {
                let settled = |other: &&DataFile| other.meta.last_modified + GRACE < now;
                files.iter().filter(settled).any(|other| file.is_within(other))
            });
            let superseded: Vec<DataFile> = superseded.cloned().collect();
            compacted.deleted += superseded.len() as u64;
            wait(self.delete(superseded))?;
            let mut days = BTreeMap::<(NaiveDate, String), Vec<DataFile>>::new();
            for file in current(files) {
                days.entry((file.date, file.machine.clone())).or_default().push(file);
            }
            for ((date, machine), files) in days {
                let db = self.clone().of_machines([machine.as_str()])?.db();
                for files in groups(files) {
                    let ids = files
                        .iter()
                        .map(|file| file.ids.clone())
                        .reduce(|a, b| *a.start().min(b.start())..=*a.end().max(b.end()));
                    let (Some(ids), 2..) = (ids, files.len()) else { continue };
                    self.merge(&db, table, date, &Machine::new(&machine)?, &ids)?;
                    compacted.merged += files.len() as u64;
                    compacted.written += 1;
                }
            }
        }
        Ok(compacted)
    }

    /// Writes the rows that one machine has of a day, with ids in a range, as one file.
    fn merge(
        &self,
        db: &Db,
        table: &'static Table,
        date: NaiveDate,
        machine: &Machine,
        ids: &RangeInclusive<i64>,
    ) -> Result<()> {
        let Some(time) = table.time_column().map(|column| column.name) else { return Ok(()) };
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (from, to) = (text(midnight(date)), text(midnight(date) + TimeDelta::days(1)));
        let columns =
            table.columns().iter().map(|column| column.name).filter(|name| *name != MACHINE);
        let columns: Vec<&str> = std::iter::once("id").chain(columns).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE {time} >= '{from}' AND {time} < '{to}' AND id BETWEEN {} AND {}
             ORDER BY {time}, id",
            columns.join(", "),
            table.name(),
            ids.start(),
            ids.end()
        );
        for day in by_day(table, time, db.query_batches(&sql)?)? {
            wait(self.place().create(&file_of(table.name(), day.date, machine, ids), day.content))?;
        }
        Ok(())
    }

    async fn delete(&self, files: Vec<DataFile>) -> Result<()> {
        self.place().delete(files.into_iter().map(|file| file.meta.location).collect()).await
    }

    pub(crate) fn wanted(&self) -> Wanted {
        let machines = Some(self.machines().clone()).filter(|machines| !machines.is_empty());
        Wanted { machines, ..Wanted::everything() }
    }
}

/// Divides the files of a day, which are in the order of their ids, into those that become one file each.
fn groups(files: Vec<DataFile>) -> Vec<Vec<DataFile>> {
    let mut groups: Vec<Vec<DataFile>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        bytes += file.meta.size;
        match groups.last_mut() {
            Some(group) if bytes <= MERGED_BYTES => group.push(file),
            _ => {
                bytes = file.meta.size;
                groups.push(vec![file]);
            }
        }
    }
    groups
}
