//! Checks that the store's content is consistent.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};

use crate::error::{Error, Result};
use crate::maintenance_progress::MaintenanceProgress;
use crate::row::RowChecker;
use crate::store::block::Block;
use crate::store::check_report::{CheckReport, Fault};
use crate::store::checksum::{BlockMeta, Checksum};
use crate::store::handle::Access;
use crate::store::page_checksums::{self, PageReader};
use crate::store::reopening_handle::ReopeningHandle;
use crate::store::segment_check::SegmentCheck;
use crate::store::snapshot::absent_as_none;
use crate::store::tables::IDS;
use crate::store::times::{RowTimes, zone_of};
use crate::store::watermark::{WATERMARKS, Watermark};
use crate::store::zone::Zone;
use crate::store::{Snapshot, Store};
use crate::table::Table;

impl Store {
    /// Checks every page of the file and every row of `tables`.
    pub(crate) fn check(&self, tables: &[&'static Table]) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        let checked = match self.damage()? {
            // redb trusts the pages that it reads, so checking rows would prove nothing.
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
        let damaged = snapshot.damaged_keys()?;
        if damaged > 0 {
            report.add(Fault::Keys { damaged });
        }
        tables.iter().try_for_each(|table| snapshot.check(table, progress, report))
    }

    /// Fails if pages of the file are damaged. Operations that rewrite pages call this first: the
    /// rewritten pages would get correct checksums, and the damage would never be found.
    pub(super) fn refuse_damage(&self) -> Result<()> {
        match self.damage()? {
            Some(reason) => Err(Error::Damaged { path: self.path().to_owned(), reason }),
            None => Ok(()),
        }
    }

    /// Returns what is wrong with the pages of the file, if anything.
    pub(super) fn damage(&self) -> Result<Option<String>> {
        let progress = self.maintenance_progress();
        let handle = self.connection.ready_handle();
        let pages = match handle.as_ref().and_then(|handle| handle.pages()) {
            Some(pages) => pages.clone(),
            None => PageReader::open(self.path())?,
        };
        page_checksums::damage(&pages, progress, || {
            let progress = progress.clone();
            let path = self.path().to_owned();
            let writer = match self.is_read_only() {
                // Opened only to hold the lock: the file's mode stays the same, and nothing is
                // written except redb's own bookkeeping.
                true => {
                    let (access, options) = (Access::ReadWrite, self.connection.options());
                    let connection = Arc::new(ReopeningHandle::open(&path, access, options)?);
                    Self::without_sealer(connection)
                }
                false => self.clone(),
            };
            let pages = pages.clone();
            writer.write(move |_| page_checksums::look_for_damage(&pages, &progress))
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
        let mut row_check = RowCheck::new(table);
        let mut segments = SegmentCheck::new(self, table, report)?;
        let mut block = None;
        let pending: Vec<_> = rows.pending().collect();
        let _ = rows.visit(i64::MIN..=i64::MAX, false, |id, json| {
            if block.is_some_and(|block| block != Block::of(id)) {
                row_check.finish_block(&mut zones, report);
            }
            block = Some(Block::of(id));
            let zoned = zones.covers(id) && !pending.iter().any(|ids| ids.contains(&id));
            let read = segments.push(id, json, report)?;
            row_check.push(id, json, zoned, read, report);
            progress.add_row(json);
            Ok(ControlFlow::Continue(()))
        })?;
        row_check.finish_block(&mut zones, report);
        segments.finish_segment(report)?;
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
        let mut check = ZoneCheck { blocks: BTreeMap::new(), watermark: None, rows: 0 };
        let watermarks = absent_as_none(self.txn.open_table(WATERMARKS))?;
        if let Some(watermarks) = watermarks {
            check.watermark = Watermark::read(&watermarks, table)?;
            let blocks = self.block_metas(table)?.into_iter();
            check.blocks = blocks.map(|meta| (meta.block, meta)).collect();
        }
        Ok(check)
    }
}

/// Checks the rows of a table in all of their columns.
struct RowCheck {
    table: &'static Table,
    checker: RowChecker,
    times: RowTimes,
    /// The checksum of the rows in `times`.
    checksum: Checksum,
}

impl RowCheck {
    fn new(table: &'static Table) -> Self {
        let (checker, times) = (RowChecker::new(table), RowTimes::new(table));
        Self { table, checker, times, checksum: Checksum::default() }
    }

    /// Checks a row. `zoned` means that its block's zone must include it, and `read` whether it can be
    /// read, if that is known.
    fn push(
        &mut self,
        id: i64,
        json: &[u8],
        zoned: bool,
        read: Option<Result<(), String>>,
        report: &mut CheckReport,
    ) {
        report.rows += 1;
        if zoned {
            self.times.push(id, json);
            self.checksum.add(Checksum::of_row(id, json));
        }
        if let Err(reason) = read.unwrap_or_else(|| self.checker.check(json)) {
            report.add(Fault::CorruptRow { table: self.table.name(), id, reason });
        }
    }

    /// Compares the rows of a block with its stored zone and checksum.
    fn finish_block(&mut self, zones: &mut ZoneCheck, report: &mut CheckReport) {
        let times = self.times.finish();
        let checksum = std::mem::take(&mut self.checksum);
        if let Some((id, _)) = times.first() {
            let (block, times) = (Block::of(*id), times.iter().map(|(_, time)| *time));
            zones.compare(self.table, block, times, checksum, report);
        }
    }
}

/// The stored zones and checksums of a table that have not been compared yet.
struct ZoneCheck {
    blocks: BTreeMap<Block, BlockMeta>,
    watermark: Option<Watermark>,
    /// The number of rows up to the watermark.
    rows: u64,
}

impl ZoneCheck {
    /// Whether zones must include the row. Rows past the watermark were written by another program.
    fn covers(&self, id: i64) -> bool {
        self.watermark.is_some_and(|watermark| watermark.covers(id))
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
        let meta = self.blocks.remove(&block);
        let zone = meta.and_then(|meta| meta.zone);
        report.zones += u64::from(zone.is_some());
        let reason = match zone {
            None => Some(format!("it is missing, and there are {} rows", found.rows)),
            Some(zone) if zone.rows != found.rows => {
                Some(format!("it counts {} rows, but there are {}", zone.rows, found.rows))
            }
            Some(zone) => wrong_time_range(zone, found, readable),
        };
        if let Some(reason) = reason {
            report.add(Fault::ZoneMismatch { table: table.name(), ids: block.ids(), reason });
        } else if meta.and_then(|meta| meta.checksum()).is_some_and(|stored| stored != checksum) {
            report.add(Fault::ChangedRows { table: table.name(), ids: block.ids() });
        }
    }

    /// Reports the remaining zones: their blocks have no rows.
    fn finish(self, table: &'static Table, report: &mut CheckReport) {
        let zones = self.blocks.into_iter().filter_map(|(block, meta)| Some((block, meta.zone?)));
        for (block, zone) in zones {
            report.zones += 1;
            if zone.rows > 0 {
                let reason = format!("it counts {} rows, but there are none", zone.rows);
                report.add(Fault::ZoneMismatch { table: table.name(), ids: block.ids(), reason });
            }
        }
        if let Some(watermark) = self.watermark
            && watermark.rows != self.rows
        {
            let (counted, rows) = (watermark.rows, self.rows);
            report.add(Fault::RowCountMismatch { table: table.name(), counted, rows });
        }
    }
}

/// Returns what is wrong with the time range of a stored zone. A row whose time is unreadable is
/// reported as corrupt; the zone may have been written before the damage. A zone without times is
/// never wrong.
fn wrong_time_range(stored: Zone, found: Zone, readable: Zone) -> Option<String> {
    let (low, high) = stored.times?;
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
