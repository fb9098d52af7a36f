//! Whether what the store holds is what it should be.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};

use crate::error::{Error, Result};
use crate::maintenance_progress::MaintenanceProgress;
use crate::row::Decoder;
use crate::store::checksum::{Checksum, Noted};
use crate::store::handle::Access;
use crate::store::reopening_handle::ReopeningHandle;
use crate::store::snapshot::absent_as_none;
use crate::store::times::{RowTimes, zone_of};
use crate::store::zone::{Block, MARKS, Watermark, Zone};
use crate::store::{IDS, Snapshot, Store, page_checksums};
use crate::table::Table;

/// So many faults are listed; the others are counted.
const MAX_LISTED: usize = 1_000;
/// So much JSON is decoded before what came of it is let go.
const BATCH_BYTES: usize = 4 << 20;

/// What a check of a store has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// How many tables were looked at.
    pub tables: u64,
    /// How many rows were decoded.
    pub rows: u64,
    /// How many zones were compared with their rows.
    pub zones: u64,
    /// How many faults there are.
    pub fault_count: u64,
    /// The faults, but no more than the first thousand.
    pub faults: Vec<Fault>,
}

impl CheckReport {
    /// Whether all is well.
    pub fn is_clean(&self) -> bool {
        self.fault_count == 0
    }

    fn add(&mut self, fault: Fault) {
        self.fault_count += 1;
        if self.faults.len() < MAX_LISTED {
            self.faults.push(fault);
        }
    }
}

/// Something in a store that is not as it should be. Printed, it is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Pages of the file are not what was written, so no row was looked at. Restore a backup.
    Pages {
        /// What redb says of it.
        reason: String,
    },
    /// A row is not what its table says. Queries that do not need it still run.
    CorruptRow {
        /// The row's table.
        table: &'static str,
        /// The row's id.
        id: i64,
        /// What is wrong, and where in the row's JSON.
        reason: String,
    },
    /// What is noted of a block of rows is not true of them, so queries may give wrong answers.
    ZoneMismatch {
        /// The rows' table.
        table: &'static str,
        /// The ids of the block.
        ids: RangeInclusive<i64>,
        /// What is noted, and what is true.
        reason: String,
    },
    /// The rows of a block are not those that its checksum was computed of, though each of them can be
    /// read: the file was damaged before its pages were last written, or another program changed rows.
    /// Queries that read the whole block fail.
    ChangedRows {
        /// The rows' table.
        table: &'static str,
        /// The ids of the block.
        ids: RangeInclusive<i64>,
    },
    /// The number of rows that zones count is not that of the rows: a program that knows no zones
    /// has removed or slipped in some. No zone of the table is used, and the next row that is
    /// recorded in it makes them anew.
    RowCountMismatch {
        /// The rows' table.
        table: &'static str,
        /// How many rows the zones count.
        counted: u64,
        /// How many there are.
        rows: u64,
    },
    /// A row has a higher id than was given out: another program wrote it. The next row that is
    /// recorded gets a higher one still.
    IdCounterBehind {
        /// The row's table.
        table: &'static str,
        /// The last id given out.
        given_out: i64,
        /// The highest id of a row.
        highest: i64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pages { reason } => {
                write!(f, "damaged pages, so no rows were checked: {reason}")
            }
            Self::CorruptRow { table, id, reason } => {
                write!(f, "corrupt row {id} in {table}: {reason}")
            }
            Self::ZoneMismatch { table, ids, reason } => {
                write!(f, "wrong zone of {table}, ids {} to {}: {reason}", ids.start(), ids.end())
            }
            Self::ChangedRows { table, ids } => write!(
                f,
                "changed rows in {table}, ids {} to {}: they differ from what was recorded",
                ids.start(),
                ids.end()
            ),
            Self::RowCountMismatch { table, counted, rows } => {
                write!(f, "wrong zones of {table}: they count {counted} rows, and it has {rows}")
            }
            Self::IdCounterBehind { table, given_out, highest } => write!(
                f,
                "wrong id counter of {table}: the last id is {given_out}, but a row has {highest}"
            ),
        }
    }
}

impl Store {
    /// Looks at every page of the file and at every row of the tables.
    pub(crate) fn check(&self, tables: &[&'static Table]) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        let checked = match self.damage()? {
            // redb trusts the pages that it reads, so what it read now would mean nothing.
            Some(reason) => Err(Error::Damaged { path: self.path().to_owned(), reason }),
            None => self.check_tables(tables, &mut report),
        };
        match checked {
            Err(Error::Damaged { reason, .. }) => report.add(Fault::Pages { reason }),
            checked => checked?,
        }
        Ok(report)
    }

    fn check_tables(&self, tables: &[&'static Table], report: &mut CheckReport) -> Result<()> {
        let snapshot = self.snapshot()?;
        let progress = self.maintenance_progress();
        let counts = tables.iter().map(|table| snapshot.count(table));
        progress.begin_rows(counts.sum::<Result<u64>>()?);
        tables.iter().try_for_each(|table| snapshot.check(table, progress, report))
    }

    /// Refuses to go on if pages of the file are damaged. For what writes pages anew, since their
    /// checksums would be right then, and the damage never be found.
    pub(super) fn refuse_damage(&self) -> Result<()> {
        match self.damage()? {
            Some(reason) => Err(Error::Damaged { path: self.path().to_owned(), reason }),
            None => Ok(()),
        }
    }

    /// What is wrong with the pages of the file.
    pub(super) fn damage(&self) -> Result<Option<String>> {
        let progress = self.maintenance_progress();
        page_checksums::damage(self.path(), progress, || {
            let progress = progress.clone();
            let path = self.path().to_owned();
            let writer = match self.is_read_only() {
                // Only to hold the lock: the file's mode stays, and nothing is written but what redb
                // notes of its own.
                true => {
                    let (access, options) = (Access::ReadWrite, self.connection.options());
                    let connection = Arc::new(ReopeningHandle::open(&path, access, options)?);
                    Self { connection, archived: None, upgraded_from: None }
                }
                false => self.clone(),
            };
            writer.write(move |_| page_checksums::look_for_damage(&path, &progress))
        })
    }
}

impl Snapshot {
    fn check(
        &self,
        table: &'static Table,
        progress: &MaintenanceProgress,
        report: &mut CheckReport,
    ) -> Result<()> {
        self.guard(|| self.check_rows(table, progress, report))
    }

    fn check_rows(
        &self,
        table: &'static Table,
        progress: &MaintenanceProgress,
        report: &mut CheckReport,
    ) -> Result<()> {
        let Some(rows) = self.rows(table)? else { return Ok(()) };
        report.tables += 1;
        let mut zones = self.zone_check(table)?;
        let mut row_check = RowCheck::new(table)?;
        let mut block = None;
        let pending: Vec<_> = rows.pending().collect();
        let _ = rows.visit(i64::MIN..=i64::MAX, false, |id, json| {
            if block.is_some_and(|block| block != Block::of(id)) {
                row_check.finish_block(&mut zones, report)?;
            }
            block = Some(Block::of(id));
            let zoned = zones.covers(id) && !pending.iter().any(|ids| ids.contains(&id));
            row_check.push(id, json, zoned, report)?;
            progress.add_row(json);
            Ok(ControlFlow::Continue(()))
        })?;
        row_check.finish_block(&mut zones, report)?;
        zones.finish(table, report);

        let highest = rows.first(i64::MIN..=i64::MAX, true, |id, _| id)?.unwrap_or(0);
        let ids = absent_as_none(self.txn.open_table(IDS))?;
        let given_out = match ids {
            Some(ids) => ids.get(table.name())?.map_or(0, |id| id.value()),
            None => 0,
        };
        if given_out < highest {
            report.add(Fault::IdCounterBehind { table: table.name(), given_out, highest });
        }
        Ok(())
    }

    fn zone_check(&self, table: &'static Table) -> Result<ZoneCheck> {
        let mut check = ZoneCheck { noted: BTreeMap::new(), mark: None, rows: 0 };
        let marks = absent_as_none(self.txn.open_table(MARKS))?;
        if let Some(marks) = marks {
            check.mark = Watermark::read(&marks, table)?;
            let noted = self.noted(table)?.into_iter();
            check.noted = noted.map(|noted| (noted.block, noted)).collect();
        }
        Ok(check)
    }
}

/// Decodes the rows of a table, all of their columns.
struct RowCheck {
    table: &'static Table,
    columns: Vec<usize>,
    decoder: Decoder,
    bytes: usize,
    times: RowTimes,
    /// Of the rows of which there are times.
    checksum: Checksum,
}

impl RowCheck {
    fn new(table: &'static Table) -> Result<Self> {
        let columns: Vec<usize> = (0..=table.columns().len()).collect();
        let decoder = Decoder::new(table, &columns)?;
        let (times, checksum) = (RowTimes::new(table)?, Checksum::default());
        Ok(Self { table, columns, decoder, bytes: 0, times, checksum })
    }

    /// Takes a row, `zoned` if its block's zone should know of it.
    fn push(&mut self, id: i64, json: &[u8], zoned: bool, report: &mut CheckReport) -> Result<()> {
        report.rows += 1;
        if zoned {
            self.times.push(id, json);
            self.checksum.add(Checksum::of_row(id, json));
        }
        self.bytes += json.len();
        match self.decoder.push(id, json) {
            Ok(()) if self.bytes < BATCH_BYTES => return Ok(()),
            Ok(()) => {}
            Err(Error::CorruptRow { reason, .. }) => {
                report.add(Fault::CorruptRow { table: self.table.name(), id, reason });
            }
            Err(other) => return Err(other),
        }
        self.decoder = Decoder::new(self.table, &self.columns)?;
        self.bytes = 0;
        Ok(())
    }

    /// Compares the rows of a block with what is noted of it.
    fn finish_block(&mut self, zones: &mut ZoneCheck, report: &mut CheckReport) -> Result<()> {
        let times = self.times.finish()?;
        let checksum = std::mem::take(&mut self.checksum);
        if let Some((id, _)) = times.first() {
            let (block, times) = (Block::of(*id), times.iter().map(|(_, time)| *time));
            zones.compare(self.table, block, times, checksum, report);
        }
        Ok(())
    }
}

/// What is noted of a table's blocks, as long as it was not compared.
struct ZoneCheck {
    noted: BTreeMap<Block, Noted>,
    mark: Option<Watermark>,
    /// Rows up to the mark.
    rows: u64,
}

impl ZoneCheck {
    /// Whether zones should know of the row. Those past the mark are another program's.
    fn covers(&self, id: i64) -> bool {
        self.mark.is_some_and(|mark| mark.covers(id))
    }

    fn compare(
        &mut self,
        table: &'static Table,
        block: Block,
        times: impl Iterator<Item = Option<i64>> + Clone,
        checksum: Checksum,
        report: &mut CheckReport,
    ) {
        let (found, readable) = (zone_of(times.clone()), zone_of(times.filter(Option::is_some)));
        self.rows += found.rows;
        let noted = self.noted.remove(&block);
        let zone = noted.and_then(|noted| noted.zone);
        report.zones += u64::from(zone.is_some());
        let reason = match zone {
            None => Some(format!("it is missing, and there are {} rows", found.rows)),
            Some(noted) if noted.rows != found.rows => {
                Some(format!("it counts {} rows, but there are {}", noted.rows, found.rows))
            }
            Some(noted) => untrue_span(noted, found, readable),
        };
        if let Some(reason) = reason {
            report.add(Fault::ZoneMismatch { table: table.name(), ids: block.ids(), reason });
        } else if noted.and_then(|noted| noted.checksum()).is_some_and(|noted| noted != checksum) {
            report.add(Fault::ChangedRows { table: table.name(), ids: block.ids() });
        }
    }

    /// What is left is noted of blocks that have no rows.
    fn finish(self, table: &'static Table, report: &mut CheckReport) {
        let zones = self.noted.into_iter().filter_map(|(block, noted)| Some((block, noted.zone?)));
        for (block, zone) in zones {
            report.zones += 1;
            if zone.rows > 0 {
                let reason = format!("it counts {} rows, but there are none", zone.rows);
                report.add(Fault::ZoneMismatch { table: table.name(), ids: block.ids(), reason });
            }
        }
        if let Some(mark) = self.mark
            && mark.rows() != self.rows
        {
            let (counted, rows) = (mark.rows(), self.rows);
            report.add(Fault::RowCountMismatch { table: table.name(), counted, rows });
        }
    }
}

/// What is wrong with the noted span of times. A row whose time cannot be read is corrupt, and said to
/// be; the zone may have been written when it was not. A zone that knows no times is never wrong.
fn untrue_span(noted: Zone, found: Zone, readable: Zone) -> Option<String> {
    let (low, high) = noted.times?;
    let (true_low, true_high) = readable.times?;
    let holds = match found.times {
        Some(times) => times == (low, high),
        None => low <= true_low && true_high <= high,
    };
    let text =
        |nanos| DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::AutoSi, true);
    (!holds).then(|| {
        format!(
            "its times are {} to {}, but those of the rows are {} to {}",
            text(low),
            text(high),
            text(true_low),
            text(true_high)
        )
    })
}
