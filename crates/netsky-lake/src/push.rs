//! Pushes what a store has recorded into a lake.
//!
//! A row gets into a lake once, wherever a push is killed and however often it is run again:
//!
//! 1. The range of ids of a file is decided, and committed to the store, before the file is written. The next range
//!    begins after it. So ranges have no gaps and do not overlap.
//! 2. Then the lake gets to know of it, in a claim, which fails if another copy of the store has pushed meanwhile.
//! 3. A file has the rows of one range and one day, and its name says which. It appears as a whole, and only if
//!    there is none of that name. If there is one, it has the same rows, from a push that was killed.
//! 4. Once all files of the range are there, that is committed to the store, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, TryLockError};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use futures::StreamExt;
use netsky_db::{Db, Table};

use crate::claim::{Claim, Latest};
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::layout::{Machine, file_of};
use crate::listing::{Wanted, files};
use crate::place::{Place, wait};
use crate::pushed::{Pushed, Range, store_number};
use crate::rows::{Day, days, end_of_file, unfit};

/// How many files are written at once.
const AT_ONCE: usize = 8;

/// What a push is to do.
pub struct Push<'a> {
    db: &'a Db,
    place: Place,
    machine: Machine,
    tables: Vec<&'static Table>,
    until: Option<DateTime<Utc>>,
    on_rows: Box<dyn Fn(u64) + Send + Sync + 'a>,
}

/// What a push has done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushReport {
    /// The number of rows that the lake got, by table, without tables that had none.
    pub rows: Vec<(&'static str, u64)>,
    /// The number of files written.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Tables that cannot be in a lake, and why.
    pub left_out: Vec<(&'static str, String)>,
}

impl fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("place", &self.place)
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}

impl<'a> Push<'a> {
    /// A push of all tables of the store to the lake at a URL, under the name of a machine.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] and [`Error::InvalidMachine`].
    pub fn new(db: &'a Db, url: &str, machine: &str) -> Result<Self> {
        let (place, machine) = (Place::new(url)?, Machine::new(machine)?);
        let (tables, on_rows) = (db.tables().to_vec(), Box::new(|_| {}));
        Ok(Self { db, place, machine, tables, until: None, on_rows })
    }

    /// Only these tables.
    #[must_use]
    pub fn tables(self, tables: Vec<&'static Table>) -> Self {
        Self { tables, ..self }
    }

    /// Of each table only the rows that were recorded before the first one of this time or later.
    #[must_use]
    pub fn until(self, until: DateTime<Utc>) -> Self {
        Self { until: Some(until), ..self }
    }

    /// Calls a function with the numbers of rows that have been written.
    #[must_use]
    pub fn on_rows(self, on_rows: impl Fn(u64) + Send + Sync + 'a) -> Self {
        Self { on_rows: Box::new(on_rows), ..self }
    }

    /// Returns the number of rows that [`run`](Self::run) would push now, about: pruned ones are counted.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] and [`Error::Store`].
    pub fn count(&self) -> Result<u64> {
        let lake = match wait(Lake::at(self.place.clone())) {
            Err(Error::NotFound { .. }) => None,
            lake => Some(lake?),
        };
        let note = match &lake {
            Some(lake) => Pushed::read(self.db, lake.id())?.unwrap_or_default(),
            None => Pushed::default(),
        };
        let mut rows = 0;
        for &table in self.tables.iter().filter(|table| unfit(table).is_none()) {
            rows += (self.last_id(table, note.of(table).pushed)? - note.of(table).pushed)
                .max(0)
                .unsigned_abs();
        }
        Ok(rows)
    }

    /// Pushes. If it fails or is killed, the next push goes on.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::OtherStore`], [`Error::OtherName`], [`Error::OlderCopy`], [`Error::OlderLake`] and
    /// [`Error::Forgotten`] if rows could get into the lake twice or be missing; [`Error::NewerFormat`]; [`Error::Storage`],
    /// [`Error::File`] and [`Error::Store`].
    pub fn run(&self) -> Result<PushReport> {
        let _lock = self.lock()?;
        let mut report = PushReport::default();
        let mut tables = Vec::new();
        for &table in &self.tables {
            match unfit(table) {
                None => tables.push(table),
                Some(reason) => report.left_out.push((table.name(), reason)),
            }
        }
        let lake = wait(Lake::create(self.place.clone()))?;
        let store = store_number(self.db)?;
        let mut latest = wait(Latest::of(&self.place, &self.machine))?;
        let mut note = wait(self.checked_note(&lake, &store, &latest))?;
        let mut claim = latest.claim.clone().unwrap_or_else(|| Claim::new(&store));
        // What is recorded from here on is for the next push.
        let ends = tables.iter().map(|&table| self.last_id(table, note.of(table).pushed));
        let ends = ends.collect::<Result<Vec<_>>>()?;
        loop {
            let mut parts = Vec::new();
            for (&table, &end) in tables.iter().zip(&ends) {
                let Range { pushed, pending, rows } = note.of(table);
                let last = match pending {
                    Some(pending) => pending,
                    None if pushed < end => end_of_file(self.db, table, pushed + 1, end)?,
                    None => continue,
                };
                note.set(table, Range { pushed, pending: Some(last), rows });
                let claimed = claim.ids.entry(table.name().to_owned()).or_default();
                *claimed = last.max(*claimed);
                parts.push((table, pushed + 1..=last));
            }
            if parts.is_empty() {
                break;
            }
            note.write(self.db, lake.id())?;
            wait(latest.replace(&self.place, &self.machine, claim.clone()))?;
            for (table, ids) in parts {
                let days = days(self.db, table, &ids)?;
                let newest = days.iter().filter_map(|day| day.newest).max();
                claim.newest_row = claim.newest_row.max(newest);
                let rows = days.iter().map(|day| day.rows).sum();
                wait(self.write(table, &ids, days, &mut report))?;
                let before = note.of(table).rows;
                note.set(table, Range { pushed: *ids.end(), pending: None, rows: before + rows });
                match report.rows.iter_mut().find(|(name, _)| *name == table.name()) {
                    Some((_, pushed)) => *pushed += rows,
                    None if rows > 0 => report.rows.push((table.name(), rows)),
                    None => {}
                }
            }
            note.write(self.db, lake.id())?;
            claim.rows = note.tables.values().map(|table| table.rows).sum();
        }
        claim.pushed_at = Some(netsky_db::internal::now().trunc_subsecs(3));
        wait(latest.replace(&self.place, &self.machine, claim))?;
        wait(latest.tidy(&self.place))?;
        Ok(report)
    }

    /// Writes the files of one range of ids.
    async fn write(
        &self,
        table: &'static Table,
        ids: &RangeInclusive<i64>,
        days: Vec<Day>,
        report: &mut PushReport,
    ) -> Result<()> {
        let failed = AtomicBool::new(false);
        let wanted = days.into_iter().take_while(|_| !failed.load(Ordering::Relaxed));
        let writes = wanted.map(|day| async move {
            let file = file_of(table.name(), day.date, &self.machine, ids);
            let bytes = day.content.len() as u64;
            let is_new = self.place.create(&file, day.content).await?;
            (self.on_rows)(day.rows);
            Ok::<_, Error>((u64::from(is_new), bytes))
        });
        let mut written = futures::stream::iter(writes).buffer_unordered(AT_ONCE);
        let mut error = None;
        // After an error, none is begun, but those that were begun end: otherwise it would depend on chance which do.
        while let Some(result) = written.next().await {
            match result {
                Ok((files, bytes)) => {
                    report.files += files;
                    report.bytes += files * bytes;
                }
                Err(failure) => {
                    failed.store(true, Ordering::Relaxed);
                    error.get_or_insert(failure);
                }
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// The highest id that is to be pushed.
    fn last_id(&self, table: &'static Table, pushed: i64) -> Result<i64> {
        let last = self.db.last_id(table)?;
        let (Some(until), Some(time)) = (self.until, table.time_column()) else { return Ok(last) };
        let until = until.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let sql = format!(
            "SELECT min(id) FROM {} WHERE id > {pushed} AND {} >= '{until}'",
            table.name(),
            time.name
        );
        let found = self.db.query_batches(&sql)?;
        let first_later = found.first().and_then(|batch| {
            batch.column(0).as_primitive_opt::<Int64Type>()?.iter().next().flatten()
        });
        Ok(first_later.map_or(last, |first| first - 1))
    }

    /// Returns what the store notes of the lake, if it can go on from what the lake knows.
    async fn checked_note(&self, lake: &Lake, store: &str, latest: &Latest) -> Result<Pushed> {
        let (url, machine) = (|| lake.url().to_owned(), || self.machine.name().to_owned());
        let mut note = Pushed::read(self.db, lake.id())?;
        if let Some(Pushed { machine: before, .. }) = &note
            && before != self.machine.name()
        {
            let is_known = match Machine::new(before) {
                Ok(before) => Latest::of(&self.place, &before).await?.claim.is_some(),
                Err(_) => false,
            };
            if is_known || self.has_files(before).await? {
                let before = before.clone();
                return Err(Error::OtherName { url: url(), before, machine: machine() });
            }
            note = None;
        }
        let note = match note {
            Some(note) => Pushed { url: url(), ..note },
            None => Pushed { url: url(), machine: machine(), ..Pushed::default() },
        };
        let Some(claim) = &latest.claim else {
            // Ids are claimed before they are pushed, so rows without a claim are those of an export, or the claims
            // were deleted.
            if self.has_files(self.machine.name()).await? {
                return Err(Error::Forgotten { url: url(), machine: machine() });
            }
            if note.tables.values().any(|table| table.pushed > 0) {
                // The machine was deleted, with all of its rows. Noted now: if there is nothing to push yet, the lake
                // knows the machine again, and the old note would be taken for what it has.
                let anew = Pushed { tables: BTreeMap::new(), ..note };
                anew.write(self.db, lake.id())?;
                return Ok(anew);
            }
            return Ok(note);
        };
        if claim.store != store {
            return Err(Error::OtherStore { url: url(), machine: machine() });
        }
        for &table in self.db.tables() {
            let Range { pushed, pending, .. } = note.of(table);
            let (found, known) =
                (claim.ids.get(table.name()).copied().unwrap_or(0), pending.unwrap_or(pushed));
            let (url, machine, table) = (lake.url().to_owned(), machine(), table.name());
            if found > known {
                return Err(Error::OlderCopy { url, machine, table, found, pushed });
            }
            // Ids are claimed before they are pushed.
            if found < pushed {
                return Err(Error::OlderLake { url, machine, table, found, pushed });
            }
        }
        Ok(note)
    }

    /// Whether the lake has rows of a machine.
    async fn has_files(&self, machine: &str) -> Result<bool> {
        let machines = Some(BTreeSet::from([machine.to_owned()]));
        let wanted = Wanted { machines, ..Wanted::everything() };
        for table in self.db.tables() {
            if !files(&self.place, table.name(), &wanted).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One push at a time of a store. The file stays, because deleting it could let two processes have the lock.
    fn lock(&self) -> Result<File> {
        let mut path = self.db.path().as_os_str().to_owned();
        path.push(".push-lock");
        let path = PathBuf::from(path);
        let failed =
            |source| Error::File { action: "lock", file: path.display().to_string(), source };
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Busy {
                url: self.place.url().to_owned(),
                machine: self.machine.name().to_owned(),
            }),
            Err(TryLockError::Error(source)) => {
                Err(Error::File { action: "lock", file: path.display().to_string(), source })
            }
        }
    }
}
