//! What the store takes, and what it spans.

use chrono::{DateTime, Utc};
use redb::ReadableTableMetadata;

use crate::error::Result;
use crate::store::times::zone_of;
use crate::store::zone::Zone;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// What a store takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// The size of the file. Besides the tables' pages it has those of redb itself, and free ones,
    /// which new rows take.
    pub file_bytes: u64,
    /// The tables, in the order of the catalogue.
    pub tables: Vec<TableStats>,
}

/// What a table takes, and what it spans.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// The table.
    pub table: &'static Table,
    /// How many rows it has.
    pub rows: u64,
    /// The bytes of its rows as they are stored: JSON, and 8 for the id. The rows of an import that has
    /// just been published count once they have been moved to their table.
    pub row_bytes: u64,
    /// The bytes of the pages that the rows lie in.
    pub page_bytes: u64,
    /// The smallest and the largest time of a row. `None` if there are no rows, or the table has no
    /// time column. A row whose time cannot be read does not count.
    pub span: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// How many blocks have a zone: what is known of their rows without reading them.
    pub zones: u64,
}

impl Store {
    pub(crate) fn stats(&self, tables: &[&'static Table]) -> Result<StoreStats> {
        // redb's own count of a tree's pages has no bound to its depth: a page that points to itself
        // would end the process.
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
        let mut stats =
            TableStats { table, rows: 0, row_bytes: 0, page_bytes: 0, span: None, zones: 0 };
        let Some(rows) = self.rows(table)? else { return Ok(stats) };
        let tree = rows.table().stats()?;
        stats.rows = rows.len()?;
        stats.row_bytes = tree.stored_bytes();
        stats.page_bytes = tree.stored_bytes() + tree.metadata_bytes() + tree.fragmented_bytes();
        let mut all = Zone::default();
        for run in self.zones(table)?.runs() {
            stats.zones += u64::from(run.zone.is_some());
            match run.zone {
                Some(zone) if zone.times.is_some() => all.add(zone),
                _ if table.time_column().is_none() => {}
                _ => self.for_times(table, run, |times| {
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
