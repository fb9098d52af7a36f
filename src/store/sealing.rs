//! Sealing: making the columnar copies of complete segments.
//!
//! A segment is complete when no id of it is left to assign. The process that completes one starts a thread
//! that reads the segment's rows in a snapshot, encodes them, and stores the copy in a short transaction.
//! Reading and encoding 8,192 rows takes 7 ms; in the transaction that completes the segment, this would
//! keep others from recording. Nothing can go wrong in between, because a copy is used only if the rows
//! still have its checksum.
//!
//! The thread seals every complete segment without a copy, also those that a killed process or an older
//! version has left.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use redb::{ReadableTable, WriteTransaction};

use crate::columnar::{EncodedSegment, Segment, SegmentEncoder};
use crate::error::Result;
use crate::store::checksum::Checksum;
use crate::store::row_cursor::RowCursor;
use crate::store::segment_rows::SegmentRows;
use crate::store::segments;
use crate::store::tables::{COLUMNS_KEY, META, rows_of};
use crate::store::zone_writer::ZoneWriter;
use crate::store::{Snapshot, Store};
use crate::table::Table;

/// The number of segments stored per transaction. A snapshot is not kept longer than for these, because
/// the file keeps the pages that it sees.
const SEGMENTS_AT_ONCE: usize = 8;

impl Store {
    /// Starts to seal the complete segments of the table.
    pub(super) fn start_sealing(&self, table: &'static Table) {
        // The thread does not keep the store open: its end is waited for when the last clone is dropped.
        let store = Self::without_sealer(Arc::clone(&self.connection));
        self.sealer.start(table, move |table, stops| {
            // If it fails, the next process to complete a segment makes the copies.
            let _ = store.seal_until(table, stops);
        });
    }

    /// Seals the complete segments of the table.
    pub(super) fn seal(&self, table: &'static Table) -> Result<()> {
        self.seal_until(table, &|| false)
    }

    fn seal_until(&self, table: &'static Table, stops: &dyn Fn() -> bool) -> Result<()> {
        let mut next = Some(i64::MIN);
        // A process that records one row and ends stops it at once, and still seals a segment: in a fleet of
        // such processes nobody else would.
        while let Some(id) = next {
            next = self.seal_some(table, id, stops)?.filter(|_| !stops());
        }
        Ok(())
    }

    /// Makes columnar copies from now on, or deletes them and makes none.
    pub(crate) fn keep_columns(&self, keep: bool) -> Result<()> {
        self.sealer.wait();
        self.write(move |txn| {
            txn.open_table(META)?.insert(COLUMNS_KEY, i64::from(keep))?;
            if !keep {
                segments::delete_all_tables(txn)?;
            }
            Ok(())
        })
    }

    /// Deletes the copies that are not those of the rows. An older version that prunes or repairs rows
    /// leaves such copies, which only take up space.
    pub(super) fn delete_stale_copies(&self, table: &'static Table) -> Result<()> {
        let snapshot = self.snapshot()?;
        let complete = snapshot.zones(table)?.complete_segments();
        let used = snapshot.segment_headers(table, complete.into_iter())?;
        let used: HashSet<Segment> = used.iter().map(|header| header.segment).collect();
        let mut stale = snapshot.stored_segments(table)?;
        stale.retain(|segment| !used.contains(segment));
        drop(snapshot);
        if stale.is_empty() {
            return Ok(());
        }
        self.write(move |txn| {
            stale.iter().try_for_each(|segment| segments::delete(txn, table, *segment))
        })
    }

    /// Seals the first complete segments without a copy, from the one with that id on. Returns the id to go
    /// on with, if there may be more.
    fn seal_some(
        &self,
        table: &'static Table,
        from: i64,
        stops: &dyn Fn() -> bool,
    ) -> Result<Option<i64>> {
        let snapshot = self.snapshot()?;
        if snapshot.meta(COLUMNS_KEY)? == Some(0) {
            return Ok(None);
        }
        let mut complete = snapshot.zones(table)?.complete_segments();
        complete.retain(|rows| from <= *rows.segment.ids().end());
        let sealed = snapshot.segment_headers(table, complete.iter().copied())?;
        let sealed: HashSet<Segment> = sealed.iter().map(|header| header.segment).collect();
        complete.retain(|rows| !sealed.contains(&rows.segment));
        let mut encoded = Vec::with_capacity(SEGMENTS_AT_ONCE);
        let mut next = None;
        for rows in complete {
            if encoded.len() == SEGMENTS_AT_ONCE || (stops() && !encoded.is_empty()) {
                next = Some(*rows.segment.ids().start());
                break;
            }
            // A segment with a row that cannot be read has no copy.
            encoded.extend(snapshot.encode(table, rows)?);
        }
        drop(snapshot);
        if !encoded.is_empty() {
            self.write(move |txn| store_copies(txn, table, &encoded))?;
        }
        Ok(next)
    }
}

impl Snapshot {
    /// Encodes a segment; `None` if a row cannot be read, or the rows are not those that are recorded.
    pub(super) fn encode(
        &self,
        table: &'static Table,
        rows: SegmentRows,
    ) -> Result<Option<EncodedSegment>> {
        let mut encoder = SegmentEncoder::new(table, rows.segment);
        let (mut checksum, mut count) = (Checksum::default(), 0);
        let mut cursor = RowCursor::new(rows.segment.ids(), None, false);
        let flow = self.scan(table, &mut cursor, |id, json| {
            checksum.add(Checksum::of_row(id, json));
            count += 1;
            Ok(match encoder.push(id, json) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        })?;
        let is_readable = flow.is_continue();
        let is_recorded = count == rows.rows && checksum.value() == rows.checksum;
        Ok(if is_readable && is_recorded { encoder.finish(rows.checksum) } else { None })
    }
}

/// Stores the copies whose rows are still the same. Those of other rows would only take up space.
pub(super) fn store_copies(
    txn: &WriteTransaction,
    table: &'static Table,
    encoded: &[EncodedSegment],
) -> Result<()> {
    if txn.open_table(META)?.get(COLUMNS_KEY)?.is_some_and(|keep| keep.value() == 0) {
        return Ok(());
    }
    let rows = txn.open_table(rows_of(table))?;
    let zones = ZoneWriter::open(txn, table, &rows)?;
    for segment in encoded {
        let found = zones.segment_rows(segment.header.segment)?;
        if found.is_some_and(|found| found.has_copy(&segment.header)) {
            segments::put(txn, table, segment)?;
        }
    }
    Ok(())
}
