//! Statistics of a store: its size, and the time range of its rows.

use chrono::{DateTime, Utc};
use redb::ReadableTableMetadata;

use crate::error::Result;
use crate::store::times::zone_of;
use crate::store::zone::Zone;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// The size of a store and its tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// The size of the file, in bytes. In addition to the tables' pages it has those of redb
    /// itself, and free pages that new rows will use.
    pub file_bytes: u64,
    /// The tables, in the order of the catalogue.
    pub tables: Vec<TableStats>,
}

/// The size and time range of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// The table.
    pub table: &'static Table,
    /// The number of its rows.
    pub rows: u64,
    /// The size of its rows as stored: JSON, and 8 bytes for each id. The rows of a just published
    /// import count once they have been moved to their table.
    pub row_bytes: u64,
    /// The size of the pages that hold the rows, in bytes.
    pub page_bytes: u64,
    /// The size of the pages that hold the columnar copies of segments, in bytes.
    pub column_bytes: u64,
    /// The smallest and the largest time of a row. `None` if there are no rows, or the table has no
    /// time column. Rows with an unreadable time are ignored.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The number of blocks with a zone, whose row count and time range are known without reading
    /// their rows.
    pub zones: u64,
}

impl Store {
    pub(crate) fn stats(&self, tables: &[&'static Table]) -> Result<StoreStats> {
        // redb's own page count of a tree recurses without a limit: a page that refers to itself
        // would overflow the stack and kill the process.
        self.refuse_damage()?;
        let snapshot = self.snapshot()?;
        let tables = tables
            .iter()
            .map(|table| snapshot.guard(|| snapshot.stats(table)))
            .collect::<Result<_>>()?;
        Ok(StoreStats { file_bytes: self.file_bytes()?, tables })
    }
}

impl Snapshot {
    fn stats(&self, table: &'static Table) -> Result<TableStats> {
        let mut stats = TableStats {
            table,
            rows: 0,
            row_bytes: 0,
            page_bytes: 0,
            column_bytes: 0,
            span: None,
            zones: 0,
        };
        let Some(rows) = self.rows(table)? else { return Ok(stats) };
        let tree = rows.table().stats()?;
        stats.rows = rows.len()?;
        stats.row_bytes = tree.stored_bytes();
        stats.page_bytes = tree.stored_bytes() + tree.metadata_bytes() + tree.fragmented_bytes();
        if let Some(columns) = self.columns(table)? {
            let tree = columns.stats()?;
            stats.column_bytes =
                tree.stored_bytes() + tree.metadata_bytes() + tree.fragmented_bytes();
        }
        let mut all = Zone::default();
        for run in self.zones(table)?.runs() {
            stats.zones += u64::from(run.zone.is_some());
            match run.zone {
                Some(zone) if zone.times.is_some() => all.add(zone),
                _ if table.time_column().is_none() => {}
                _ => self.visit_times(table, run, |times| {
                    let readable = times.iter().map(|(_, time)| *time).filter(Option::is_some);
                    all.add(zone_of(readable));
                })?,
            }
        }
        let time = DateTime::from_timestamp_nanos;
        stats.span = all.times.map(|(low, high)| (time(low), time(high)));
        Ok(stats)
    }
}
